// Names of what registering device memory does, in the kernel's order.

/** The checks of memremap_pages and pagemap_range, then what is made. */
export const REGISTRATION_STAGES = [
  'type',
  'overlap',
  'ram',
  'addressable',
  'aligned',
  'memmap',
  'direct-map',
  'zone-span',
] as const;
export type RegistrationStage = (typeof REGISTRATION_STAGES)[number];

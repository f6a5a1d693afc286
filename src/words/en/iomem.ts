// What the panel says on the way from the firmware's map to usable VRAM. Kernel words stand between backticks.

import type { RegistrationStage } from '../../core/uapi/registration.ts';

export const iomemWords = {
  efi: {
    title: 'UEFI memory map',
    about: 'What the firmware says is there. `EFI_MEMORY_SP` marks memory that is meant for a device.',
  },
  e820: {
    title: 'e820 table',
    about: 'What the kernel makes of it. Marked memory becomes `Soft Reserved`, and no RAM.',
    ignored: 'The kernel was started with `efi=nosoftreserve`: the attribute is not looked at.',
  },
  iomem: {
    title: '/proc/iomem',
    about: 'Physical addresses, as root reads them.',
    empty: 'The kernel has no map yet.',
  },
  memory: {
    title: 'Page allocator',
    about: 'Only RAM comes here. VRAM never does, whatever the driver registers later.',
    empty: 'It has no memory yet.',
  },
  driver: {
    title: 'The driver registers its VRAM',
    about:
      '`devm_memremap_pages` checks the range, makes a `struct page` for each of its pages, and puts them into `ZONE_DEVICE`.',
    empty: 'No driver has been loaded yet.',
  },
  states: { done: 'done', now: 'now', later: 'not yet' },
  outcomes: { running: 'under way', registered: 'registered', refused: 'refused', ended: 'ended' },
  leaving: 'The driver wants to go. It waits until the last page in use is free.',
} as const;

/** What is asked or done, and what it means. */
export const registrationStages: Readonly<
  Record<RegistrationStage, { readonly name: string; readonly about: string }>
> = {
  type: {
    name: 'type, callbacks, owner',
    about: 'Private memory needs `migrate_to_ram`; both kinds need `page_free` and an owner.',
  },
  overlap: {
    name: 'nobody has registered it',
    about: 'Otherwise `-ENOMEM`: two drivers cannot own one page.',
  },
  ram: { name: 'it is no system RAM', about: 'Otherwise `-ENXIO`: RAM has its `struct page`s already.' },
  addressable: {
    name: 'the kernel can address it',
    about: 'Otherwise `-EINVAL`: the direct map ends at 64 TiB with four levels of page tables.',
  },
  aligned: {
    name: 'it begins and ends at 2 MiB',
    about: 'Otherwise `-EINVAL`: memory is added in subsections of 2 MiB.',
  },
  memmap: {
    name: '`struct page`s',
    about: '64 bytes for each page of 4 KiB, taken from system memory: 1.56 % of the VRAM.',
  },
  'direct-map': {
    name: 'direct map',
    about: 'The kernel itself can read and write coherent VRAM. Private VRAM has no direct map.',
  },
  'zone-span': {
    name: '`ZONE_DEVICE` spans it',
    about: 'It spans the frames and has none present, so nothing is ever allocated from it.',
  },
};

/** Why a driver went without shared memory, in plain words; by the id of the kernel's message. */
export const refusals: Readonly<
  Record<string, { readonly printed: string; readonly plain: string; readonly mend: string }>
> = {
  'memremap.no-device-private': {
    printed: 'Device private memory not supported',
    plain: 'This kernel was built without private device memory.',
    mend: 'Choose a kernel with CONFIG_DEVICE_PRIVATE.',
  },
  'memremap.no-migrate-to-ram': {
    printed: 'Missing migrate_to_ram method',
    plain: 'The driver does not say how a page comes home when the CPU touches it.',
    mend: 'The driver must have that function.',
  },
  'memremap.no-page-free': {
    printed: 'Missing page_free method',
    plain: 'The driver does not say who takes a page back.',
    mend: 'The driver must have that function.',
  },
  'memremap.no-owner': {
    printed: 'Missing owner',
    plain: 'Nobody could tell whose pages these are.',
    mend: 'The driver must name an owner.',
  },
  'memremap.invalid-type': {
    printed: 'Invalid pgmap type',
    plain: 'This kernel does not know coherent device memory: patch 3 of the series is missing.',
    mend: 'Choose a kernel with patch 3.',
  },
  'conflicting-mapping': {
    printed: 'Conflicting mapping in same section',
    plain: 'Another driver has registered these addresses already. Two GPUs claim the same memory.',
    mend: 'In the step `probe`, give the second one another `start`.',
  },
  'memremap.attempted-on-ram': {
    printed: 'attempted on ram region',
    plain:
      'These addresses are ordinary RAM for the kernel: the firmware did not mark them, or the kernel was told not to look.',
    mend: 'Boot without `efi=nosoftreserve`, or give `probe` a `start` that is no RAM.',
  },
  'memremap.exceeds-range': {
    printed: 'Hotplug memory exceeds maximum addressable range',
    plain: 'There is more VRAM than addresses: its end lies beyond what the kernel can address.',
    mend: 'Give `probe` fewer `pages`, or a lower `start`.',
  },
  'memremap.misaligned': {
    printed: 'Misaligned __add_pages',
    plain: 'The VRAM does not begin and end on a border of 2 MiB, the smallest piece that can be added.',
    mend: 'Let `start` and `pages` of `probe` be multiples of 512 pages.',
  },
  'memremap.section-present': {
    printed: 'WARNING: add_pages',
    plain:
      'Another registered range lies within these addresses, and touches neither end: the check for overlaps looks at the ends only, so the kernel fails when it comes to `struct page`s that are there.',
    mend: 'In the step `probe`, give this GPU another `start` or fewer `pages`.',
  },
};

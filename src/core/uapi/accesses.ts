// Accesses to pages, by who and where: what a step on a machine with GPUs tells besides its result.

/** `package` is the memory of another GPU of the same package, `peer` that of one elsewhere. */
export const ACCESS_KINDS = [
  'cpu system',
  'cpu device',
  'gpu local',
  'gpu system',
  'gpu package',
  'gpu peer',
] as const;
export type AccessKind = (typeof ACCESS_KINDS)[number];
export type Accesses = Readonly<Partial<Record<AccessKind, number>>>;

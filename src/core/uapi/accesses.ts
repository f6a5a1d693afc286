// Accesses to pages, by who and where: what a step on a machine with GPUs tells besides its result.

/** `peer` is the memory of another GPU. */
export const ACCESS_KINDS = ['cpu system', 'cpu device', 'gpu local', 'gpu system', 'gpu peer'] as const;
export type AccessKind = (typeof ACCESS_KINDS)[number];
export type Accesses = Readonly<Partial<Record<AccessKind, number>>>;

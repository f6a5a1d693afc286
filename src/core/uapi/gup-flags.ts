// FOLL_ flags of Linux 6.1 (include/linux/mm.h).

export const FOLL_WRITE = 0x1;
export const FOLL_TOUCH = 0x2;
export const FOLL_GET = 0x4;
export const FOLL_DUMP = 0x8;
export const FOLL_FORCE = 0x10;
export const FOLL_NOWAIT = 0x20;
export const FOLL_NOFAULT = 0x80;
export const FOLL_HWPOISON = 0x100;
export const FOLL_MIGRATION = 0x400;
export const FOLL_TRIED = 0x800;
export const FOLL_REMOTE = 0x2000;
export const FOLL_ANON = 0x8000;
export const FOLL_LONGTERM = 0x10000;
export const FOLL_SPLIT_PMD = 0x20000;
export const FOLL_PIN = 0x40000;
export const FOLL_FAST_ONLY = 0x80000;

/** Proposed, not merged: in the earlier postings of the series; no kernel has it. See FollowPageReading. */
export const FOLL_LRU = 0x1000;

/** What one FOLL_PIN adds to the reference count of a small folio. */
export const GUP_PIN_COUNTING_BIAS = 1024;

export const FOLL_FLAGS = {
  FOLL_WRITE,
  FOLL_TOUCH,
  FOLL_GET,
  FOLL_DUMP,
  FOLL_FORCE,
  FOLL_NOWAIT,
  FOLL_NOFAULT,
  FOLL_HWPOISON,
  FOLL_MIGRATION,
  FOLL_TRIED,
  FOLL_REMOTE,
  FOLL_ANON,
  FOLL_LONGTERM,
  FOLL_SPLIT_PMD,
  FOLL_PIN,
  FOLL_FAST_ONLY,
} as const;

export type FollFlagName = keyof typeof FOLL_FLAGS;

export const follFlagNames = (flags: number): FollFlagName[] =>
  (Object.keys(FOLL_FLAGS) as FollFlagName[]).filter((name) => flags & FOLL_FLAGS[name]);

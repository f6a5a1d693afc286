// What is modelled of Linux, mechanism by mechanism, and what checks it: the source of the page "What is modelled".
// A test holds it against the sources: each `Simplified:` of src/core stands here at its function, each recording,
// selftest, test file and scene exists.

import type { PatchNumber } from '../../../core/uapi/config.ts';

export type ModelState = 'exact' | 'simplified' | 'absent';

export const FAMILIES = {
  gup: 'References and pins',
  migrate: 'Migration',
  device: 'Device memory and drivers',
  fault: 'Page tables and faults',
  areas: 'Areas and processes',
  huge: 'Huge pages',
  files: 'Files and shared memory',
  alloc: 'The page allocator',
  reclaim: 'Lists, reclaim and swap',
  background: 'NUMA, KSM and policies',
  frame: 'Around the mechanisms',
} as const;
export type Family = keyof typeof FAMILIES;

export interface Mechanism {
  readonly family: Family;
  readonly title: string;
  /** Where it stands in Linux 6.1: `mm/gup.c: follow_page_pte, faultin_page`. */
  readonly kernel: string;
  readonly state: ModelState;
  /** What is taken over, or why it is left out. Kernel words between backticks. */
  readonly how: string;
  /** Departures, by file below src/core/kernel and function there. */
  readonly simplified?: Readonly<Record<string, string>>;
  readonly recordings?: readonly string[];
  /** Tests of hmm-tests.c, without fixture and variant. */
  readonly selftests?: readonly string[];
  /** Below src. */
  readonly tests?: readonly string[];
  readonly scene?: string;
  readonly patches?: readonly PatchNumber[];
}

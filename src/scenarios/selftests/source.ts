// How the tests of hmm-tests.c are written down: steps in the vocabulary of the recordings, with what each must give.
// A page stands for its first word: "pattern i" is `value` 0, page k holds k.

import type { Step } from '../../core/uapi/scenario.ts';
import {
  type Expectation,
  parseSelftest,
  type Selftest,
  type SelftestSourceStep,
  type SelftestVariant,
} from '../../core/uapi/selftest.ts';

/** The devices of the kernel's module: two private ones, two coherent ones. */
const DEVICES = [
  { id: 0, kind: 'private' },
  { id: 1, kind: 'private' },
  { id: 2, kind: 'coherent' },
  { id: 3, kind: 'coherent' },
] as const;

/** Pages of the buffer of most tests (HMM_BUFFER_SIZE, 4 MiB). */
export const N = 1024;
/** Pages of 2 MiB. */
export const HUGE = 512;
/** Stands for the pattern −i: the first number of page 0. */
export const NEGATIVE = 500_000;

/** The variant of a fixture: which devices it opens. */
export interface Variant {
  readonly coherent: boolean;
  /** The device of the fixture `hmm`, the first one of `hmm2`. */
  readonly d0: number;
  /** The second one of `hmm2`. */
  readonly d1: number;
}

export type TestSteps = (variant: Variant) => readonly SelftestSourceStep[];

const A = { proc: 'A', vma: 'buf' } as const;
type MmapStep = Extract<Step, { op: 'mmap' }>;
interface Part {
  readonly proc?: string;
  readonly page?: number;
  readonly count?: number;
}

/** Fresh private anonymous memory for reading and writing, if nothing else is said. */
export const mmap = (pages: number, more: Partial<MmapStep> = {}): SelftestSourceStep => ({
  step: { op: 'mmap', ...A, pages, prot: 'rw', kind: 'anon-private', ...more },
  expect: { ret: 0 },
});
export const munmap = (part: Part = {}): SelftestSourceStep => ({
  step: { op: 'munmap', ...A, ...part },
  expect: { ret: 0 },
});
export const mprotect = (prot: '' | 'r' | 'rw', part: Part = {}): SelftestSourceStep => ({
  step: { op: 'mprotect', ...A, prot, ...part },
  expect: { ret: 0 },
});

/** The CPU writes `value` + k to page k of all `count` pages. */
export const fill = (count: number, value = 0, part: Part = {}): SelftestSourceStep => ({
  step: { op: 'write', ...A, value, ...part, count },
  expect: { ret: count },
});
/** The CPU reads `count` pages, the first of which holds `from`, each one more than that before it. */
export const cpuSees = (count: number, from = 0, part: Part = {}, by: 0 | 1 = 1): SelftestSourceStep => ({
  step: { op: 'read', ...A, ...part, count },
  expect: { ret: count, values: [{ from, by, count }] },
});

export const devRead = (device: number, count: number, expect: Expectation): SelftestSourceStep => ({
  step: { op: 'dev_read', ...A, count, device, mirror: true },
  expect,
});
/** A read of everything in one round. */
export const devReads = (device: number, count: number, from = 0): SelftestSourceStep =>
  devRead(device, count, { ret: 0, cpages: count, faults: 1, mirror: [{ from, count }] });
export const devWrite = (
  device: number,
  count: number,
  value: number,
  expect: Expectation,
  part: Part = {},
): SelftestSourceStep => ({ step: { op: 'dev_write', ...A, ...part, count, device, value }, expect });
/** A write of everything in one round. */
export const devWrites = (device: number, count: number, value = 0, part: Part = {}): SelftestSourceStep =>
  devWrite(device, count, value, { ret: 0, cpages: count, faults: 1 }, part);

export const migrateToDev = (device: number, expect: Expectation, part: Part = {}): SelftestSourceStep => ({
  step: { op: 'migrate_to_dev', ...A, ...part, device, mirror: true },
  expect,
});
/** All pages are on the device afterwards, and its driver reads the pattern. */
export const migratesToDev = (device: number, count: number, from = 0): SelftestSourceStep =>
  migrateToDev(device, {
    ret: 0,
    cpages: count,
    mirror: [{ from, count }],
    pages: [{ ...A, page: 0, count, at: { device } }],
    used: [{ device, pages: count }],
  });
export const exclusive = (device: number, count: number): SelftestSourceStep => ({
  step: { op: 'dev_exclusive', ...A, device, mirror: true },
  expect: {
    ret: 0,
    cpages: count,
    mirror: [{ from: 0, count }],
    table: [{ ...A, page: 0, count, device, access: 'x' }],
    pages: [{ ...A, page: 0, count, at: 'system' }],
  },
});
export const snapshot = (
  device: number,
  count: number,
  perms: NonNullable<Expectation['perms']>,
  more: Expectation = {},
): SelftestSourceStep => ({
  step: { op: 'snapshot', ...A, device, count },
  expect: { ret: 0, cpages: count, perms, ...more },
});

/** What an assertion says of pages of the buffer. */
export const at = (
  place: NonNullable<Expectation['pages']>[number]['at'],
  page: number,
  count: number,
): NonNullable<Expectation['pages']>[number] => ({ ...A, page, count, at: place });

/** A test between the set-up and the tear-down of its fixture. */
export const selftest = (
  { test, title, fixture }: { test: string; title: string; fixture: 'hmm' | 'hmm2' },
  variant: SelftestVariant,
  steps: TestSteps,
): Selftest => {
  const coherent = variant === 'coherent';
  const [d0, d1] = coherent ? [2, 3] : [0, 1];
  const opened = fixture === 'hmm2' ? [d0, d1] : [d0];
  return parseSelftest({
    name: `${fixture}.${fixture}_device_${variant}.${test}`,
    title,
    test,
    fixture,
    variant,
    devices: DEVICES,
    steps: [
      ...opened.map((device) => ({ step: { op: 'dev_open', proc: 'A', device }, expect: { ret: 0 } })),
      ...steps({ coherent, d0, d1 }),
      ...opened.map((device) => ({
        step: { op: 'dev_close', proc: 'A', device },
        expect: { ret: 0, used: [{ device, pages: 0 }] },
      })),
    ],
  });
};

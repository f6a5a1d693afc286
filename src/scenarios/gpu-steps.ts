// Steps that scenes with GPUs are made of.

import { DEFAULT_GPU } from '../core/uapi/scenario.ts';
import type { Scenario, Step, SvmAttribute, SvmQuestion } from '../core/uapi/scenario.ts';

export type Gpu = NonNullable<Scenario['gpu']>;

/** A machine whose devices are GPUs, as most scenes have them. */
export const gpu = (change: Partial<Gpu> = {}): Gpu => ({ ...DEFAULT_GPU, ...change });

interface Pages {
  readonly proc?: string;
  readonly vma?: string;
  readonly page?: number;
  readonly count?: number;
}

export const svmAttr = (attrs: SvmAttribute[], { proc = 'A', vma = 'buf', ...pages }: Pages = {}): Step => ({
  op: 'svm_attr',
  proc,
  vma,
  ...pages,
  attrs,
});
/** What are the attributes? */
export const asks = (
  questions: readonly (
    | SvmQuestion
    | Exclude<SvmQuestion['type'], 'ACCESS' | 'ACCESS_IN_PLACE' | 'NO_ACCESS'>
  )[],
  { proc = 'A', vma = 'buf', ...pages }: Pages = {},
): Step => ({
  op: 'svm_get_attr',
  proc,
  vma,
  ...pages,
  attrs: questions.map((question) => (typeof question === 'string' ? { type: question } : question)),
});
export const prefetch = (loc: number | 'system', pages: Pages = {}): Step =>
  svmAttr([{ type: 'PREFETCH_LOC', loc }], pages);
export const access = (device: number, pages: Pages = {}): Step =>
  svmAttr([{ type: 'ACCESS', device }], pages);

export const gpuRead = (device: number, { proc = 'A', vma = 'buf', ...pages }: Pages = {}): Step => ({
  op: 'gpu_read',
  proc,
  vma,
  ...pages,
  device,
});
export const gpuWrite = (
  device: number,
  value: number,
  { proc = 'A', vma = 'buf', ...pages }: Pages = {},
): Step => ({
  op: 'gpu_write',
  proc,
  vma,
  ...pages,
  device,
  value,
});

/** Memory that the process has written: `buf`, or as named. */
export const writtenBy = (proc: string, pages: number, vma = 'buf', value = 100): Step[] => [
  { op: 'mmap', proc, vma, pages, prot: 'rw', kind: 'anon-private' },
  { op: 'write', proc, vma, value },
];

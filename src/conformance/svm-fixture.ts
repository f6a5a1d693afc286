// What tests of ranges of shared virtual memory are set up with: steps, and where pages and ranges are afterwards.

import type { Step, StepRecord } from '../core/index.ts';
import { allSvmRangesOf } from '../core/kernel/drivers/amdgpu-process.ts';
import { mappedFrame } from '../core/kernel/mm/page-table.ts';
import { pagePgmap } from '../core/kernel/mm/page-ref.ts';
import type { SvmRange } from '../core/machine/gpu.ts';
import type { SvmAttribute } from '../core/uapi/scenario.ts';
import { type CheckedRun, stepOf } from './checked-run.ts';

export const map = (pages: number, vma = 'buf', proc = 'A'): Step[] => [
  { op: 'mmap', proc, vma, pages, prot: 'rw', kind: 'anon-private' },
  { op: 'write', proc, vma, value: 100 },
];
export const attr = (
  attrs: SvmAttribute[],
  extra: Partial<{ page: number; count: number; vma: string }> = {},
): Step => ({
  op: 'svm_attr',
  proc: 'A',
  vma: 'buf',
  ...extra,
  attrs,
});
export const prefetch = (loc: number | 'system', extra = {}): Step =>
  attr([{ type: 'PREFETCH_LOC', loc }], extra);
export const access = (
  device: number,
  type: 'ACCESS' | 'ACCESS_IN_PLACE' | 'NO_ACCESS' = 'ACCESS',
): SvmAttribute => ({
  type,
  device,
});
export const gpuWrite = (device: number, page = 0, count = 1): Step => ({
  op: 'gpu_write',
  proc: 'A',
  vma: 'buf',
  page,
  count,
  device,
  value: 500,
});

/** `0` system memory, `1` GPU 0, `2` GPU 1, of each page of an area; `.` where nothing is mapped. */
export const places = ({ sim: { machine: m } }: CheckedRun, proc = 'A', vma = 'buf'): string => {
  const mm = m.mms.values().find(({ name }) => name === proc);
  const area = mm?.areas.find(({ name }) => name === vma);
  if (mm === undefined || area === undefined) return '?';
  return Array.from({ length: area.npages }, (_, i) => {
    const pfn = mappedFrame(m, mm, area.start + i);
    return pfn < 0 ? '.' : String(pagePgmap(m, pfn)?.device ?? 0);
  }).join('');
};
export const ranges = ({ sim: { machine: m } }: CheckedRun): SvmRange[] =>
  m.kfdProcesses.values().flatMap(({ id }) => allSvmRangesOf(m, id));
export const sizes = (run: CheckedRun): number[] => ranges(run).map(({ start, last }) => last - start + 1);
export const last = (run: CheckedRun): StepRecord => stepOf(run, -1);
export const firstRange = (run: CheckedRun): SvmRange | undefined => ranges(run)[0];

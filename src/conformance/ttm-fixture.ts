// What tests of TTM are set up with: who has VRAM, who asks for it, and what stayed there.

import type { Step, StepRecord } from '../core/index.ts';
import { pagePgmap } from '../core/kernel/mm/page-ref.ts';
import { mappedFrame } from '../core/kernel/mm/page-table.ts';
import { type CheckedRun, stepOf } from './checked-run.ts';

export const last = (run: CheckedRun): StepRecord => stepOf(run, -1);
/** The range of 2 MiB number n of `buf`, in VRAM. */
export const fill = (blocks: number): Step[] => [
  { op: 'mmap', proc: 'A', vma: 'buf', pages: blocks * 512, prot: 'rw', kind: 'anon-private' },
  { op: 'write', proc: 'A', vma: 'buf', value: 1000 },
  { op: 'svm_attr', proc: 'A', vma: 'buf', attrs: [{ type: 'PREFETCH_LOC', loc: 0 }] },
];
export const other: Step = { op: 'fork', proc: 'A', child: 'B' };
export const take = (pages: number, kind: 'gem' | 'kfd' = 'kfd', proc = 'B'): Step => ({
  op: 'bo_alloc',
  proc,
  device: 0,
  bo: `big${pages}`,
  pages,
  kind,
});
export const nicPins = (
  page: number,
  call: 'pin_user_pages_fast' | 'get_user_pages' = 'pin_user_pages_fast',
): Step => ({
  op: 'gup',
  proc: 'A',
  vma: 'buf',
  page,
  count: 1,
  call,
  flags: call === 'get_user_pages' ? [] : ['FOLL_WRITE', 'FOLL_LONGTERM'],
  as: 'mr',
});
export const inVram = ({ sim: { machine: m } }: CheckedRun): number => {
  const mm = m.mms.get(1);
  const start = mm.areas[0]?.start ?? 0;
  const npages = mm.areas[0]?.npages ?? 0;
  let found = 0;
  for (let vpn = start; vpn < start + npages; vpn++) {
    const pfn = mappedFrame(m, mm, vpn);
    if (pfn >= 0 && pagePgmap(m, pfn) !== undefined) found++;
  }
  return found;
};

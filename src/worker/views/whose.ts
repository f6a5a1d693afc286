// Whose memory an address is of. Most of what a step does is about the memory of its own process. A kernel thread, the
// walk of a reverse map and a notifier are not: what they are called with says whose it is.

import type { Machine } from '../../core/machine/machine.ts';
import { KERNEL_FUNCTIONS, type KernelFunctionName } from '../../core/uapi/source-refs.ts';
import { EventKind } from '../../core/uapi/events.ts';
import type { Namer } from './messages.ts';

/** @returns identity of an mm; undefined: what is asked for is gone */
type Ask = (m: Machine, args: readonly [a: number, b: number, c: number]) => number | undefined;

const ofArea: Ask = (m, [, vma]) => m.vmas.find(vma)?.mm;
const second: Ask = (_m, [, mm]) => mm;
const third: Ask = (_m, [, , mm]) => mm;

/** Kernel: the `vma` of `rmap_walk`, the `mm` that the work items of `kfd_svm.c` hold on to, `mni->mm` of a notifier. */
const ASKED: Partial<Record<KernelFunctionName, Ask>> = {
  try_to_migrate_one: ofArea,
  try_to_unmap_one: ofArea,
  page_add_anon_rmap: ofArea,
  page_add_new_anon_rmap: ofArea,
  svm_range_validate_and_map: third,
  svm_migrate_vram_to_ram: third,
  svm_migrate_ram_to_vram: third,
  svm_range_restore_work: second,
  svm_range_deferred_list_work: second,
  svm_range_evict_svm_bo_worker: (m, [svmBo]) => m.fences.find(m.svmBos.find(svmBo)?.fence ?? 0)?.mm,
  svm_range_cpu_invalidate_pagetables: (m, [, , range]) =>
    m.kfdProcesses.find(m.svmRanges.find(range)?.process ?? 0)?.mm,
};

/** The namer for an event: with the process whose memory its addresses are of. Walks over the calls around the event. */
export const namerOf = (namer: Namer, index: number): Namer => {
  const { m } = namer;
  const { log } = m.journal;
  if (index < 0 || index >= log.length) return namer;
  let at = log.kindAt(index) === EventKind.SPAN_BEGIN ? index : log.parentAt(index);
  for (; at >= 0; at = log.parentAt(at)) {
    const fn = KERNEL_FUNCTIONS[log.idAt(at)]?.name;
    const mm = fn === undefined ? undefined : ASKED[fn]?.(m, [log.rowAt(at), log.oldAt(at), log.nowAt(at)]);
    const name = mm === undefined ? undefined : m.mms.find(mm)?.name;
    if (name !== undefined) return name === namer.process ? namer : { ...namer, process: name };
  }
  return namer;
};

// kfd_svm.c: a range's entries in the GPUs' page tables. Nothing is pinned: hmm_range_fault says where the pages are,
// and the notifier, when that is no longer true.

import type { Dmirror } from '../../machine/entities.ts';
import type { Gpu, KfdProcess, SvmRange } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import { progressionOf } from '../../machine/packed.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { SVM_FLAGS } from '../../uapi/device-model.ts';
import { EAGAIN, EBUSY, EFAULT, EINVAL } from '../../uapi/errno.ts';
import { UNMAP_TRIGGERS, type UnmapTrigger } from '../../uapi/smi-events.ts';
import type { Vpn } from '../../uapi/units.ts';
import { VM_WRITE } from '../../uapi/vm-flags.ts';
import { bugOn, needsBigStep, warn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { condResched, letGoMidway } from '../sched/locks.ts';
import {
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  type HmmRange,
  hmmPfnToPage,
  hmmRangeFault,
} from '../mm/hmm.ts';
import { mmuIntervalReadBegin, mmuIntervalReadRetry } from '../mm/mmu-notifier.ts';
import { isZoneDevicePage } from '../mm/page-ref.ts';
import { inChunks } from '../mm/plain-pages.ts';
import { findVma } from '../mm/vma.ts';
import { pgmapOwner, sameHive, svmGpus } from './amdgpu-device.ts';
import { gpuClock, gpuPageTable, setFaultingTask } from './amdgpu-process.ts';
import { RANGE_SUBSCRIPTIONS, rangePages } from './amdgpu-range.ts';
import { kfdSmiEventUnmapFromGpu } from './amdgpu-smi.ts';

/** Entries are `pfn * 4 + tag`, as those of the test driver. */
/** Ours: tag of an entry that the GPU may write through. */
export const GPU_PTE_WRITE = 3;
/** Ours: tag of one that it may read through. */
export const GPU_PTE_READ = 0;

/** Ours: GPU's entry for a page; undefined: none. */
export const gpuEntry = (
  m: Machine,
  table: Dmirror,
  vpn: Vpn,
): { pfn: number; write: boolean } | undefined => {
  const word = m.journal.mapById(table.pt).get(vpn);
  return word === undefined ? undefined : { pfn: Math.floor(word / 4), write: word % 4 === GPU_PTE_WRITE };
};

/**
 * Takes entries out of the tables of all GPUs that may have some, and flushes their TLBs.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_unmap_from_gpus`
 */
export const svmRangeUnmapFromGpus = atomic(
  'svm_range_unmap_from_gpus',
  (m, start: Vpn, last: Vpn, rangeId: number, trigger: UnmapTrigger): void => {
    const range = m.svmRanges.get(rangeId);
    if (!range.mappedToGpu) return;
    if (range.start === start && range.last === last) m.svmRanges.update(rangeId, { mappedToGpu: false });
    const { mm } = m.kfdProcesses.get(range.process);
    for (const gpu of [...range.access, ...range.accessInPlace].sort((a, b) => a - b)) {
      const table = gpuPageTable(m, mm, gpu);
      if (table === undefined) continue;
      kfdSmiEventUnmapFromGpu(m, gpu, start, last, UNMAP_TRIGGERS.indexOf(trigger));
      const pt = m.journal.mapById(table.pt);
      if (inChunks(m)) pt.dropRun(start, last + 1 - start);
      else for (const vpn of pt.keysBetween(start, last + 1)) pt.delete(vpn);
      m.trace.decide('svm.unmapped', gpu, start, last - start + 1);
    }
  },
);

/** How many pages from one on follow each other by one step. */
const pageRun = (words: Float64Array, from: number): { readonly n: number; readonly step: number } => {
  const { n, step } = progressionOf(words, from, words.length - from);
  // the flags of a word are no part of its page
  return step % 32 === 0 ? { n, step: step / 32 } : { n: 1, step: 0 };
};

/** Writes the entries of one stretch on one GPU. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_map_to_gpu` */
const svmRangeMapToGpu = atomic(
  'svm_range_map_to_gpu',
  (
    m,
    gpu: number,
    start: Vpn,
    npages: number,
    table: Dmirror,
    words: Float64Array,
    writable: boolean,
  ): void => {
    const pt = m.journal.mapById(table.pt);
    const tag = writable ? GPU_PTE_WRITE : GPU_PTE_READ;
    for (let i = 0; i < npages; ) {
      const { n, step } = inChunks(m) ? pageRun(words, i) : { n: 1, step: 0 };
      const entry = hmmPfnToPage(words[i]) * 4 + tag;
      if (inChunks(m)) pt.pokeLine(start + i, n, entry, step * 4);
      else pt.set(start + i, entry);
      i += n;
    }
    m.trace.decide('svm.mapped', gpu, start, npages);
  },
);

const mapToGpus = (
  m: Machine,
  range: SvmRange,
  gpus: readonly Gpu[],
  start: Vpn,
  words: Float64Array,
  readonly: boolean,
): void => {
  const boGpu = range.ttmRes ? m.gpus.find(range.actualLoc) : undefined;
  const { mm } = m.kfdProcesses.get(range.process);
  const writable = !readonly && (range.flags & SVM_FLAGS.GPU_RO) === 0;
  for (const gpu of gpus) {
    const table = gpuPageTable(m, mm, gpu.id);
    if (table === undefined || (boGpu !== undefined && !sameHive(gpu, boGpu))) continue;
    svmRangeMapToGpu(m, gpu.id, start, words.length, table, words, writable);
  }
};

/** GPUs that are to get entries: one, or all that the attributes name. */
const gpusToMap = (m: Machine, process: KfdProcess, range: SvmRange, only: number): Gpu[] => {
  const all = svmGpus(m);
  const among = (ids: readonly number[]): Gpu[] => all.filter(({ id }) => ids.includes(id));
  if (only !== 0) return among([only]);
  if (!process.xnack) return among([...range.access, ...range.accessInPlace]);
  const { actualLoc } = range;
  const owner = actualLoc !== 0 && range.access.includes(actualLoc) ? [actualLoc] : [];
  return among([...range.accessInPlace, ...owner]);
};

/** Pages of private memory are reported as they are only if all the GPUs are one owner's. */
const commonOwner = (gpus: readonly Gpu[]): number => {
  const owners = new Set(gpus.map(pgmapOwner));
  return owners.size === 1 ? pgmapOwner(gpus[0]) : 0;
};

/** Where all pages of a stretch are. */
type FoundPages = HmmRange & { readonly hmmPfns: Float64Array };

/** Where the pages of a stretch are, faulted in; -errno. Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_mn.c: amdgpu_hmm_range_get_pages` */
export const amdgpuHmmRangeGetPages = sleepable(
  'amdgpu_hmm_range_get_pages',
  function* (
    m,
    start: Vpn,
    npages: number,
    process: KfdProcess,
    subscription: number,
    readonly: boolean,
    owner: number,
  ): Sleeps<FoundPages | number> {
    for (;;) {
      const range: FoundPages = {
        mm: process.mm,
        subscription,
        notifierSeq: yield* mmuIntervalReadBegin(m, process.mm, subscription),
        start,
        end: start + npages,
        hmmPfns: new Float64Array(npages),
        defaultFlags: HMM_PFN_REQ_FAULT | (readonly ? 0 : HMM_PFN_REQ_WRITE),
        devPrivateOwner: owner,
      };
      const ret = yield* hmmRangeFault(m, start, start + npages, range);
      if (ret === 0) return range;
      if (ret !== -EBUSY) return ret;
    }
  },
);

/** Whether a page is a device's: of that svm_range_dma_map_dev asks the buffer object. */
function* findsDevicePage(m: Machine, words: Float64Array): Sleeps<boolean> {
  for (let i = 0; i < words.length; i++) {
    if (isZoneDevicePage(m, hmmPfnToPage(words[i]))) return true;
    yield* letGoMidway(m, 'svm_range_dma_map_dev', i);
  }
  return false;
}

/** One area of the range. Returns 0, -EAGAIN: it changed meanwhile, or another -errno. */
function* validateStretch(
  m: Machine,
  rangeId: number,
  gpus: readonly Gpu[],
  start: Vpn,
  end: Vpn,
  readonly: boolean,
): Sleeps<number> {
  const process = m.kfdProcesses.get(m.svmRanges.get(rangeId).process);
  const subscription = RANGE_SUBSCRIPTIONS + rangeId;
  setFaultingTask(m, process.id, true);
  const found = yield* amdgpuHmmRangeGetPages(
    m,
    start,
    end - start,
    process,
    subscription,
    readonly,
    commonOwner(gpus),
  );
  setFaultingTask(m, process.id, false);
  if (typeof found === 'number') return found;
  const range = m.svmRanges.get(rangeId);
  if (yield* findsDevicePage(m, found.hmmPfns)) {
    bugOn(range.svmBo === 0, 'svm_range_dma_map_dev: prange->svm_bo is NULL', 'svm.bo-null');
    const freed = m.svmBos.find(range.svmBo) === undefined;
    bugOn(freed, 'svm_range_dma_map_dev: the svm_range_bo was freed', 'svm.bo-freed');
  }
  yield* condResched(m, 'svm_range_dma_map');
  if (mmuIntervalReadRetry(m, subscription, found.notifierSeq)) return -EAGAIN;
  if (m.svmRanges.get(rangeId).children.length > 0) return -EAGAIN;
  mapToGpus(m, m.svmRanges.get(rangeId), gpus, start, found.hmmPfns, readonly);
  return 0;
}

/**
 * Makes the pages of a range present and writable where its areas permit it, and maps them on the GPUs. A page that is
 * shared since fork is copied by this, into system memory.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_validate_and_map`
 * Requires: mmap_lock, the svms lock, the range's migrate_mutex.
 * Simplified: the GPUs' page tables take no VRAM; a run of the walk that must begin again does so without time-out.
 *
 * @param only - one GPU; 0: all that the attributes name
 * @returns 0; -EAGAIN the range changed meanwhile; -EFAULT, -EPERM, -EINVAL
 */
export const svmRangeValidateAndMap = sleepable(
  'svm_range_validate_and_map',
  function* (m, rangeId: number, only: number, mm: number): Sleeps<number> {
    const range = m.svmRanges.get(rangeId);
    const process = m.kfdProcesses.get(range.process);
    needsBigStep(m, rangePages(range));
    let gpus = gpusToMap(m, process, range, only);
    if (gpus.length === 0) {
      if (!range.mappedToGpu) return 0;
      gpus = svmGpus(m).filter(({ id }) => range.access.includes(id));
      if (gpus.length === 0) return 0;
    }
    if (range.actualLoc !== 0 && !range.ttmRes) {
      warn(m, 'svm.bo-missing', range.start);
      return -EINVAL;
    }
    let ret = 0;
    let vpn = range.start;
    while (vpn <= range.last && ret === 0) {
      const vma = findVma(m, m.mms.get(mm), vpn);
      if (vma === undefined || vpn < vma.vmStart) return -EFAULT;
      const next = Math.min(vma.vmEnd, range.last + 1);
      ret = yield* validateStretch(m, rangeId, gpus, vpn, next, (vma.vmFlags & VM_WRITE) === 0);
      vpn = next;
    }
    if (vpn === range.last + 1) m.svmRanges.update(rangeId, { validatedOnce: true, mappedToGpu: true });
    if (ret === 0) m.svmRanges.update(rangeId, { validateTimestamp: gpuClock(m) });
    return ret;
  },
);

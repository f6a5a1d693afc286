// kfd_migrate.c: whole ranges between system memory and VRAM. The DMA engine copies; the CPU only moves the entries.

import type { Vma } from '../../machine/entities.ts';
import type { Gpu, SvmRange } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { DevPagemapOps, Sleeps, VmFault } from '../../machine/ops.ts';
import {
  DEVICE_CALLOC,
  DEVICE_CFREE,
  DEVICE_FRESH,
  deviceRow,
  KFD_PAGE_IN,
  KFD_PAGE_OUT,
} from '../../machine/scalars.ts';
import { EDEADLK, EFAULT, ENODEV, ENOMEM } from '../../uapi/errno.ts';
import { GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE } from '../../uapi/gfp.ts';
import { MIGRATE_TRIGGERS, type MigrateTrigger } from '../../uapi/smi-events.ts';
import { NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';
import { VM_FAULT_SIGBUS } from '../../uapi/vm-flags.ts';
import { bugOn, needsBigStep } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import {
  condResched,
  letGo,
  letGoMidway,
  mutexLock,
  mutexUnlock,
  trylockPage,
  unlockPage,
} from '../sched/locks.ts';
import { migrateVmaFinalize, migrateVmaPages, migrateVmaSetup } from '../mm/migrate-device.ts';
import {
  countPages,
  MIGRATE_PFN_VALID,
  MIGRATE_VMA_SELECT_DEVICE_COHERENT,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migratePfn,
  migratePfnToPage,
  newMigrateVma,
} from '../mm/migrate-vma.ts';
import { zoneDevicePageInit } from '../mm/memremap.ts';
import { allocPageMaySleep } from '../mm/page-alloc.ts';
import { mappedFrame } from '../mm/page-table.ts';
import { copyHighpage, isZoneDevicePage, pagePgmap } from '../mm/page-ref.ts';
import { folioPut } from '../mm/swap.ts';
import { findVma } from '../mm/vma.ts';
import { svmBoRef, svmRangeBoUnrefAsync, svmRangeVramNodeNew } from './amdgpu-bo.ts';
import { freeVramPages, moveRangeToRam, moveRangeToVram } from './amdgpu-bulk.ts';
import { modelOf, pgmapOwner, svmGpus } from './amdgpu-device.ts';
import { scheduleDeferredListWork, svmRangeAddListWork } from './amdgpu-deferred.ts';
import { countKfd, isFaultingTask, kfdLookupProcessByMm, migrateMutex, svmsLock } from './amdgpu-process.ts';
import {
  rangePages,
  svmRangeAddChild,
  svmRangeFromAddr,
  svmRangeSplit,
  svmRangeVramNodeFree,
} from './amdgpu-range.ts';
import { noteLeftBehind, noteOwnFault } from './amdgpu-fruitless.ts';
import { kfdSmiEventMigrationEnd, kfdSmiEventMigrationStart } from './amdgpu-smi.ts';
import { boVramPage, firstPagesOfBlocks } from './ttm.ts';

const FROM_RAM_TO_VRAM = 0;
const FROM_VRAM_TO_RAM = 1;

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_get_adev_by_id` */
export const gpuById = (m: Machine, id: number): Gpu | undefined => svmGpus(m).find((gpu) => gpu.id === id);

// --- pages of VRAM ----------------------------------------------------------------------------------------------------

const countDevice = (m: Machine, gpu: number, field: number, by: number): void => {
  const row = deviceRow(gpu, field);
  m.scalars.set(row, m.scalars.get(row) + by);
};

/** v6.1 does not look whether the page is free. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_migrate.c: svm_migrate_get_vram_page` */
const getVramPage = (m: Machine, gpu: Gpu, svmBo: number, page: Pfn): void => {
  bugOn(m.pages.refcount.get(page) !== 0, 'zone_device_page_init: page is not free', 'svm.page-in-use');
  svmBoRef(m, svmBo);
  m.pages.zoneDeviceData.set(page, svmBo);
  countDevice(m, gpu.id, DEVICE_CALLOC, 1);
  countDevice(m, gpu.id, DEVICE_FRESH, -1);
  zoneDevicePageInit(m, page);
};

const svmMigratePageFree = atomic('svm_migrate_page_free', (m, page: Pfn): void => {
  const pgmap = pagePgmap(m, page)?.id;
  const device = m.devices.values().find((candidate) => candidate.pgmap === pgmap);
  if (device !== undefined) {
    countDevice(m, device.id, DEVICE_CFREE, 1);
    countDevice(m, device.id, DEVICE_FRESH, 1);
  }
  svmRangeBoUnrefAsync(m, m.pages.zoneDeviceData.get(page));
});

// --- copies -----------------------------------------------------------------------------------------------------------

/**
 * One run of pages that lie one after the other in VRAM: the system pages are put into the GART window, then the DMA
 * engine copies, in chunks. The bytes are there when its fence is signalled, before anybody can see the pages.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_migrate.c: svm_migrate_copy_memory_gart`
 * Simplified: bytes arrive when the copy is submitted.
 */
const svmMigrateCopyMemoryGart = atomic(
  'svm_migrate_copy_memory_gart',
  (
    m,
    _gpu: number,
    npages: number,
    _direction: number,
    pairs: readonly (readonly [from: Pfn, to: Pfn])[],
  ): void => {
    bugOn(npages !== pairs.length, 'svm_migrate_copy_memory_gart: pages do not match');
    for (const [from, to] of pairs) copyHighpage(m, to, from);
  },
);

function* copyRun(m: Machine, gpu: Gpu, direction: number, run: (readonly [Pfn, Pfn])[]): Sleeps<void> {
  const { copyChunkPages } = modelOf(gpu);
  for (let done = 0; done < run.length; done += copyChunkPages) {
    const chunk = run.slice(done, done + copyChunkPages);
    svmMigrateCopyMemoryGart(m, gpu.id, chunk.length, direction, chunk);
    if (done + copyChunkPages < run.length) yield* letGo(m, 'svm_migrate_copy_memory_gart', 0);
  }
  run.length = 0;
}

// --- to VRAM ----------------------------------------------------------------------------------------------------------

/**
 * A page of VRAM for every place, and copies of those that have a page.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_migrate.c: svm_migrate_copy_to_vram`
 * Simplified: a hole is zero in an old buffer object, too. v6.1 clears one only when it is made: in one that a range got
 * back, svm_range_validate_svm_bo, a hole shows what its place held before.
 */
const svmMigrateCopyToVram = sleepable(
  'svm_migrate_copy_to_vram',
  function* (
    m,
    _start: Vpn,
    npages: number,
    gpu: Gpu,
    range: SvmRange,
    args: MigrateVma,
    boPage: number,
  ): Sleeps<void> {
    const bo = m.ttmBos.get(m.svmBos.get(range.svmBo).bo);
    const run: (readonly [Pfn, Pfn])[] = [];
    const firsts = firstPagesOfBlocks(bo);
    for (let i = 0; i < npages; i++) {
      yield* letGoMidway(m, 'svm_migrate_copy_to_vram', i);
      const page = gpu.vramStart + boVramPage(bo, boPage + i);
      getVramPage(m, gpu, range.svmBo, page);
      args.dst[i] = migratePfn(page);
      const spage = migratePfnToPage(args.src[i]);
      // the cursor steps from block to block, also where the next one follows in VRAM
      if (firsts.has(boPage + i)) yield* copyRun(m, gpu, FROM_RAM_TO_VRAM, run);
      if (spage !== NO_PFN && !isZoneDevicePage(m, spage)) {
        run.push([spage, page]);
        continue;
      }
      yield* copyRun(m, gpu, FROM_RAM_TO_VRAM, run);
      // a hole becomes a page of the buffer object, whose place may have been used before
      if (m.pages.content.get(page) !== 0) m.pages.content.set(page, 0);
    }
    yield* copyRun(m, gpu, FROM_RAM_TO_VRAM, run);
  },
);

const svmMigrateVmaToVram = sleepable(
  'svm_migrate_vma_to_vram',
  function* (
    m,
    start: Vpn,
    end: Vpn,
    gpu: Gpu,
    rangeId: number,
    vma: Vma,
    boPage: number,
    trigger: number,
  ): Sleeps<number> {
    const { svmBo, process } = m.svmRanges.get(rangeId);
    kfdSmiEventMigrationStart(m, 0, gpu.id, trigger, start, end);
    if (yield* moveRangeToVram(m, start, end, gpu, svmBo, vma, boPage)) {
      kfdSmiEventMigrationEnd(m, 0, gpu.id, trigger, start, end);
      countKfd(m, process, gpu, KFD_PAGE_IN, end - start);
      return end - start;
    }
    const args = newMigrateVma({
      vma,
      start,
      end,
      pgmapOwner: pgmapOwner(gpu),
      flags: MIGRATE_VMA_SELECT_SYSTEM,
      faultPage: NO_PFN,
    });
    const ret = yield* migrateVmaSetup(m, start, end, args);
    if (ret !== 0) return ret;
    const { cpages } = args;
    if (cpages === 0) return 0;
    yield* svmMigrateCopyToVram(m, start, end - start, gpu, m.svmRanges.get(rangeId), args, boPage);
    yield* migrateVmaPages(m, args.src.length, args);
    yield* condResched(m, 'svm_migrate_copy_done');
    yield* migrateVmaFinalize(m, args.src.length, args);
    kfdSmiEventMigrationEnd(m, 0, gpu.id, trigger, start, end);
    countKfd(m, m.svmRanges.get(rangeId).process, gpu, KFD_PAGE_IN, cpages);
    return cpages;
  },
);

const svmMigrateRamToVram = sleepable(
  'svm_migrate_ram_to_vram',
  function* (m, rangeId: number, gpuId: number, mm: number, trigger: number): Sleeps<number> {
    const before = m.svmRanges.get(rangeId);
    needsBigStep(m, rangePages(before));
    if (before.actualLoc === gpuId) {
      m.trace.decide('svm.already-there', before.start, gpuId);
      return 0;
    }
    const gpu = gpuById(m, gpuId);
    if (gpu === undefined) return -ENODEV;
    const err = yield* svmRangeVramNodeNew(m, gpu, rangeId);
    if (err !== 0) {
      m.trace.decide('svm.vram-exhausted', gpuId);
      return err;
    }
    const { start, last, offset } = m.svmRanges.get(rangeId);
    let cpages = 0;
    let ret = 0;
    for (let vpn = start; vpn <= last; ) {
      const vma = findVma(m, m.mms.get(mm), vpn);
      if (vma === undefined || vpn < vma.vmStart) break;
      const next = Math.min(vma.vmEnd, last + 1);
      ret = yield* svmMigrateVmaToVram(m, vpn, next, gpu, rangeId, vma, offset + vpn - start, trigger);
      if (ret < 0) break;
      cpages += ret;
      vpn = next;
    }
    if (cpages > 0) m.svmRanges.update(rangeId, { actualLoc: gpuId });
    else svmRangeVramNodeFree(m, rangeId);
    return Math.min(ret, 0);
  },
);

// --- to system memory -------------------------------------------------------------------------------------------------

/** What a driver asks for: most do not want pages that a long-term pin would have to move again. */
const gfpOf = (gpu: Gpu): number => (modelOf(gpu).migratesToMovable ? GFP_HIGHUSER_MOVABLE : GFP_HIGHUSER);

/** System pages and copies for all that may leave. Returns 0, or -ENOMEM with everything of it undone. */
const svmMigrateCopyToRam = sleepable(
  'svm_migrate_copy_to_ram',
  function* (m, _start: Vpn, npages: number, gpu: Gpu, args: MigrateVma): Sleeps<number> {
    const gfp = gfpOf(gpu);
    const run: (readonly [Pfn, Pfn])[] = [];
    let previous: Pfn = NO_PFN;
    for (let i = 0; i < npages; i++) {
      yield* letGoMidway(m, 'svm_migrate_copy_to_ram', i);
      const spage = migratePfnToPage(args.src[i]);
      if (spage === NO_PFN || !isZoneDevicePage(m, spage) || spage !== previous + 1)
        yield* copyRun(m, gpu, FROM_VRAM_TO_RAM, run);
      if (spage === NO_PFN || !isZoneDevicePage(m, spage)) continue;
      previous = spage;
      const dpage = yield* allocPageMaySleep(m, gfp);
      if (dpage === NO_PFN) {
        for (const [at, word] of args.dst.entries()) {
          dropDestination(m, word);
          yield* letGoMidway(m, 'svm_migrate_copy_to_ram', at);
        }
        args.dst.fill(0);
        return -ENOMEM;
      }
      bugOn(!trylockPage(m, dpage), 'svm_migrate_get_sys_page: new page is locked');
      args.dst[i] = migratePfn(dpage);
      run.push([spage, dpage]);
    }
    yield* copyRun(m, gpu, FROM_VRAM_TO_RAM, run);
    return 0;
  },
);

const dropDestination = (m: Machine, word: number): void => {
  const page = migratePfnToPage(word);
  if (page === NO_PFN) return;
  unlockPage(m, page);
  folioPut(m, page, 'allocation');
};

/**
 * Pages that did not even become candidates and are still in VRAM. The kernel does not count them; in the world `intent`
 * of longtermPolicy the driver does.
 */
function* unnoticedPages(m: Machine, start: Vpn, args: MigrateVma, gpu: Gpu): Sleeps<number> {
  if (m.kernel.longtermPolicy !== 'intent' || args.vma === undefined) return 0;
  const mm = m.mms.get(args.vma.mm);
  let unnoticed = 0;
  for (const [i, word] of args.src.entries()) {
    yield* letGoMidway(m, 'svm_migrate_vma_to_ram', i);
    if ((word & MIGRATE_PFN_VALID) !== 0) continue;
    const pfn = mappedFrame(m, mm, start + i);
    if (pfn !== NO_PFN && pagePgmap(m, pfn)?.id === gpu.pgmap) unnoticed++;
  }
  return unnoticed;
}

/** Returns how many pages were left behind, or -errno. */
const svmMigrateVmaToRam = sleepable(
  'svm_migrate_vma_to_ram',
  function* (
    m,
    start: Vpn,
    end: Vpn,
    gpu: Gpu,
    rangeId: number,
    vma: Vma,
    faultPage: Pfn,
    trigger: number,
  ): Sleeps<number> {
    const gfp = gfpOf(gpu);
    kfdSmiEventMigrationStart(m, gpu.id, 0, trigger, start, end);
    if (faultPage === NO_PFN && (yield* moveRangeToRam(m, start, end, gpu, vma, gfp))) {
      kfdSmiEventMigrationEnd(m, gpu.id, 0, trigger, start, end);
      countKfd(m, m.svmRanges.get(rangeId).process, gpu, KFD_PAGE_OUT, end - start);
      return 0;
    }
    const coherent = m.pgmaps.find(gpu.pgmap)?.type === 'MEMORY_DEVICE_COHERENT';
    const flags = coherent ? MIGRATE_VMA_SELECT_DEVICE_COHERENT : MIGRATE_VMA_SELECT_DEVICE_PRIVATE;
    const args = newMigrateVma({ vma, start, end, pgmapOwner: pgmapOwner(gpu), flags, faultPage });
    const ret = yield* migrateVmaSetup(m, start, end, args);
    if (ret !== 0) return ret;
    const { cpages } = args;
    if (cpages === 0) return countPages(args, false) + (yield* unnoticedPages(m, start, args, gpu));
    const copied = yield* svmMigrateCopyToRam(m, start, end - start, gpu, args);
    yield* migrateVmaPages(m, args.src.length, args);
    const left = countPages(args, false) + (yield* unnoticedPages(m, start, args, gpu));
    yield* condResched(m, 'svm_migrate_copy_done');
    yield* migrateVmaFinalize(m, args.src.length, args);
    kfdSmiEventMigrationEnd(m, gpu.id, 0, trigger, start, end);
    if (copied !== 0) return copied;
    countKfd(m, m.svmRanges.get(rangeId).process, gpu, KFD_PAGE_OUT, cpages);
    if (left > 0) m.trace.decide('svm.pages-left', left, gpu.id);
    return left;
  },
);

/**
 * Brings a range to system memory. What stays behind without being counted (a pinned page, one that another process
 * has) is not noticed: the range then says that it is in system memory.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_migrate.c: svm_migrate_vram_to_ram`
 * Requires: mmap_lock for reading, the range's migrate_mutex.
 *
 * @param trigger - position in MIGRATE_TRIGGERS
 * @param faultPage - page of a CPU fault that is served; NO_PFN: none
 */
export const svmMigrateVramToRam = sleepable(
  'svm_migrate_vram_to_ram',
  function* (m, rangeId: number, trigger: number, mm: number, faultPage: Pfn): Sleeps<number> {
    const range = m.svmRanges.get(rangeId);
    const { start, last, actualLoc } = range;
    if (actualLoc === 0) return 0;
    needsBigStep(m, rangePages(range));
    const gpu = gpuById(m, actualLoc);
    if (gpu === undefined) return -ENODEV;
    let left = 0;
    let ret = 0;
    for (let vpn = start; vpn <= last; ) {
      const vma = findVma(m, m.mms.get(mm), vpn);
      if (vma === undefined || vpn < vma.vmStart) {
        ret = -EFAULT;
        break;
      }
      const next = Math.min(vma.vmEnd, last + 1);
      ret = yield* svmMigrateVmaToRam(m, vpn, next, gpu, rangeId, vma, faultPage, trigger);
      if (ret < 0) break;
      left += ret;
      vpn = next;
    }
    if (ret >= 0 && left === 0) {
      svmRangeVramNodeFree(m, rangeId);
      m.svmRanges.update(rangeId, { actualLoc: 0 });
    }
    return Math.min(ret, 0);
  },
);

const svmMigrateVramToVram = sleepable(
  'svm_migrate_vram_to_vram',
  function* (m, rangeId: number, gpuId: number, mm: number, trigger: MigrateTrigger): Sleeps<number> {
    for (let retries = 3; retries > 0 && m.svmRanges.get(rangeId).actualLoc !== 0; retries--) {
      const ret = yield* svmMigrateVramToRam(m, rangeId, MIGRATE_TRIGGERS.indexOf(trigger), mm, NO_PFN);
      if (ret !== 0) return ret;
    }
    if (m.svmRanges.get(rangeId).actualLoc !== 0) return -EDEADLK;
    return yield* svmMigrateRamToVram(m, rangeId, gpuId, mm, MIGRATE_TRIGGERS.indexOf(trigger));
  },
);

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_migrate.c: svm_migrate_to_vram` */
export const svmMigrateToVram = sleepable(
  'svm_migrate_to_vram',
  function* (m, rangeId: number, gpuId: number, mm: number, trigger: MigrateTrigger): Sleeps<number> {
    return m.svmRanges.get(rangeId).actualLoc === 0
      ? yield* svmMigrateRamToVram(m, rangeId, gpuId, mm, MIGRATE_TRIGGERS.indexOf(trigger))
      : yield* svmMigrateVramToVram(m, rangeId, gpuId, mm, trigger);
  },
);

// --- the CPU faults on private memory -----------------------------------------------------------------------------------

/** Trims a range to the aligned block around an address. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_split_by_granularity` */
const svmRangeSplitByGranularity = atomic(
  'svm_range_split_by_granularity',
  (m, vpn: Vpn, parent: number, rangeId: number): void => {
    const { granularity, start, last } = m.svmRanges.get(rangeId);
    const size = 2 ** granularity;
    const blockStart = vpn - (vpn % size);
    const blockLast = blockStart + size - 1;
    if (blockStart > start) svmRangeAddChild(m, parent, svmRangeSplit(m, blockStart, last, rangeId), 'ADD');
    if (blockLast < last) {
      const from = m.svmRanges.get(rangeId).start;
      svmRangeAddChild(m, parent, svmRangeSplit(m, from, blockLast, rangeId), 'ADD');
    }
    const range = m.svmRanges.get(rangeId);
    if (m.kfdProcesses.get(range.process).xnack && range.work === 'ADD')
      m.svmRanges.update(rangeId, { work: 'ADD_AND_MAP' });
  },
);

function* migrateBlockToRam(m: Machine, vmf: VmFault, process: number, mm: number): Sleeps<number> {
  const found = svmRangeFromAddr(m, process, vmf.vpn);
  if (found === undefined) return -EFAULT;
  const { range, parent } = found;
  yield* mutexLock(m, migrateMutex(parent.id));
  if (range.id !== parent.id) yield* mutexLock(m, migrateMutex(range.id));
  let ret = 0;
  if (m.svmRanges.get(range.id).actualLoc === 0) {
    noteLeftBehind(m, vmf);
  } else {
    svmRangeSplitByGranularity(m, vmf.vpn, parent.id, range.id);
    const trigger = MIGRATE_TRIGGERS.indexOf('PAGEFAULT_CPU');
    ret = yield* svmMigrateVramToRam(m, range.id, trigger, vmf.vma.mm, vmf.page);
    const andMap = m.kfdProcesses.get(process).xnack && parent.id === range.id;
    svmRangeAddListWork(m, parent.id, andMap ? 'UPDATE_NOTIFIER_AND_MAP' : 'UPDATE_NOTIFIER');
    scheduleDeferredListWork(m, process, mm);
  }
  if (range.id !== parent.id) mutexUnlock(m, migrateMutex(range.id));
  mutexUnlock(m, migrateMutex(parent.id));
  return ret;
}

/**
 * The CPU touched a page of private VRAM: the aligned block around it comes home.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_migrate.c: svm_migrate_to_ram`
 */
const svmMigrateToRam = sleepable('svm_migrate_to_ram', function* (m, vmf: VmFault): Sleeps<number> {
  // the process that brought the page to VRAM, which may be another one's parent
  const svmBo = m.svmBos.find(m.pages.zoneDeviceData.get(vmf.page));
  if (svmBo === undefined) return VM_FAULT_SIGBUS;
  const { mm } = m.fences.get(svmBo.fence);
  const process = kfdLookupProcessByMm(m, mm);
  if (!m.mms.get(mm).alive || process === undefined) return VM_FAULT_SIGBUS;
  if (isFaultingTask(m, process.id)) {
    noteOwnFault(m, vmf);
    return 0;
  }
  yield* mutexLock(m, svmsLock(process.id));
  const ret = yield* migrateBlockToRam(m, vmf, process.id, mm);
  mutexUnlock(m, svmsLock(process.id));
  return ret === 0 ? 0 : VM_FAULT_SIGBUS;
});

/** What the kernel calls for pages of VRAM. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_migrate.c: svm_migrate_pgmap_ops` */
export const svmMigratePgmapOps: DevPagemapOps = {
  pageFree: (m, page) => svmMigratePageFree(m, page),
  pagesFree: freeVramPages,
  migrateToRam: function* (m: Machine, vmf: VmFault) {
    return yield* svmMigrateToRam(m, vmf);
  },
};

// The driver as a whole: what a scenario can ask of it, and what happens when a process ends.

import type { Machine } from '../../machine/machine.ts';
import { atomic } from '../sched/kernel-function.ts';
import { atOnce } from '../sched/locks.ts';
import { freeTable } from '../mm/page-table.ts';
import { signalFence } from './amdgpu-bo.ts';
import { invalidateRangePages } from './amdgpu-bulk.ts';
import { amdgpuBoUnref } from './amdgpu-client.ts';
import { amdgpuInit } from './amdgpu-device.ts';
import { amdgpuBoDriver } from './amdgpu-evict.ts';
import { svmMigratePgmapOps } from './amdgpu-migrate.ts';
import { svmRangeCpuInvalidatePagetables } from './amdgpu-notifier.ts';
import { allSvmRangesOf, kfdLookupProcessByMm } from './amdgpu-process.ts';
import { svmRangeFree, svmRangeRemove } from './amdgpu-range.ts';
import { freeUserptr } from './amdgpu-userptr.ts';

/** The module is loaded. Kernel: `drivers/gpu/drm/amd/amdgpu/amdgpu_drv.c: amdgpu_init` */
export const loadAmdgpu = (m: Machine): void =>
  amdgpuInit(m, {
    pagemapOps: svmMigratePgmapOps,
    invalidate: (machine, rangeId, range) =>
      svmRangeCpuInvalidatePagetables(machine, range.start, range.end, rangeId, range),
    invalidatePages: (machine, rangeId, range) =>
      invalidateRangePages(machine, rangeId, range, (vpn) =>
        svmRangeCpuInvalidatePagetables(machine, vpn, vpn + 1, rangeId, range),
      ),
    ttm: amdgpuBoDriver,
    processRelease: {
      closeFiles: drmGemRelease,
      mmReleased: (machine, mm) => {
        kfdProcessNotifierRelease(machine, mm);
        kfdProcessWqRelease(machine, mm);
      },
    },
  });

/** Where the end of a process cannot let go of the worker. */
const unrefAtOnce = (m: Machine, bo: number): void =>
  atOnce(function* () {
    yield* amdgpuBoUnref(m, bo);
  });

/** The buffer objects of graphics go with the file through which they were made. Kernel: `drivers/gpu/drm/drm_gem.c: drm_gem_release` */
const drmGemRelease = (m: Machine, mm: number): void => {
  for (const { id, mm: owner, kind, deleted } of m.ttmBos.values())
    if (owner === mm && kind === 'gem' && !deleted) unrefAtOnce(m, id);
};

/**
 * The address space of a process on the GPUs is gone: nobody finds it any more, and no work waits for it.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_process.c: kfd_process_notifier_release`
 */
const kfdProcessNotifierRelease = atomic('kfd_process_notifier_release', (m, mm: number): void => {
  const process = kfdLookupProcessByMm(m, mm);
  if (process === undefined) return;
  m.kfdProcesses.update(process.id, {
    deferred: [],
    evictedRanges: 0,
    restoreScheduled: false,
    restoreDue: false,
    evictedUserptrs: 0,
  });
});

/**
 * A process on the GPUs has ended: its queues are gone, so its fence is signalled; then its buffer objects of compute, its
 * ranges and its page tables go.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_process.c: kfd_process_wq_release`, `kfd_svm.c: svm_range_list_fini`
 */
const kfdProcessWqRelease = atomic('kfd_process_wq_release', (m, mm: number): void => {
  const process = kfdLookupProcessByMm(m, mm);
  if (process === undefined) return;
  if (process.evictionFence !== 0) signalFence(m, process.evictionFence);
  for (const { id, mm: owner, kind, deleted } of m.ttmBos.values())
    if (owner === mm && kind === 'kfd' && !deleted) unrefAtOnce(m, id);
  for (const bo of m.userptrs.values()) if (bo.process === process.id) freeUserptr(m, bo.id);
  for (const { id } of allSvmRangesOf(m, process.id)) {
    svmRangeRemove(m, id, mm);
    svmRangeFree(m, id, true);
  }
  for (const table of m.dmirrors.values()) {
    if (table.mm !== mm) continue;
    const pt = m.journal.mapById(table.pt);
    for (const vpn of pt.keys()) pt.delete(vpn);
    m.dmirrors.set(table.id, undefined);
  }
  m.kfdProcesses.set(process.id, undefined);
  // nothing holds the mm_struct any more
  m.mms.update(mm, { hasNotifierSubscriptions: false });
  freeTable(m, m.mms.get(mm).pgd);
});

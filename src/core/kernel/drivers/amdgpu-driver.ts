// The driver as a whole: what a scenario can ask of it, and what happens when a process ends.

import type { BoKind } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { freeTable } from '../mm/page-table.ts';
import { inChunks } from '../mm/plain-pages.ts';
import { signalFence } from './amdgpu-bo.ts';
import { invalidateRangePages } from './amdgpu-bulk.ts';
import { amdgpuBoUnref } from './amdgpu-client.ts';
import { amdgpuInit } from './amdgpu-device.ts';
import { amdgpuBoDriver } from './amdgpu-evict.ts';
import { svmMigratePgmapOps } from './amdgpu-migrate.ts';
import { svmRangeCpuInvalidatePagetables } from './amdgpu-notifier.ts';
import { allSvmRangesOf, kfdLookupProcessByMm, svmRangeListOf } from './amdgpu-process.ts';
import { svmRangeFree, svmRangeRemove } from './amdgpu-range.ts';
import { freeUserptr } from './amdgpu-userptr.ts';

/** Pages of an address space: 47 bits of addresses. */
const MAX_VPN = 2 ** 35;

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
      mmReleased: function* (machine, mm) {
        kfdProcessNotifierRelease(machine, mm);
        yield* kfdProcessWqRelease(machine, mm);
      },
    },
  });

/** All buffer objects of one kind that a process has not given up lose their last reference. */
function* unrefAll(m: Machine, mm: number, kind: BoKind): Sleeps<void> {
  for (const { id } of m.ttmBos.values().filter((bo) => bo.mm === mm && bo.kind === kind))
    if (m.ttmBos.find(id)?.deleted === false) yield* amdgpuBoUnref(m, id);
}

/** The buffer objects of graphics go with the file through which they were made. Kernel: `drivers/gpu/drm/drm_gem.c: drm_gem_release` */
function* drmGemRelease(m: Machine, mm: number): Sleeps<void> {
  yield* unrefAll(m, mm, 'gem');
}

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
const kfdProcessWqRelease = sleepable('kfd_process_wq_release', function* (m, mm: number): Sleeps<void> {
  const process = kfdLookupProcessByMm(m, mm);
  if (process === undefined) return;
  if (process.evictionFence !== 0) signalFence(m, process.evictionFence);
  yield* unrefAll(m, mm, 'kfd');
  for (const bo of m.userptrs.values()) if (bo.process === process.id) freeUserptr(m, bo.id);
  // parts that were not inserted yet go last
  const unlisted = allSvmRangesOf(m, process.id).filter(({ listed }) => listed === 0);
  for (const { id } of [...svmRangeListOf(m, process.id), ...unlisted]) {
    svmRangeRemove(m, id, mm);
    svmRangeFree(m, id, true);
  }
  for (const table of m.dmirrors.values()) {
    if (table.mm !== mm) continue;
    const pt = m.journal.mapById(table.pt);
    if (inChunks(m)) pt.dropRun(0, MAX_VPN);
    else for (const vpn of pt.keys()) pt.delete(vpn);
    m.dmirrors.set(table.id, undefined);
  }
  m.kfdProcesses.set(process.id, undefined);
  // nothing holds the mm_struct any more
  m.mms.update(mm, { hasNotifierSubscriptions: false });
  freeTable(m, m.mms.get(mm).pgd);
});

// lib/test_hmm.c: the kernel's test driver for HMM. Up to four devices; a mirror of one process's page table
// per open file. Its peculiarities are kept: see the README of the recordings.

import type { Dmirror, DmirrorDevice, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import { MAP_ROWS } from '../../machine/number-map.ts';
import type { Sleeps } from '../../machine/ops.ts';
import {
  DEVICE_CALLOC,
  DEVICE_CFREE,
  DEVICE_FREE_HEAD,
  DEVICE_FRESH,
  DEVICE_REMOVING,
  deviceRow,
} from '../../machine/scalars.ts';
import type { DeviceConfig } from '../../uapi/config.ts';
import { EINVAL, ENOMEM } from '../../uapi/errno.ts';
import { __GFP_ZERO, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from '../../uapi/gfp.ts';
import { hasPatch } from '../../uapi/patches.ts';
import { NO_PFN, type Vpn } from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { letGo, letGoMidway, trylockPage } from '../sched/locks.ts';
import { vmInsertPage } from '../mm/insert-page.ts';
import { memunmapPages } from '../mm/memremap.ts';
import { migrateDeviceFinalize, migrateDevicePages, migrateDeviceRange } from '../mm/migrate-device.ts';
import { evictPlainPages } from '../mm/migrate-range-bulk.ts';
import {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_WRITE,
  migratePfn,
  migratePfnToPage,
  type MigrateWords,
} from '../mm/migrate-vma.ts';
import { mmuIntervalNotifierInsert, mmuIntervalNotifierRemove } from '../mm/mmu-notifier.ts';
import { allocPageMaySleep } from '../mm/page-alloc.ts';
import { copyHighpage } from '../mm/page-ref.ts';
import { inChunks } from '../mm/plain-pages.ts';
import { putPage } from '../mm/swap.ts';
import { invalidateMirrorPages } from './test-hmm-bulk.ts';
import {
  dmirrorCheckAtomic,
  dmirrorExclusive,
  dmirrorIntervalInvalidate,
  dmirrorRead,
  dmirrorSnapshot,
  dmirrorWrite,
} from './test-hmm-mirror.ts';
import {
  chunksOf,
  dmirrorAllocateChunk,
  dmirrorMigrateToDevice,
  dmirrorMigrateToSystem,
} from './test-hmm-migrate.ts';
import { type DmirrorResult, backingPage, deviceOf, ptOf, result } from './test-hmm-dmirror.ts';

// --- giving memory up ---------------------------------------------------------------------------------------------

/** A system page for one that leaves, with its content: its `dst` word; 0: the page stays. */
function* evictionTarget(m: Machine, word: number): Sleeps<number> {
  const spage = migratePfnToPage(word);
  if (spage === NO_PFN || (word & MIGRATE_PFN_MIGRATE) === 0) return 0;
  const dpage = yield* allocPageMaySleep(m, GFP_HIGHUSER_MOVABLE);
  bugOn(dpage === NO_PFN, 'dmirror_device_evict_chunk: __GFP_NOFAIL, and no memory');
  bugOn(!trylockPage(m, dpage), 'dmirror_device_evict_chunk: new page is locked');
  copyHighpage(m, dpage, backingPage(m, spage));
  return migratePfn(dpage) + ((word & MIGRATE_PFN_WRITE) !== 0 ? MIGRATE_PFN_WRITE : 0);
}

/**
 * Brings every page of a chunk back to system memory, whoever maps it. One attempt a page.
 *
 * Kernel: `lib/test_hmm.c: dmirror_device_evict_chunk`
 */
const dmirrorDeviceEvictChunk = sleepable(
  'dmirror_device_evict_chunk',
  function* (m, pgmap: number): Sleeps<void> {
    const { start, end } = m.pgmaps.get(pgmap);
    const npages = end - start;
    if (yield* evictPlainPages(m, m.pgmaps.get(pgmap), GFP_HIGHUSER_MOVABLE)) return;
    const src: MigrateWords = yield* migrateDeviceRange(m, start, npages);
    const dst: MigrateWords = m.trace.tally === undefined ? [] : new Float64Array(src.length);
    for (let i = 0; i < src.length; i++) {
      dst[i] = yield* evictionTarget(m, src[i]);
      yield* letGoMidway(m, 'dmirror_device_evict_chunk', i);
    }
    yield* migrateDevicePages(m, npages, src, dst);
    yield* migrateDeviceFinalize(m, npages, src, dst, 'migration');
  },
);

/**
 * Gives all memory of the device up; the next allocation registers it anew.
 *
 * Kernel: `lib/test_hmm.c: dmirror_device_remove_chunks, dmirror_remove_free_pages`
 * Simplified: the counters of allocated and freed pages begin at 0 again; nothing in the driver reads them.
 */
const dmirrorDeviceRemoveChunks = sleepable(
  'dmirror_device_remove_chunks',
  function* (m, deviceId: number): Sleeps<void> {
    const device = m.devices.get(deviceId);
    if (device.pgmap === 0) return;
    const set = (field: number, value: number): void => m.scalars.set(deviceRow(deviceId, field), value);
    set(DEVICE_REMOVING, 1);
    set(DEVICE_FREE_HEAD, 0);
    set(DEVICE_FRESH, 0);
    for (const pgmap of chunksOf(device)) {
      yield* dmirrorDeviceEvictChunk(m, pgmap);
      yield* memunmapPages(m, pgmap);
    }
    m.devices.update(deviceId, { pgmap: 0, olderPgmaps: [] });
    set(DEVICE_REMOVING, 0);
    set(DEVICE_CALLOC, 0);
    set(DEVICE_CFREE, 0);
  },
);

// --- the file -----------------------------------------------------------------------------------------------------

export type DmirrorCommand =
  | {
      readonly kind: 'migrate-to-sys' | 'exclusive' | 'check-exclusive' | 'snapshot' | 'release';
    }
  /** @param wantsValues - whether anybody asks for the values that the driver reads back */
  | { readonly kind: 'migrate-to-dev'; readonly wantsValues: boolean }
  /** @param wanted - of so many pages the first numbers are asked for */
  | { readonly kind: 'read'; readonly wanted: number }
  /** @param value - of the first page; each one's is one more */
  | { readonly kind: 'write'; readonly value: number };

/**
 * One command to an open device.
 *
 * Kernel: `lib/test_hmm.c: dmirror_fops_unlocked_ioctl`
 */
export const dmirrorIoctl = sleepable(
  'dmirror_fops_unlocked_ioctl',
  function* (
    m,
    start: Vpn,
    npages: number,
    dmirror: Dmirror,
    command: DmirrorCommand,
  ): Sleeps<DmirrorResult> {
    switch (command.kind) {
      case 'read':
        return yield* dmirrorRead(m, start, npages, dmirror, command.wanted);
      case 'write':
        return yield* dmirrorWrite(m, start, npages, dmirror, command.value);
      case 'migrate-to-dev':
        return yield* dmirrorMigrateToDevice(m, start, npages, dmirror, command.wantsValues);
      case 'migrate-to-sys':
        // the command came with patch 8; before it the driver knew only the way to the device
        if (!hasPatch(m.kernel, 8)) return result(-EINVAL);
        return yield* dmirrorMigrateToSystem(m, start, npages, dmirror);
      case 'exclusive':
        return yield* dmirrorExclusive(m, start, npages, dmirror);
      case 'check-exclusive':
        return result(dmirrorCheckAtomic(m, start, start + npages, dmirror));
      case 'snapshot':
        return yield* dmirrorSnapshot(m, start, npages, dmirror);
      case 'release':
        yield* dmirrorDeviceRemoveChunks(m, dmirror.device);
        return result(0);
    }
  },
);

/**
 * A process opens a device: a mirror of its address space begins.
 *
 * Kernel: `lib/test_hmm.c: dmirror_fops_open`
 */
export const dmirrorOpen = (m: Machine, mm: number, device: number): Dmirror => {
  const pt = m.journal.map('device page table').id;
  const id = m.dmirrors.add((dmirrorId): Dmirror => ({ id: dmirrorId, mm, device, pt }));
  m.notifierOps.set(id, {
    invalidate: (machine, subscription, range) => dmirrorIntervalInvalidate(machine, subscription, range),
    invalidatePages: invalidateMirrorPages,
  });
  mmuIntervalNotifierInsert(m, mm, id);
  return m.dmirrors.get(id);
};

/**
 * The last user closes the device: the mirror ends, and every page of the device goes home, also those of other
 * processes.
 *
 * Kernel: `lib/test_hmm.c: dmirror_fops_release`
 */
export const dmirrorRelease = sleepable(
  'dmirror_fops_release',
  function* (m, dmirror: Dmirror): Sleeps<void> {
    mmuIntervalNotifierRemove(m, dmirror.mm, dmirror.id);
    for (const pgmap of chunksOf(deviceOf(m, dmirror))) yield* dmirrorDeviceEvictChunk(m, pgmap);
    const pt = ptOf(m, dmirror);
    for (const first of pt.partStarts()) {
      if (inChunks(m)) pt.dropRun(first, MAP_ROWS);
      else for (const vpn of pt.keysBetween(first, first + MAP_ROWS)) pt.delete(vpn);
      yield* letGo(m, 'dmirror_fops_release', 0);
    }
    m.dmirrors.set(dmirror.id, undefined);
  },
);

/**
 * The device's own mmap: an ordinary kernel page for every page of the area, there from the start.
 *
 * Kernel: `lib/test_hmm.c: dmirror_fops_mmap`
 *
 * @returns 0 or -errno
 */
export const dmirrorFopsMmap = sleepable('dmirror_fops_mmap', function* (m, vma: Vma): Sleeps<number> {
  for (let vpn = vma.vmStart; vpn < vma.vmEnd; vpn++) {
    const page = yield* allocPageMaySleep(m, GFP_KERNEL | __GFP_ZERO);
    if (page === NO_PFN) return -ENOMEM;
    const err = vmInsertPage(m, vma.id, vpn, page);
    putPage(m, page, 'allocation');
    if (err !== 0) return err;
    yield* letGo(m, 'dmirror_fops_mmap', 1);
  }
  return 0;
});

/**
 * Registers one device's memory at module load.
 *
 * Kernel: `lib/test_hmm.c: dmirror_device_init`
 *
 * @returns the device, or -errno of memremap_pages
 */
export const dmirrorDeviceInit = (m: Machine, config: DeviceConfig): DmirrorDevice | number => {
  const id = m.devices.add(
    (deviceId): DmirrorDevice => ({
      id: deviceId,
      configId: config.id,
      kind: config.kind,
      pgmap: 0,
      olderPgmaps: [],
    }),
  );
  const err = dmirrorAllocateChunk(m, id);
  if (err === 0) return m.devices.get(id);
  m.devices.set(id, undefined);
  return err;
};

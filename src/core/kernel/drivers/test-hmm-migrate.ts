// lib/test_hmm.c: chunks of device memory and their free pages; migration to the device and back; the fault on private memory.

import type { Dmirror, DmirrorDevice, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps, VmFault } from '../../machine/ops.ts';
import { EINVAL, ENOMEM } from '../../uapi/errno.ts';
import { GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE, __GFP_ZERO } from '../../uapi/gfp.ts';
import { NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';
import { VM_FAULT_SIGBUS, VM_WRITE } from '../../uapi/vm-flags.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { condResched, mmapReadLock, mmapReadUnlock, trylockPage } from '../sched/locks.ts';
import { migrateVmaFinalize, migrateVmaPages, migrateVmaSetup } from '../mm/migrate-device.ts';
import {
  countPages,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_WRITE,
  MIGRATE_VMA_SELECT_DEVICE_COHERENT,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  migratePfn,
  migratePfnToPage,
  type MigrateVma,
  newMigrateVma,
} from '../mm/migrate-vma.ts';
import { memoryIsPlenty } from '../mm/migrate-vma-bulk.ts';
import { allocPageMaySleep, freePages } from '../mm/page-alloc.ts';
import { clearHighpage, copyHighpage, folioRefAdd, moveReference } from '../mm/page-ref.ts';
import {
  DPT_XA_TAG_NONE,
  DPT_XA_TAG_WRITE,
  freeCoherentPages,
  faultManyHome,
  freePrivatePages,
  migrateManyToDevice,
  migrateManyToSystem,
  readablePages,
} from './test-hmm-bulk.ts';
import { inChunks } from '../mm/plain-pages.ts';
import { vmaLookup, vmaReadable } from '../mm/vma.ts';
import { dmirrorBounceFini, dmirrorBounceInit, dmirrorDoRead } from './test-hmm-mirror.ts';
import {
  PIECE_PAGES,
  backingPage,
  deviceOf,
  dmirrorPageToChunk,
  dmirrorPageToDevice,
  ptOf,
  result,
  type DmirrorResult,
} from './test-hmm-dmirror.ts';
import {
  DEVICE_CALLOC,
  DEVICE_CFREE,
  DEVICE_FREE_HEAD,
  DEVICE_FRESH,
  DEVICE_REMOVING,
  deviceRow,
} from '../../machine/scalars.ts';
import { memremapPages, zoneDevicePageInit } from '../mm/memremap.ts';
import { putPage } from '../mm/swap.ts';

// --- migration ----------------------------------------------------------------------------------------------------

const dmirrorMigrateAllocAndCopy = sleepable(
  'dmirror_migrate_alloc_and_copy',
  function* (m, start: Vpn, end: Vpn, args: MigrateVma, vma: Vma, dmirror: Dmirror): Sleeps<void> {
    for (let i = 0; i < end - start; i++) {
      const word = args.src[i];
      if ((word & MIGRATE_PFN_MIGRATE) === 0) continue;
      const spage = migratePfnToPage(word);
      const dpage = yield* dmirrorDevmemAllocPage(m, dmirror.device);
      if (dpage === NO_PFN) continue;
      const rpage = backingPage(m, dpage);
      if (spage !== NO_PFN) copyHighpage(m, rpage, spage);
      else clearHighpage(m, rpage);
      m.pages.zoneDeviceData.set(rpage, dmirror.id);
      const writable =
        (word & MIGRATE_PFN_WRITE) !== 0 || (spage === NO_PFN && (vma.vmFlags & VM_WRITE) !== 0);
      args.dst[i] = migratePfn(dpage) + (writable ? MIGRATE_PFN_WRITE : 0);
    }
  },
);

const dmirrorMigrateFinalizeAndMap = atomic(
  'dmirror_migrate_finalize_and_map',
  (m, start: Vpn, end: Vpn, args: MigrateVma, dmirror: Dmirror): void => {
    const pt = ptOf(m, dmirror);
    for (let i = 0; i < end - start; i++) {
      if ((args.src[i] & MIGRATE_PFN_MIGRATE) === 0) continue;
      const dpage = migratePfnToPage(args.dst[i]);
      if (dpage === NO_PFN) continue;
      const tag = (args.dst[i] & MIGRATE_PFN_WRITE) !== 0 ? DPT_XA_TAG_WRITE : DPT_XA_TAG_NONE;
      pt.set(start + i, backingPage(m, dpage) * 4 + tag);
    }
  },
);

const dmirrorDevmemFaultAllocAndCopy = sleepable(
  'dmirror_devmem_fault_alloc_and_copy',
  function* (m, start: Vpn, end: Vpn, args: MigrateVma, dmirror: Dmirror): Sleeps<void> {
    for (let i = 0; i < end - start; i++) {
      const word = args.src[i];
      const spage = migratePfnToPage(word);
      if (spage === NO_PFN || (word & MIGRATE_PFN_MIGRATE) === 0) continue;
      const dpage = yield* allocPageMaySleep(m, GFP_HIGHUSER_MOVABLE);
      if (dpage === NO_PFN) continue;
      bugOn(!trylockPage(m, dpage), 'dmirror_devmem_fault_alloc_and_copy: new page is locked');
      ptOf(m, dmirror).delete(start + i);
      copyHighpage(m, dpage, backingPage(m, spage));
      args.dst[i] = migratePfn(dpage) + ((word & MIGRATE_PFN_WRITE) !== 0 ? MIGRATE_PFN_WRITE : 0);
    }
  },
);

const dmirrorSelectDevice = atomic('dmirror_select_device', (m, dmirror: Dmirror): number =>
  deviceOf(m, dmirror).kind === 'private'
    ? MIGRATE_VMA_SELECT_DEVICE_PRIVATE
    : MIGRATE_VMA_SELECT_DEVICE_COHERENT,
);

const migrateArgs = (
  m: Machine,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  dmirror: Dmirror,
  faultPage: Pfn = NO_PFN,
): MigrateVma => {
  const flags = dmirrorSelectDevice(m, dmirror);
  return newMigrateVma({ vma, start, end, pgmapOwner: dmirror.device, flags, faultPage });
};

const dmirrorSuccessfulMigratedPages = atomic(
  'dmirror_successful_migrated_pages',
  (_m, args: MigrateVma): number => countPages(args, true),
);

/** The VMA piece at an address that one call handles, or undefined if it may not be migrated. */
const nextPiece = (m: Machine, mm: number, vpn: Vpn, end: Vpn): { vma: Vma; next: Vpn } | undefined => {
  const vma = vmaLookup(m, m.mms.get(mm), vpn);
  if (vma === undefined || !vmaReadable(vma)) return undefined;
  return { vma, next: Math.min(end, vpn + PIECE_PAGES, vma.vmEnd) };
};

/** The pieces of a migration to the device. Requires: mmap_lock. */
function* migratePiecesToDevice(m: Machine, start: Vpn, end: Vpn, dmirror: Dmirror): Sleeps<number> {
  // private memory takes a system page for each of its own
  const isPlenty = inChunks(m) && (deviceOf(m, dmirror).kind !== 'private' || memoryIsPlenty(m, end - start));
  for (let vpn = start; vpn < end; ) {
    const piece = nextPiece(m, dmirror.mm, vpn, end);
    if (piece === undefined) return -EINVAL;
    const { vma, next } = piece;
    const many = isPlenty ? migrateManyToDevice(m, vma, vpn, end, dmirror, PIECE_PAGES) : 0;
    if (many > 0) {
      vpn += many;
      yield* condResched(m, 'dmirror_migrate_alloc_and_copy');
      continue;
    }
    const args = newMigrateVma({
      vma,
      start: vpn,
      end: next,
      pgmapOwner: dmirror.device,
      flags: MIGRATE_VMA_SELECT_SYSTEM,
      faultPage: NO_PFN,
    });
    const ret = yield* migrateVmaSetup(m, vpn, next, args);
    if (ret !== 0) return ret;
    yield* dmirrorMigrateAllocAndCopy(m, vpn, next, args, vma, dmirror);
    yield* condResched(m, 'dmirror_migrate_alloc_and_copy');
    yield* migrateVmaPages(m, args.src.length, args);
    dmirrorMigrateFinalizeAndMap(m, vpn, next, args, dmirror);
    yield* migrateVmaFinalize(m, args.src.length, args);
    vpn = next;
  }
  return 0;
}

/**
 * Migrates a range of the process to the device, 64 pages at a time, then reads it through the device's page table.
 *
 * Kernel: `lib/test_hmm.c: dmirror_migrate_to_device`
 */
export const dmirrorMigrateToDevice = sleepable(
  'dmirror_migrate_to_device',
  function* (m, start: Vpn, npages: number, dmirror: Dmirror, wantsValues: boolean): Sleeps<DmirrorResult> {
    const end = start + npages;
    yield* mmapReadLock(m, dmirror.mm);
    const err = yield* migratePiecesToDevice(m, start, end, dmirror);
    mmapReadUnlock(m, dmirror.mm);
    if (err !== 0) return result(err);
    // the driver reads the range back through its own page table
    const bounce = dmirrorBounceInit(m, start, npages, wantsValues ? npages : 0);
    if (!wantsValues) bounce.done = readablePages(m, start, end, dmirror);
    const ret = yield* dmirrorDoRead(m, start + bounce.done, end, bounce, dmirror);
    dmirrorBounceFini(m);
    return result(ret, { cpages: bounce.done, values: bounce.values });
  },
);

/** The pieces of a migration to system memory. Requires: mmap_lock. */
function* migratePiecesToSystem(m: Machine, start: Vpn, end: Vpn, dmirror: Dmirror): Sleeps<DmirrorResult> {
  let cpages = 0;
  const isPlenty = inChunks(m) && memoryIsPlenty(m, end - start);
  for (let vpn = start; vpn < end; ) {
    const piece = nextPiece(m, dmirror.mm, vpn, end);
    if (piece === undefined) return result(-EINVAL, { cpages });
    const { vma, next } = piece;
    const many = isPlenty ? migrateManyToSystem(m, vma, vpn, end, dmirror, PIECE_PAGES) : 0;
    if (many > 0) {
      cpages += many;
      vpn += many;
      yield* condResched(m, 'dmirror_devmem_fault_alloc_and_copy');
      continue;
    }
    const args = migrateArgs(m, vma, vpn, next, dmirror);
    const ret = yield* migrateVmaSetup(m, vpn, next, args);
    if (ret !== 0) return result(ret, { cpages });
    yield* dmirrorDevmemFaultAllocAndCopy(m, vpn, next, args, dmirror);
    yield* condResched(m, 'dmirror_devmem_fault_alloc_and_copy');
    yield* migrateVmaPages(m, args.src.length, args);
    cpages += dmirrorSuccessfulMigratedPages(m, args);
    yield* migrateVmaFinalize(m, args.src.length, args);
    vpn = next;
  }
  return result(0, { cpages });
}

/**
 * Migrates a range of the process from this device to system memory, 64 pages at a time.
 *
 * Kernel: `lib/test_hmm.c: dmirror_migrate_to_system`
 */
export const dmirrorMigrateToSystem = sleepable(
  'dmirror_migrate_to_system',
  function* (m, start: Vpn, npages: number, dmirror: Dmirror): Sleeps<DmirrorResult> {
    yield* mmapReadLock(m, dmirror.mm);
    const given = yield* migratePiecesToSystem(m, start, start + npages, dmirror);
    mmapReadUnlock(m, dmirror.mm);
    return given;
  },
);

/**
 * A CPU touched a private page: one page comes home.
 *
 * Kernel: `lib/test_hmm.c: dmirror_devmem_fault`
 */
export const dmirrorDevmemFault = sleepable(
  'dmirror_devmem_fault',
  function* (m, vmf: VmFault): Sleeps<number> {
    const { vma, vpn, page } = vmf;
    // the mirror that brought the page to the device, which may be another process's
    const dmirror = m.dmirrors.find(m.pages.zoneDeviceData.get(backingPage(m, page)));
    // the driver would use the freed mirror: closing moved every page home that could move
    bugOn(dmirror === undefined, 'dmirror_devmem_fault: the mirror of this page is closed');
    if (dmirror === undefined) return VM_FAULT_SIGBUS;
    const args = migrateArgs(m, vma, vpn, vpn + 1, dmirror, page);
    if ((yield* migrateVmaSetup(m, vpn, vpn + 1, args)) !== 0) return VM_FAULT_SIGBUS;
    yield* dmirrorDevmemFaultAllocAndCopy(m, vpn, vpn + 1, args, dmirror);
    yield* condResched(m, 'dmirror_devmem_fault_alloc_and_copy');
    yield* migrateVmaPages(m, args.src.length, args);
    yield* migrateVmaFinalize(m, args.src.length, args);
    return 0;
  },
);

// --- device memory ----------------------------------------------------------------------------------------------

/**
 * A device page is free again: its backing page goes with it, it becomes the next one handed out.
 *
 * Kernel: `lib/test_hmm.c: dmirror_devmem_free`
 */
const dmirrorDevmemFree = atomic('dmirror_devmem_free', (m, page: Pfn): void => {
  const backing = backingPage(m, page);
  if (backing !== page) {
    folioRefAdd(m, backing, -1, 'driver');
    freePages(m, backing, 0);
  }
  const device = dmirrorPageToDevice(m, page);
  dmirrorPageToChunk(m, page);
  if (m.scalars.get(deviceRow(device, DEVICE_REMOVING)) !== 0) return;
  const cfree = deviceRow(device, DEVICE_CFREE);
  m.scalars.set(cfree, m.scalars.get(cfree) + 1);
  const head = deviceRow(device, DEVICE_FREE_HEAD);
  m.pages.zoneDeviceData.set(page, m.scalars.get(head));
  m.scalars.set(head, page + 1);
});

const dmirrorIsPrivateZone = atomic(
  'dmirror_is_private_zone',
  (m, device: number): boolean => m.devices.get(device).kind === 'private',
);

/** Head of the free list: the page freed last, else the highest one never used. */
const takeFreePage = (m: Machine, device: DmirrorDevice): Pfn => {
  const headRow = deviceRow(device.id, DEVICE_FREE_HEAD);
  const head = m.scalars.get(headRow);
  if (head !== 0) {
    m.scalars.set(headRow, m.pages.zoneDeviceData.get(head - 1));
    return head - 1;
  }
  const freshRow = deviceRow(device.id, DEVICE_FRESH);
  const fresh = m.scalars.get(freshRow);
  if (fresh === 0) return NO_PFN;
  m.scalars.set(freshRow, fresh - 1);
  return m.pgmaps.get(device.pgmap).start + fresh - 1;
};

/**
 * First page of the next private chunk: below the lowest one, where no device answers.
 *
 * Kernel: `kernel/resource.c: request_free_mem_region`
 */
const requestFreeMemRegion = (m: Machine, npages: number): Pfn => {
  const taken = m.pgmaps.values().filter(({ type }) => type === 'MEMORY_DEVICE_PRIVATE');
  return Math.min(...taken.map(({ start }) => start)) - npages;
};

/**
 * Registers a chunk of device memory; all its pages are free. A private device grows by further chunks; a coherent
 * one lies at a fixed place, so a second chunk meets the first.
 *
 * Kernel: `lib/test_hmm.c: dmirror_allocate_chunk`
 *
 * @returns 0, or -errno of memremap_pages
 */
export const dmirrorAllocateChunk = atomic('dmirror_allocate_chunk', (m, deviceId: number): number => {
  const device = m.devices.get(deviceId);
  const config = m.config.devices.find(({ id }) => id === device.configId);
  bugOn(config === undefined, 'dmirror_allocate_chunk: not a device of this machine');
  if (config === undefined) return -ENOMEM;
  const isPrivate = device.kind === 'private';
  const grows = isPrivate && device.pgmap !== 0;
  const start = grows ? requestFreeMemRegion(m, config.pages) : config.start;
  const pgmap = memremapPages(m, {
    type: isPrivate ? 'MEMORY_DEVICE_PRIVATE' : 'MEMORY_DEVICE_COHERENT',
    start,
    end: start + config.pages,
    node: config.node,
    owner: deviceId,
    ops: {
      pageFree: (machine, pfn) => dmirrorDevmemFree(machine, pfn),
      pagesFree: isPrivate ? freePrivatePages : freeCoherentPages,
      ...(isPrivate
        ? {
            bytesOf: backingPage,
            migrateToRam: function* (machine: Machine, vmf: VmFault) {
              return yield* dmirrorDevmemFault(machine, vmf);
            },
            migrateManyToRam: faultManyHome,
          }
        : {}),
    },
  });
  if (pgmap < 0) return pgmap;
  m.devices.update(deviceId, grows ? { pgmap, olderPgmaps: chunksOf(device) } : { pgmap });
  m.scalars.set(deviceRow(deviceId, DEVICE_FRESH), config.pages);
  return 0;
});

/**
 * Takes a free page of the device, for private memory with an ordinary page that holds its bytes.
 *
 * Kernel: `lib/test_hmm.c: dmirror_devmem_alloc_page`
 */
export const dmirrorDevmemAllocPage = sleepable(
  'dmirror_devmem_alloc_page',
  function* (m, deviceId: number): Sleeps<Pfn> {
    const device = m.devices.get(deviceId);
    let backing: Pfn = NO_PFN;
    if (dmirrorIsPrivateZone(m, deviceId)) {
      backing = yield* allocPageMaySleep(m, GFP_HIGHUSER);
      if (backing === NO_PFN) return NO_PFN;
    }
    let page = takeFreePage(m, device);
    if (page === NO_PFN && dmirrorAllocateChunk(m, deviceId) === 0) {
      page = takeFreePage(m, m.devices.get(deviceId));
    }
    if (page === NO_PFN) {
      m.trace.decide('device.exhausted', device.configId);
      if (backing !== NO_PFN) putPage(m, backing, 'allocation');
      return NO_PFN;
    }
    const calloc = deviceRow(deviceId, DEVICE_CALLOC);
    m.scalars.set(calloc, m.scalars.get(calloc) + 1);
    m.trace.decide('device.allocated', page, device.configId);
    zoneDevicePageInit(m, page);
    m.pages.zoneDeviceData.set(page, backing === NO_PFN ? 0 : backing + 1);
    if (backing !== NO_PFN) moveReference(m, backing, 'allocation', 'driver');
    return page;
  },
);

/** Chunks of a device, oldest first. Ours: the driver keeps them in an array. */
export const chunksOf = (device: DmirrorDevice): number[] =>
  device.pgmap === 0 ? [] : [...device.olderPgmaps, device.pgmap];

/** Pages handed out and left. Ours: what the recordings show of a device. */
export const deviceUsage = (m: Machine, device: DmirrorDevice): { used: number; free: number } => {
  const used =
    m.scalars.get(deviceRow(device.id, DEVICE_CALLOC)) - m.scalars.get(deviceRow(device.id, DEVICE_CFREE));
  const total = chunksOf(device).reduce((sum, id) => {
    // in the midst of its release a registration is gone before the driver has let go of it
    const pgmap = m.pgmaps.find(id);
    return pgmap === undefined ? sum : sum + pgmap.end - pgmap.start;
  }, 0);
  return { used, free: Math.max(0, total - used) };
};

// lib/test_hmm.c: the kernel's test driver for HMM. Up to four devices; a mirror of one process's page table
// per open file. Its peculiarities are kept: see the README of the recordings.

import type { Dmirror, DmirrorDevice, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { NumberMap } from '../../machine/number-map.ts';
import type { MmuNotifierRange, Sleeps, VmFault } from '../../machine/ops.ts';
import {
  DEVICE_CALLOC,
  DEVICE_CFREE,
  DEVICE_FREE_HEAD,
  DEVICE_FRESH,
  DEVICE_REMOVING,
  deviceRow,
} from '../../machine/scalars.ts';
import type { DeviceConfig } from '../../uapi/config.ts';
import { EBUSY, EFAULT, EINVAL, ENOENT, ENOMEM, EPERM } from '../../uapi/errno.ts';
import { __GFP_ZERO, GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from '../../uapi/gfp.ts';
import { hasPatch } from '../../uapi/patches.ts';
import { NO_PFN, type Pfn, type Vpn } from '../../uapi/units.ts';
import { VM_FAULT_SIGBUS, VM_WRITE } from '../../uapi/vm-flags.ts';
import { bugOn, warn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { condResched, mmapReadLock, mmapReadUnlock, trylockPage, unlockPage } from '../sched/locks.ts';
import { makeDeviceExclusiveRange } from '../mm/exclusive.ts';
import {
  HMM_PFN_ERROR,
  HMM_PFN_PMD,
  HMM_PFN_PUD,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmRange,
  hmmPfnToPage,
  hmmRangeFault,
} from '../mm/hmm.ts';
import { vmInsertPage } from '../mm/insert-page.ts';
import { memremapPages, memunmapPages, zoneDevicePageInit } from '../mm/memremap.ts';
import {
  migrateDeviceFinalize,
  migrateDevicePages,
  migrateDeviceRange,
  migrateVmaFinalize,
  migrateVmaPages,
  migrateVmaSetup,
} from '../mm/migrate-device.ts';
import {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_VALID,
  MIGRATE_PFN_WRITE,
  MIGRATE_VMA_SELECT_DEVICE_COHERENT,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migratePfn,
  migratePfnToPage,
} from '../mm/migrate-vma.ts';
import {
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
} from '../mm/mmu-notifier.ts';
import { allocPage, freePages } from '../mm/page-alloc.ts';
import {
  clearHighpage,
  compoundHead,
  copyHighpage,
  folioRefAdd,
  isDeviceCoherentPage,
  isDevicePrivatePage,
  isZeroPfn,
  moveReference,
  pagePgmap,
} from '../mm/page-ref.ts';
import { putPage } from '../mm/swap.ts';
import {
  DPT_XA_TAG_NONE,
  DPT_XA_TAG_WRITE,
  freeCoherentPages,
  invalidateMirrorPages,
  migrateManyToDevice,
  readablePages,
} from './test-hmm-bulk.ts';
import { vmaLookup, vmaReadable } from '../mm/vma.ts';

/** Pages that one call into the core handles. */
const PIECE_PAGES = 64;

/** Tags of an entry in the device's page table; the entry is `pfn * 4 + tag`. */
export const DPT_XA_TAG_ATOMIC = 1;

/** What a command of the driver gave back. */
export interface DmirrorResult {
  /** 0 or -errno. */
  readonly ret: number;
  readonly cpages: number;
  readonly faults: number;
  /** First numbers of the pages read; empty otherwise. */
  readonly values: readonly number[];
  /** Snapshot words. */
  readonly perms: readonly string[];
}

const result = (ret: number, extra: Partial<DmirrorResult> = {}): DmirrorResult => ({
  ret,
  cpages: 0,
  faults: 0,
  values: [],
  perms: [],
  ...extra,
});

const ptOf = (m: Machine, dmirror: Dmirror): NumberMap => m.journal.mapById(dmirror.pt);

const deviceOf = (m: Machine, dmirror: Dmirror): DmirrorDevice => m.devices.get(dmirror.device);

// --- device memory ----------------------------------------------------------------------------------------------

/** The page that holds a device page's bytes; a real GPU's pages hold their own. Kernel: `lib/test_hmm.c: BACKING_PAGE` */
export const backingPage = (m: Machine, page: Pfn): Pfn =>
  m.config.gpu === undefined && isDevicePrivatePage(m, page) ? m.pages.zoneDeviceData.get(page) - 1 : page;

const dmirrorPageToChunk = atomic(
  'dmirror_page_to_chunk',
  (m, page: Pfn): number => pagePgmap(m, page)?.id ?? 0,
);

const dmirrorPageToDevice = atomic('dmirror_page_to_device', (m, page: Pfn): number => {
  dmirrorPageToChunk(m, page);
  return pagePgmap(m, page)?.owner ?? 0;
});

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
const dmirrorAllocateChunk = atomic('dmirror_allocate_chunk', (m, deviceId: number): number => {
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
      ...(isPrivate ? {} : { pagesFree: freeCoherentPages }),
      ...(isPrivate
        ? {
            migrateToRam: function* (machine: Machine, vmf: VmFault) {
              return yield* dmirrorDevmemFault(machine, vmf);
            },
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
const dmirrorDevmemAllocPage = atomic('dmirror_devmem_alloc_page', (m, deviceId: number): Pfn => {
  const device = m.devices.get(deviceId);
  let backing: Pfn = NO_PFN;
  if (dmirrorIsPrivateZone(m, deviceId)) {
    backing = allocPage(m, GFP_HIGHUSER);
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
});

/** Chunks of a device, oldest first. Ours: the driver keeps them in an array. */
export const chunksOf = (device: DmirrorDevice): number[] =>
  device.pgmap === 0 ? [] : [...device.olderPgmaps, device.pgmap];

/** Pages handed out and left. Ours: what the recordings show of a device. */
export const deviceUsage = (m: Machine, device: DmirrorDevice): { used: number; free: number } => {
  const used =
    m.scalars.get(deviceRow(device.id, DEVICE_CALLOC)) - m.scalars.get(deviceRow(device.id, DEVICE_CFREE));
  const total = chunksOf(device).reduce((sum, id) => {
    const { start, end } = m.pgmaps.get(id);
    return sum + end - start;
  }, 0);
  return { used, free: total - used };
};

// --- migration ----------------------------------------------------------------------------------------------------

const dmirrorMigrateAllocAndCopy = atomic(
  'dmirror_migrate_alloc_and_copy',
  (m, start: Vpn, end: Vpn, args: MigrateVma, vma: Vma, dmirror: Dmirror): void => {
    for (let i = 0; i < end - start; i++) {
      const word = args.src[i];
      if ((word & MIGRATE_PFN_MIGRATE) === 0) continue;
      const spage = migratePfnToPage(word);
      const dpage = dmirrorDevmemAllocPage(m, dmirror.device);
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

const dmirrorDevmemFaultAllocAndCopy = atomic(
  'dmirror_devmem_fault_alloc_and_copy',
  (m, start: Vpn, end: Vpn, args: MigrateVma, dmirror: Dmirror): void => {
    for (let i = 0; i < end - start; i++) {
      const word = args.src[i];
      const spage = migratePfnToPage(word);
      if (spage === NO_PFN || (word & MIGRATE_PFN_MIGRATE) === 0) continue;
      const dpage = allocPage(m, GFP_HIGHUSER_MOVABLE);
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
  vma: Vma,
  start: Vpn,
  end: Vpn,
  owner: number,
  flags: number,
  faultPage: Pfn,
): MigrateVma => ({
  vma,
  start,
  end,
  src: [],
  dst: [],
  cpages: 0,
  pgmapOwner: owner,
  flags,
  faultPage,
});

const dmirrorSuccessfulMigratedPages = atomic(
  'dmirror_successful_migrated_pages',
  (_m, args: MigrateVma): number => {
    const both = MIGRATE_PFN_VALID | MIGRATE_PFN_MIGRATE;
    return args.src.filter((word) => (word & both) === both).length;
  },
);

/** The VMA piece at an address that one call handles, or undefined if it may not be migrated. */
const nextPiece = (m: Machine, mm: number, vpn: Vpn, end: Vpn): { vma: Vma; next: Vpn } | undefined => {
  const vma = vmaLookup(m, m.mms.get(mm), vpn);
  if (vma === undefined || !vmaReadable(vma)) return undefined;
  return { vma, next: Math.min(end, vpn + PIECE_PAGES, vma.vmEnd) };
};

/** The pieces of a migration to the device. Requires: mmap_lock. */
function* migratePiecesToDevice(m: Machine, start: Vpn, end: Vpn, dmirror: Dmirror): Sleeps<number> {
  for (let vpn = start; vpn < end; ) {
    const piece = nextPiece(m, dmirror.mm, vpn, end);
    if (piece === undefined) return -EINVAL;
    const { vma, next } = piece;
    const many = migrateManyToDevice(m, vma, vpn, end, dmirror, PIECE_PAGES);
    if (many > 0) {
      vpn += many;
      yield* condResched(m, 'dmirror_migrate_alloc_and_copy');
      continue;
    }
    const args = migrateArgs(vma, vpn, next, dmirror.device, MIGRATE_VMA_SELECT_SYSTEM, NO_PFN);
    const ret = yield* migrateVmaSetup(m, vpn, next, args);
    if (ret !== 0) return ret;
    dmirrorMigrateAllocAndCopy(m, vpn, next, args, vma, dmirror);
    yield* condResched(m, 'dmirror_migrate_alloc_and_copy');
    migrateVmaPages(m, args.src.length, args);
    dmirrorMigrateFinalizeAndMap(m, vpn, next, args, dmirror);
    migrateVmaFinalize(m, args.src.length, args);
    vpn = next;
  }
  return 0;
}

const dmirrorMigrateToDevice = sleepable(
  'dmirror_migrate_to_device',
  function* (m, start: Vpn, npages: number, dmirror: Dmirror, wantsValues: boolean): Sleeps<DmirrorResult> {
    const end = start + npages;
    yield* mmapReadLock(m, dmirror.mm);
    const err = yield* migratePiecesToDevice(m, start, end, dmirror);
    mmapReadUnlock(m, dmirror.mm);
    if (err !== 0) return result(err);
    // the driver reads the range back through its own page table
    const bounce = dmirrorBounceInit(m, start, npages);
    if (!wantsValues) bounce.unasked = readablePages(m, start, end, dmirror);
    const ret = dmirrorDoRead(m, start, end, bounce, dmirror);
    dmirrorBounceFini(m);
    return result(ret, { cpages: bounce.unasked + bounce.values.length, values: bounce.values });
  },
);

/** The pieces of a migration to system memory. Requires: mmap_lock. */
function* migratePiecesToSystem(m: Machine, start: Vpn, end: Vpn, dmirror: Dmirror): Sleeps<DmirrorResult> {
  let cpages = 0;
  for (let vpn = start; vpn < end; ) {
    const piece = nextPiece(m, dmirror.mm, vpn, end);
    if (piece === undefined) return result(-EINVAL, { cpages });
    const { vma, next } = piece;
    const args = migrateArgs(vma, vpn, next, dmirror.device, dmirrorSelectDevice(m, dmirror), NO_PFN);
    const ret = yield* migrateVmaSetup(m, vpn, next, args);
    if (ret !== 0) return result(ret, { cpages });
    dmirrorDevmemFaultAllocAndCopy(m, vpn, next, args, dmirror);
    yield* condResched(m, 'dmirror_devmem_fault_alloc_and_copy');
    migrateVmaPages(m, args.src.length, args);
    cpages += dmirrorSuccessfulMigratedPages(m, args);
    migrateVmaFinalize(m, args.src.length, args);
    vpn = next;
  }
  return result(0, { cpages });
}

const dmirrorMigrateToSystem = sleepable(
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
const dmirrorDevmemFault = sleepable('dmirror_devmem_fault', function* (m, vmf: VmFault): Sleeps<number> {
  const { vma, vpn, page } = vmf;
  // the mirror that brought the page to the device, which may be another process's
  const dmirror = m.dmirrors.find(m.pages.zoneDeviceData.get(backingPage(m, page)));
  // the driver would use the freed mirror: closing moved every page home that could move
  bugOn(dmirror === undefined, 'dmirror_devmem_fault: the mirror of this page is closed');
  if (dmirror === undefined) return VM_FAULT_SIGBUS;
  const args = migrateArgs(vma, vpn, vpn + 1, dmirror.device, dmirrorSelectDevice(m, dmirror), page);
  if ((yield* migrateVmaSetup(m, vpn, vpn + 1, args)) !== 0) return VM_FAULT_SIGBUS;
  dmirrorDevmemFaultAllocAndCopy(m, vpn, vpn + 1, args, dmirror);
  yield* condResched(m, 'dmirror_devmem_fault_alloc_and_copy');
  migrateVmaPages(m, args.src.length, args);
  migrateVmaFinalize(m, args.src.length, args);
  return 0;
});

// --- mirror -------------------------------------------------------------------------------------------------------

/** Drops the entries of a range; its end is taken as inclusive, so one page more goes. */
const dmirrorDoUpdate = atomic('dmirror_do_update', (m, start: Vpn, end: Vpn, dmirror: Dmirror): void => {
  const pt = ptOf(m, dmirror);
  for (const vpn of pt.keysBetween(start, end + 1)) pt.delete(vpn);
});

const dmirrorIntervalInvalidate = atomic(
  'dmirror_interval_invalidate',
  (m, dmirrorId: number, range: MmuNotifierRange): boolean => {
    const dmirror = m.dmirrors.get(dmirrorId);
    if (range.event === 'MIGRATE' && range.owner === dmirror.device) {
      m.trace.decide('notifier.own-migration-ignored', dmirror.device, range.start, range.end);
      return true;
    }
    mmuIntervalSetSeq(m, dmirror.mm, dmirrorId);
    m.trace.decide('notifier.invalidated', dmirror.device, range.start, range.end);
    dmirrorDoUpdate(m, range.start, range.end, dmirror);
    return true;
  },
);

interface Bounce {
  readonly values: number[];
  /** Pages that were read without anybody asking for what they hold. */
  unasked: number;
}

const dmirrorBounceInit = atomic(
  'dmirror_bounce_init',
  (_m, _start: Vpn, _npages: number): Bounce => ({ values: [], unasked: 0 }),
);
const dmirrorBounceFini = atomic('dmirror_bounce_fini', (): void => undefined);

/** Reads through the device's page table up to the first page without entry. */
const dmirrorDoRead = atomic(
  'dmirror_do_read',
  (m, start: Vpn, end: Vpn, bounce: Bounce, dmirror: Dmirror): number => {
    const pt = ptOf(m, dmirror);
    for (let vpn = start + bounce.unasked; vpn < end; vpn++) {
      const entry = pt.get(vpn);
      if (entry === undefined) return -ENOENT;
      bounce.values.push(m.pages.content.get(bytesOf(m, Math.floor(entry / 4))));
    }
    return 0;
  },
);

/** The test driver would read an unaddressable private page here and crash; its backing page has the bytes. */
const bytesOf = (m: Machine, page: Pfn): Pfn => backingPage(m, page);

const dmirrorDoWrite = atomic(
  'dmirror_do_write',
  (m, start: Vpn, end: Vpn, done: Bounce, values: readonly number[], dmirror: Dmirror): number => {
    const pt = ptOf(m, dmirror);
    for (let vpn = start; vpn < end; vpn++) {
      const entry = pt.get(vpn);
      if (entry === undefined || entry % 4 !== DPT_XA_TAG_WRITE) return -ENOENT;
      const value = values[done.values.length];
      m.pages.content.set(bytesOf(m, Math.floor(entry / 4)), value);
      done.values.push(value);
    }
    return 0;
  },
);

const dmirrorDoFault = atomic('dmirror_do_fault', (m, range: HmmRange, dmirror: Dmirror): number => {
  const pt = ptOf(m, dmirror);
  for (let vpn = range.start; vpn < range.end; vpn++) {
    const word = range.hmmPfns[vpn - range.start];
    const writable = (word & HMM_PFN_WRITE) !== 0;
    if (!writable && (range.defaultFlags & HMM_PFN_REQ_WRITE) !== 0) {
      warn(m, 'dmirror_do_fault.not-writable', vpn);
      return -EFAULT;
    }
    pt.set(vpn, hmmPfnToPage(word) * 4 + (writable ? DPT_XA_TAG_WRITE : DPT_XA_TAG_NONE));
  }
  return 0;
});

const dmirrorRangeFault = sleepable(
  'dmirror_range_fault',
  function* (m, start: Vpn, end: Vpn, dmirror: Dmirror, defaultFlags: number): Sleeps<number> {
    for (;;) {
      const range: HmmRange = {
        mm: dmirror.mm,
        subscription: dmirror.id,
        notifierSeq: yield* mmuIntervalReadBegin(m, dmirror.mm, dmirror.id),
        start,
        end,
        hmmPfns: [],
        defaultFlags,
        devPrivateOwner: dmirror.device,
      };
      yield* condResched(m, 'dmirror_range_fault');
      yield* mmapReadLock(m, dmirror.mm);
      const ret = yield* hmmRangeFault(m, start, end, range);
      mmapReadUnlock(m, dmirror.mm);
      if (ret === -EBUSY) continue;
      if (ret !== 0) return ret;
      if (mmuIntervalReadRetry(m, dmirror.id, range.notifierSeq)) continue;
      return dmirrorDoFault(m, range, dmirror);
    }
  },
);

const dmirrorFault = sleepable(
  'dmirror_fault',
  function* (m, start: Vpn, end: Vpn, write: boolean, dmirror: Dmirror): Sleeps<number> {
    const flags = HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0);
    for (let vpn = start; vpn < end; vpn += PIECE_PAGES) {
      const ret = yield* dmirrorRangeFault(m, vpn, Math.min(end, vpn + PIECE_PAGES), dmirror, flags);
      if (ret !== 0) return ret;
    }
    return 0;
  },
);

const dmirrorRead = sleepable(
  'dmirror_read',
  function* (m, start: Vpn, npages: number, dmirror: Dmirror): Sleeps<DmirrorResult> {
    const bounce = dmirrorBounceInit(m, start, npages);
    let faults = 0;
    let ret: number;
    for (;;) {
      ret = dmirrorDoRead(m, start + bounce.values.length, start + npages, bounce, dmirror);
      if (ret !== -ENOENT) break;
      ret = yield* dmirrorFault(m, start + bounce.values.length, start + npages, false, dmirror);
      if (ret !== 0) break;
      faults++;
    }
    dmirrorBounceFini(m);
    return result(ret, { cpages: bounce.values.length, faults, values: bounce.values });
  },
);

const dmirrorWrite = sleepable(
  'dmirror_write',
  function* (
    m,
    start: Vpn,
    npages: number,
    dmirror: Dmirror,
    values: readonly number[],
  ): Sleeps<DmirrorResult> {
    const bounce = dmirrorBounceInit(m, start, npages);
    let faults = 0;
    let ret: number;
    for (;;) {
      ret = dmirrorDoWrite(m, start + bounce.values.length, start + npages, bounce, values, dmirror);
      if (ret !== -ENOENT) break;
      ret = yield* dmirrorFault(m, start + bounce.values.length, start + npages, true, dmirror);
      if (ret !== 0) break;
      faults++;
    }
    dmirrorBounceFini(m);
    return result(ret, { cpages: bounce.values.length, faults });
  },
);

const dmirrorAtomicMap = atomic(
  'dmirror_atomic_map',
  (m, start: Vpn, pages: readonly Pfn[], dmirror: Dmirror): number => {
    const pt = ptOf(m, dmirror);
    let mapped = 0;
    pages.forEach((page, i) => {
      if (page === NO_PFN) return;
      pt.set(start + i, page * 4 + DPT_XA_TAG_ATOMIC);
      mapped++;
    });
    return mapped;
  },
);

/** The pieces of a range for exclusive access. Requires: mmap_lock. */
function* makePiecesExclusive(m: Machine, start: Vpn, end: Vpn, dmirror: Dmirror): Sleeps<number> {
  for (let vpn = start; vpn < end; vpn += PIECE_PAGES) {
    const wanted = Math.min(end - vpn, PIECE_PAGES);
    const { id: found, pages } = yield* makeDeviceExclusiveRange(m, vpn, wanted, dmirror.mm, 0);
    const mapped = found === wanted ? dmirrorAtomicMap(m, vpn, pages, dmirror) : 0;
    for (const page of pages) {
      if (page === NO_PFN) continue;
      unlockPage(m, compoundHead(m, page));
      putPage(m, page, 'FOLL_GET');
    }
    if (mapped < wanted) return -EBUSY;
  }
  return 0;
}

const dmirrorExclusive = sleepable(
  'dmirror_exclusive',
  function* (m, start: Vpn, npages: number, dmirror: Dmirror): Sleeps<DmirrorResult> {
    const end = start + npages;
    yield* mmapReadLock(m, dmirror.mm);
    const err = yield* makePiecesExclusive(m, start, end, dmirror);
    mmapReadUnlock(m, dmirror.mm);
    if (err !== 0) return result(err);
    const bounce = dmirrorBounceInit(m, start, npages);
    const ret = dmirrorDoRead(m, start, end, bounce, dmirror);
    dmirrorBounceFini(m);
    return result(ret, { cpages: bounce.values.length, values: bounce.values });
  },
);

/** Whether the device lost its exclusive access to all pages of a range. */
const dmirrorCheckAtomic = atomic(
  'dmirror_check_atomic',
  (m, start: Vpn, end: Vpn, dmirror: Dmirror): number => {
    const pt = ptOf(m, dmirror);
    for (const vpn of pt.keysBetween(start, end))
      if ((pt.get(vpn) ?? 0) % 4 === DPT_XA_TAG_ATOMIC) return -EPERM;
    return 0;
  },
);

/** What the device would see of one page. */
const dmirrorMkentry = atomic('dmirror_mkentry', (m, word: number, dmirror: Dmirror): string => {
  if ((word & HMM_PFN_ERROR) !== 0) return 'error';
  if ((word & HMM_PFN_VALID) === 0) return 'none';
  const page = hmmPfnToPage(word);
  let place = '';
  if (isDevicePrivatePage(m, page)) {
    place = dmirrorPageToDevice(m, page) === dmirror.device ? 'private-local:' : 'private-remote:';
  } else if (isDeviceCoherentPage(m, page)) {
    place = dmirrorPageToDevice(m, page) === dmirror.device ? 'coherent-local:' : 'coherent-remote:';
  } else if (isZeroPfn(m, page)) {
    place = 'zero:';
  }
  const access = (word & HMM_PFN_WRITE) !== 0 ? 'w' : 'r';
  if ((word & HMM_PFN_PMD) !== 0) return `${place}${access}+pmd`;
  return `${place}${access}${(word & HMM_PFN_PUD) !== 0 ? '+pud' : ''}`;
});

/** Subscriptions of snapshots, apart from those of open files, which have their dmirror's id. */
const SNAPSHOT_SUBSCRIPTIONS = 65536;

/** An invalidation within the interval: the snapshot begins again. */
const dmirrorSnapshotInvalidate = atomic(
  'dmirror_snapshot_invalidate',
  (m, subscription: number, range: MmuNotifierRange): boolean => {
    mmuIntervalSetSeq(m, range.mm, subscription);
    return true;
  },
);

/**
 * What the device would see of one piece; a notifier on just that piece tells whether it changed meanwhile.
 *
 * Kernel: `lib/test_hmm.c: dmirror_range_snapshot`
 * Simplified: no limit of one second.
 */
const dmirrorRangeSnapshot = sleepable(
  'dmirror_range_snapshot',
  function* (m, start: Vpn, end: Vpn, dmirror: Dmirror, perms: string[]): Sleeps<number> {
    const subscription = SNAPSHOT_SUBSCRIPTIONS + dmirror.id;
    m.notifierOps.set(subscription, {
      interval: { start, end },
      invalidate: (machine, id, range) => dmirrorSnapshotInvalidate(machine, id, range),
    });
    mmuIntervalNotifierInsert(m, dmirror.mm, subscription);
    let ret: number;
    for (;;) {
      const range: HmmRange = {
        mm: dmirror.mm,
        subscription,
        notifierSeq: yield* mmuIntervalReadBegin(m, dmirror.mm, subscription),
        start,
        end,
        hmmPfns: [],
        defaultFlags: 0,
        devPrivateOwner: dmirror.device,
      };
      yield* condResched(m, 'dmirror_range_snapshot');
      yield* mmapReadLock(m, dmirror.mm);
      ret = yield* hmmRangeFault(m, start, end, range);
      mmapReadUnlock(m, dmirror.mm);
      if (ret === -EBUSY) continue;
      if (ret === 0 && mmuIntervalReadRetry(m, subscription, range.notifierSeq)) continue;
      if (ret === 0) for (const word of range.hmmPfns) perms.push(dmirrorMkentry(m, word, dmirror));
      break;
    }
    mmuIntervalNotifierRemove(m, dmirror.mm, subscription);
    m.notifierOps.delete(subscription);
    return ret;
  },
);

const dmirrorSnapshot = sleepable(
  'dmirror_snapshot',
  function* (m, start: Vpn, npages: number, dmirror: Dmirror): Sleeps<DmirrorResult> {
    const perms: string[] = [];
    const end = start + npages;
    for (let vpn = start; vpn < end; vpn += PIECE_PAGES) {
      const ret = yield* dmirrorRangeSnapshot(m, vpn, Math.min(end, vpn + PIECE_PAGES), dmirror, perms);
      if (ret !== 0) return result(ret, { perms });
    }
    return result(0, { cpages: perms.length, perms });
  },
);

// --- giving memory up ---------------------------------------------------------------------------------------------

/**
 * Brings every page of a chunk back to system memory, whoever maps it. One attempt a page.
 *
 * Kernel: `lib/test_hmm.c: dmirror_device_evict_chunk`
 */
const dmirrorDeviceEvictChunk = atomic('dmirror_device_evict_chunk', (m, pgmap: number): void => {
  const { start, end } = m.pgmaps.get(pgmap);
  const src = migrateDeviceRange(m, start, end - start);
  const dst = src.map((word) => {
    const spage = migratePfnToPage(word);
    if (spage === NO_PFN || (word & MIGRATE_PFN_MIGRATE) === 0) return 0;
    const dpage = allocPage(m, GFP_HIGHUSER_MOVABLE);
    bugOn(dpage === NO_PFN, 'dmirror_device_evict_chunk: __GFP_NOFAIL, and no memory');
    bugOn(!trylockPage(m, dpage), 'dmirror_device_evict_chunk: new page is locked');
    copyHighpage(m, dpage, backingPage(m, spage));
    return migratePfn(dpage) + ((word & MIGRATE_PFN_WRITE) !== 0 ? MIGRATE_PFN_WRITE : 0);
  });
  migrateDevicePages(m, src.length, src, dst);
  migrateDeviceFinalize(m, src.length, src, dst, 'migration');
});

/**
 * Gives all memory of the device up; the next allocation registers it anew.
 *
 * Kernel: `lib/test_hmm.c: dmirror_device_remove_chunks, dmirror_remove_free_pages`
 * Simplified: the counters of allocated and freed pages begin at 0 again; nothing in the driver reads them.
 */
const dmirrorDeviceRemoveChunks = atomic('dmirror_device_remove_chunks', (m, deviceId: number): void => {
  const device = m.devices.get(deviceId);
  if (device.pgmap === 0) return;
  const set = (field: number, value: number): void => m.scalars.set(deviceRow(deviceId, field), value);
  set(DEVICE_REMOVING, 1);
  set(DEVICE_FREE_HEAD, 0);
  set(DEVICE_FRESH, 0);
  for (const pgmap of chunksOf(device)) {
    dmirrorDeviceEvictChunk(m, pgmap);
    memunmapPages(m, pgmap);
  }
  m.devices.update(deviceId, { pgmap: 0, olderPgmaps: [] });
  set(DEVICE_REMOVING, 0);
  set(DEVICE_CALLOC, 0);
  set(DEVICE_CFREE, 0);
});

// --- the file -----------------------------------------------------------------------------------------------------

export type DmirrorCommand =
  | {
      readonly kind: 'read' | 'migrate-to-sys' | 'exclusive' | 'check-exclusive' | 'snapshot' | 'release';
    }
  /** @param wantsValues - whether anybody asks for the values that the driver reads back */
  | { readonly kind: 'migrate-to-dev'; readonly wantsValues: boolean }
  | { readonly kind: 'write'; readonly values: readonly number[] };

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
        return yield* dmirrorRead(m, start, npages, dmirror);
      case 'write':
        return yield* dmirrorWrite(m, start, npages, dmirror, command.values);
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
        dmirrorDeviceRemoveChunks(m, dmirror.device);
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
export const dmirrorRelease = atomic('dmirror_fops_release', (m, dmirror: Dmirror): void => {
  mmuIntervalNotifierRemove(m, dmirror.mm, dmirror.id);
  for (const pgmap of chunksOf(deviceOf(m, dmirror))) dmirrorDeviceEvictChunk(m, pgmap);
  const pt = ptOf(m, dmirror);
  for (const vpn of pt.keys()) pt.delete(vpn);
  m.dmirrors.set(dmirror.id, undefined);
});

/**
 * The device's own mmap: an ordinary kernel page for every page of the area, there from the start.
 *
 * Kernel: `lib/test_hmm.c: dmirror_fops_mmap`
 *
 * @returns 0 or -errno
 */
export const dmirrorFopsMmap = atomic('dmirror_fops_mmap', (m, vma: Vma): number => {
  for (let vpn = vma.vmStart; vpn < vma.vmEnd; vpn++) {
    const page = allocPage(m, GFP_KERNEL | __GFP_ZERO);
    if (page === NO_PFN) return -ENOMEM;
    const err = vmInsertPage(m, vma.id, vpn, page);
    putPage(m, page, 'allocation');
    if (err !== 0) return err;
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

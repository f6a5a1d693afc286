// lib/test_hmm.c: chunks of device memory and their free pages.

import type { DmirrorDevice } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { VmFault } from '../../machine/ops.ts';
import {
  DEVICE_CALLOC,
  DEVICE_CFREE,
  DEVICE_FREE_HEAD,
  DEVICE_FRESH,
  DEVICE_REMOVING,
  deviceRow,
} from '../../machine/scalars.ts';
import { ENOMEM } from '../../uapi/errno.ts';
import { __GFP_ZERO, GFP_HIGHUSER } from '../../uapi/gfp.ts';
import { NO_PFN, type Pfn } from '../../uapi/units.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic } from '../sched/kernel-function.ts';
import { memremapPages, zoneDevicePageInit } from '../mm/memremap.ts';
import { allocPage, freePages } from '../mm/page-alloc.ts';
import { folioRefAdd, isDevicePrivatePage, moveReference, pagePgmap } from '../mm/page-ref.ts';
import { putPage } from '../mm/swap.ts';
import { freeCoherentPages } from './test-hmm-bulk.ts';
import { dmirrorDevmemFault } from './test-hmm-migrate.ts';

// --- device memory ----------------------------------------------------------------------------------------------

/** The page that holds a device page's bytes; a real GPU's pages hold their own. Kernel: `lib/test_hmm.c: BACKING_PAGE` */
export const backingPage = (m: Machine, page: Pfn): Pfn =>
  m.config.gpu === undefined && isDevicePrivatePage(m, page) ? m.pages.zoneDeviceData.get(page) - 1 : page;

const dmirrorPageToChunk = atomic(
  'dmirror_page_to_chunk',
  (m, page: Pfn): number => pagePgmap(m, page)?.id ?? 0,
);

/**
 * The device that a page of its memory belongs to.
 *
 * Kernel: `lib/test_hmm.c: dmirror_page_to_device`
 */
export const dmirrorPageToDevice = atomic('dmirror_page_to_device', (m, page: Pfn): number => {
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
export const dmirrorDevmemAllocPage = atomic('dmirror_devmem_alloc_page', (m, deviceId: number): Pfn => {
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

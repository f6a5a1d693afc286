// Memory of devices: registration of a dev_pagemap, the life of a ZONE_DEVICE page.

import type { DevPagemap, MemoryType } from '../../machine/entities.ts';
import { SECTION_ROWS } from '../../machine/column.ts';
import type { Block } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { DevPagemapOps, Sleeps } from '../../machine/ops.ts';
import { pgmapRefRow } from '../../machine/scalars.ts';
import { EEXIST, EINVAL, ENOMEM, ENXIO } from '../../uapi/errno.ts';
import { GFP_KERNEL } from '../../uapi/gfp.ts';
import { PG_anon_exclusive, PG_head, PG_ksm, PG_locked, PG_reserved } from '../../uapi/page-flags.ts';
import { hasPatch } from '../../uapi/patches.ts';
import { memmapPages, NO_PFN, PAGES_PER_SECTION, type Pfn } from '../../uapi/units.ts';
import { bugOn, type KernelMessage, warn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { letGo, letGoMidway } from '../sched/locks.ts';
import { allocPages, freePages } from './page-alloc.ts';
import {
  clearFlags,
  folioRefAdd,
  moveReference,
  pageAnon,
  pagePgmap,
  setFlags,
  setPageCount,
} from './page-ref.ts';

export interface DevPagemapRequest {
  readonly type: MemoryType;
  readonly start: Pfn;
  readonly end: Pfn;
  readonly node: number;
  readonly owner: number;
  /** Id of the device, where it is not the owner. */
  readonly device?: number;
  readonly ops: Partial<DevPagemapOps>;
  /** Takes system memory for the struct pages, as the kernel does; the recordings' machine had it reserved. */
  readonly populate?: boolean;
}

const HUGE_ORDER = 9;

const subsectionPages = 512;
/** Frames that the architecture can address: 46 bits with four levels. Kernel: `mm/memory_hotplug.c: mhp_range_allowed` */
const MAX_PHYSMEM_PFN = 2 ** 34;

/** What is missing for a type. Kernel: the switch at the head of memremap_pages. */
const checkType = (m: Machine, { ops, owner, type }: DevPagemapRequest): KernelMessage | undefined => {
  switch (type) {
    case 'MEMORY_DEVICE_PRIVATE':
      if (!m.kernel.CONFIG_DEVICE_PRIVATE) return 'memremap.no-device-private';
      if (ops.migrateToRam === undefined) return 'memremap.no-migrate-to-ram';
      if (ops.pageFree === undefined) return 'memremap.no-page-free';
      return owner === 0 ? 'memremap.no-owner' : undefined;
    case 'MEMORY_DEVICE_COHERENT':
      // an unknown type before the series' third patch; the kernel only warns, but no driver could be built
      if (!hasPatch(m.kernel, 3)) return 'memremap.invalid-type';
      if (ops.pageFree === undefined) return 'memremap.no-page-free';
      return owner === 0 ? 'memremap.no-owner' : undefined;
    case 'MEMORY_DEVICE_FS_DAX':
    case 'MEMORY_DEVICE_GENERIC':
    case 'MEMORY_DEVICE_PCI_P2PDMA':
      return undefined;
  }
};

const PGPROTS: Readonly<Record<MemoryType, DevPagemap['pgprot']>> = {
  MEMORY_DEVICE_PRIVATE: 'PAGE_KERNEL',
  MEMORY_DEVICE_COHERENT: 'PAGE_KERNEL',
  MEMORY_DEVICE_FS_DAX: 'decrypted',
  MEMORY_DEVICE_GENERIC: 'PAGE_KERNEL',
  MEMORY_DEVICE_PCI_P2PDMA: 'noncached',
};

/** In the order of include/linux/memremap.h: enum memory_type, which begins with 1. */
const MEMORY_TYPES: readonly MemoryType[] = [
  'MEMORY_DEVICE_PRIVATE',
  'MEMORY_DEVICE_COHERENT',
  'MEMORY_DEVICE_FS_DAX',
  'MEMORY_DEVICE_GENERIC',
  'MEMORY_DEVICE_PCI_P2PDMA',
];

/** Pages of these types are at rest with no reference; those of the others with one, which is the pgmap's. */
const restsAtZero = (type: MemoryType): boolean =>
  type === 'MEMORY_DEVICE_PRIVATE' || type === 'MEMORY_DEVICE_COHERENT';

/**
 * Whether frames may become a range of device memory. Only its two ends are looked up among the registered ranges; one
 * that lies between them is met when its struct pages would be made a second time.
 *
 * Kernel: `mm/memremap.c: pagemap_range`, `mm/sparse.c: fill_subsection_map`
 * Simplified: a refused range leaves nothing behind; the kernel forgets the one between its ends, and keeps the struct pages
 * made before it came to that.
 */
const pagemapRange = atomic('pagemap_range', (m, start: Pfn, end: Pfn): number => {
  const taken = [start, end - 1].find((pfn) => pagePgmap(m, pfn) !== undefined);
  if (taken !== undefined) {
    warn(m, 'conflicting-mapping', taken, end);
    return -ENOMEM;
  }
  if (m.config.ranges.some((range) => range.kind === 'ram' && range.start < end && start < range.end)) {
    warn(m, 'memremap.attempted-on-ram', start, end);
    return -ENXIO;
  }
  if (end > MAX_PHYSMEM_PFN) {
    warn(m, 'memremap.exceeds-range', start, end);
    return -EINVAL;
  }
  if (start % subsectionPages !== 0 || end % subsectionPages !== 0) {
    warn(m, 'memremap.misaligned', start, end);
    return -EINVAL;
  }
  if (m.pgmaps.values().some((other) => other.start < end && start < other.end)) {
    warn(m, 'memremap.section-present', start, end);
    return -EEXIST;
  }
  return 0;
});

const freeMemmap = (m: Machine, { start, order }: Block): void => {
  folioRefAdd(m, start, -1, 'kernel');
  clearFlags(m, start, PG_head);
  freePages(m, start, order);
};

/**
 * Memory for the struct pages of a range, from the range's node: whole huge pages where the range fills its sections.
 *
 * Kernel: `arch/x86/mm/init_64.c: vmemmap_populate`
 * Simplified: only the first page of a huge one is marked; no page tables of the kernel.
 *
 * @returns undefined when there is not enough memory
 */
const vmemmapPopulate = atomic(
  'vmemmap_populate',
  (m, start: Pfn, end: Pfn, node: number): readonly Block[] | undefined => {
    const whole = start % PAGES_PER_SECTION === 0 && end % PAGES_PER_SECTION === 0;
    const order = whole ? HUGE_ORDER : 0;
    const blocks: Block[] = [];
    const wanted = memmapPages(end - start);
    for (let got = 0; got < wanted; got += 2 ** order) {
      const pfn = allocPages(m, GFP_KERNEL, order, node);
      if (pfn === NO_PFN) {
        for (const block of blocks) freeMemmap(m, block);
        return undefined;
      }
      moveReference(m, pfn, 'allocation', 'kernel');
      if (order > 0) {
        setFlags(m, pfn, PG_head);
        m.pages.order.set(pfn, order);
      }
      blocks.push({ start: pfn, order });
    }
    m.trace.decide('pgmap.memmap', wanted, end - start);
    return blocks;
  },
);

/**
 * Registers a device's memory. Its pages are free: reference count 0 in the driver's own free list.
 * Untouched pages cost nothing; a page's memmap values are written when it is first handed out.
 *
 * Kernel: `mm/memremap.c: memremap_pages`
 *
 * @returns id of the pgmap; -EINVAL wrong callbacks or alignment, -ENXIO ordinary RAM, -ENOMEM registered already, -EEXIST
 *   a registered range lies within
 */
export const memremapPages = atomic('memremap_pages', (m, request: DevPagemapRequest): number => {
  const missing = checkType(m, request);
  if (missing !== undefined) {
    warn(m, missing, MEMORY_TYPES.indexOf(request.type) + 1);
    return -EINVAL;
  }
  const { type, start, end, node, owner } = request;
  const err = pagemapRange(m, start, end);
  if (err !== 0) return err;
  const memmap = request.populate === true ? vmemmapPopulate(m, start, end, node) : [];
  if (memmap === undefined) return -ENOMEM;
  if (request.populate === true) {
    if (type !== 'MEMORY_DEVICE_PRIVATE') m.trace.decide('pgmap.direct-map', end - start);
    m.trace.decide('pgmap.zone-span', end - start, node);
  }
  const id = m.pgmaps.add(
    (pgmapId): DevPagemap => ({
      id: pgmapId,
      type,
      start,
      end,
      node,
      owner,
      device: request.device ?? owner,
      linearMap: type !== 'MEMORY_DEVICE_PRIVATE',
      pgprot: PGPROTS[type],
      memmap,
    }),
  );
  m.pagemapOps.set(id, request.ops);
  m.scalars.set(pgmapRefRow(id), restsAtZero(type) ? 1 : 1 + end - start);
  if (!restsAtZero(type)) {
    for (let pfn = start; pfn < end; pfn++) {
      setPageCount(m, pfn, 1, 'kernel');
      setFlags(m, pfn, PG_reserved);
    }
  }
  return id;
});

/** What the memmap of a range says is gone. Parts of it that were never touched say nothing. */
function* forgetMemmap(m: Machine, start: Pfn, end: Pfn): Sleeps<void> {
  const { flags, index, mapping, zoneDeviceData } = m.pages;
  const columns = [flags, index, mapping, zoneDeviceData];
  for (let first = start; first < end; ) {
    const next = Math.min(end, first - (first % SECTION_ROWS) + SECTION_ROWS);
    const written = columns.filter((column) => !column.isConstant(first, next - first, 0));
    if (m.trace.tally !== undefined) {
      for (const column of written) column.writeLine(first, next - first, 0, 0);
    } else {
      for (let pfn = first; pfn < next; pfn++)
        for (const column of written) if (column.get(pfn) !== 0) column.set(pfn, 0);
    }
    first = next;
    yield* letGo(m, 'memunmap_pages', 0);
  }
}

/**
 * Ends a registration, and with it the memmap of the range: the next one starts with clean pages. The kernel waits
 * until every page is free; here nobody is left who could free one.
 *
 * Kernel: `mm/memremap.c: memunmap_pages`
 */
export const memunmapPages = sleepable('memunmap_pages', function* (m, id: number): Sleeps<void> {
  const { start, end, type, memmap } = m.pgmaps.get(id);
  // the pages' own references on the pgmap end here; only those of pages in use are waited for
  const own = restsAtZero(type) ? 0 : end - start;
  bugOn(
    m.scalars.get(pgmapRefRow(id)) > 1 + own,
    'memunmap_pages: waits for ever for pages that are still in use',
  );
  if (!restsAtZero(type)) for (let pfn = start; pfn < end; pfn++) setPageCount(m, pfn, 0, 'kernel');
  yield* forgetMemmap(m, start, end);
  m.scalars.set(pgmapRefRow(id), 0);
  m.pgmaps.set(id, undefined);
  for (const [i, block] of memmap.entries()) {
    freeMemmap(m, block);
    yield* letGoMidway(m, 'memunmap_pages', i);
  }
});

/**
 * A driver that goes gives its registration up. Sleeps: until the last page in use is free.
 *
 * Kernel: `mm/memremap.c: devm_memremap_pages_release, memunmap_pages`
 */
export const devmMemremapPagesRelease = sleepable(
  'devm_memremap_pages_release',
  function* (m, id: number): Sleeps<void> {
    const free = (): boolean => m.scalars.get(pgmapRefRow(id)) <= 1;
    if (!free()) m.trace.decide('pgmap.wait-for-pages', m.scalars.get(pgmapRefRow(id)) - 1);
    while (!free()) yield { kind: 'event', what: 'the last page of device memory', free };
    yield* memunmapPages(m, id);
  },
);

/**
 * Whether a reference on the frame's pgmap can be had: it is registered and not about to go.
 *
 * Kernel: `mm/memremap.c: get_dev_pagemap`
 */
export const pgmapIsLive = (m: Machine, pfn: Pfn): boolean => {
  const pgmap = pagePgmap(m, pfn);
  return pgmap !== undefined && m.scalars.get(pgmapRefRow(pgmap.id)) > 0;
};

/**
 * A driver takes a free page of its own: one reference, locked, one reference on the pgmap.
 *
 * Kernel: `mm/memremap.c: zone_device_page_init`
 */
export const zoneDevicePageInit = atomic('zone_device_page_init', (m, pfn: Pfn): void => {
  const pgmap = pagePgmap(m, pfn);
  bugOn(pgmap === undefined, 'zone_device_page_init: not a device page');
  if (pgmap === undefined) return;
  bugOn(m.pages.refcount.get(pfn) !== 0, 'zone_device_page_init: page is not free');
  m.scalars.set(pgmapRefRow(pgmap.id), m.scalars.get(pgmapRefRow(pgmap.id)) + 1);
  setPageCount(m, pfn, 1, 'allocation');
  setFlags(m, pfn, PG_locked | PG_reserved);
});

/**
 * The last reference of a device page is gone: it returns to its driver, never to the page allocator.
 *
 * Kernel: `mm/memremap.c: free_zone_device_page`
 */
export const freeZoneDevicePage = atomic('free_zone_device_page', (m, pfn: Pfn): void => {
  const pgmap = pagePgmap(m, pfn);
  if (pgmap === undefined) return;
  const pageFree = m.pagemapOps.get(pgmap.id)?.pageFree;
  if (pageFree === undefined) {
    warn(m, 'free_zone_device_page.no-page-free', pfn);
    return;
  }
  bugOn(m.pages.mapcount.get(pfn) !== 0, 'free_zone_device_page: page is still mapped');
  if (pageAnon(m, pfn)) clearFlags(m, pfn, PG_anon_exclusive);
  // the mark of a merged page is part of the mapping in the kernel
  clearFlags(m, pfn, PG_ksm);
  m.pages.mapping.set(pfn, 0);
  m.trace.decide('device.free', pfn, pgmap.id);
  pageFree(m, pfn);
  if (restsAtZero(pgmap.type)) {
    m.scalars.set(pgmapRefRow(pgmap.id), m.scalars.get(pgmapRefRow(pgmap.id)) - 1);
  } else {
    setPageCount(m, pfn, 1, 'kernel');
  }
});

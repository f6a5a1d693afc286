// The five types of device memory side by side: one row a property, one column a type, as in the reference
// (zone-device-and-migration, table of the types; machine-and-drivers.md §1.1, §1.7, §2.4, §6; scene 4 of its catalogue).

import { describe, expect, it, test } from 'vitest';
import { createSimulation, parseScenario } from '../../index.ts';
import { pgmapRefRow } from '../../machine/scalars.ts';
import {
  Bench,
  HOLE,
  memoryTypeMatrix,
  migrateInto,
  OVER_RAM,
  register,
  driveToEnd,
  select,
  UNIT,
  WITHOUT_MIGRATE_TO_RAM,
  WITHOUT_OWNER,
  WITHOUT_PAGE_FREE,
} from '../../scenario/memory-types.ts';
import type { PatchNumber } from '../../uapi/config.ts';
import { errnoName } from '../../uapi/errno.ts';
import { EventKind } from '../../uapi/events.ts';
import { FOLL_LONGTERM, FOLL_WRITE } from '../../uapi/gup-flags.ts';
import { MEMORY_PROPERTIES, MEMORY_TYPES, type MemoryProperty } from '../../uapi/memory-types.ts';
import { entryPfn, pteDevmap, pteSpecial, pteWrite, rawEntryText } from '../../uapi/pte.ts';
import { NO_PFN } from '../../uapi/units.ts';
import { KERNEL_MESSAGES } from '../sched/bug.ts';
import { atOnce } from '../sched/locks.ts';
import { pinUserPages } from '../mm/gup.ts';
import { getUserPagesFastOnly } from '../mm/gup-unlocked.ts';
import { unpinUserPages } from '../mm/gup-grab.ts';
import { type DevPagemapRequest, memremapPages, memunmapPages, zoneDevicePageInit } from '../mm/memremap.ts';
import { MIGRATE_VMA_SELECT_DEVICE_COHERENT, MIGRATE_VMA_SELECT_SYSTEM } from '../mm/migrate-vma.ts';
import { doMunmap } from '../mm/mmap.ts';
import { doMprotect } from '../mm/mprotect.ts';
import { folioGet, isZoneDevicePage } from '../mm/page-ref.ts';
import { mappedFrame } from '../mm/page-table.ts';
import { folioPut } from '../mm/swap.ts';
import { vmaLookup } from '../mm/vma.ts';
import { daxMmap } from './dax.ts';
import { pciP2pdmaAddResource } from './p2pdma.ts';

const NONE = 'not mapped';

//                                         PRIVATE   COHERENT  FS_DAX    GENERIC   P2PDMA
const REFERENCE: Readonly<Record<MemoryProperty, readonly string[]>> = {
  'in-place': ['false', 'true', 'true', 'true', NONE],
  'linear-map': ['false', 'true', 'true', 'true', 'true'],
  pgprot: ['PAGE_KERNEL', 'PAGE_KERNEL', 'decrypted', 'PAGE_KERNEL', 'noncached'],
  entry: ['device-private', 'present', 'present', 'present', NONE],
  devmap: ['false', 'false', 'true', 'true', NONE],
  special: ['false', 'false', 'true', 'true', NONE],
  'normal-page': ['not asked', 'true', 'false', 'false', NONE],
  into: ['yes', 'yes', 'refused', 'refused', 'refused'],
  'into-hole': ['yes', 'yes', 'refused', 'refused', 'refused'],
  'from-any': ['2', '2', '-EINVAL', '-EINVAL', NONE],
  'from-system': ['0', '0', '-EINVAL', '-EINVAL', NONE],
  'from-private': ['2', '0', '-EINVAL', '-EINVAL', NONE],
  'from-coherent': ['0', '2', '-EINVAL', '-EINVAL', NONE],
  get: ['home', 'in place', 'in place', 'in place', NONE],
  'get-fast-only': ['none', 'in place', 'in place', 'in place', NONE],
  pin: ['home', 'in place', 'in place', 'in place', NONE],
  'pin-longterm': ['home', 'home', '-EOPNOTSUPP', 'in place', NONE],
  'pin-longterm-fast-only': ['none', 'none', 'none', 'none', NONE],
  lru: ['false', 'false', 'false', 'false', 'false'],
  reserved: ['true', 'true', 'true', 'true', 'true'],
  'ref-free': ['0', '0', '1', '1', '1'],
  'ref-mapped': ['1', '1', '1', '1', NONE],
  // two pages are in use of the first two types; all 512 are registered of the others
  'ref-pgmap': ['3', '3', `${UNIT + 1}`, `${UNIT + 1}`, `${UNIT + 1}`],
  'page-free': ['true', 'true', 'false', 'false', 'false'],
  'migrate-to-ram': ['true', 'false', 'false', 'false', 'false'],
  owner: ['true', 'true', 'false', 'false', 'false'],
  'memory-failure': ['-EBUSY', '-EBUSY', 'kills 1', 'kills 1', '-EBUSY'],
  complete: ['true', 'true', 'true', 'true', 'true'],
  'without-page-free': ['-EINVAL', '-EINVAL', 'true', 'true', 'true'],
  'without-migrate-to-ram': ['-EINVAL', 'true', 'true', 'true', 'true'],
  'without-owner': ['-EINVAL', '-EINVAL', 'true', 'true', 'true'],
  'over-ram': ['-ENXIO', '-ENXIO', '-ENXIO', '-ENXIO', '-ENXIO'],
};

describe('the matrix', () => {
  const matrix = memoryTypeMatrix();

  test.each(Object.entries(REFERENCE))('%s', (property, cells) => {
    expect(matrix.find((row) => row.property === property)?.cells).toEqual(cells);
  });

  test('has every property once', () => {
    expect(matrix.map(({ property }) => property)).toEqual(Object.values(MEMORY_PROPERTIES).flat());
  });
});

// --- registration -------------------------------------------------------------------------------------------------

/** What a driver is told, and what the kernel prints. */
const told = (...request: Parameters<typeof register>): [string, string] => {
  const { m, ret } = register(...request);
  const { log } = m.journal;
  let message = '';
  for (let i = 0; i < log.length; i++)
    if (log.kindAt(i) === EventKind.LOG) message = KERNEL_MESSAGES[log.idAt(i)] ?? '?';
  return [ret < 0 ? errnoName(ret) : 'ok', message];
};

describe('memremap_pages', () => {
  test.each<[string, Partial<DevPagemapRequest>, readonly string[], string]>([
    ['all that it may want', {}, ['ok', 'ok', 'ok', 'ok', 'ok'], ''],
    ['no page_free', WITHOUT_PAGE_FREE, ['EINVAL', 'EINVAL', 'ok', 'ok', 'ok'], 'memremap.no-page-free'],
    [
      'no migrate_to_ram',
      WITHOUT_MIGRATE_TO_RAM,
      ['EINVAL', 'ok', 'ok', 'ok', 'ok'],
      'memremap.no-migrate-to-ram',
    ],
    ['no owner', WITHOUT_OWNER, ['EINVAL', 'EINVAL', 'ok', 'ok', 'ok'], 'memremap.no-owner'],
    ['system memory', OVER_RAM, ['ENXIO', 'ENXIO', 'ENXIO', 'ENXIO', 'ENXIO'], 'memremap.attempted-on-ram'],
    [
      'no whole subsections',
      { end: HOLE + 100 },
      ['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL', 'EINVAL'],
      'memremap.misaligned',
    ],
    [
      'more than can be addressed',
      { start: 2 ** 34, end: 2 ** 34 + UNIT },
      ['EINVAL', 'EINVAL', 'EINVAL', 'EINVAL', 'EINVAL'],
      'memremap.exceeds-range',
    ],
  ])('with %s', (_, change, cells, message) => {
    MEMORY_TYPES.forEach((type, i) => {
      expect([type, ...told(type, change)]).toEqual([type, cells[i], cells[i] === 'ok' ? '' : message]);
    });
  });

  it('knows private memory only with CONFIG_DEVICE_PRIVATE', () => {
    const kernel = { CONFIG_DEVICE_PRIVATE: false };
    expect(told('PRIVATE', {}, kernel)).toEqual(['EINVAL', 'memremap.no-device-private']);
    expect(told('COHERENT', {}, kernel)).toEqual(['ok', '']);
  });

  it('knows coherent memory only with the third patch', () => {
    expect(told('COHERENT', {}, { patches: [1, 2] })).toEqual(['EINVAL', 'memremap.invalid-type']);
    expect(told('GENERIC', {}, { patches: [] })).toEqual(['ok', '']);
  });

  it('refuses memory that is registered already', () => {
    const bench = new Bench('GENERIC');
    expect(errnoName(pciP2pdmaAddResource(bench.m, HOLE, UNIT, 0))).toBe('ENOMEM');
  });

  // mm/memremap.c: pagemap_range asks get_dev_pagemap for both ends; mm/sparse.c: fill_subsection_map for all between
  it('finds a registered range at the ends by -ENOMEM, one in between by -EEXIST', () => {
    const { m } = new Bench('GENERIC');
    const at = HOLE + 2 * UNIT;
    expect(pciP2pdmaAddResource(m, at, UNIT, 0)).toBeGreaterThan(0);
    const asked = (start: number, npages: number): string =>
      errnoName(pciP2pdmaAddResource(m, start, npages, 0));
    expect([asked(at - UNIT, 2 * UNIT), asked(at, 2 * UNIT)]).toEqual(['ENOMEM', 'ENOMEM']);
    expect(asked(at - UNIT, 3 * UNIT)).toBe('EEXIST');
    expect(m.pgmaps.values().filter(({ start }) => start === at - UNIT)).toEqual([]);
  });

  // machine-and-drivers.md §1.1, "on last put": of private and coherent memory "pgmap ref dropped", of the others "refcount
  // reset to 1"; of a driver without page_free the kernel only warns (mm/memremap.c: free_zone_device_page)
  it.each([
    ['COHERENT', 0, 1],
    ['GENERIC', 1, 1 + UNIT],
  ] as const)('rests a page of %s memory with %i references after its last put', (type, count, ofPgmap) => {
    const freed: number[] = [];
    const { m, ret } = register(type, { ops: { pageFree: (_m, pfn) => void freed.push(pfn) } });
    if (type === 'COHERENT') zoneDevicePageInit(m, HOLE);
    folioPut(m, HOLE, type === 'COHERENT' ? 'allocation' : 'kernel');
    expect([freed, m.pages.refcount.get(HOLE), m.scalars.get(pgmapRefRow(ret))]).toEqual([
      [HOLE],
      count,
      ofPgmap,
    ]);
  });

  it('gives the memory back when nobody uses it', () => {
    const bench = new Bench('PCI_P2PDMA');
    atOnce(() => memunmapPages(bench.m, bench.pgmap.id));
    expect(isZoneDevicePage(bench.m, HOLE)).toBe(false);
    expect(bench.m.pages.refcount.get(HOLE)).toBe(0);
    expect(pciP2pdmaAddResource(bench.m, HOLE, UNIT, 0)).toBeGreaterThan(0);
  });
});

// --- DAX mappings -------------------------------------------------------------------------------------------------

describe('a DAX mapping', () => {
  it('has the two software bits of its entries where the hardware has them: 9 and 58', () => {
    expect(rawEntryText(new Bench('GENERIC').entry())).toBe('0x8400000040000267');
  });

  it('of a character device is shared and whole, or not at all', () => {
    expect(() => new Bench('GENERIC', false)).toThrow('cannot be mapped');
    const bench = new Bench('GENERIC');
    const file = bench.vma.file;
    expect(daxMmap(bench.m, bench.mm, file, { name: 'x', npages: 4, prot: 3, shared: true })).toBe(-22);
  });

  it('that is private shows the file until the first write, which makes a copy in system memory', () => {
    const bench = new Bench('FS_DAX', false);
    expect(bench.onDevice(entryPfn(bench.entry(0)))).toBe(false);
    expect(bench.m.pages.content.get(bench.touch(2, false))).toBe(102);
    expect([bench.onDevice(entryPfn(bench.entry(2))), pteWrite(bench.entry(2))]).toEqual([true, false]);
    const copy = bench.touch(2);
    expect([bench.onDevice(copy), bench.m.pages.content.get(copy)]).toEqual([false, 102]);
  });

  it('of a file is told of the first write; one of a character device is not', () => {
    for (const [type, writable] of [
      ['FS_DAX', false],
      ['GENERIC', true],
    ] as const) {
      const bench = new Bench(type);
      bench.touch(2, false);
      expect(pteWrite(bench.entry(2))).toBe(writable);
      bench.touch(2);
      expect([pteWrite(bench.entry(2)), pteDevmap(bench.entry(2))]).toEqual([true, true]);
    }
  });

  it('keeps its bits when its protection changes, and leaves its pages alone when it goes', () => {
    const bench = new Bench('GENERIC');
    driveToEnd(doMprotect(bench.m, bench.mm, bench.start, UNIT, 1));
    expect([pteDevmap(bench.entry()), pteSpecial(bench.entry()), pteWrite(bench.entry())]).toEqual([
      true,
      true,
      false,
    ]);
    const { frame } = bench;
    driveToEnd(doMunmap(bench.m, bench.mm, bench.start, bench.start + UNIT));
    expect([bench.m.pages.refcount.get(frame), bench.pgmapRefs]).toEqual([1, UNIT + 1]);
    expect(mappedFrame(bench.m, bench.mm, bench.start)).toBe(NO_PFN);
  });

  it('that is pinned keeps the page, and not the mapping', () => {
    const bench = new Bench('GENERIC');
    const { pages } = driveToEnd(pinUserPages(bench.m, bench.start, 2, FOLL_WRITE | FOLL_LONGTERM, 1));
    expect(bench.m.pages.refcount.get(bench.frame)).toBe(1025);
    const { frame } = bench;
    driveToEnd(doMunmap(bench.m, bench.mm, bench.start, bench.start + UNIT));
    expect(bench.m.pages.refcount.get(frame)).toBe(1025);
    unpinUserPages(bench.m, pages.length, pages);
    expect(bench.m.pages.refcount.get(frame)).toBe(1);
  });

  it('is not grabbed once its pgmap is on the way out; what the walk had of the table goes back', () => {
    const bench = new Bench('GENERIC');
    const { frame } = bench;
    bench.m.scalars.set(pgmapRefRow(bench.pgmap.id), 0);
    expect(driveToEnd(getUserPagesFastOnly(bench.m, bench.start, 2, FOLL_WRITE, 1)).id).toBe(0);
    expect(bench.m.pages.refcount.get(frame)).toBe(1);
  });
});

it('a page without references and without page_free is lost, with a warning', () => {
  const bench = new Bench('PCI_P2PDMA');
  folioPut(bench.m, HOLE, 'kernel');
  expect(bench.m.pages.refcount.get(HOLE)).toBe(0);
  expect(() => folioGet(bench.m, HOLE, 'kernel')).toThrow('folio is free');
});

/** A driver of its own on a kernel with these patches: one page of a process in its coherent memory. */
const coherentOn = (patches: readonly PatchNumber[]): Pick<Bench, 'm' | 'start' | 'vma' | 'pgmap'> => {
  const { machine: m } = createSimulation(parseScenario({ devices: [], steps: [] }), { kernel: { patches } });
  const type = 'MEMORY_DEVICE_COHERENT';
  const request = {
    type,
    start: HOLE,
    end: HOLE + UNIT,
    node: 0,
    owner: 1,
    ops: { pageFree: () => undefined },
  } as const;
  const pgmap = m.pgmaps.get(memremapPages(m, request));
  expect(migrateInto({ m, mm: m.mms.get(1), pgmap }, false)).toBe('yes');
  const start = m.mms.get(1).areas[0]?.start ?? NO_PFN;
  const vma = vmaLookup(m, m.mms.get(1), start);
  if (vma === undefined) throw new Error('no area');
  return { m, start, vma, pgmap };
};

it('without the fifth patch nothing selects coherent pages, and whoever wants system memory gets them too', () => {
  const selected = (patches: readonly PatchNumber[]): string[] =>
    [MIGRATE_VMA_SELECT_DEVICE_COHERENT, MIGRATE_VMA_SELECT_SYSTEM].map((flags) =>
      select(coherentOn(patches), flags),
    );
  // the second page of the range is a hole, which is always a candidate
  expect(selected([1, 2, 3, 4, 5, 6])).toEqual(['2', '1']);
  expect(selected([1, 2, 3, 4, 6])).toEqual(['1', '2']);
});

// The five types of device memory side by side: what each may do, by the same code paths. One row a property, one
// column a type, as in the reference.

import { describe, expect, it, test } from 'vitest';
import { createSimulation, parseScenario } from '../../index.ts';
import type { DevPagemap, MemoryType, Mm } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { pgmapRefRow } from '../../machine/scalars.ts';
import type { KernelConfig, PatchNumber } from '../../uapi/config.ts';
import { errnoName } from '../../uapi/errno.ts';
import { EventKind } from '../../uapi/events.ts';
import { FOLL_LONGTERM, FOLL_WRITE } from '../../uapi/gup-flags.ts';
import { PG_lru, PG_reserved } from '../../uapi/page-flags.ts';
import {
  entryKind,
  entryPfn,
  isDevicePrivateEntry,
  pteDevmap,
  pteSpecial,
  pteWrite,
  rawEntryText,
} from '../../uapi/pte.ts';
import { mibToPages, NO_PFN, type Pfn } from '../../uapi/units.ts';
import { KERNEL_MESSAGES } from '../sched/bug.ts';
import { cpuAccess } from '../mm/cpu-access.ts';
import { getUserPages, getUserPagesFastOnly, pinUserPages, pinUserPagesFastOnly } from '../mm/gup.ts';
import { unpinUserPages } from '../mm/gup-grab.ts';
import { memoryFailureDevPagemap } from '../mm/memory-failure.ts';
import { type DevPagemapRequest, memremapPages, memunmapPages, zoneDevicePageInit } from '../mm/memremap.ts';
import {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_VMA_SELECT_DEVICE_COHERENT,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migratePfn,
  migrateVmaFinalize,
  migrateVmaPages,
  migrateVmaSetup,
} from '../mm/migrate-device.ts';
import { doMunmap, mmapRegion } from '../mm/mmap.ts';
import { doMprotect } from '../mm/mprotect.ts';
import { vmNormalPage } from '../mm/normal-page.ts';
import { folioGet, folioRefAdd, isZoneDevicePage, pagePgmap } from '../mm/page-ref.ts';
import { mappedFrame, walkPte } from '../mm/page-table.ts';
import { folioPut } from '../mm/swap.ts';
import { vmaLookup } from '../mm/vma.ts';
import { trylockPage } from '../sched/locks.ts';
import { daxMmap, devDaxProbe, pmemAttach } from './dax.ts';
import { pciP2pdmaAddResource } from './p2pdma.ts';

const TYPES = ['PRIVATE', 'COHERENT', 'FS_DAX', 'GENERIC', 'PCI_P2PDMA'] as const;
type Type = (typeof TYPES)[number];

/** The hole of the guest's address space that a second coherent device would fill. */
const HOLE = mibToPages(1024);
const UNIT = 512;

const run = <T>(task: Sleeps<T>): T => {
  for (let i = 0; i < 1000; i++) {
    const { done, value } = task.next();
    if (done === true) return value;
  }
  throw new Error('it sleeps and sleeps');
};

/** A machine with memory of one type, and a process that has a page of it in an area, as far as that can be. */
class Bench {
  readonly m: Machine;
  /** First page of the area; NO_PFN where no program can map such memory. */
  readonly start: number;
  readonly pgmap: DevPagemap;

  constructor(type: Type, shared = true) {
    const device = type === 'PRIVATE' ? 'private' : 'coherent';
    const own = type === 'PRIVATE' || type === 'COHERENT';
    const steps = [
      { op: 'mmap', proc: 'A', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' },
      { op: 'write', proc: 'A', vma: 'buf', page: 0, count: 2, value: 100 },
      { op: 'migrate_to_dev', proc: 'A', vma: 'buf', page: 0, count: 2, device: 0 },
    ].map((step) => ({ step }));
    const sim = createSimulation(
      parseScenario({ devices: [{ id: 0, kind: device }], steps: own ? steps : [] }),
    );
    sim.runAll();
    this.m = sim.machine;
    const range = { start: HOLE, npages: UNIT, node: 0 };
    if (own) {
      this.start = this.mm.areas[0]?.start ?? NO_PFN;
    } else if (type === 'PCI_P2PDMA') {
      pciP2pdmaAddResource(this.m, HOLE, UNIT, 0);
      this.start = NO_PFN;
    } else {
      const file = type === 'GENERIC' ? devDaxProbe(this.m, range) : pmemAttach(this.m, range);
      for (let i = 0; i < 4; i++) this.m.pages.content.set(HOLE + i, 100 + i);
      const vma = daxMmap(this.m, this.mm, file, { name: 'buf', npages: UNIT, prot: 3, shared });
      if (typeof vma === 'number') throw new Error('cannot be mapped');
      this.start = vma.vmStart;
      this.touch(0);
      this.touch(1);
    }
    const pgmap = this.m.pgmaps.values().find((candidate) => candidate.type === `MEMORY_DEVICE_${type}`);
    if (pgmap === undefined) throw new Error('not registered');
    this.pgmap = pgmap;
  }

  get mm(): Mm {
    return this.m.mms.get(1);
  }

  get mapped(): boolean {
    return this.start !== NO_PFN;
  }

  touch(page: number, write = true): Pfn {
    const access = run(cpuAccess(this.m, this.mm, this.start + page, write));
    return access.kind === 'page' ? access.pfn : NO_PFN;
  }

  entry(page = 0): number {
    const row = walkPte(this.m, this.mm, this.start + page);
    return row < 0 ? 0 : this.m.entries.get(row);
  }

  /** The frame of the type that stands behind page 0, or just one of its frames. */
  get frame(): Pfn {
    return this.mapped ? entryPfn(this.entry()) : this.pgmap.start;
  }

  onDevice(pfn: Pfn): boolean {
    return pagePgmap(this.m, pfn)?.id === this.pgmap.id;
  }

  get vma() {
    const vma = vmaLookup(this.m, this.mm, this.start);
    if (vma === undefined) throw new Error('no area');
    return vma;
  }

  gup(call: typeof getUserPages, flags: number): string {
    const { id, pages } = run(call(this.m, this.start, 1, flags, 1, {}));
    if (id < 0) return errnoName(id);
    return id === 0 ? 'none' : this.onDevice(pages[0] ?? NO_PFN) ? 'in place' : 'home';
  }

  get pgmapRefs(): number {
    return this.m.scalars.get(pgmapRefRow(this.pgmap.id));
  }
}

/** What a migration with this bench's memory as its destination gives: the page that was to move, or a hole. */
const migrateInto = (bench: Pick<Bench, 'm' | 'mm' | 'pgmap'>, hole: boolean): string => {
  const { m } = bench;
  const vma = mmapRegion(m, bench.mm, { name: 'more', npages: 4, prot: 3, kind: 'anon-private' });
  if (!hole) run(cpuAccess(m, bench.mm, vma.vmStart, true));
  const args: MigrateVma = {
    vma: m.vmas.get(vma.id),
    start: vma.vmStart,
    end: vma.vmStart + 1,
    src: [],
    dst: [],
    cpages: 0,
    pgmapOwner: bench.pgmap.owner,
    flags: MIGRATE_VMA_SELECT_SYSTEM,
    faultPage: NO_PFN,
  };
  run(migrateVmaSetup(m, vma.vmStart, vma.vmStart + 1, args));
  const dst = bench.pgmap.start + 3;
  const restsAtZero =
    bench.pgmap.type === 'MEMORY_DEVICE_PRIVATE' || bench.pgmap.type === 'MEMORY_DEVICE_COHERENT';
  if (restsAtZero) {
    zoneDevicePageInit(m, dst);
  } else {
    trylockPage(m, dst);
    folioRefAdd(m, dst, 1, 'allocation');
  }
  args.dst[0] = migratePfn(dst);
  migrateVmaPages(m, 1, args);
  const moved = ((args.src[0] ?? 0) & MIGRATE_PFN_MIGRATE) !== 0;
  migrateVmaFinalize(m, 1, args);
  return moved ? 'yes' : 'refused';
};

/** Pages of the area that a driver with these flags could select; or the name of the error. */
const select = (bench: Pick<Bench, 'm' | 'start' | 'vma' | 'pgmap'>, flags: number): string => {
  const { m, start } = bench;
  const args: MigrateVma = {
    vma: bench.vma,
    start,
    end: start + 2,
    src: [],
    dst: [],
    cpages: 0,
    pgmapOwner: bench.pgmap.owner,
    flags,
    faultPage: NO_PFN,
  };
  const ret = run(migrateVmaSetup(m, start, start + 2, args));
  return ret < 0 ? errnoName(ret) : String(args.cpages);
};

type Cell = string | number | boolean;
type Property = readonly [
  name: string,
  see: (bench: Bench) => Cell,
  cells: readonly [Cell, Cell, Cell, Cell, Cell],
];

const NONE = 'not mapped';
const ifMapped =
  (see: (bench: Bench) => Cell): ((bench: Bench) => Cell) =>
  (bench) =>
    bench.mapped ? see(bench) : NONE;

//                                                                    PRIVATE   COHERENT  FS_DAX    GENERIC   P2PDMA
const PROPERTIES: readonly Property[] = [
  ['the CPU uses it in place', ifMapped((b) => b.onDevice(b.touch(0))), [false, true, true, true, NONE]],
  ['is in the linear map', (b) => b.pgmap.linearMap, [false, true, true, true, true]],
  [
    'protection',
    (b) => b.pgmap.pgprot,
    ['PAGE_KERNEL', 'PAGE_KERNEL', 'decrypted', 'PAGE_KERNEL', 'noncached'],
  ],
  [
    'kind of entry',
    ifMapped((b) => entryKind(b.entry())),
    ['device-private', 'present', 'present', 'present', NONE],
  ],
  ['entry is devmap', ifMapped((b) => pteDevmap(b.entry())), [false, false, true, true, NONE]],
  [
    'entry is special',
    ifMapped((b) => !isDevicePrivateEntry(b.entry()) && pteSpecial(b.entry())),
    [false, false, true, true, NONE],
  ],
  [
    'vm_normal_page',
    ifMapped((b) =>
      entryKind(b.entry()) === 'present'
        ? vmNormalPage(b.m, b.vma, b.start, b.entry()) !== NO_PFN
        : 'not asked',
    ),
    ['not asked', true, false, false, NONE],
  ],
  ['migrate_vma into it', (b) => migrateInto(b, false), ['yes', 'yes', 'refused', 'refused', 'refused']],
  [
    'migrate_vma into it, for a hole',
    (b) => migrateInto(b, true),
    ['yes', 'yes', 'refused', 'refused', 'refused'],
  ],
  ['migrate_vma from it, all flags', ifMapped((b) => select(b, 7)), ['2', '2', 'EINVAL', 'EINVAL', NONE]],
  [
    '… SELECT_SYSTEM only',
    ifMapped((b) => select(b, MIGRATE_VMA_SELECT_SYSTEM)),
    ['0', '0', 'EINVAL', 'EINVAL', NONE],
  ],
  [
    '… SELECT_DEVICE_PRIVATE',
    ifMapped((b) => select(b, MIGRATE_VMA_SELECT_DEVICE_PRIVATE)),
    ['2', '0', 'EINVAL', 'EINVAL', NONE],
  ],
  [
    '… SELECT_DEVICE_COHERENT',
    ifMapped((b) => select(b, MIGRATE_VMA_SELECT_DEVICE_COHERENT)),
    ['0', '2', 'EINVAL', 'EINVAL', NONE],
  ],
  [
    'is on an LRU list',
    (b) => (b.m.pages.flags.get(b.frame) & PG_lru) !== 0,
    [false, false, false, false, false],
  ],
  ['is reserved', (b) => (b.m.pages.flags.get(b.frame) & PG_reserved) !== 0, [true, true, true, true, true]],
  ['references of a free page', (b) => b.m.pages.refcount.get(b.pgmap.start + 7), [0, 0, 1, 1, 1]],
  ['references of a mapped page', ifMapped((b) => b.m.pages.refcount.get(b.frame)), [1, 1, 1, 1, NONE]],
  // two pages are in use of the first two types; all 512 are registered of the others
  ['references on the pgmap', (b) => b.pgmapRefs, [3, 3, UNIT + 1, UNIT + 1, UNIT + 1]],
  [
    'get_user_pages',
    ifMapped((b) => b.gup(getUserPages, FOLL_WRITE)),
    ['home', 'in place', 'in place', 'in place', NONE],
  ],
  [
    'get_user_pages_fast_only',
    ifMapped((b) => b.gup(getUserPagesFastOnly, FOLL_WRITE)),
    ['none', 'in place', 'in place', 'in place', NONE],
  ],
  [
    'pin_user_pages',
    ifMapped((b) => b.gup(pinUserPages, FOLL_WRITE)),
    ['home', 'in place', 'in place', 'in place', NONE],
  ],
  [
    'pin_user_pages, long-term',
    ifMapped((b) => b.gup(pinUserPages, FOLL_WRITE | FOLL_LONGTERM)),
    ['home', 'home', 'EOPNOTSUPP', 'in place', NONE],
  ],
  [
    'pin_user_pages_fast_only, long-term',
    ifMapped((b) => b.gup(pinUserPagesFastOnly, FOLL_WRITE | FOLL_LONGTERM)),
    ['none', 'none', 'none', 'none', NONE],
  ],
  [
    'page_free',
    (b) => b.m.pagemapOps.get(b.pgmap.id)?.pageFree !== undefined,
    [true, true, false, false, false],
  ],
  [
    'migrate_to_ram',
    (b) => b.m.pagemapOps.get(b.pgmap.id)?.migrateToRam !== undefined,
    [true, false, false, false, false],
  ],
  ['has an owner', (b) => b.pgmap.owner !== 0, [true, true, false, false, false]],
  [
    'memory failure',
    (b) => {
      const { ret, killed } = memoryFailureDevPagemap(b.m, b.frame);
      return ret < 0 ? errnoName(ret) : `kills ${killed.length}`;
    },
    ['EBUSY', 'EBUSY', 'kills 1', 'kills 1', 'EBUSY'],
  ],
];

describe.each(PROPERTIES)('%s', (_, see, cells) => {
  test.each(TYPES.map((type, i) => [type, cells[i]] as const))('%s: %s', (type, cell) => {
    expect(see(new Bench(type))).toBe(cell);
  });
});

// --- registration -------------------------------------------------------------------------------------------------

const pageFree = (): void => undefined;
const migrateToRam = function* (): Sleeps<number> {
  return 0;
};
const OPS = { pageFree, migrateToRam };

const register = (
  type: Type,
  change: Partial<DevPagemapRequest> = {},
  kernel: Partial<KernelConfig> = {},
): [string, string] => {
  const { machine: m } = createSimulation(parseScenario({ devices: [], steps: [] }), { kernel });
  const ret = memremapPages(m, {
    type: `MEMORY_DEVICE_${type}` as MemoryType,
    start: HOLE,
    end: HOLE + UNIT,
    node: 0,
    owner: 1,
    ops: OPS,
    ...change,
  });
  const { log } = m.journal;
  const last = log.length - 2; // before the end of the span
  let message = '';
  for (let i = last; i >= 0 && message === ''; i--)
    if (log.kindAt(i) === EventKind.LOG) message = KERNEL_MESSAGES[log.idAt(i)] ?? '?';
  return [ret < 0 ? errnoName(ret) : 'ok', message];
};

describe('memremap_pages', () => {
  const NO_FREE = { ops: { migrateToRam } };
  const NO_RAM = { ops: { pageFree } };
  const NO_OWNER = { owner: 0 };

  test.each<[string, Partial<DevPagemapRequest>, readonly [Cell, Cell, Cell, Cell, Cell], string]>([
    ['all that it may want', {}, ['ok', 'ok', 'ok', 'ok', 'ok'], ''],
    ['no page_free', NO_FREE, ['EINVAL', 'EINVAL', 'ok', 'ok', 'ok'], 'memremap.no-page-free'],
    ['no migrate_to_ram', NO_RAM, ['EINVAL', 'ok', 'ok', 'ok', 'ok'], 'memremap.no-migrate-to-ram'],
    ['no owner', NO_OWNER, ['EINVAL', 'EINVAL', 'ok', 'ok', 'ok'], 'memremap.no-owner'],
    [
      'system memory',
      { start: 32768, end: 32768 + UNIT },
      ['ENXIO', 'ENXIO', 'ENXIO', 'ENXIO', 'ENXIO'],
      'memremap.attempted-on-ram',
    ],
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
    TYPES.forEach((type, i) => {
      expect([type, ...register(type, change)]).toEqual([type, cells[i], cells[i] === 'ok' ? '' : message]);
    });
  });

  it('knows private memory only with CONFIG_DEVICE_PRIVATE', () => {
    const kernel = { CONFIG_DEVICE_PRIVATE: false };
    expect(register('PRIVATE', {}, kernel)).toEqual(['EINVAL', 'memremap.no-device-private']);
    expect(register('COHERENT', {}, kernel)).toEqual(['ok', '']);
  });

  it('knows coherent memory only with the third patch', () => {
    expect(register('COHERENT', {}, { patches: [1, 2] })).toEqual(['EINVAL', 'memremap.invalid-type']);
    expect(register('GENERIC', {}, { patches: [] })).toEqual(['ok', '']);
  });

  it('refuses memory that is registered already', () => {
    const bench = new Bench('GENERIC');
    expect(errnoName(pciP2pdmaAddResource(bench.m, HOLE, UNIT, 0))).toBe('ENOMEM');
  });

  it('gives the memory back when nobody uses it', () => {
    const bench = new Bench('PCI_P2PDMA');
    memunmapPages(bench.m, bench.pgmap.id);
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
    run(doMprotect(bench.m, bench.mm, bench.start, UNIT, 1));
    expect([pteDevmap(bench.entry()), pteSpecial(bench.entry()), pteWrite(bench.entry())]).toEqual([
      true,
      true,
      false,
    ]);
    const { frame } = bench;
    doMunmap(bench.m, bench.mm, bench.start, bench.start + UNIT);
    expect([bench.m.pages.refcount.get(frame), bench.pgmapRefs]).toEqual([1, UNIT + 1]);
    expect(mappedFrame(bench.m, bench.mm, bench.start)).toBe(NO_PFN);
  });

  it('that is pinned keeps the page, and not the mapping', () => {
    const bench = new Bench('GENERIC');
    const { pages } = run(pinUserPages(bench.m, bench.start, 2, FOLL_WRITE | FOLL_LONGTERM, 1));
    expect(bench.m.pages.refcount.get(bench.frame)).toBe(1025);
    const { frame } = bench;
    doMunmap(bench.m, bench.mm, bench.start, bench.start + UNIT);
    expect(bench.m.pages.refcount.get(frame)).toBe(1025);
    unpinUserPages(bench.m, pages.length, pages);
    expect(bench.m.pages.refcount.get(frame)).toBe(1);
  });

  it('is not grabbed once its pgmap is on the way out; what the walk had of the table goes back', () => {
    const bench = new Bench('GENERIC');
    const { frame } = bench;
    bench.m.scalars.set(pgmapRefRow(bench.pgmap.id), 0);
    expect(run(getUserPagesFastOnly(bench.m, bench.start, 2, FOLL_WRITE, 1)).id).toBe(0);
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
  const request = { type, start: HOLE, end: HOLE + UNIT, node: 0, owner: 1, ops: { pageFree } } as const;
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

// The five types of device memory side by side: each outcome is what the mechanisms themselves give on a small machine.
// Nothing here knows an answer.

import { daxMmap, devDaxProbe, pmemAttach } from '../kernel/drivers/dax.ts';
import { pciP2pdmaAddResource } from '../kernel/drivers/p2pdma.ts';
import { cpuAccess } from '../kernel/mm/cpu-access.ts';
import { getUserPages, pinUserPages } from '../kernel/mm/gup.ts';
import { getUserPagesFastOnly, pinUserPagesFastOnly } from '../kernel/mm/gup-unlocked.ts';
import { memoryFailureDevPagemap } from '../kernel/mm/memory-failure.ts';
import { type DevPagemapRequest, memremapPages, zoneDevicePageInit } from '../kernel/mm/memremap.ts';
import { migrateVmaFinalize, migrateVmaPages, migrateVmaSetup } from '../kernel/mm/migrate-device.ts';
import {
  MIGRATE_PFN_MIGRATE,
  MIGRATE_VMA_SELECT_DEVICE_COHERENT,
  MIGRATE_VMA_SELECT_DEVICE_PRIVATE,
  MIGRATE_VMA_SELECT_SYSTEM,
  type MigrateVma,
  migratePfn,
} from '../kernel/mm/migrate-vma.ts';
import { mmapRegion } from '../kernel/mm/mmap.ts';
import { vmNormalPage } from '../kernel/mm/normal-page.ts';
import { folioRefAdd, pagePgmap } from '../kernel/mm/page-ref.ts';
import { walkPte } from '../kernel/mm/page-table.ts';
import { vmaLookup } from '../kernel/mm/vma.ts';
import { trylockPage } from '../kernel/sched/locks.ts';
import type { DevPagemap, Mm, Vma } from '../machine/entities.ts';
import type { Machine } from '../machine/machine.ts';
import type { Sleeps } from '../machine/ops.ts';
import { pgmapRefRow } from '../machine/scalars.ts';
import type { KernelConfig } from '../uapi/config.ts';
import { errnoName } from '../uapi/errno.ts';
import { FOLL_LONGTERM, FOLL_WRITE } from '../uapi/gup-flags.ts';
import {
  MEMORY_PROPERTIES,
  MEMORY_PROPERTY_GROUPS,
  MEMORY_TYPES,
  type MemoryProperty,
  type MemoryTypeName,
  type MemoryTypeRow,
} from '../uapi/memory-types.ts';
import { PG_lru, PG_reserved } from '../uapi/page-flags.ts';
import { entryKind, entryPfn, isDevicePrivateEntry, pteDevmap, pteSpecial } from '../uapi/pte.ts';
import { parseScenario } from '../uapi/scenario.ts';
import { mibToPages, NO_PFN, type Pfn } from '../uapi/units.ts';
import { createSimulation } from './simulation.ts';

/** The hole of the guest's address space that a second coherent device would fill. */
export const HOLE = mibToPages(1024);
/** Pages of the memory that is registered. */
export const UNIT = 512;

/** Runs what may sleep to its end; nobody else is there to wait for. */
export const driveToEnd = <T>(task: Sleeps<T>): T => {
  for (let i = 0; i < 1000; i++) {
    const { done, value } = task.next();
    if (done === true) return value;
  }
  throw new Error('it sleeps and sleeps');
};

/** A machine with memory of one type, and a process that has a page of it in an area, as far as that can be. */
export class Bench {
  readonly m: Machine;
  readonly type: MemoryTypeName;
  /** First page of the area; NO_PFN where no program can map such memory. */
  readonly start: number;
  readonly pgmap: DevPagemap;

  constructor(type: MemoryTypeName, shared = true) {
    this.type = type;
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
    const access = driveToEnd(cpuAccess(this.m, this.mm, this.start + page, write));
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

  get vma(): Vma {
    const vma = vmaLookup(this.m, this.mm, this.start);
    if (vma === undefined) throw new Error('no area');
    return vma;
  }

  gup(call: typeof getUserPages, flags: number): string {
    const { id, pages } = driveToEnd(call(this.m, this.start, 1, flags, 1, {}));
    if (id < 0) return `-${errnoName(id)}`;
    return id === 0 ? 'none' : this.onDevice(pages[0] ?? NO_PFN) ? 'in place' : 'home';
  }

  get pgmapRefs(): number {
    return this.m.scalars.get(pgmapRefRow(this.pgmap.id));
  }
}

/** What a migration with this bench's memory as its destination gives: the page that was to move, or a hole. */
export const migrateInto = (bench: Pick<Bench, 'm' | 'mm' | 'pgmap'>, hole: boolean): string => {
  const { m } = bench;
  const vma = mmapRegion(m, bench.mm, { name: 'more', npages: 4, prot: 3, kind: 'anon-private' });
  if (!hole) driveToEnd(cpuAccess(m, bench.mm, vma.vmStart, true));
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
  driveToEnd(migrateVmaSetup(m, vma.vmStart, vma.vmStart + 1, args));
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
  driveToEnd(migrateVmaPages(m, 1, args));
  const moved = ((args.src[0] ?? 0) & MIGRATE_PFN_MIGRATE) !== 0;
  driveToEnd(migrateVmaFinalize(m, 1, args));
  return moved ? 'yes' : 'refused';
};

/** Pages of the area that a driver with these flags could select; or the name of the error. */
export const select = (bench: Pick<Bench, 'm' | 'start' | 'vma' | 'pgmap'>, flags: number): string => {
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
  const ret = driveToEnd(migrateVmaSetup(m, start, start + 2, args));
  return ret < 0 ? `-${errnoName(ret)}` : String(args.cpages);
};

// --- registration -------------------------------------------------------------------------------------------------

const pageFree = (): void => undefined;
const migrateToRam = function* (): Sleeps<number> {
  return 0;
};

/** A machine whose driver asks for memory of a type, and what it is told. */
export const register = (
  type: MemoryTypeName,
  change: Partial<DevPagemapRequest> = {},
  kernel: Partial<KernelConfig> = {},
): { readonly m: Machine; readonly ret: number } => {
  const { machine: m } = createSimulation(parseScenario({ devices: [], steps: [] }), { kernel });
  const ret = memremapPages(m, {
    type: `MEMORY_DEVICE_${type}`,
    start: HOLE,
    end: HOLE + UNIT,
    node: 0,
    owner: 1,
    ops: { pageFree, migrateToRam },
    ...change,
  });
  return { m, ret };
};

export const WITHOUT_PAGE_FREE: Partial<DevPagemapRequest> = { ops: { migrateToRam } };
export const WITHOUT_MIGRATE_TO_RAM: Partial<DevPagemapRequest> = { ops: { pageFree } };
export const WITHOUT_OWNER: Partial<DevPagemapRequest> = { owner: 0 };
/** The kernel's own memory begins at 64 MiB of the guest. */
export const OVER_RAM: Partial<DevPagemapRequest> = { start: mibToPages(128), end: mibToPages(128) + UNIT };

// --- the matrix ---------------------------------------------------------------------------------------------------

type See = (bench: Bench) => string | number | boolean;

const ifMapped =
  (see: See): See =>
  (bench) =>
    bench.mapped ? see(bench) : 'not mapped';

const hasFlag =
  (flag: number): See =>
  ({ m, frame }) =>
    (m.pages.flags.get(frame) & flag) !== 0;

const registers =
  (change: Partial<DevPagemapRequest>): See =>
  ({ type }) => {
    const { ret } = register(type, change);
    return ret < 0 ? `-${errnoName(ret)}` : true;
  };

const PROPERTIES: Readonly<Record<MemoryProperty, See>> = {
  'in-place': ifMapped((b) => b.onDevice(b.touch(0))),
  'linear-map': (b) => b.pgmap.linearMap,
  pgprot: (b) => b.pgmap.pgprot,
  entry: ifMapped((b) => entryKind(b.entry())),
  devmap: ifMapped((b) => pteDevmap(b.entry())),
  special: ifMapped((b) => !isDevicePrivateEntry(b.entry()) && pteSpecial(b.entry())),
  'normal-page': ifMapped((b) =>
    entryKind(b.entry()) === 'present'
      ? vmNormalPage(b.m, b.vma, b.start, b.entry()) !== NO_PFN
      : 'not asked',
  ),
  into: (b) => migrateInto(b, false),
  'into-hole': (b) => migrateInto(b, true),
  'from-any': ifMapped((b) =>
    select(
      b,
      MIGRATE_VMA_SELECT_SYSTEM | MIGRATE_VMA_SELECT_DEVICE_PRIVATE | MIGRATE_VMA_SELECT_DEVICE_COHERENT,
    ),
  ),
  'from-system': ifMapped((b) => select(b, MIGRATE_VMA_SELECT_SYSTEM)),
  'from-private': ifMapped((b) => select(b, MIGRATE_VMA_SELECT_DEVICE_PRIVATE)),
  'from-coherent': ifMapped((b) => select(b, MIGRATE_VMA_SELECT_DEVICE_COHERENT)),
  get: ifMapped((b) => b.gup(getUserPages, FOLL_WRITE)),
  'get-fast-only': ifMapped((b) => b.gup(getUserPagesFastOnly, FOLL_WRITE)),
  pin: ifMapped((b) => b.gup(pinUserPages, FOLL_WRITE)),
  'pin-longterm': ifMapped((b) => b.gup(pinUserPages, FOLL_WRITE | FOLL_LONGTERM)),
  'pin-longterm-fast-only': ifMapped((b) => b.gup(pinUserPagesFastOnly, FOLL_WRITE | FOLL_LONGTERM)),
  lru: hasFlag(PG_lru),
  reserved: hasFlag(PG_reserved),
  'ref-free': (b) => b.m.pages.refcount.get(b.pgmap.start + 7),
  'ref-mapped': ifMapped((b) => b.m.pages.refcount.get(b.frame)),
  'ref-pgmap': (b) => b.pgmapRefs,
  'page-free': (b) => b.m.pagemapOps.get(b.pgmap.id)?.pageFree !== undefined,
  'migrate-to-ram': (b) => b.m.pagemapOps.get(b.pgmap.id)?.migrateToRam !== undefined,
  owner: (b) => b.pgmap.owner !== 0,
  'memory-failure': (b) => {
    const { ret, killed } = memoryFailureDevPagemap(b.m, b.frame);
    return ret < 0 ? `-${errnoName(ret)}` : `kills ${killed.length}`;
  },
  complete: registers({}),
  'without-page-free': registers(WITHOUT_PAGE_FREE),
  'without-migrate-to-ram': registers(WITHOUT_MIGRATE_TO_RAM),
  'without-owner': registers(WITHOUT_OWNER),
  'over-ram': registers(OVER_RAM),
};

/** Asks every question of every type. Each finds the machine as it was before the others. */
export const memoryTypeMatrix = (): MemoryTypeRow[] => {
  const benches = MEMORY_TYPES.map((type) => new Bench(type));
  const ask = (property: MemoryProperty, bench: Bench): string => {
    const { journal } = bench.m;
    journal.commit();
    const before = journal.mark();
    const cell = String(PROPERTIES[property](bench));
    journal.rollback(before);
    return cell;
  };
  return MEMORY_PROPERTY_GROUPS.flatMap((group) =>
    MEMORY_PROPERTIES[group].map((property) => ({
      property,
      group,
      cells: benches.map((bench) => ask(property, bench)),
    })),
  );
};

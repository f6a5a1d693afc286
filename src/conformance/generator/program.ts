// Random programs in the vocabulary of the recordings. A program is a list of abstract actions; a light model of
// processes and areas (model.ts) turns each into a step that makes sense where it stands (steps.ts), so a program from
// which actions are taken away is still a program, and failures shrink.

import fc from 'fast-check';
import type { Scenario } from '../../core/uapi/scenario.ts';

/** `none`: ordinary memory only. */
type Mix = 'coherent' | 'private' | 'mixed' | 'none';
/** `small`: the teaching machine, `nodes`: four nodes; these two have processors enough to run two things at once. */
type Place = 'default' | 'movable' | 'cma' | 'small' | 'nodes';

/** Kind of machine that a program runs on. */
export interface MachineKind {
  readonly mix: Mix;
  readonly place: Place;
  /** There is a small swap device; the kernel of the recordings has none. */
  readonly swap: boolean;
}

const kind = (mix: Mix, place: Place, swap: 'swap' | '' = ''): MachineKind => ({
  mix,
  place,
  swap: swap === 'swap',
});

/** Kinds of machines, the usual ones more than once. */
export const MACHINE_KINDS: readonly MachineKind[] = [
  kind('coherent', 'default'),
  kind('mixed', 'default'),
  kind('private', 'default'),
  kind('coherent', 'small', 'swap'),
  kind('coherent', 'movable'),
  kind('mixed', 'nodes'),
  kind('coherent', 'default', 'swap'),
  kind('private', 'small'),
  kind('mixed', 'cma'),
  kind('none', 'default'),
  kind('coherent', 'default'),
  kind('mixed', 'default'),
  kind('private', 'movable', 'swap'),
  kind('mixed', 'small'),
  kind('coherent', 'cma'),
  kind('none', 'small', 'swap'),
  kind('coherent', 'nodes', 'swap'),
  kind('mixed', 'movable'),
  kind('private', 'default', 'swap'),
  kind('coherent', 'small'),
  kind('none', 'nodes'),
];

export const AREA_SORTS = [
  'anon',
  'read-only',
  'huge',
  'shmem',
  'file-private',
  'file-shared',
  'hugetlb',
  'device',
  'huge-shmem',
  'hugetlb-shared',
] as const;
export type AreaSort = (typeof AREA_SORTS)[number];

export interface AreaSpec {
  readonly sort: AreaSort;
  /** Chooses the length, and the file or device behind it. */
  readonly size: number;
  /** Whether its first pages are written before the actions begin. */
  readonly written: boolean;
}

/** What to do, with numbers that choose the process, area, range and variant among those that there are. */
export interface Action {
  readonly op: Op;
  readonly proc: number;
  readonly area: number;
  readonly from: number;
  readonly length: number;
  readonly device: number;
  readonly variant: number;
}

export interface Program {
  readonly kind: MachineKind;
  /** Actions run two at a time where they can, if the machine has two processors. */
  readonly together: boolean;
  readonly areas: readonly AreaSpec[];
  readonly actions: readonly Action[];
}

/** Operations and how often each is tried; a shrunk program prefers the first ones. */
const OP_WEIGHTS = {
  write: 14,
  read: 8,
  migrate_to_dev: 13,
  gup: 13,
  release: 12,
  migrate_to_sys: 5,
  fork: 6,
  dev_read: 5,
  dev_write: 5,
  exit: 5,
  mprotect: 4,
  munmap: 3,
  dontneed: 3,
  mlock: 3,
  munlock: 2,
  dev_exclusive: 3,
  dev_check_exclusive: 1,
  snapshot: 3,
  free: 2,
  pageout: 3,
  cold: 1,
  collapse: 2,
  hugepage: 1,
  nohugepage: 1,
  dontfork: 1,
  dofork: 1,
  wipeonfork: 1,
  keeponfork: 1,
  populate_read: 1,
  populate_write: 2,
  mergeable: 3,
  unmergeable: 1,
  ksm_scan: 4,
  numa_scan: 2,
  mbind: 2,
  move_pages: 2,
  gup_test: 3,
  mremap: 2,
  mmap: 3,
  file_create: 1,
  file_read: 1,
  isolate: 1,
  dev_evict: 1,
  dev_open: 1,
  dev_close: 1,
} as const;
export type Op = keyof typeof OP_WEIGHTS;
export const OPS = Object.entries(OP_WEIGHTS).flatMap(([op, weight]) => Array<Op>(weight).fill(op as Op));

/** The n-th of a list that is not empty, counted round and round. */
export const pick = <T>(list: readonly T[], n: number): T => {
  const found = list[n % list.length];
  if (found === undefined) throw new RangeError('nothing to pick from');
  return found;
};

const nat = fc.nat({ max: 999 });

const actionArbitrary: fc.Arbitrary<Action> = fc.record({
  op: fc.nat({ max: OPS.length - 1 }).map((i) => pick(OPS, i)),
  proc: nat,
  area: nat,
  from: nat,
  length: nat,
  device: nat,
  variant: nat,
});

const weighted = <T>(...choices: readonly (readonly [number, T])[]): fc.Arbitrary<T> => {
  const values = choices.flatMap(([weight, value]) => Array<T>(weight).fill(value));
  return fc.nat({ max: values.length - 1 }).map((i) => pick(values, i));
};

const areaArbitrary: fc.Arbitrary<AreaSpec> = fc.record({
  sort: weighted<AreaSort>(
    [11, 'anon'],
    [1, 'read-only'],
    [3, 'huge'],
    [1, 'shmem'],
    [2, 'file-private'],
    [1, 'file-shared'],
    [1, 'hugetlb'],
    [1, 'huge-shmem'],
    [1, 'hugetlb-shared'],
  ),
  size: nat,
  written: weighted([3, true], [1, false]),
});

/** Programs for one kind of machine. */
export const programArbitrary = (machine: MachineKind): fc.Arbitrary<Program> =>
  fc.record({
    kind: fc.constant(machine),
    together: weighted([1, false], [1, true]),
    areas: fc.array(areaArbitrary, { minLength: 1, maxLength: 4, size: 'max' }),
    actions: fc.array(actionArbitrary, { minLength: 8, maxLength: 30, size: 'max' }),
  });

const COHERENT = [0, 1].map((id) => ({ id, kind: 'coherent' as const }));
const PRIVATE = [0, 1].map((id) => ({ id, kind: 'private' as const }));

export const devicesOf = ({ mix }: MachineKind): Scenario['devices'] => {
  switch (mix) {
    case 'coherent':
      return COHERENT;
    case 'private':
      return PRIVATE;
    case 'mixed':
      return [...COHERENT, ...PRIVATE.map((device) => ({ ...device, id: device.id + 2 }))];
    case 'none':
      return [];
  }
};

/** So few that they run out. */
const SWAP_PAGES = 16;
/** Where there is swap, the pool of huge pages may grow, too. */
const OVERCOMMIT = 1;

const MACHINES = {
  default: 'guest',
  movable: 'guest',
  cma: 'guest',
  small: 'teaching',
  nodes: 'lab-node',
} as const;

/** The machine of a program, with no steps yet. */
export const scenarioOf = (machine: MachineKind, name: string): Scenario => {
  const { mix, place, swap } = machine;
  return {
    format: 1,
    name,
    title: `generated program, ${mix}/${place}${swap ? '/swap' : ''}`,
    machine: MACHINES[place],
    ...(swap ? { swap: SWAP_PAGES, overcommit: OVERCOMMIT } : {}),
    boot: place === 'movable' || place === 'cma' ? place : 'default',
    devices: devicesOf(machine),
    steps: [],
  };
};

// Random programs in the vocabulary of the recordings. A program is a list of abstract actions; a light model of
// processes and areas turns each into a step that makes sense where it stands, so a program from which actions are
// taken away is still a program, and failures shrink.

import fc from 'fast-check';
import type { StepResult } from '../core/index.ts';
import type { Scenario, SimpleStep, Step, StepOf } from '../core/uapi/scenario.ts';

export const MIXES = ['coherent', 'private', 'mixed'] as const;
export type Mix = (typeof MIXES)[number];
export const BOOTS = ['default', 'movable', 'cma'] as const;
export type Boot = (typeof BOOTS)[number];

const AREA_SORTS = ['anon', 'read-only', 'huge', 'shmem', 'file-private', 'file-shared', 'hugetlb'] as const;
type AreaSort = (typeof AREA_SORTS)[number];

export interface AreaSpec {
  readonly sort: AreaSort;
  /** Chooses the length. */
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
  readonly mix: Mix;
  readonly boot: Boot;
  /** Actions run two at a time where they can, on a small machine with two processors. */
  readonly concurrent: boolean;
  /** There is a small swap device; the kernel of the recordings has none. */
  readonly swap: boolean;
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
  snapshot: 3,
  free: 2,
  pageout: 2,
  cold: 1,
  collapse: 2,
  hugepage: 1,
  nohugepage: 1,
  dontfork: 1,
  mremap: 2,
  mmap: 2,
  isolate: 1,
  dev_evict: 1,
  dev_close: 1,
} as const;
export type Op = keyof typeof OP_WEIGHTS;
const OPS = Object.entries(OP_WEIGHTS).flatMap(([op, weight]) => Array<Op>(weight).fill(op as Op));

/** The n-th of a list that is not empty, counted round and round. */
const pick = <T>(list: readonly T[], n: number): T => {
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
  ),
  size: nat,
  written: weighted([3, true], [1, false]),
});

export const programArbitrary: fc.Arbitrary<Program> = fc.record({
  mix: weighted<Mix>([5, 'coherent'], [3, 'private'], [4, 'mixed']),
  boot: weighted<Boot>([8, 'default'], [2, 'movable'], [1, 'cma']),
  concurrent: weighted([9, false], [1, true]),
  swap: weighted([9, false], [1, true]),
  areas: fc.array(areaArbitrary, { minLength: 1, maxLength: 4, size: 'max' }),
  actions: fc.array(actionArbitrary, { minLength: 8, maxLength: 30, size: 'max' }),
});

const COHERENT = [0, 1].map((id) => ({ id, kind: 'coherent' as const }));
const PRIVATE = [0, 1].map((id) => ({ id, kind: 'private' as const }));
const devicesOf = (mix: Mix): Scenario['devices'] => {
  if (mix === 'coherent') return COHERENT;
  return mix === 'private'
    ? PRIVATE
    : [...COHERENT, ...PRIVATE.map(({ id, kind }) => ({ id: id + 2, kind }))];
};

/** The machine of a program, with no steps yet. */
export const scenarioOf = ({ mix, boot, concurrent, swap }: Program, name: string): Scenario => ({
  format: 1,
  name,
  title: `generated program, ${mix}/${boot}`,
  ...(concurrent ? { machine: 'teaching' } : {}),
  ...(swap ? { swap: SWAP_PAGES } : {}),
  boot,
  devices: devicesOf(mix),
  steps: [],
});

// --- the light model ------------------------------------------------------------------------------------------------

/** Rights of a page, as far as the model believes; a page that is not mapped has 0. */
const UNMAPPED = 0;
const NO_ACCESS = 1;
const READABLE = 2;
const WRITABLE = 3;

interface ModelArea {
  readonly name: string;
  readonly sort: AreaSort;
  readonly rights: Uint8Array;
  readonly dontfork: Set<number>;
}

interface ModelProcess {
  readonly name: string;
  readonly areas: ModelArea[];
}

interface ModelHandle {
  readonly name: string;
  readonly proc: string;
  readonly pin: boolean;
}

interface PageRange {
  readonly page: number;
  readonly count: number;
}

interface RangeStep {
  readonly proc: string;
  readonly vma: string;
  readonly page?: number | undefined;
  readonly count?: number | undefined;
}

const KINDS: Readonly<Record<AreaSort, StepOf<'mmap'>['kind']>> = {
  anon: 'anon-private',
  'read-only': 'anon-private',
  huge: 'anon-private',
  shmem: 'anon-shared',
  'file-private': 'file-private',
  'file-shared': 'file-shared',
  hugetlb: 'hugetlb',
};

const isHuge = (sort: AreaSort): boolean => sort === 'huge' || sort === 'hugetlb';

const lengthOf = ({ sort, size }: AreaSpec): number => {
  if (sort === 'hugetlb') return 512 * (1 + (size % 2));
  if (sort === 'huge') return pick([512, 1024, 512, 700], size);
  return 4 + (size % 9);
};

const MAX_PROCESSES = 3;
/** So few that they run out. */
const SWAP_PAGES = 16;

/** Turns actions into steps, and follows what became of them. */
export class ProgramModel {
  private readonly processes: ModelProcess[] = [{ name: 'A', areas: [] }];
  private readonly handles: ModelHandle[] = [];
  private readonly devices: readonly number[];
  /** The devices are small enough to be looked at page by page. */
  private readonly small: boolean;
  private born = 1;
  private areasMade = 0;
  private handlesMade = 0;
  private stepsMade = 0;

  constructor(program: Program) {
    this.devices = devicesOf(program.mix).map(({ id }) => id);
    this.small = program.concurrent;
  }

  /** The steps that set an area up. */
  begin(spec: AreaSpec): SimpleStep[] {
    const steps = this.mapSteps('A', spec);
    const npages = lengthOf(spec);
    if (spec.written && spec.sort !== 'read-only') {
      const count = isHuge(spec.sort) && spec.size % 3 > 0 ? 1 + (spec.size % 40) : npages;
      steps.push({
        op: 'write',
        proc: 'A',
        vma: `v${this.areasMade}`,
        value: this.value(),
        page: 0,
        count,
      });
    }
    return steps;
  }

  /** The step that an action stands for here; undefined if there is none. */
  interpret(action: Action): SimpleStep | undefined {
    const process = this.processes[action.proc % this.processes.length];
    if (process === undefined) return undefined;
    switch (action.op) {
      case 'fork':
        if (this.processes.length >= MAX_PROCESSES) return undefined;
        return { op: 'fork', proc: process.name, child: String.fromCharCode(65 + this.born) };
      case 'exit':
        return this.processes.length > 1 ? { op: 'exit', proc: process.name } : undefined;
      case 'release':
        return this.release(action);
      case 'dev_evict':
      case 'dev_close':
        if (!this.small) return undefined;
        return { op: action.op, proc: process.name, device: pick(this.devices, action.device) };
      case 'mmap':
        if (this.areasMade >= 6) return undefined;
        return this.mapSteps(process.name, {
          sort: pick(AREA_SORTS, action.variant),
          size: action.length,
          written: false,
        })[0];
      default:
        return this.onArea(action, process);
    }
  }

  /** Takes the result of a step into account. */
  done(step: Step, result: StepResult): void {
    this.stepsMade++;
    if (step.op === 'concurrent') {
      step.steps.forEach((simple, i) => this.follow(simple, result.results?.[i] ?? result));
    } else {
      this.follow(step, result);
    }
  }

  private value(): number {
    return (this.stepsMade + 1) * 1000;
  }

  // --- what became of a step ------------------------------------------------------------------------------------------

  private follow(step: SimpleStep, result: StepResult): void {
    if (result.ret < 0) return;
    const process = this.processes.find(({ name }) => name === step.proc);
    switch (step.op) {
      case 'mmap':
        this.followMmap(step, process);
        return;
      case 'fork':
        this.born++;
        if (process !== undefined) this.processes.push(childOf(process, step.child));
        return;
      case 'exit':
        this.processes.splice(
          this.processes.findIndex(({ name }) => name === step.proc),
          1,
        );
        return;
      case 'gup':
        this.handles.push({ name: step.as, proc: step.proc, pin: step.call.startsWith('pin') });
        return;
      case 'unpin':
      case 'put':
        this.handles.splice(
          this.handles.findIndex(({ name }) => name === step.handle),
          1,
        );
        return;
      case 'munmap':
        this.setRights(step, UNMAPPED);
        return;
      case 'mprotect':
        this.setRights(step, step.prot === '' ? NO_ACCESS : step.prot === 'r' ? READABLE : WRITABLE);
        return;
      case 'mremap':
        this.followMremap(step, process);
        return;
      case 'madvise':
        if (step.advice === 'DONTFORK') this.eachPage(step, (area, page) => area.dontfork.add(page));
        return;
      default:
        return;
    }
  }

  private followMmap(step: StepOf<'mmap'>, process: ModelProcess | undefined): void {
    const rights = new Uint8Array(step.pages).fill(step.prot === 'rw' ? WRITABLE : READABLE);
    const sort = AREA_SORTS.find(
      (candidate) => KINDS[candidate] === step.kind && isHuge(candidate) === (step.align !== undefined),
    );
    process?.areas.push({ name: step.vma, sort: sort ?? 'anon', rights, dontfork: new Set() });
  }

  private followMremap(step: StepOf<'mremap'>, process: ModelProcess | undefined): void {
    const area = process?.areas.find(({ name }) => name === step.vma);
    if (process === undefined || area === undefined) return;
    process.areas.push({ ...area, name: step.to, rights: area.rights.slice() });
    area.rights.fill(UNMAPPED);
  }

  private setRights(step: RangeStep, rights: number): void {
    this.eachPage(step, (area, page) => {
      if (area.rights[page] !== UNMAPPED) area.rights[page] = rights;
    });
  }

  private eachPage(step: RangeStep, change: (area: ModelArea, page: number) => void): void {
    const area = this.processes
      .find(({ name }) => name === step.proc)
      ?.areas.find(({ name }) => name === step.vma);
    if (area === undefined) return;
    const first = step.page ?? 0;
    const end = Math.min(first + (step.count ?? area.rights.length), area.rights.length);
    for (let page = first; page < end; page++) change(area, page);
  }

  // --- steps ----------------------------------------------------------------------------------------------------------

  private mapSteps(proc: string, spec: AreaSpec): SimpleStep[] {
    const vma = `v${++this.areasMade}`;
    const { sort } = spec;
    const steps: SimpleStep[] = [
      {
        op: 'mmap',
        proc,
        vma,
        pages: lengthOf(spec),
        prot: sort === 'read-only' ? 'r' : 'rw',
        kind: KINDS[sort],
        ...(isHuge(sort) ? { align: '2M' } : {}),
      },
    ];
    if (sort === 'huge') steps.push({ op: 'madvise', proc, vma, advice: 'HUGEPAGE' });
    return steps;
  }

  private release({ variant }: Action): SimpleStep | undefined {
    const living = this.handles.filter(({ proc }) => this.processes.some(({ name }) => name === proc));
    const handle = living[variant % Math.max(1, living.length)];
    if (handle === undefined) return undefined;
    const { name, proc, pin } = handle;
    if (!pin) return { op: 'put', proc, handle: name };
    return { op: 'unpin', proc, handle: name, ...(variant % 10 === 9 ? { dirty: true as const } : {}) };
  }

  private onArea(action: Action, process: ModelProcess): SimpleStep | undefined {
    const { op, variant } = action;
    const daring = variant % 8 === 7;
    const area = pickArea(process, action, op, daring);
    if (area === undefined) return undefined;
    const need = daring ? UNMAPPED : rightsWanted(op, area);
    const range = pickRange(area, action, need, daring);
    if (range === undefined) return undefined;
    return this.stepOn(action, process.name, area, range, daring);
  }

  private stepOn(
    action: Action,
    proc: string,
    area: ModelArea,
    range: PageRange,
    daring: boolean,
  ): SimpleStep | undefined {
    const { op, variant } = action;
    const at = { proc, vma: area.name, ...range };
    const device = pick(this.devices, action.device);
    switch (op) {
      case 'write':
        return { op, ...at, value: this.value() };
      case 'dev_write':
        return { op, ...at, device, value: this.value() };
      case 'read':
      case 'munmap':
      case 'mlock':
      case 'munlock':
        return { op, ...at };
      case 'isolate':
        return { op, ...at, count: 1, ...(variant % 2 === 0 ? { undo: true as const } : {}) };
      case 'dev_read':
      case 'dev_exclusive':
      case 'snapshot':
      case 'migrate_to_dev':
      case 'migrate_to_sys':
        return { op, ...at, device };
      case 'mprotect':
        return { op, ...at, prot: pick(['rw', 'r', 'rw', 'r', 'rw', ''] as const, variant) };
      case 'mremap':
        return { op, proc, vma: area.name, to: `v${++this.areasMade}` };
      case 'gup':
        return this.gup(action, area, at, daring);
      case 'dontneed':
      case 'free':
      case 'pageout':
      case 'cold':
      case 'collapse':
      case 'hugepage':
      case 'nohugepage':
      case 'dontfork':
        return { op: 'madvise', ...at, advice: ADVICE[op] };
      default:
        return undefined;
    }
  }

  private gup(
    { variant, device }: Action,
    area: ModelArea,
    at: PageRange & { proc: string; vma: string },
    daring: boolean,
  ): SimpleStep {
    const call = pick(GUP_CALLS, variant);
    const pin = call.startsWith('pin');
    const writable = area.rights.subarray(at.page, at.page + at.count).every((rights) => rights === WRITABLE);
    const flags: StepOf<'gup'>['flags'] = [];
    if (device % 8 < 5 && (writable || daring)) flags.push('FOLL_WRITE');
    if ((pin || daring) && variant % 7 < 4) flags.push('FOLL_LONGTERM');
    if (device % 11 === 10) flags.push('FOLL_FORCE');
    return { op: 'gup', ...at, call, flags, as: `h${++this.handlesMade}` };
  }
}

const GUP_CALLS = [
  'pin_user_pages',
  'pin_user_pages_fast',
  'get_user_pages',
  'pin_user_pages_fast',
  'get_user_pages_fast',
  'pin_user_pages',
  'pin_user_pages_fast',
  'get_user_pages',
  'pin_user_pages_unlocked',
  'get_user_pages_remote',
  'pin_user_pages_fast_only',
] as const;

const ADVICE = {
  dontneed: 'DONTNEED',
  free: 'FREE',
  pageout: 'PAGEOUT',
  cold: 'COLD',
  collapse: 'COLLAPSE',
  hugepage: 'HUGEPAGE',
  nohugepage: 'NOHUGEPAGE',
  dontfork: 'DONTFORK',
} as const;

const childOf = (parent: ModelProcess, name: string): ModelProcess => ({
  name,
  areas: parent.areas.map((area) => ({
    ...area,
    rights: area.rights.map((rights, page) => (area.dontfork.has(page) ? UNMAPPED : rights)),
    dontfork: new Set(),
  })),
});

/** Operations that only private anonymous memory takes to kindly. */
const ANONYMOUS_ONLY = new Set<Op>(['migrate_to_dev', 'migrate_to_sys', 'dev_exclusive', 'free', 'collapse']);

const suits = (op: Op, { sort }: ModelArea): boolean => {
  if (op === 'collapse') return sort === 'huge';
  if (op === 'hugepage' || op === 'nohugepage') return sort !== 'hugetlb';
  if (op === 'cold' || op === 'pageout') return sort !== 'hugetlb';
  return !ANONYMOUS_ONLY.has(op) || sort === 'anon' || sort === 'huge' || sort === 'read-only';
};

const pickArea = (process: ModelProcess, action: Action, op: Op, daring: boolean): ModelArea | undefined => {
  const areas = process.areas.filter(
    (area) => (daring || suits(op, area)) && area.rights.some((rights) => rights !== UNMAPPED),
  );
  return areas.length === 0 ? undefined : pick(areas, action.area);
};

const rightsWanted = (op: Op, { sort }: ModelArea): number => {
  switch (op) {
    case 'write':
    case 'dev_write':
    case 'dev_exclusive':
      return WRITABLE;
    case 'read':
    case 'dev_read':
    case 'gup':
    case 'migrate_to_dev':
    case 'migrate_to_sys':
      return READABLE;
    case 'mlock':
      // populating tries to write
      return sort === 'read-only' ? READABLE : WRITABLE;
    default:
      return NO_ACCESS;
  }
};

/** First page and length before the rights are looked at. */
const wantedRange = (area: ModelArea, { from, length }: Action): PageRange => {
  const npages = area.rights.length;
  if (!isHuge(area.sort)) {
    const page = from % npages;
    return { page, count: 1 + (length % (npages - page)) };
  }
  // around the borders of 2 MiB, or large parts
  const borders = [0, 512, 500, 508, 0, 256, 511, 1000];
  const page = Math.min(pick(borders, from), npages - 1);
  const counts = [512, npages, 1, 4, 16, 3, 24, 600];
  return { page, count: Math.min(pick(counts, length), npages - page) };
};

/** The range, cut to the first stretch of pages with enough rights; a daring one may also leave the area. */
const pickRange = (area: ModelArea, action: Action, need: number, daring: boolean): PageRange | undefined => {
  const { page, count } = wantedRange(area, action);
  if (daring) return { page, count: count + (action.length % 5 === 4 ? 2 : 0) };
  const npages = area.rights.length;
  let first = page;
  const may = (at: number): boolean => (area.rights[at] ?? UNMAPPED) >= need;
  for (let tried = 0; !may(first); tried++) {
    if (tried === npages) return undefined;
    first = (first + 1) % npages;
  }
  let end = first + 1;
  while (end < Math.min(npages, first + count) && may(end)) end++;
  return { page: first, count: end - first };
};

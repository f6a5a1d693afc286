// From an action to the step that it stands for where the program is. One action in eight is daring: it does not ask
// whether the model thinks that the step can succeed.

import {
  ADVICES,
  GUP_CALLS,
  GUP_TEST_COMMANDS,
  type SimpleStep,
  type StepOf,
} from '../../core/uapi/scenario.ts';
import {
  isHuge,
  isHugetlb,
  KINDS,
  lengthOf,
  type ModelArea,
  type ModelProcess,
  NO_ACCESS,
  type ProgramModel,
  READABLE,
  UNMAPPED,
  WRITABLE,
} from './model.ts';
import { type Action, type AreaSort, type AreaSpec, type Op, pick } from './program.ts';

const MAX_PROCESSES = 3;
const MAX_AREAS = 7;
const MAX_FILES = 3;
/** What pages hold that KSM may find equal. */
const COMMON_VALUE = 5000;

interface PageRange {
  readonly page: number;
  readonly count: number;
}

type At = PageRange & { readonly proc: string; readonly vma: string };

/** Operations that are advice. */
const ADVICE_OF = new Map<string, (typeof ADVICES)[number]>(
  ADVICES.map((advice) => [advice.toLowerCase(), advice]),
);

// --- which area, which pages ------------------------------------------------------------------------------------------

/** Operations that only private anonymous memory takes to kindly. */
const ANONYMOUS_ONLY = new Set<Op>([
  'migrate_to_dev',
  'migrate_to_sys',
  'dev_exclusive',
  'free',
  'collapse',
  'mergeable',
  'unmergeable',
  'ksm_scan',
  'wipeonfork',
  'keeponfork',
]);

const suits = (op: Op, { sort }: ModelArea): boolean => {
  const anonymous = sort === 'anon' || sort === 'huge' || sort === 'read-only';
  if (op === 'collapse') return sort === 'huge' || sort === 'huge-shmem';
  if (ANONYMOUS_ONLY.has(op)) return anonymous;
  // a special mapping of a driver takes no part in most of it
  if (sort === 'device')
    return ['read', 'write', 'munmap', 'gup', 'snapshot', 'dontfork', 'fork'].includes(op);
  const refusesHugetlb = new Set<Op>(['hugepage', 'nohugepage', 'cold', 'pageout', 'populate_write']);
  return !isHugetlb(sort) || !refusesHugetlb.has(op);
};

const pickArea = (process: ModelProcess, { op, area }: Action, daring: boolean): ModelArea | undefined => {
  const areas = process.areas.filter(
    (candidate) => (daring || suits(op, candidate)) && candidate.rights.some((rights) => rights !== UNMAPPED),
  );
  return areas.length === 0 ? undefined : pick(areas, area);
};

const rightsWanted = (op: Op, { sort }: ModelArea): number => {
  switch (op) {
    case 'write':
    case 'dev_write':
    case 'dev_exclusive':
    case 'populate_write':
      return WRITABLE;
    case 'read':
    case 'dev_read':
    case 'gup':
    case 'gup_test':
    case 'migrate_to_dev':
    case 'migrate_to_sys':
    case 'populate_read':
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
  const counts = [512, 1, 4, 16, npages, 3, 24, 2, 64, 1, 600, 8];
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

// --- areas ------------------------------------------------------------------------------------------------------------

const mapSteps = (model: ProgramModel, proc: string, spec: AreaSpec): SimpleStep[] => {
  const vma = model.newArea();
  const { sort, size } = spec;
  const file = model.files.length > 0 && size % 3 > 0 ? pick(model.files, size)[0] : undefined;
  const ofFile = sort === 'file-private' || sort === 'file-shared';
  const steps: SimpleStep[] = [
    {
      op: 'mmap',
      proc,
      vma,
      pages: lengthOf(spec),
      prot: sort === 'read-only' ? 'r' : 'rw',
      kind: KINDS[sort],
      ...(isHuge(sort) ? { align: '2M' } : {}),
      ...(sort === 'hugetlb-shared' ? { shared: true as const } : {}),
      ...(isHugetlb(sort) && size % 4 === 3 ? { reserve: true as const } : {}),
      ...(ofFile && file !== undefined ? { file } : {}),
      ...(sort === 'device' ? { device: pick(model.devices, size) } : {}),
    },
  ];
  if (sort === 'huge') steps.push({ op: 'madvise', proc, vma, advice: 'HUGEPAGE' });
  return steps;
};

/** The steps that an area of a new program is set up with. */
export const setUp = (model: ProgramModel, spec: AreaSpec): SimpleStep[] => {
  const steps = mapSteps(model, 'A', spec);
  const [mmap] = steps;
  if (!spec.written || spec.sort === 'read-only' || mmap?.op !== 'mmap') return steps;
  const count = isHuge(spec.sort) && spec.size % 3 > 0 ? 1 + (spec.size % 40) : mmap.pages;
  const value = spec.size % 4 === 0 ? COMMON_VALUE : model.newValue();
  return [...steps, { op: 'write', proc: 'A', vma: mmap.vma, value, page: 0, count }];
};

// --- steps ------------------------------------------------------------------------------------------------------------

const release = (model: ProgramModel, { variant }: Action, caller: string): SimpleStep | undefined => {
  if (model.handles.length === 0) return undefined;
  const { name: handle, proc: owner, pin } = pick(model.handles, variant);
  // references outlive the process whose pages they are; then a driver gives them back
  const proc = model.processes.some(({ name }) => name === owner) ? owner : caller;
  if (!pin) return { op: 'put', proc, handle };
  return { op: 'unpin', proc, handle, ...(variant % 10 === 9 ? { dirty: true as const } : {}) };
};

const exit = (model: ProgramModel, { variant }: Action, proc: string): SimpleStep | undefined => {
  if (model.processes.length < 2) return undefined;
  const signal = pick(['', '', 'SIGTERM', 'SIGKILL'] as const, variant);
  return { op: 'exit', proc, ...(signal === '' ? {} : { signal }) };
};

const file = (model: ProgramModel, action: Action, proc: string): SimpleStep | undefined => {
  const { op, variant, from, length } = action;
  if (op === 'file_create') {
    const name = `f${model.files.length + 1}`;
    if (model.files.length >= MAX_FILES) return undefined;
    // no shorter than the longest area of a file
    return { op, proc, file: name, pages: 12 + (length % 20), value: model.newValue() };
  }
  if (model.files.length === 0) return undefined;
  const [name, pages] = pick(model.files, variant);
  const page = from % pages;
  return { op: 'file_read', proc, file: name, page, count: 1 + (length % (pages - page)) };
};

/** Opens, closes or empties a device. */
const deviceFile = (
  model: ProgramModel,
  { op, device }: Action,
  process: ModelProcess,
): SimpleStep | undefined => {
  const { name: proc, open } = process;
  const closed = model.devices.filter((id) => !open.has(id));
  const small = model.kind.place === 'small';
  switch (op) {
    case 'dev_open':
      return closed.length === 0 ? undefined : { op, proc, device: pick(closed, device) };
    // these look at the device page by page
    case 'dev_close':
      return !small || open.size === 0 ? undefined : { op, proc, device: pick([...open], device) };
    case 'dev_evict':
      return small ? { op, proc, device: pick(model.devices, device) } : undefined;
    default:
      return undefined;
  }
};

/** What areas are made while a program runs; huge pages cost many times what others do. */
const NEW_SORTS: readonly AreaSort[] = [
  'anon',
  'shmem',
  'file-private',
  'anon',
  'file-shared',
  'device',
  'anon',
  'hugetlb',
  'read-only',
  'anon',
  'file-private',
  'huge',
  'anon',
  'shmem',
  'file-shared',
  'huge-shmem',
  'hugetlb-shared',
];

const newArea = (
  model: ProgramModel,
  { variant, length }: Action,
  { name, areas }: ModelProcess,
): SimpleStep | undefined => {
  const sorts = model.devices.length > 0 ? NEW_SORTS : NEW_SORTS.filter((sort) => sort !== 'device');
  const mapped = areas.filter(({ rights }) => rights.some((right) => right !== UNMAPPED));
  if (mapped.length >= MAX_AREAS) return undefined;
  return mapSteps(model, name, { sort: pick(sorts, variant), size: length, written: false })[0];
};

const gup = (
  model: ProgramModel,
  { variant, device, from }: Action,
  area: ModelArea,
  at: At,
  daring: boolean,
): SimpleStep => {
  // fast calls and plain ones are what drivers use
  const call = variant % 3 === 0 ? pick(GUP_CALLS, from) : pick(USUAL_GUP_CALLS, variant);
  const pin = call.startsWith('pin');
  const writable = area.rights.subarray(at.page, at.page + at.count).every((rights) => rights === WRITABLE);
  const flags: StepOf<'gup'>['flags'] = [];
  if (device % 8 < 5 && (writable || daring)) flags.push('FOLL_WRITE');
  if ((pin || daring) && variant % 7 < 4) flags.push('FOLL_LONGTERM');
  if (device % 11 === 10) flags.push('FOLL_FORCE');
  if (device % 13 === 12) flags.push(pick(RARE_FLAGS, from));
  const noPages = call === 'get_user_pages' && device % 9 === 8;
  const locked = call.endsWith('_remote') && device % 2 === 1 && !flags.includes('FOLL_LONGTERM');
  return {
    op: 'gup',
    ...at,
    call,
    flags,
    as: model.newHandle(),
    ...(noPages ? { no_pages: true as const } : {}),
    ...(locked ? { locked: true as const } : {}),
  };
};

const USUAL_GUP_CALLS = [
  'pin_user_pages',
  'pin_user_pages_fast',
  'get_user_pages',
  'pin_user_pages_fast',
  'get_user_pages_fast',
] as const;

/** Flags that few callers use; some calls refuse some of them. */
const RARE_FLAGS = [
  'FOLL_TOUCH',
  'FOLL_NOFAULT',
  'FOLL_DUMP',
  'FOLL_ANON',
  'FOLL_SPLIT_PMD',
  'FOLL_HWPOISON',
  'FOLL_NOWAIT',
] as const;

const gupTest = ({ variant, device, length }: Action, area: ModelArea, at: At): SimpleStep => {
  const cmd = pick(GUP_TEST_COMMANDS, variant);
  const writable = area.rights.subarray(at.page, at.page + at.count).every((rights) => rights === WRITABLE);
  const dump = cmd === 'DUMP_USER_PAGES_TEST';
  return {
    op: 'gup_test',
    ...at,
    cmd,
    flags: writable && device % 3 > 0 ? ['FOLL_WRITE'] : [],
    ...(length % 3 === 0 ? { per_call: 1 + (length % 5) } : {}),
    ...(dump && device % 2 === 0 ? { use_pin: true as const } : {}),
    ...(dump ? { which_pages: [1 + (length % 4)] } : {}),
  };
};

const stepOn = (
  model: ProgramModel,
  action: Action,
  area: ModelArea,
  at: At,
  daring: boolean,
): SimpleStep | undefined => {
  const { op, variant } = action;
  const advice = ADVICE_OF.get(op);
  if (advice !== undefined) return { op: 'madvise', ...at, advice };
  const mirror = variant % 6 === 5 ? { mirror: true as const } : {};
  const device = model.devices.length === 0 ? undefined : pick(model.devices, action.device);
  switch (op) {
    case 'write':
      return { op, ...at, value: variant % 5 === 0 ? COMMON_VALUE : model.newValue() };
    case 'read':
    case 'munmap':
    case 'mlock':
    case 'munlock':
    case 'numa_scan':
    case 'ksm_scan':
      return { op, ...at };
    case 'isolate':
      return { op, ...at, count: 1, ...(variant % 2 === 0 ? { undo: true as const } : {}) };
    case 'mprotect':
      return { op, ...at, prot: pick(['rw', 'r', 'rw', 'r', 'rw', ''] as const, variant) };
    case 'mremap':
      return { op, proc: at.proc, vma: at.vma, to: model.newArea() };
    case 'mbind':
      return { op, ...at, node: nodeOf(model, variant, daring) };
    case 'move_pages':
      return { op, ...at, ...(variant % 3 === 0 ? {} : { node: nodeOf(model, variant, daring) }) };
    case 'gup':
      return gup(model, action, area, at, daring);
    case 'gup_test':
      return gupTest(action, area, at);
    case 'dev_write':
      return device === undefined ? undefined : { op, ...at, device, value: model.newValue() };
    case 'snapshot':
    case 'migrate_to_sys':
      return device === undefined ? undefined : { op, ...at, device };
    case 'dev_read':
    case 'dev_exclusive':
    case 'migrate_to_dev':
      return device === undefined ? undefined : { op, ...at, device, ...mirror };
    default:
      return undefined;
  }
};

const nodeOf = ({ kind }: ProgramModel, n: number, daring: boolean): number =>
  (n >> 2) % (kind.place === 'nodes' ? 4 : daring ? 2 : 1);

/** Operations that may run at the same time as another. */
export const TOGETHER: ReadonlySet<SimpleStep['op']> = new Set([
  'read',
  'write',
  'dev_read',
  'dev_write',
  'dev_exclusive',
  'migrate_to_dev',
  'migrate_to_sys',
  'gup',
  'snapshot',
  'munmap',
  'mprotect',
  'madvise',
  'mlock',
  'munlock',
  'fork',
]);

/** The step that an action stands for here; undefined if there is none. */
export const interpret = (model: ProgramModel, action: Action): SimpleStep | undefined => {
  const { op, variant } = action;
  const process = model.processes[action.proc % model.processes.length];
  if (process === undefined) return undefined;
  const { name: proc } = process;
  switch (op) {
    case 'fork':
      return model.processes.length < MAX_PROCESSES ? { op, proc, child: model.nextChild } : undefined;
    case 'exit':
      return exit(model, action, proc);
    case 'release':
      return release(model, action, proc);
    case 'mmap':
      return newArea(model, action, process);
    case 'file_create':
    case 'file_read':
      return file(model, action, proc);
    case 'dev_open':
    case 'dev_close':
    case 'dev_evict':
      return model.devices.length === 0 ? undefined : deviceFile(model, action, process);
    case 'dev_check_exclusive':
      return process.exclusive === undefined ? undefined : { op, proc, ...process.exclusive };
    default: {
      const daring = variant % 8 === 7;
      const area = pickArea(process, action, daring);
      if (area === undefined) return undefined;
      const range = pickRange(area, action, daring ? UNMAPPED : rightsWanted(op, area), daring);
      return range && stepOn(model, action, area, { proc, vma: area.name, ...range }, daring);
    }
  }
};

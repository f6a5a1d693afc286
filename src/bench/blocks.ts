// The longest time for which the worker does not look at its messages while a million pages are worked on: the slices of
// big steps, what is read off their trace, pictures for a map that follows, the answers to questions in between, and
// steps that run again for a page.

import { Jobs } from '../worker/jobs.ts';
import type { Selection, ToWorker } from '../worker/protocol.ts';
import { Session } from '../worker/session.ts';
import { atMost, type Figure, figure } from './figures.ts';

const PAGES = 2 ** 20;
const ROUNDS = 3;
/** What the worker lets a slice last before it looks at its messages; see sim.worker.ts. */
const SLICE_MS = 8;
/** Turns from one question to the next. */
const TURNS_A_QUESTION = 16;

const RUN = 'run';
const AREA = { proc: 'A', vma: 'buf' } as const;
const scenarioWith = (kind: 'coherent' | 'private') => ({
  machine: 'lab-node',
  devices: [{ id: 0, kind }],
  steps: [
    { step: { op: 'mmap', ...AREA, pages: PAGES, prot: 'rw', kind: 'anon-private' } },
    { step: { op: 'write', ...AREA, value: 1 } },
  ],
});
const STEPS = [
  { op: 'migrate_to_dev', ...AREA, device: 0 },
  { op: 'gup', ...AREA, call: 'pin_user_pages', flags: ['FOLL_WRITE', 'FOLL_LONGTERM'], as: 'h1' },
  { op: 'unpin', proc: 'A', handle: 'h1' },
];

/** Steps over all that a process has, in all of which the worker has to let go. */
const LONG_STEPS = [
  { op: 'gup', ...AREA, call: 'pin_user_pages_fast', flags: ['FOLL_WRITE'], as: 'h2' },
  { op: 'unpin', proc: 'A', handle: 'h2', dirty: true },
  { op: 'gup', ...AREA, call: 'get_user_pages', flags: ['FOLL_WRITE'], as: 'h3' },
  { op: 'put', proc: 'A', handle: 'h3' },
  { op: 'migrate_to_dev', ...AREA, device: 0 },
  { op: 'dev_close', proc: 'A', device: 0 },
  { op: 'fork', proc: 'A', child: 'B' },
  { op: 'exit', proc: 'B' },
  { op: 'mremap', ...AREA, to: 'moved' },
  { op: 'munmap', proc: 'A', vma: 'moved' },
];
/** Steps that look at each page, or change each entry, in the kernel's order. */
const LOOKING_STEPS = [
  { op: 'mprotect', ...AREA, prot: 'r' },
  { op: 'mprotect', ...AREA, prot: 'rw' },
  { op: 'madvise', ...AREA, advice: 'COLD' },
  { op: 'isolate', ...AREA },
  { op: 'isolate', ...AREA, undo: true },
  { op: 'move_pages', ...AREA },
  { op: 'gup_test', ...AREA, cmd: 'PIN_FAST_BENCHMARK', flags: ['FOLL_WRITE'] },
  { op: 'read', ...AREA },
  { op: 'snapshot', ...AREA, device: 0 },
];
/** A process that writes until another one, which has more, dies for it. */
const DYING = { pages: 300_000, prot: 'rw', kind: 'anon-private' } as const;
const DEATH = {
  scenario: {
    machine: 'guest',
    devices: [],
    steps: [
      { op: 'mmap', proc: 'A', vma: 'first', pages: 1, prot: 'rw', kind: 'anon-private' },
      { op: 'fork', proc: 'A', child: 'B' },
      { op: 'mmap', ...AREA, ...DYING },
      { op: 'mmap', proc: 'B', vma: 'more', ...DYING, pages: 250_000 },
      { op: 'write', ...AREA, value: 1 },
    ].map((step) => ({ step })),
  },
};
const DEATH_STEPS = [{ op: 'write', proc: 'B', vma: 'more', value: 2 }];
/** More pages than memory has: kswapd ages all that were written, and swaps the oldest out for each that comes. */
const SWAPPED = {
  scenario: {
    machine: 'guest',
    swap: 200_000,
    devices: [],
    steps: [
      { op: 'mmap', ...AREA, pages: 400_000, prot: 'rw', kind: 'anon-private' },
      { op: 'write', ...AREA, count: 350_000, value: 1 },
    ].map((step) => ({ step })),
  },
};
const SWAP_STEPS = [
  { op: 'write', ...AREA, page: 350_000, value: 2 },
  { op: 'read', ...AREA, count: 20_000 },
];
/** What a device does with memory that it has, and gives back. */
const DEVICE_STEPS = [
  { op: 'migrate_to_dev', ...AREA, device: 0 },
  { op: 'dev_write', ...AREA, device: 0, value: 5 },
  { op: 'dev_read', ...AREA, device: 0 },
  { op: 'migrate_to_sys', ...AREA, device: 0 },
  { op: 'madvise', ...AREA, advice: 'DONTNEED' },
];
/** The same of private memory, behind each page of which there is a system page. */
const PRIVATE_STEPS = [
  { op: 'migrate_to_dev', ...AREA, device: 0 },
  { op: 'migrate_to_sys', ...AREA, device: 0 },
  { op: 'migrate_to_dev', ...AREA, device: 0 },
  { op: 'read', ...AREA, count: 2 ** 18 },
  { op: 'dev_evict', proc: 'A', device: 0 },
];
const prefetched = (loc: number | 'system') => ({
  op: 'svm_attr',
  ...AREA,
  attrs: [{ type: 'PREFETCH_LOC', loc }],
});
/** What GPUs do with ranges, also with pages that processes share, and with objects of VRAM, one of which is evicted. */
const GPU_STEPS = [
  prefetched(0),
  { op: 'gpu_write', ...AREA, device: 0, value: 5 },
  prefetched(1),
  { op: 'gup', ...AREA, call: 'pin_user_pages', flags: ['FOLL_WRITE', 'FOLL_LONGTERM'], as: 'h5' },
  prefetched('system'),
  { op: 'unpin', proc: 'A', handle: 'h5' },
  { op: 'fork', proc: 'A', child: 'B' },
  { op: 'gpu_write', ...AREA, device: 0, value: 6 },
  { op: 'exit', proc: 'B' },
  { op: 'bo_alloc', proc: 'A', device: 0, bo: 'all', pages: 16_700_000, kind: 'kfd' },
  { op: 'bo_write', proc: 'A', bo: 'all', value: 3 },
  { op: 'bo_free', proc: 'A', bo: 'all' },
  { op: 'bo_alloc', proc: 'A', device: 1, bo: 'first', pages: 2 ** 20, kind: 'gem' },
  { op: 'bo_write', proc: 'A', bo: 'first', value: 4 },
  { op: 'bo_alloc', proc: 'A', device: 1, bo: 'rest', pages: 16_000_000, kind: 'gem' },
  { op: 'bo_free', proc: 'A', bo: 'first' },
  { op: 'munmap', ...AREA },
  { op: 'unbind', proc: 'A', device: 0 },
];
/** A quarter of the pages of the others: what is shared goes page after page. */
const GPUS = {
  scenario: {
    machine: 'lab-node',
    gpu: {},
    devices: [0, 1].map((id) => ({ id, kind: 'coherent' })),
    steps: [
      { op: 'mmap', ...AREA, pages: PAGES / 4, prot: 'rw', kind: 'anon-private' },
      { op: 'write', ...AREA, value: 1 },
    ].map((step) => ({ step })),
  },
};
/** Not quite big enough to be counted: each leaves half a million events, which are read once. */
const FEW = { proc: 'A', vma: 'few' } as const;
const DETAILED_STEPS = [
  { op: 'mmap', ...FEW, pages: 4000, prot: 'rw', kind: 'anon-private' },
  { op: 'write', ...FEW, value: 1 },
  { op: 'migrate_to_dev', ...FEW, device: 0 },
  { op: 'gup', ...FEW, call: 'pin_user_pages', flags: ['FOLL_WRITE', 'FOLL_LONGTERM'], as: 'h4' },
  { op: 'unpin', proc: 'A', handle: 'h4' },
];
/** Rounds of those: each takes half a minute and more. */
const LONG_ROUNDS = 2;

/** Time of the processor of one turn, or what passed if that is less: others on the machine count in neither. */
const turnMs = (work: () => void): number => {
  const cpu = process.cpuUsage();
  const start = performance.now();
  work();
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return Math.min(ms, (user + system) / 1000);
};

const slice = (): (() => boolean) => {
  const end = performance.now() + SLICE_MS;
  return () => performance.now() < end;
};

/** A worker without a thread: what waits is done turn by turn. */
class Desk {
  readonly longest = { open: 0, turn: 0, question: 0 };
  private readonly session = new Session();
  private readonly due: (() => void)[] = [];
  private readonly jobs = new Jobs(this.session, {
    post: (answer) => {
      // before the scenario is open nothing can be asked
      if (answer.kind !== 'failed' || answer.message.id === 'problem.no-run') return;
      throw new Error(`a step failed: ${JSON.stringify(answer.message)}`);
    },
    later: (work) => void this.due.push(work),
    atRest: (work) => void this.due.push(work),
    slice,
  });
  private id = 0;

  /** A map follows the run from now on. */
  watch(): void {
    const { maps } = this.session;
    const goOn = (): void => {
      if (maps.goOn(slice())) this.due.push(goOn);
    };
    maps.connect(() =>
      this.due.push(() => {
        maps.receive({ kind: 'taken' }, slice());
        goOn();
      }),
    );
    maps.receive(
      { kind: 'show', number: 1, runId: RUN, place: 'live', pageSections: [], mode: 'state' },
      slice(),
    );
    this.run();
  }

  /** The machine boots in one turn: before there is one no step runs, and nothing can be asked. */
  open(scenario: unknown): void {
    this.longest.open = turnMs(() => this.tell({ kind: 'open', scenario }));
    this.run();
  }

  do(message: Record<string, unknown>): void {
    this.due.push(() => this.tell(message));
    this.run();
  }

  /** A page in the midst of those that are mapped, and its address. */
  pageInside(): readonly Selection[] {
    const position = Number.MAX_SAFE_INTEGER;
    const answer = this.session.handle({ kind: 'moment', id: 0, runId: RUN, position });
    const area = answer?.kind === 'moment' ? answer.moment.processes[0]?.areas[0] : undefined;
    const row = area?.rows.at(-1);
    if (row === undefined) throw new Error('nothing is mapped');
    const i = Math.floor(row.npages / 2);
    return [
      { kind: 'page', pfn: row.pfn + row.pfnStep * i },
      { kind: 'pte', process: AREA.proc, vpn: row.vpn + i },
    ];
  }

  private tell(message: Record<string, unknown>): void {
    this.id += 1;
    this.jobs.receive({ id: this.id, runId: RUN, ...message } as unknown as ToWorker);
  }

  private run(): void {
    for (let turn = 1; ; turn++) {
      const work = this.due.shift();
      if (work === undefined) return;
      this.longest.turn = Math.max(this.longest.turn, turnMs(work));
      if (turn % TURNS_A_QUESTION !== 0) continue;
      const asked = turnMs(() => this.tell({ kind: 'moment', position: Number.MAX_SAFE_INTEGER }));
      this.longest.question = Math.max(this.longest.question, asked);
    }
  }
}

interface Measured {
  readonly kind?: 'coherent' | 'private';
  /** Instead of a million pages of one process. */
  readonly scenario?: unknown;
  /** The steps are run again for a page and for an address, as when one looks at them. */
  readonly isRetold?: boolean;
}

const measure = (
  steps: readonly Record<string, unknown>[],
  { kind = 'coherent', scenario = scenarioWith(kind), isRetold = false }: Measured = {},
): Desk['longest'] => {
  const desk = new Desk();
  desk.open(scenario);
  desk.watch();
  for (const step of steps) desk.do({ kind: 'append', step });
  const position = Number.MAX_SAFE_INTEGER;
  desk.do({ kind: 'moment', position });
  // the newest step first, one a question; the scenario has one that is as big
  for (const target of isRetold ? desk.pageInside() : [])
    for (let left = steps.length + 1; left > 0; left--) desk.do({ kind: 'retell', position, target });
  return desk.longest;
};

/** The round in which the longest turn was shortest counts, so that what others do on the machine does not. */
export const blocks = (): Figure[] => {
  const parts = [
    Array.from({ length: ROUNDS }, () => measure(STEPS, { isRetold: true })),
    Array.from({ length: LONG_ROUNDS }, () => measure(LONG_STEPS)),
    Array.from({ length: LONG_ROUNDS }, () => measure(DEVICE_STEPS)),
    Array.from({ length: LONG_ROUNDS }, () => measure(LOOKING_STEPS)),
    Array.from({ length: ROUNDS }, () => measure(DEATH_STEPS, DEATH)),
    Array.from({ length: ROUNDS }, () => measure(SWAP_STEPS, SWAPPED)),
    Array.from({ length: LONG_ROUNDS }, () => measure(DETAILED_STEPS)),
    Array.from({ length: LONG_ROUNDS }, () => measure(PRIVATE_STEPS, { kind: 'private' })),
    Array.from({ length: ROUNDS }, () => measure(GPU_STEPS, GPUS)),
  ];
  const of = (pick: (one: Desk['longest']) => number): number =>
    Math.max(...parts.map((rounds) => Math.min(...rounds.map(pick))));
  return [
    figure(
      'worker_longest_block_ms',
      of(({ turn, question }) => Math.max(turn, question)),
      'ms',
      atMost(50),
    ),
    figure(
      'worker_longest_turn_ms',
      of(({ turn }) => turn),
      'ms',
    ),
    figure(
      'worker_longest_answer_ms',
      of(({ question }) => question),
      'ms',
    ),
    figure(
      'worker_longest_open_ms',
      of(({ open }) => open),
      'ms',
    ),
  ];
};

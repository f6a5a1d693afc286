// A program as it runs on big machines, of any size: each GPU has a part of the memory, works on it for some iterations,
// and writes checkpoints through memory that a network card has registered.

import type { Scenario, SimpleStep, Step } from '../core/uapi/scenario.ts';
import { GIB_PAGES, mibToPages } from '../core/uapi/units.ts';
import { gpu, prefetch, svmAttr, writtenBy } from './gpu-steps.ts';
import { type Scene, scene } from './scene.ts';

export interface Workload {
  readonly gpus: number;
  /** Pages that each GPU works on. */
  readonly pagesPerGpu: number;
  readonly iterations: number;
  /** A checkpoint is written behind every so many iterations. */
  readonly checkpointEvery: number;
  /** Pages of each GPU that the network card registers for it. */
  readonly checkpointPages: number;
  /** Where the pages are: VRAM that the CPU can reach, VRAM that it cannot, or system memory only. */
  readonly memory: 'coherent' | 'private' | 'system';
  /** The network card keeps what it has registered to the end, as a library does; absent: for the checkpoint only. */
  readonly keepsPins?: boolean;
  /** Pages of VRAM of each GPU that a second process takes after the last checkpoint and gives back; absent: none. */
  readonly rivalPages?: number;
  /** VRAM of each GPU that goes to its page tables and queues, which KFD does not count. */
  readonly rivalTablesPages?: number;
  readonly machine?: NonNullable<Scenario['machine']>;
  readonly longtermPolicy?: 'on' | 'intent' | 'as-coded';
  readonly model?: NonNullable<Scenario['gpu']>['model'];
}

const areaOf = (device: number): string => `part${device}`;

const begins = (w: Workload, device: number): Step[] => {
  const vma = areaOf(device);
  return [
    ...writtenBy('A', w.pagesPerGpu, vma, 1000),
    w.memory === 'system'
      ? svmAttr([{ type: 'PREFERRED_LOC', loc: 'system' }], { vma })
      : svmAttr([{ type: 'PREFERRED_LOC', loc: device }], { vma }),
    ...(w.memory === 'system' ? [] : [prefetch(device, { vma })]),
  ];
};

const iterates = (device: number, iteration: number): Step[] => {
  const vma = areaOf(device);
  const halo = { proc: 'A', vma, page: 0, count: 1 };
  return [
    { op: 'gpu_write', proc: 'A', vma, device, value: 2000 + iteration * 100 },
    // the CPU looks at the border of each part
    { op: 'read', ...halo },
  ];
};

const registrationOf = (device: number, number: number): string => `mr${device}.${number}`;
const drops = (device: number, number: number): Step => ({
  op: 'unpin',
  proc: 'A',
  handle: registrationOf(device, number),
});

const checkpoints = (w: Workload, device: number, number: number): Step[] => {
  const vma = areaOf(device);
  const as = registrationOf(device, number);
  return [
    {
      op: 'gup',
      proc: 'A',
      vma,
      page: 0,
      count: w.checkpointPages,
      call: 'pin_user_pages_fast',
      flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
      as,
    },
    ...(w.keepsPins === true ? [] : [drops(device, number)]),
  ];
};

/** A second process needs VRAM while the registrations last, and the first one goes on afterwards. */
const rivals = (w: Workload, devices: readonly number[]): Step[] => {
  const pages = w.rivalPages ?? 0;
  if (pages === 0) return [];
  const tables = w.rivalTablesPages ?? 0;
  return [
    ...devices.flatMap((device): Step[] => [
      ...(tables === 0
        ? []
        : [
            { op: 'bo_alloc', proc: 'B', device, bo: `tables${device}`, pages: tables, kind: 'gem' } as const,
          ]),
      { op: 'bo_alloc', proc: 'B', device, bo: `rival${device}`, pages, kind: 'kfd' },
    ]),
    // gives back what it got: in a world where an eviction cannot end that may be nothing
    { op: 'exit', proc: 'B' },
    ...devices.flatMap((device) => iterates(device, w.iterations)),
  ];
};

/** The steps of a workload. A checkpoint pins, and the next iterations work on what the pin has left. */
export const workloadSteps = (w: Workload): Step[] => {
  const devices = Array.from({ length: w.gpus }, (_, device) => device);
  const checkpointsDone = Math.floor(w.iterations / w.checkpointEvery);
  const steps: Step[] = (w.rivalPages ?? 0) === 0 ? [] : [{ op: 'fork', proc: 'A', child: 'B' }];
  steps.push(...devices.flatMap((device) => begins(w, device)));
  for (let i = 0; i < w.iterations; i++) {
    steps.push(...devices.flatMap((device) => iterates(device, i)));
    if ((i + 1) % w.checkpointEvery === 0)
      steps.push(...devices.flatMap((device) => checkpoints(w, device, (i + 1) / w.checkpointEvery)));
  }
  steps.push(...rivals(w, devices));
  if (w.keepsPins === true)
    for (let number = 1; number <= checkpointsDone; number++)
      steps.push(...devices.map((device) => drops(device, number)));
  return steps;
};

/** The machine that a workload runs on, with its GPUs. */
export const workloadScenario = (w: Workload, about: { name: string; title: string; about: string }): Scene =>
  scene(
    {
      ...about,
      machine: w.machine ?? 'frontier',
      gpu: gpu(w.model === undefined ? {} : { model: w.model }),
      ...(w.longtermPolicy === undefined || w.longtermPolicy === 'on'
        ? {}
        : { config: { longtermPolicy: w.longtermPolicy } }),
    },
    Array.from({ length: w.gpus }, (_, id) => ({
      id,
      kind: w.memory === 'private' ? ('private' as const) : ('coherent' as const),
    })),
    workloadSteps(w),
  );

/** Small enough to be followed step by step; the size of a real run is a matter of the numbers. */
const SMALL = { gpus: 8, pagesPerGpu: 16, iterations: 2, checkpointEvery: 1, checkpointPages: 4 } as const;

/** What KFD keeps of a GPU's VRAM for page tables: 1/16384 of 1 TiB. Its driver keeps 8 MiB of that for itself. */
const TABLES = mibToPages(64);
const WHOLE_VRAM = { rivalPages: 64 * GIB_PAGES - TABLES, rivalTablesPages: TABLES - mibToPages(8) } as const;

/** A process for each GPU, as batch systems start them. */
const RANKS = Array.from({ length: SMALL.gpus }, (_, device) => ({
  proc: 'ABCDEFGH'.charAt(device),
  device,
}));

const allAtOnce = (stepOf: (rank: (typeof RANKS)[number]) => SimpleStep): Step => ({
  op: 'concurrent',
  proc: 'A',
  seed: 1,
  steps: RANKS.map(stepOf),
});

const prefetchAll = (loc: 'own' | 'system'): Step =>
  allAtOnce(({ proc, device }) => ({
    op: 'svm_attr',
    proc,
    vma: 'buf',
    attrs: [{ type: 'PREFETCH_LOC', loc: loc === 'own' ? device : loc }],
  }));

const RANKS_SCENE: Scene = scene(
  {
    name: 'frontier-ranks',
    title: 'Eight processes, one a GPU, all at once',
    about:
      'As a batch system starts them: a process for each GPU. They move their memory to VRAM at once, the CPUs read it without a fault, and a network card registers a block of each, which leaves VRAM. A further prefetch to the same GPU does not bring that block back: its range counts as being there. In the end everything comes home.',
    machine: 'frontier',
    gpu: gpu(),
  },
  RANKS.map(({ device }) => ({ id: device, kind: 'coherent' })),
  [
    ...RANKS.slice(1).map(({ proc }): Step => ({ op: 'fork', proc: 'A', child: proc })),
    ...RANKS.flatMap(({ proc, device }) => writtenBy(proc, SMALL.pagesPerGpu, 'buf', 1000 * (device + 1))),
    prefetchAll('own'),
    allAtOnce(({ proc }) => ({ op: 'read', proc, vma: 'buf' })),
    allAtOnce(({ proc, device }) => ({
      op: 'gup',
      proc,
      vma: 'buf',
      page: 0,
      count: SMALL.checkpointPages,
      call: 'pin_user_pages_fast',
      flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
      as: `mr${device}`,
    })),
    allAtOnce(({ proc, device }) => ({ op: 'unpin', proc, handle: `mr${device}` })),
    prefetchAll('own'),
    prefetchAll('system'),
  ],
);

export const FRONTIER_SCENES: readonly Scene[] = [
  workloadScenario(
    { ...SMALL, memory: 'coherent' },
    {
      name: 'frontier-coherent',
      title: 'Eight GPUs, coherent memory',
      about:
        'A node of Frontier: each GPU works on its part, the CPU looks at the borders without a fault, and behind each iteration a network card registers pages for a checkpoint. Those leave VRAM, once.',
    },
  ),
  workloadScenario(
    { ...SMALL, memory: 'private' },
    {
      name: 'frontier-private',
      title: 'Eight GPUs, private memory',
      about:
        'The CPU cannot reach the VRAM. Each look at a border brings a range home, and the next iteration moves it back.',
    },
  ),
  workloadScenario(
    { ...SMALL, memory: 'system' },
    {
      name: 'frontier-system',
      title: 'Eight GPUs, and all stays in system memory',
      about:
        'The pages stay in system memory, and the GPUs reach over the link for each of them. No pin moves anything.',
    },
  ),
  workloadScenario(
    { ...SMALL, memory: 'coherent', keepsPins: true, ...WHOLE_VRAM },
    {
      name: 'frontier-second-job',
      title: 'Eight GPUs, and a second job needs the VRAM',
      about:
        'As libraries do, the network card keeps what it has registered. A second process then asks for all VRAM of each GPU, page tables and data, and gets it: the registered pages are in system memory, and nothing holds the others. The panel Costs, in all worlds, says what staying would have cost: eight evictions that cannot end, or VRAM with two owners.',
    },
  ),
  workloadScenario(
    { ...SMALL, memory: 'coherent', longtermPolicy: 'as-coded' },
    {
      name: 'frontier-staying',
      title: 'Hypothetical: eight GPUs, and pins stay in VRAM',
      about:
        'No kernel did this. The checkpoint pins pages where they are: nothing moves, and nothing can be evicted while a pin lasts.',
    },
  ),
  RANKS_SCENE,
];

/**
 * The same at the size of a real run. 56 GiB a GPU: eight times 64 GiB would not fit in the system's memory first, beside
 * the struct pages. Takes long, so it is no scene of those lists that tests run through.
 */
export const FRONTIER_NODE: Scene = workloadScenario(
  {
    gpus: 8,
    pagesPerGpu: 56 * GIB_PAGES,
    iterations: 1,
    checkpointEvery: 1,
    checkpointPages: 512,
    memory: 'coherent',
  },
  {
    name: 'frontier-node',
    title: 'A whole node: eight GPUs, 56 GiB each',
    about:
      '117 million pages go to VRAM, in 448 ranges, and a network card registers 2 MiB of each GPU’s part. Takes some minutes and some 400 MB; a bar says how far it is, and its button Cancel gives up.',
  },
);

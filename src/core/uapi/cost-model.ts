// What things cost in time, as data. Every figure says where it comes from and how far it can be trusted; all can be
// changed. No measured cost of a migration on such hardware is known: see machine-and-drivers.md §5.

/** How a figure came about; `measured` is for those that somebody puts in. */
export type FigureClass = 'kernel' | 'vendor-stated' | 'derived' | 'assumed' | 'measured';

export interface Figure {
  readonly value: number;
  readonly class: FigureClass;
  readonly source: string;
}

const OLCF = 'OLCF Frontier User Guide, peak';
const assumed = (value: number, source = 'assumed'): Figure => ({ value, class: 'assumed', source });

/** Bytes a second, in one direction. */
export const DEFAULT_LINKS = {
  hbm: { value: 1.6e12, class: 'vendor-stated', source: OLCF },
  'if.cpu_gpu': { value: 36e9, class: 'vendor-stated', source: `${OLCF}, 36+36 GB/s` },
  'if.gcd_pair': { value: 200e9, class: 'vendor-stated', source: `${OLCF}, within one MI250X` },
  'if.gcd_remote': { value: 50e9, class: 'vendor-stated', source: `${OLCF}, one link between packages` },
  'ddr.socket': {
    value: 204.8e9,
    class: 'derived',
    source: '8 channels of DDR4-3200; channels and speed assumed',
  },
  'ddr.numa': { value: 51.2e9, class: 'derived', source: 'a quarter of the socket' },
  pcie4x16: { value: 31.5e9, class: 'derived', source: '16 GT/s x 16 lanes x 128/130' },
  pcie3x16: { value: 15.75e9, class: 'derived', source: '8 GT/s x 16 lanes x 128/130' },
  'generic.coherent': assumed(64e9, 'invented, for the generic device'),
} as const satisfies Readonly<Record<string, Figure>>;
export type LinkName = keyof typeof DEFAULT_LINKS;

/** Nanoseconds, and a few plain numbers. */
export const DEFAULT_OPS = {
  'cpu.load.ddr': assumed(100),
  'cpu.load.hbm.coherent': assumed(350, 'assumed: one hop of the fabric more, uncached'),
  'pt.walk': {
    value: 300,
    class: 'derived',
    source:
      'over 1000 cycles at 3.5 GHz: a developer’s word in the cover letter of the migrate-on-fault series (linux-mm)',
  },
  'gpu.load.hbm': assumed(500),
  'gpu.load.ddr': assumed(900),
  /** Accesses that a GPU has under way at once, so that their latencies overlap. */
  'gpu.inFlight': assumed(64),
  /** Bytes that one access of a step stands for: the page. */
  'gpu.access.bytes': assumed(4096),
  'fault.minor': assumed(700),
  'fault.cow': assumed(1000),
  'fault.private.to_ram': assumed(20_000, 'assumed: fault, migrate_vma_setup, wait for the fence'),
  'tlb.shootdown': assumed(4000, 'assumed for 64 cores; once for each page table that a migration walks'),
  'migrate.page.cpu': assumed(1500, 'assumed: lock, isolate, rmap, map, unlock'),
  'sdma.chunk.setup': assumed(10_000, 'assumed; chunks of 512 pages are the kernel’s'),
  'gup.fast': assumed(50),
  'gup.slow': assumed(400),
  'gup.longterm.migrate': assumed(3000, 'assumed; the copy by the CPU comes on top'),
  'gpu.retry_fault': assumed(30_000, 'assumed: interrupt, handler, page table, replay'),
  'gpu.tlb.flush': assumed(5000),
  'queue.quiesce': assumed(1e6),
  'queue.resume': assumed(1e6),
  'svm.restore.delay': { value: 1e6, class: 'kernel', source: 'AMDGPU_SVM_RANGE_RESTORE_DELAY_MS' },
  'kfd.restore.delay': { value: 1e8, class: 'kernel', source: 'PROCESS_RESTORE_TIME_MS' },
  'ttm.wait': { value: 15e9, class: 'kernel', source: 'ttm_bo_wait' },
} as const satisfies Readonly<Record<string, Figure>>;
export type OpName = keyof typeof DEFAULT_OPS;

export interface CostModel {
  readonly links: Readonly<Record<LinkName, Figure>>;
  readonly ops: Readonly<Record<OpName, Figure>>;
  /** Part of a peak rate that is reached. */
  readonly efficiency: Figure;
}

export const DEFAULT_COSTS: CostModel = {
  links: DEFAULT_LINKS,
  ops: DEFAULT_OPS,
  efficiency: assumed(0.7),
};

/** Figures that somebody puts in place of the model's own. */
export interface CostOverrides {
  readonly links?: Readonly<Partial<Record<LinkName, number>>>;
  readonly ops?: Readonly<Partial<Record<OpName, number>>>;
  readonly efficiency?: number;
}

const replaced = <Name extends string>(
  figures: Readonly<Record<Name, Figure>>,
  values: Readonly<Partial<Record<Name, number>>> | undefined,
): Readonly<Record<Name, Figure>> => {
  if (values === undefined) return figures;
  const own: Partial<Record<Name, Figure>> = {};
  for (const name of Object.keys(values) as Name[]) {
    const value = values[name];
    if (value !== undefined && value > 0)
      own[name] = { value, class: 'measured', source: 'put in by the reader' };
  }
  return { ...figures, ...own };
};

/** The model with some figures replaced; what is not above 0 is left out. */
export const withOverrides = (model: CostModel, { links, ops, efficiency }: CostOverrides): CostModel => ({
  links: replaced(model.links, links),
  ops: replaced(model.ops, ops),
  efficiency:
    efficiency === undefined || efficiency <= 0
      ? model.efficiency
      : { value: efficiency, class: 'measured', source: 'put in by the reader' },
});

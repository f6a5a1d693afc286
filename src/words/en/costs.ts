// What is said of costs: figures and where they come from, worlds that are set side by side, and the series' question.

import type { FigureClass } from '../../core/uapi/cost-model.ts';
import { cap, grouped } from './phrases.ts';

/** How far a figure can be trusted. */
export const figureClasses: Readonly<
  Record<FigureClass, { readonly label: string; readonly about: string }>
> = {
  kernel: { label: 'kernel', about: 'a constant in the kernel’s source' },
  'vendor-stated': { label: 'vendor-stated', about: 'published as a peak; nobody here measured it' },
  derived: { label: 'derived', about: 'arithmetic from published figures' },
  assumed: { label: 'assumed', about: 'a modelling choice, no fact' },
  measured: { label: 'your own', about: 'put in by you' },
};

/** By the name in the model. */
export const figureNames: Readonly<Record<string, string>> = {
  hbm: 'VRAM of one GPU',
  'if.cpu_gpu': 'link between CPU and GPU, each way',
  'if.gcd_pair': 'link between the two GPUs of a package',
  'if.gcd_remote': 'link between GPUs of two packages',
  'ddr.socket': 'system memory of the socket',
  'ddr.numa': 'system memory of a node',
  pcie4x16: 'PCIe 4 x16, each way',
  pcie3x16: 'PCIe 3 x16, each way',
  'generic.coherent': 'coherent link of the generic device',
  'cpu.load.ddr': 'CPU reads system memory',
  'cpu.load.hbm.coherent': 'CPU reads coherent VRAM',
  'pt.walk': 'CPU walks the page table, at the first access to a page',
  'gpu.load.hbm': 'GPU reads its VRAM',
  'gpu.load.ddr': 'GPU reads system memory',
  'gpu.inFlight': 'accesses that a GPU has under way at once',
  'gpu.access.bytes': 'bytes that one access of a step stands for',
  'fault.minor': 'page fault that needs a new page',
  'fault.cow': 'page fault that copies',
  'fault.private.to_ram': 'CPU fault on private VRAM',
  'tlb.shootdown': 'TLB shootdown',
  'migrate.page.cpu': 'migration: CPU work for a page',
  'sdma.chunk.setup': 'DMA: setting a chunk up',
  'gup.fast': 'pin, fast path, a page',
  'gup.slow': 'pin, slow path, a page',
  'gup.longterm.migrate': 'long-term pin moves a page',
  'gpu.retry_fault': 'GPU fault, with replay',
  'gpu.tlb.flush': 'flush of a GPU’s TLB',
  'queue.quiesce': 'stopping the queues',
  'queue.resume': 'starting the queues',
  'kfd.restore.delay': 'delay before an evicted process comes back',
  'svm.restore.delay': 'delay before ranges are mapped again',
  'ttm.wait': 'TTM gives up waiting after',
  efficiency: 'part of a peak rate that is reached',
};

/** Groups of what time is spent on, in the order of the bars. */
export const costGroups = {
  access: 'access to memory',
  faults: 'faults',
  migration: 'migration and its copies',
  tlb: 'TLB shootdowns',
  pins: 'pins, with what they move',
  queues: 'stopped queues',
} as const;

export const worldWords = {
  coherent: { label: 'Coherent', about: 'the kernel as it is: pins migrate' },
  private: { label: 'Private', about: 'the CPU cannot reach VRAM' },
  system: { label: 'System only', about: 'ranges stay out of VRAM' },
  intent: { label: 'Pins stay: intent', about: 'hypothetical, it never shipped' },
  'as-coded': { label: 'Pins stay: as coded', about: 'hypothetical, it never shipped' },
} as const;

export const costsWords = {
  about:
    'Simulated time: the events of this run, counted, times the figures below. Nothing here was measured on such a machine.',
  serial: 'whole run, step after step',
  overlapped: 'whole run, areas in parallel',
  soFar: 'so far',
  waiting: 'waiting for VRAM',
  ask: 'Run it in all worlds',
  again: 'Run them again',
  stale: 'Figures have been changed since; these numbers are those of before.',
  running: 'Running the same steps in each world…',
  worlds:
    'The same steps with coherent memory, with private memory, without VRAM, and in two worlds that never shipped.',
  noPins:
    'No long-term pin met a page in VRAM here, so migration on pin cost nothing, and staying would have, too.',
  reset: 'Reset all figures',
} as const;

/** Numbers of the series' question, already as texts where they are times. */
interface Answer {
  readonly pagesMoved: number;
  readonly moving: string;
  readonly farAccess: string;
  readonly farIsMore: boolean;
  readonly farIsNothing: boolean;
  readonly pagesHeld: number;
  readonly failedEvictions: number;
  readonly waiting: string;
  readonly pagesAliased: number;
}

const pages = (n: number): string => (n === 1 ? 'one page' : `${grouped(n)} pages`);
const were = (n: number): string => (n === 1 ? 'it was' : 'they were');
const them = (n: number): string => (n === 1 ? 'it' : 'them');

/** Both halves of the question in one sentence, each with its figure. */
export const shortAnswer = (intent: Answer | undefined, asCoded: Answer | undefined): string => {
  const moved = intent ?? asCoded;
  if (moved === undefined || moved.pagesMoved === 0) return '';
  const moving = `Moving ${pages(moved.pagesMoved)} home cost ${moved.moving}`;
  const waits =
    intent !== undefined && intent.failedEvictions > 0
      ? `${intent.failedEvictions === 1 ? 'an eviction that cannot end' : `${intent.failedEvictions} evictions that cannot end`} (${intent.waiting} of waiting)`
      : '';
  const shared =
    asCoded !== undefined && asCoded.pagesAliased > 0
      ? `VRAM of ${pages(asCoded.pagesAliased)} with two owners`
      : '';
  const staying = [waits, shared].filter(Boolean).join(' or, as the code would go, ');
  return staying === ''
    ? `${moving}; staying would have cost nothing in this run, since nobody asked for that VRAM while the pins lasted.`
    : `${moving}; staying would have cost ${staying}.`;
};

/** What did migration on pin cost? */
export const movingAnswer = (a: Answer): string => {
  if (a.pagesMoved === 0) return costsWords.noPins;
  const far = a.farIsNothing
    ? `Afterwards the GPUs spent no more on reaching ${them(a.pagesMoved)} than they would have in VRAM.`
    : a.farIsMore
      ? `Afterwards the GPUs reached ${them(a.pagesMoved)} over the link, which cost ${a.farAccess} more.`
      : `Afterwards the GPUs spent ${a.farAccess} less on access than where the pins stay: there an eviction that could not end had taken other pages home.`;
  return `Moving ${pages(a.pagesMoved)} home before ${were(a.pagesMoved)} pinned took ${a.moving}. ${far}`;
};

/** What would staying have cost? */
export const stayingAnswer = (world: 'intent' | 'as-coded', a: Answer): string => {
  if (a.pagesHeld === 0) return 'No page would have been pinned in VRAM.';
  const held = `${cap(pages(a.pagesHeld))} would have been pinned in VRAM.`;
  if (world === 'intent')
    return a.failedEvictions === 0
      ? `${held} Nobody asked for that VRAM while the pins lasted, so it would have cost nothing here. The price comes with the first eviction.`
      : `${held} ${a.failedEvictions === 1 ? 'One eviction' : `${a.failedEvictions} evictions`} could not end: ${a.waiting} of waiting for nothing.`;
  return a.pagesAliased === 0
    ? `${held} No VRAM was given away while the pins lasted, so nothing would have been damaged here.`
    : `${held} The VRAM of ${pages(a.pagesAliased)} was given to somebody else while the pin lasted: two owners write to one place, and nobody is told. No time measures that.`;
};

// What the GPU panel says. Kernel words stand between backticks.

import type { EvictionStation } from '../../core/uapi/eviction.ts';
import { cap, grouped, holdersText, type Params, stayedText } from './phrases.ts';

export const gpuPanel = {
  none: 'This machine has no GPU with a driver. Scenes under “A GPU and a process” and “When VRAM is short” have one.',
  noDriver: 'No driver has found its GPU yet.',
  unregistered:
    'Its memory could not be registered: VRAM without `struct page`s, so no ranges of processes can live in it.',
  noProcess: 'No process has opened the GPUs for compute yet.',
  sums: 'Ranges by place',
  orderOfRanges: 'Below: first those with pages elsewhere, with old entries, or with work that is due.',
  neverShipped: {
    intent: 'No kernel did this: long-term pins stay in VRAM, and VRAM in use is not given away.',
    'as-coded': 'No kernel did this: long-term pins stay in VRAM, and the driver does as its code says.',
  },
  findRange: 'Find a range',
  noRanges: 'No range of shared virtual memory yet.',
  noObjects: 'All of VRAM is free.',
  order: 'Evicted first',
  queues: {
    run: 'queues run',
    stopped: 'queues stopped',
    dead: 'queue dead: a fault that nobody could serve',
  },
  restore: 'a kernel thread maps again, then the queues run',
  due: 'in a millisecond a kernel thread maps again, then the queues run',
  restoreProcess: 'its compute objects come back to VRAM in 100 ms, then the queues run',
  userptrs: 'User pointers',
  userptr: 'Memory of the process as a compute object. Nothing is pinned; a change stops the queues.',
  userptrFresh: 'looked up, and mapped on the GPU',
  userptrStale: 'in a millisecond a kernel thread looks it up again',
  userptrGone: 'no entries on the GPU: its memory is gone',
  fence: {
    none: '',
    armed: 'eviction fence: nobody waits for it',
    waiting: 'TTM waits for its fence',
    signaled: 'fence signalled: may be taken',
  },
  kinds: { svm: 'ranges of', kfd: 'compute object of', gem: 'graphics object of' },
  places: { vram: 'in VRAM', tt: 'in system memory (TT)', system: 'without memory' },
  swapped: 'in a file of shared memory: TTM had to have less',
  ttmPin: 'pinned by TTM (scanout): never evicted',
  seeking: 'looks for VRAM',
  evicting: 'its pages are being brought home',
  blocks: {
    longterm: 'is pinned for long and cannot leave: it blocks the eviction for as long as the pin lasts',
    pin: 'is pinned and cannot leave before it is released',
    get: 'has one more reference: the copy is made and thrown away',
    restsLong: 'is pinned for long in VRAM: it will not leave when somebody else needs it',
    rests: 'is held for a moment',
    aliased:
      'is still in the hands of its holder, but this VRAM belongs to somebody else now: both write to it',
  },
  aliased: 'two owners',
} as const;

/** Attributes of a range, as the ioctl names them, and under which name the glossary has what each does in v6.1. */
export const svmAttributes = {
  preferred: { name: 'PREFERRED_LOC', term: 'svm-preferred-loc' },
  prefetched: { name: 'PREFETCH_LOC', term: 'svm-prefetch-loc' },
  actual: { name: 'actual_loc', term: 'svm-actual-loc' },
  granularity: { name: 'GRANULARITY', term: 'svm-granularity' },
  access: { name: 'ACCESS', term: 'svm-access' },
  inPlace: { name: 'ACCESS_IN_PLACE', term: 'svm-access-in-place' },
  flags: { name: 'flags', term: undefined },
  notifier: { name: 'notifier', term: 'svm-notifier' },
  object: { name: 'buffer object', term: 'svm-object' },
} as const;

const pages = (n: number): string => (n === 1 ? 'one page' : `${grouped(n)} pages`);
const are = (n: number): string => (n === 1 ? 'is' : 'are');

/** The stations of an eviction, in the order in which they happened; each says who does what. */
export const evictionStations: Readonly<
  Record<EvictionStation, (npages: number, holders?: Params) => string>
> = {
  'no-space': (n) => `TTM finds no free VRAM for ${pages(n)}.`,
  skipped: (n) => `An object of ${pages(n)} is passed over: TTM itself has pinned it.`,
  victim: (n) => `The first that may go is chosen: an object of ${pages(n)}.`,
  waits: () => 'TTM waits for its eviction fence, for 15 s at most.',
  worker: () => 'A kernel thread starts to bring its pages home: `svm_range_evict_svm_bo_worker`.',
  home: (n) => cap(`${pages(n)} ${are(n)} home.`),
  left: (n, p) =>
    p === undefined ? cap(`${pages(n)} could not leave.`) : `${stayedText(p, 'could not leave')}.`,
  'in-use': (n, p) =>
    `VRAM of ${pages(n)} is still in use${p === undefined ? '' : ` (${holdersText(p, n === 1 ? 'it' : 'them')})`}, so the fence is not signalled. (Hypothetical: v6.1 signals it in any case.)`,
  'process-stopped': () => 'All queues of its process stop: `evict_process_worker`.',
  signaled: () => 'The fence is signalled: the driver says that the VRAM may be taken.',
  'timed-out': () => '15 s have passed. TTM gives up, and who asked gets an error.',
  gutted: () => 'The object loses its VRAM: `ttm_bo_pipeline_gutting`.',
  moved: () => 'The object lies in system memory now, with its bytes.',
  swapped: (n) => `An object of ${pages(n)} goes to a file of shared memory: TTM has its limit there.`,
  allocated: (n) => `VRAM for ${pages(n)} has its new owner.`,
  aliased: (n) => cap(`${pages(n)} of it ${are(n)} still in use by somebody: two owners of one place.`),
  spilled: () => 'There is no VRAM; the new object lies in system memory.',
  'queues-stopped': () => 'A page moved under the GPU: all queues of its process stop.',
  'queues-resumed': () => 'Its ranges are mapped again, and the queues run.',
  restored: () => '100 ms later the process has its objects back, and its queues run.',
};

export const evictionPanel = {
  heading: 'Eviction, step by step',
  about: 'What this step of the scenario does to VRAM. Choose a line to go there.',
  more: (n: number): string => `and ${grouped(n)} more`,
} as const;

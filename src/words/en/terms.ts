// Which words on the screen are terms of the glossary, and under which name it has them. Small, since every sentence is
// looked through for them; the texts are loaded when they are asked for.

export type TermGroup =
  | 'memory'
  | 'pinning'
  | 'migration'
  | 'page'
  | 'page flags'
  | 'page tables'
  | 'FOLL_ flags'
  | 'words of ours';

/** Each term with the ways in which it is written as a word of the kernel. */
const SPELLINGS = {
  'device-coherent': ['MEMORY_DEVICE_COHERENT', 'coherent'],
  'device-private': ['MEMORY_DEVICE_PRIVATE', 'device-private'],
  'system-memory': [],
  vram: [],
  'zone-device': ['ZONE_DEVICE'],
  'zone-movable': ['ZONE_MOVABLE'],
  'zone-dma32': ['ZONE_DMA32'],
  'zone-normal': ['ZONE_NORMAL'],
  cma: ['CMA', 'CONFIG_CMA', 'MIGRATE_CMA'],
  'kernel-memory': [],
  free: [],
  node: [],
  pageblock: [],
  pcp: [],
  pgmap: ['pgmap', 'dev_pagemap'],
  hmm: ['HMM'],
  'mmu-notifier': [],
  'page-cache': [],
  'zero-page': [],
  swap: ['swap'],
  reclaim: [],
  'svm-preferred-loc': ['PREFERRED_LOC'],
  'svm-prefetch-loc': ['PREFETCH_LOC'],
  'svm-actual-loc': ['actual_loc'],
  'svm-granularity': ['GRANULARITY'],
  'svm-access': [],
  'svm-access-in-place': ['ACCESS_IN_PLACE'],
  'svm-notifier': [],
  'svm-object': [],
  'vram-space': [],
  gup: ['GUP'],
  pin: [],
  'longterm-pin': ['long-term pinned'],
  'longterm-pinnable': ['is_longterm_pinnable_page', 'is_pinnable_page'],
  'pin-bias': ['GUP_PIN_COUNTING_BIAS'],
  'fast-path': [],
  'slow-path': [],
  evictable: ['evictable'],
  pins: ['pins'],
  migration: [],
  'migration-entry': ['migration'],
  'device-exclusive': ['device-exclusive'],
  rmap: ['rmap'],
  isolate: [],
  'migrate-vma': ['migrate_vma'],
  eagain: ['-EAGAIN', 'EAGAIN'],
  ebusy: ['-EBUSY', 'EBUSY'],
  efault: ['-EFAULT', 'EFAULT'],
  enomem: ['-ENOMEM', 'ENOMEM'],
  'struct-page': ['struct page'],
  pfn: ['pfn', 'pfns'],
  refcount: ['_refcount'],
  mapcount: ['_mapcount'],
  mapping: ['mapping'],
  index: ['index'],
  folio: ['folio'],
  thp: [],
  anonymous: [],
  cow: [],
  lru: ['LRU'],
  'PG-locked': ['locked', 'PG_locked'],
  'PG-referenced': ['referenced', 'PG_referenced'],
  'PG-uptodate': ['uptodate', 'PG_uptodate'],
  'PG-dirty': ['PG_dirty'],
  'PG-lru': ['lru', 'PG_lru'],
  'PG-active': ['active', 'PG_active'],
  'PG-workingset': ['workingset', 'PG_workingset'],
  'PG-swapbacked': ['swapbacked', 'PG_swapbacked'],
  'PG-swapcache': ['swapcache', 'PG_swapcache'],
  'PG-unevictable': ['unevictable', 'PG_unevictable'],
  'PG-mlocked': ['mlocked', 'PG_mlocked'],
  'PG-reserved': ['reserved', 'PG_reserved'],
  'PG-head': ['head', 'PG_head'],
  'anon-exclusive': ['AnonExclusive', 'anon_exclusive', 'PageAnonExclusive'],
  'PG-anon': ['anon'],
  'PG-ksm': ['ksm'],
  'PG-private': ['PG_private'],
  'PG-writeback': ['writeback'],
  'PG-reclaim': ['PG_reclaim'],
  'PG-mappedtodisk': ['mappedtodisk'],
  'PG-hugetlb': ['hugetlb'],
  'page-flags': [],
  pte: ['PTE'],
  pmd: ['PMD'],
  pud: ['PUD'],
  pgd: ['PGD'],
  'pte-bits': [],
  present: ['present'],
  writable: ['writable'],
  'dirty-bit': ['dirty'],
  accessed: ['accessed'],
  special: ['special'],
  raw: ['raw'],
  'entry-kind': ['entry'],
  protnone: ['protnone'],
  vma: ['VMA', 'vma'],
  'vm-pgoff': ['vm_pgoff'],
  'vm-page-prot': ['vm_page_prot'],
  'anon-vma': ['anon_vma'],
  'device-table': [],
  mmaplock: ['mmap_lock'],
  FOLL_WRITE: ['FOLL_WRITE'],
  FOLL_TOUCH: ['FOLL_TOUCH'],
  FOLL_GET: ['FOLL_GET'],
  FOLL_DUMP: ['FOLL_DUMP'],
  FOLL_FORCE: ['FOLL_FORCE'],
  FOLL_NOWAIT: ['FOLL_NOWAIT'],
  FOLL_NOFAULT: ['FOLL_NOFAULT'],
  FOLL_HWPOISON: ['FOLL_HWPOISON'],
  FOLL_MIGRATION: ['FOLL_MIGRATION'],
  FOLL_TRIED: ['FOLL_TRIED'],
  FOLL_REMOTE: ['FOLL_REMOTE'],
  FOLL_ANON: ['FOLL_ANON'],
  FOLL_LONGTERM: ['FOLL_LONGTERM'],
  FOLL_SPLIT_PMD: ['FOLL_SPLIT_PMD'],
  FOLL_PIN: ['FOLL_PIN'],
  FOLL_FAST_ONLY: ['FOLL_FAST_ONLY'],
  span: [],
  decision: [],
  holder: [],
  moment: [],
  event: [],
  step: [],
  handle: [],
  content: ['content'],
  owner: ['owner'],
  simulated: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type TermId = keyof typeof SPELLINGS;

const isTermId = (id: string): id is TermId => Object.hasOwn(SPELLINGS, id);
export const TERM_IDS: readonly TermId[] = Object.keys(SPELLINGS).filter(isTermId);

const BY_SPELLING: ReadonlyMap<string, TermId> = new Map(
  TERM_IDS.flatMap((id) => SPELLINGS[id].map((spelling) => [spelling, id] as const)),
);

/** The term that a word of the kernel is; undefined for other words. */
export const termOfWord = (word: string): TermId | undefined => BY_SPELLING.get(word);

/** Terms that stand in plain prose, by how they are written there. Of two that begin alike, the longer one first. */
const IN_PROSE: readonly (readonly [string, TermId])[] = [
  ['migration entry', 'migration-entry'],
  ['migration entries', 'migration-entry'],
  ['long-term pin', 'longterm-pin'],
  ['pinned for long', 'longterm-pin'],
  ['device-coherent', 'device-coherent'],
  ['device-private', 'device-private'],
  ['device-exclusive', 'device-exclusive'],
  ['reference count', 'refcount'],
  ['refcount', 'refcount'],
  ['mapcount', 'mapcount'],
  ['pfn', 'pfn'],
  ['page frame', 'pfn'],
  ['reverse map', 'rmap'],
  ['MMU notifier', 'mmu-notifier'],
  ['LRU list', 'lru'],
  ['LRU', 'lru'],
  ['page cache', 'page-cache'],
  ['zero page', 'zero-page'],
  ['huge page', 'thp'],
  ['folio', 'folio'],
  ['anonymous', 'anonymous'],
  ['copy-on-write', 'cow'],
  ['fast path', 'fast-path'],
  ['slow path', 'slow-path'],
  ['GUP', 'gup'],
  ['pageblock', 'pageblock'],
  ['NUMA node', 'node'],
  ['system memory', 'system-memory'],
  ['kernel memory', 'kernel-memory'],
  ['swap slot', 'swap'],
  ['reclaim', 'reclaim'],
  ['evictable', 'evictable'],
  ['struct page', 'struct-page'],
  ['page flags', 'page-flags'],
  ['ZONE_MOVABLE', 'zone-movable'],
  ['ZONE_DEVICE', 'zone-device'],
  ['CMA', 'cma'],
  ['HMM', 'hmm'],
  ['pgmap', 'pgmap'],
  ['PTE', 'pte'],
  ['VRAM', 'vram'],
];
const BY_PROSE: ReadonlyMap<string, TermId> = new Map(
  IN_PROSE.map(([written, id]) => [written.toLowerCase(), id]),
);
const PROSE = new RegExp(`\\b((?:${IN_PROSE.map(([text]) => text).join('|')})s?)\\b`, 'i');

/** A stretch of prose, taken apart at the terms in it, one or several of each. */
export const splitAtTerms = (
  text: string,
): readonly { readonly text: string; readonly id: TermId | undefined }[] =>
  text.split(PROSE).map((part) => {
    const written = part.toLowerCase();
    return { text: part, id: BY_PROSE.get(written) ?? BY_PROSE.get(written.replace(/s$/, '')) };
  });

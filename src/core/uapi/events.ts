// What the trace may say. An event is one record of the event log; everything else is derived from it.

/** Where the knowledge in an event comes from. */
export type Provenance = 'simulated' | 'recorded' | 'observed' | 'inferred';
export const PROVENANCES: readonly Provenance[] = ['simulated', 'recorded', 'observed', 'inferred'];

/**
 * Kind of an event, with the meaning of its `id`, `row`, `old` and `now`.
 *
 * | kind | id | row | old | now |
 * |---|---|---|---|---|
 * | STEP | step number | | | |
 * | SPAN_BEGIN | kernel function | first argument | second | third (NaN: none) |
 * | SPAN_END | kernel function | result (NaN: none) | index of its SPAN_BEGIN | |
 * | DECISION | decision | three parameters | | |
 * | COLUMN | column | row | value before | value after |
 * | MAP | journalled map | key | value before (NaN: absent) | value after |
 * | CELL | cell | | object index before | object index after |
 * | REF | holder kind | pfn | _refcount before | after |
 * | HOLDER | holder kind after | pfn | holder kind before | amount |
 * | TASK | task | simulated CPU | task before | |
 * | LOG | kernel log message | two parameters | | |
 *
 * A big step has these instead of its spans, decisions and changes, once a batch of pages:
 *
 * | kind | id | row | old | now |
 * |---|---|---|---|---|
 * | PAGES | outcome, direction and length of a run, see packPages | first vpn | first frame before | first frame after |
 * | CALLS | kernel function | how often it was entered | | |
 * | DECISIONS | decision | how often it was taken | | |
 */
export const EventKind = {
  STEP: 1,
  SPAN_BEGIN: 2,
  SPAN_END: 3,
  DECISION: 4,
  COLUMN: 5,
  MAP: 6,
  CELL: 7,
  REF: 8,
  HOLDER: 9,
  TASK: 10,
  LOG: 11,
  PAGES: 12,
  CALLS: 13,
  DECISIONS: 14,
} as const;
export type EventKind = (typeof EventKind)[keyof typeof EventKind];

/** What became of the pages of a run in a big step. */
export const PAGE_OUTCOMES = [
  'faulted in',
  'migrated',
  'pinned',
  'unpinned',
  'unmapped',
  'referenced',
] as const;
export type PageOutcome = (typeof PAGE_OUTCOMES)[number];

export interface PackedPages {
  readonly outcome: PageOutcome;
  /** How the frame changes from page to page, before and after: 1, -1 or 0. */
  readonly fromStep: number;
  readonly toStep: number;
  /** 1 to 65,536. */
  readonly npages: number;
}

/** A run in the 24 bits of an event's id: length - 1, then two bits a direction, then the outcome. */
export const packPages = ({ outcome, fromStep, toStep, npages }: PackedPages): number =>
  (npages - 1) | ((fromStep + 1) << 16) | ((toStep + 1) << 18) | (PAGE_OUTCOMES.indexOf(outcome) << 20);

export const unpackPages = (id: number): PackedPages => ({
  outcome: PAGE_OUTCOMES[id >>> 20] ?? 'migrated',
  fromStep: ((id >>> 16) & 3) - 1,
  toStep: ((id >>> 18) & 3) - 1,
  npages: (id & 0xffff) + 1,
});

/** Who may hold references of a page; the holder ledger and the inspector use these names. */
export const HOLDER_KINDS = [
  'allocation',
  'page table entry',
  'LRU batch',
  'mlock batch',
  'LRU isolation',
  'page cache',
  'FOLL_PIN',
  'FOLL_GET',
  'migrate_vma_collect',
  'fault handler',
  'migration',
  'device-exclusive entry',
  'buffer heads',
  'driver',
  'page table',
  'kernel',
  'split',
  'swap cache',
] as const;
export type HolderKind = (typeof HOLDER_KINDS)[number];

const holderIds = new Map<HolderKind, number>(HOLDER_KINDS.map((kind, id) => [kind, id]));
export const holderId = (kind: HolderKind): number => holderIds.get(kind) ?? 0;

/**
 * Decisions: message ids with up to three numeric parameters. The words stand in a catalogue.
 * The id is the condition that decided, in the kernel's terms.
 */
export const DECISIONS = [
  'fault.none.read',
  'fault.none.write',
  'fault.zero-page',
  'fault.wp.exclusive',
  'fault.wp.reuse',
  'fault.wp.copy',
  'fault.unshare.copy',
  'fault.unshare.reuse',
  'fault.device-private',
  'fault.device-exclusive',
  'fault.migration-wait',
  'fault.segv',
  'fault.sigbus',
  'gup.fast.refused.none',
  'gup.fast.refused.read-only',
  'gup.fast.refused.special',
  'gup.fast.refused.longterm',
  'gup.fast.refused.unshare',
  'gup.fast.grabbed',
  'gup.slow.needs-fault',
  'gup.slow.needs-unshare',
  'gup.vma-refused',
  'gup.no-vma',
  'pinnable.cma',
  'pinnable.isolate',
  'pinnable.zero-page',
  'pinnable.coherent',
  'pinnable.movable',
  'pinnable.ordinary',
  'longterm.unpinnable-count',
  'longterm.pin-becomes-reference',
  'longterm.all-pinnable',
  'longterm.second-pass',
  'longterm.failed',
  'migrate.selected',
  'migrate.not-selected',
  'migrate.hole',
  'migrate.zero-page',
  'migrate.trylock-failed',
  'migrate.maybe-pinned',
  'migrate.check-page.extra-references',
  'migrate.expected-count',
  'migrate.no-destination',
  'migrate.destination',
  'migrate.file-refused',
  'migrate.moved',
  'migrate.restored',
  'migrate.isolation-failed',
  'fork.share',
  'fork.early-copy',
  'fork.private-entry',
  'fork.vma-skipped',
  'device.free',
  'device.allocated',
  'device.exhausted',
  'notifier.own-migration-ignored',
  'notifier.invalidated',
  'hmm.needs-fault',
  'hmm.error',
  'thp.fallback',
  'thp.split',
  'hugetlb.exhausted',
  'copy.page',
  'zero.page',
  'lru.drained',
  'sleep.page-lock',
  'sleep.migration-entry',
  'sleep.invalidation',
  'wake',
  'longterm.policy-off',
  'boot.efi-map',
  'boot.e820',
  'boot.memblock',
  'boot.free-memory',
  'pgmap.memmap',
  'pgmap.direct-map',
  'pgmap.zone-span',
  'pgmap.wait-for-pages',
  'svm.range-created',
  'svm.range-split',
  'svm.range-removed',
  'svm.prefetch',
  'svm.best-location',
  'svm.already-there',
  'svm.vram-exhausted',
  'svm.fall-back',
  'svm.pages-left',
  'svm.vram-in-use',
  'svm.mapped',
  'svm.unmapped',
  'svm.queues-stopped',
  'svm.queues-resumed',
  'svm.restore-again',
  'gpu.fault',
  'gpu.fault-dropped',
  'gpu.fatal-fault',
  'gpu.read',
  'gpu.wrote',
  'gpu.wrote-shared',
  'ttm.allocated',
  'ttm.no-space',
  'ttm.victim',
  'ttm.skipped-pinned',
  'ttm.waits-for-fence',
  'ttm.fence-signaled',
  'ttm.timed-out',
  'ttm.gutted',
  'ttm.moved-to-tt',
  'ttm.spilled',
  'ttm.freed',
  'ttm.aliased',
  'ttm.moved-to-vram',
  'kfd.process-evicted',
  'kfd.process-restored',
  'kfd.restore-failed',
  'svm.refused-gpu',
  'svm.refused-hole',
  'svm.refused-device-area',
  'svm.refused-limit',
  'svm.refused-in-use',
  'ttm.over-limit',
  'ttm.swapped-out',
  'ttm.swapped-in',
  'svm.heap-or-stack',
  'svm.default-attributes',
  'svm.refused-question',
  'svm.fence-under-mutex',
  'svm.page-left-behind',
  'svm.page-in-use',
  'svm.bo-freed',
  'svm.bo-null',
  'svm.own-fault-skipped',
  'smi.migrate-start',
  'smi.migrate-end',
  'smi.page-fault-start',
  'smi.page-fault-end',
  'smi.queue-eviction',
  'smi.queue-restore',
  'smi.queue-restore-again',
  'smi.unmap-from-gpu',
  'kfd.refused-vram',
  'kfd.refused-system',
] as const;
export type DecisionId = (typeof DECISIONS)[number];
/** What a GPU's driver reports to profilers. */
export type SmiDecisionId = Extract<DecisionId, `smi.${string}`>;
/** Those of machines with GPUs. */
export type GpuDecisionId =
  | SmiDecisionId
  | Extract<DecisionId, `${'boot' | 'pgmap' | 'svm' | 'gpu' | 'ttm' | 'kfd'}.${string}`>
  | 'longterm.policy-off';

const decisionIds = new Map<DecisionId, number>(DECISIONS.map((name, id) => [name, id]));
export const decisionIndex = (id: DecisionId): number => decisionIds.get(id) ?? 0;

/** /proc/vmstat counters that the simulation keeps. */
export const VMSTAT_COUNTERS = [
  'pgfault',
  'pgmajfault',
  'pgreuse',
  'pgmigrate_success',
  'pgmigrate_fail',
  'thp_fault_alloc',
  'thp_fault_fallback',
  'thp_split_page',
  'thp_split_page_failed',
  'thp_deferred_split_page',
  'thp_split_pmd',
  'thp_collapse_alloc',
  'thp_collapse_alloc_failed',
  'thp_file_mapped',
  'thp_migration_success',
  'thp_migration_fail',
  'thp_migration_split',
  'unevictable_pgs_culled',
  'unevictable_pgs_scanned',
  'unevictable_pgs_rescued',
  'unevictable_pgs_mlocked',
  'unevictable_pgs_munlocked',
  'unevictable_pgs_cleared',
  'unevictable_pgs_stranded',
  'nr_foll_pin_acquired',
  'nr_foll_pin_released',
  'htlb_buddy_alloc_success',
  'htlb_buddy_alloc_fail',
  'thp_swpout_fallback',
  'pswpin',
  'pswpout',
  'pgsteal_kswapd',
  'pgsteal_direct',
  'pgscan_kswapd',
  'pgscan_direct',
  'oom_kill',
] as const;
export type VmstatCounter = (typeof VMSTAT_COUNTERS)[number];
const vmstatIds = new Map<VmstatCounter, number>(VMSTAT_COUNTERS.map((name, id) => [name, id]));
export const vmstatIndex = (counter: VmstatCounter): number => vmstatIds.get(counter) ?? 0;

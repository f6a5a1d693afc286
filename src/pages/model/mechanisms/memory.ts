// What is modelled: the page allocator, reclaim, and what works in the background.

import type { Mechanism } from './mechanism.ts';

export const MEMORY: readonly Mechanism[] = [
  {
    family: 'alloc',
    title: 'Buddy allocator',
    kernel: 'mm/page_alloc.c: rmqueue, __rmqueue_fallback, __free_one_page',
    state: 'simplified',
    how: 'Orders, migratetypes, CMA, stealing of pageblocks. No recording prints the free lists; they rest on the source.',
    simplified: {
      'mm/buddy.ts: rmqueue': 'No per-CPU page lists, no highatomic reserve.',
      'mm/buddy.ts: takeFallback':
        'What a block leaves behind stays on the lists of its pageblock’s type; no boost of watermarks.',
      'mm/buddy.ts: movePageblock': 'Free pages of an isolated block still count as free ones of their zone.',
    },
    tests: ['core/kernel/mm/page-alloc.test.ts', 'core/kernel/mm/page-isolation.test.ts'],
    scene: 'pinnable-isolate',
  },
  {
    family: 'alloc',
    title: 'Zones, watermarks and NUMA fallback',
    kernel: 'mm/page_alloc.c: __alloc_pages, __alloc_pages_slowpath, build_zonelists, setup_per_zone_wmarks',
    state: 'simplified',
    how: 'Zone lists by distance, watermarks and lowmem reserves as computed at boot, reclaim and the OOM killer at the end.',
    simplified: {
      'mm/page-alloc.ts: allocPages': 'No per-CPU page lists, no highatomic reserve.',
      'mm/page-alloc.ts: allocPagesSlowpath': 'No compaction, so that costly orders only take what is there.',
      'mm/page-alloc.ts: MAX_RECLAIM_RETRIES':
        'Two fruitless rounds of reclaim before the OOM killer comes; the kernel tries 16.',
      'mm/page-alloc.ts: wakeAllKswapds':
        'Whoever may sleep waits until kswapd is done, others until they can be served; the kernel’s task takes what is there meanwhile, or reclaims beside it.',
    },
    tests: ['core/kernel/mm/watermarks.test.ts', 'core/kernel/mm/page-alloc.test.ts'],
  },
  {
    family: 'reclaim',
    title: 'LRU lists and batches',
    kernel: 'mm/swap.c: folio_add_lru, lru_add_drain_cpu; include/linux/mm_inline.h',
    state: 'simplified',
    how: 'Lists a node, batches a CPU, activation; no device page is on any list. The lists of 6.1’s default; not the multi-generation LRU that it has as an option.',
    simplified: { 'mm/swap.ts: folioEvictable': 'No unevictable mappings.' },
    tests: ['core/kernel/mm/mm-inline.test.ts'],
  },
  {
    family: 'reclaim',
    title: 'Reclaim',
    kernel: 'mm/vmscan.c: shrink_node, shrink_folio_list, balance_pgdat',
    state: 'simplified',
    how: 'Far enough to show that device pages are left alone: aging, unmapping, swapping, clean file pages dropped. kswapd is a kernel thread beside the task that woke it; it gives a node up from which it got nothing.',
    simplified: {
      'mm/vmscan.ts: isolateLruFolios': 'Folios of all zones, whatever zone is short.',
      'mm/vmscan.ts: shrinkActiveList': 'No executable mappings that stay.',
      'mm/vmscan.ts: getScanCount': 'The cost of past reclaim does not count.',
      'mm/vmscan.ts: shrinkLruvec':
        'Stops when it has enough, without evening out what it took from anonymous and from file lists.',
      'mm/reclaim.ts: tryToUnmapOne': 'No hwpoison.',
      'mm/reclaim.ts: placeInSwap': 'Merged pages are not swapped out.',
      'mm/reclaim.ts: folioCheckReferences': 'No executable mappings.',
      'mm/reclaim.ts: shrinkFolioList':
        'Dirty pages of files are not written back, shared memory is not swapped, no demotion.',
    },
    tests: ['core/kernel/mm/vmscan.test.ts', 'scenarios/around/around.test.ts'],
    scene: 'around-reclaim',
  },
  {
    family: 'reclaim',
    title: 'Swap',
    kernel: 'mm/swapfile.c; mm/swap_state.c; mm/memory.c: do_swap_page',
    state: 'simplified',
    how: 'Slots, the swap cache, sharing over fork, migration of a page in the cache. Swap is never switched off (`swapoff`), and nothing is compressed (zswap).',
    simplified: {
      'mm/swapfile.ts: addToSwap': 'Huge pages are not swapped out whole.',
      'mm/swapfile.ts: swapWritepage':
        'The device is as fast as memory (SWP_SYNCHRONOUS_IO): no writeback flag, nobody waits.',
      'mm/swap-fault.ts: swapInPage': 'No readahead; one device.',
    },
    tests: ['core/kernel/mm/vmscan.test.ts'],
    scene: 'around-pageout',
  },
  {
    family: 'reclaim',
    title: 'Out of memory',
    kernel: 'mm/oom_kill.c: oom_badness, out_of_memory; kernel/exit.c: do_exit',
    state: 'simplified',
    how: 'The process with the most pages is killed; device pages count as its own and return to the driver. Its private memory is reaped, its files are closed, and it ends when no part of it runs in the kernel.',
    simplified: {
      'mm/oom-kill.ts: oomBadness': 'No oom_score_adj.',
      'mm/oom-kill.ts: isLeftAlone':
        'A kernel thread that works is busy with all of the memory of a process.',
      'mm/oom-kill.ts: oomReaper':
        'The reaper does not wait two seconds for the process to end by itself; a process that is in user space ends in it.',
      'mm/oom-kill.ts: outOfMemory':
        'Whoever waits sees the reaper at work on another CPU, a part of its way at a time; the kernel’s task sleeps and tries again.',
      'mm/exit.ts: doExit':
        'Files are closed that a GPU’s driver knows; what its kernel threads do later, it does at once.',
    },
    tests: [
      'core/kernel/mm/vmscan.test.ts',
      'scenarios/around/around.test.ts',
      'conformance/gpu-system-memory.test.ts',
    ],
    scene: 'around-oom',
  },
  {
    family: 'background',
    title: 'NUMA balancing and policies',
    kernel: 'kernel/sched/fair.c: task_numa_work; mm/memory.c: do_numa_page; mm/mempolicy.c: do_mbind',
    state: 'simplified',
    how: 'Hinting entries, a fault that moves the page to the reader; device pages are not hinted and not moved.',
    simplified: {
      'mm/numa.ts: doNumaPage': 'One fault decides; no groups of tasks.',
      'mm/numa.ts: taskNumaWork':
        'The range is given; the kernel goes round the address space as time passes.',
      'mm/numa.ts: doMbind': 'The policy itself is not kept.',
    },
    tests: ['core/kernel/mm/numa.test.ts'],
    scene: 'around-numa',
    patches: [4],
  },
  {
    family: 'background',
    title: 'move_pages',
    kernel: 'mm/migrate.c: do_pages_move, add_page_for_migration, do_pages_stat_array',
    state: 'simplified',
    how: 'To a node, or the question where pages are; of a device page it says that there is none.',
    simplified: {
      'mm/move-pages.ts: doPagesMove': 'One node for all pages; all nodes are allowed.',
    },
    tests: ['core/kernel/mm/move-pages.test.ts'],
    scene: 'patch-4',
    patches: [4],
  },
  {
    family: 'background',
    title: 'KSM',
    kernel: 'mm/ksm.c: ksm_do_scan, get_mergeable_page, try_to_merge_one_page',
    state: 'simplified',
    how: 'Equal pages are merged and copied again on write; never a device page.',
    simplified: {
      'mm/ksm-scan.ts: ksmDoScan':
        'The range is given; a page need not stay the same for a whole round first.',
      'mm/ksm-scan.ts: pruneItems':
        'Children of a merged page get their own places at once, and places on private device memory are kept.',
      'mm/ksm-scan.ts: tryToMergeOnePage': 'Pages of huge pages are left alone.',
    },
    tests: ['core/kernel/mm/ksm-scan.test.ts'],
    scene: 'around-ksm',
    patches: [4],
  },
];

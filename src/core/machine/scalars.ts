// Single numbers with a fixed row in Machine.scalars.

/** LRU lists: node * 16 + list * 3 + these; head and tail as pfn + 1, and the number of pages. */
export const LRU_BASE = 64;
export const LRU_HEAD = 0;
export const LRU_TAIL = 1;
export const LRU_NR = 2;
export const lruRow = (node: number, lru: number, field: number): number =>
  LRU_BASE + node * 16 + lru * 3 + field;

/** Rows of a zone: its id * 64 + these. */
export const ZONE_BASE = 1024;
export const zoneRow = (zone: number, field: number): number => ZONE_BASE + zone * 128 + field;
export const ZONE_NR_FREE = 0;
export const ZONE_NR_FREE_CMA = 1;
export const ZONE_NR_MLOCK = 2;
/** 6 migratetypes x 11 orders: head of each buddy list (pfn + 1, 0: empty). */
export const ZONE_FREE_LISTS = 16;

/** Pages handed out of a region so far; everything behind was never touched. */
export const REGION_BASE = 65536;
export const regionRow = (region: number): number => REGION_BASE + region;

/** Rows of a device: its pool id * 8 + these. */
export const DEVICE_BASE = 131072;
export const deviceRow = (device: number, field: number): number => DEVICE_BASE + device * 8 + field;
/** Head of the list of freed pages (pfn + 1, 0: empty), linked through zone_device_data. */
export const DEVICE_FREE_HEAD = 0;
/** Pages never handed out; they leave from the highest frame down. */
export const DEVICE_FRESH = 1;
export const DEVICE_CALLOC = 2;
export const DEVICE_CFREE = 3;
/** 1 while the driver gives its chunk up: freed pages do not return to its list. */
export const DEVICE_REMOVING = 4;

/** References on a dev_pagemap: pool id. */
export const PGMAP_REF_BASE = 196608;
export const pgmapRefRow = (pgmap: number): number => PGMAP_REF_BASE + pgmap;

export const MMU_NOTIFIER_SEQ_BASE = 262144;
/** G of the sequence protocol, per mm: even idle, odd while an interval is invalidated. */
export const notifierSeqRow = (mm: number): number => MMU_NOTIFIER_SEQ_BASE + mm * 2;
/** Invalidations running, per mm. */
export const notifierActiveRow = (mm: number): number => MMU_NOTIFIER_SEQ_BASE + mm * 2 + 1;
/** S of the sequence protocol, per subscription. */
export const subscriptionSeqRow = (subscription: number): number => 393216 + subscription;

/** Runs of kswapd in a row that freed nothing: node. */
export const KSWAPD_FAILURES_BASE = 48;
export const kswapdFailuresRow = (node: number): number => KSWAPD_FAILURES_BASE + node;

/** Swap device: slot that was taken last, and free slots. */
export const SWAP_HINT = 9;
export const SWAP_NR_FREE = 10;
/** Huge zero page: pfn + 1; 0: not allocated. */
export const HUGE_ZERO_PFN = 1;
/** Hugetlb pool: head of the free list (pfn + 1), free pages, all pages. */
export const HUGETLB_FREE_HEAD = 2;
export const HUGETLB_FREE = 3;
export const HUGETLB_TOTAL = 4;
/** The same for gigantic pages of 1 GiB. */
export const GIGANTIC_FREE_HEAD = 11;
export const GIGANTIC_FREE = 12;
export const GIGANTIC_TOTAL = 13;
/** Free pages that are promised to areas. */
export const HUGETLB_RESV = 14;
export const GIGANTIC_RESV = 15;
/** Pages that the pool has beyond its size. */
export const HUGETLB_SURPLUS = 40;
/** Readahead window of the file: first page, pages, and how many pages before its end the marker stands. */
export const FILE_RA_START = 5;
export const FILE_RA_SIZE = 6;
export const FILE_RA_ASYNC_SIZE = 7;
/** Cached block with the file's block numbers: pfn + 1; 0: not read yet. */
export const FILE_INDIRECT_BLOCK = 8;
/** 1: the CPU remembers the buffer head of that block. */
export const FILE_INDIRECT_IN_BH_LRU = 41;

/** References on an svm_range_bo: pool id. */
export const svmBoKrefRow = (svmBo: number): number => 4194304 + svmBo;
/** Bytes are counted in pages: what KFD has booked against its limit of system memory, and the limit. */
export const KFD_MEM_USED = 16;
export const KFD_MEM_LIMIT = 17;
/** Clock of the GPU faults: goes on when a step begins and when a dropped fault is replayed. */
export const GPU_CLOCK = 18;
/** Stages of a boot in steps that are still to come; 0: the system runs. */
export const BOOT_STAGES_LEFT = 19;
/** Pages of system memory that TTM has given to buffer objects. */
export const TTM_PAGES_ALLOCATED = 20;
/** Pages of system memory that were free when KFD began. */
export const KFD_SYSTEM_PAGES = 21;
/** Counters of a GPU in a process, as in /sys/class/kfd: (process * 64 + GPU) * 4 + these. */
export const kfdCounterRow = (process: number, gpu: number, counter: number): number =>
  8388608 + (process * 64 + gpu) * 4 + counter;
export const KFD_FAULTS = 0;
export const KFD_PAGE_IN = 1;
export const KFD_PAGE_OUT = 2;

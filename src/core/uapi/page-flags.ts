// Bits of struct page's flags word, numbered as in Linux 6.1 (include/linux/page-flags.h: enum pageflags).

export const PG_locked = 1 << 0;
export const PG_referenced = 1 << 1;
export const PG_uptodate = 1 << 2;
export const PG_dirty = 1 << 3;
export const PG_lru = 1 << 4;
export const PG_active = 1 << 5;
export const PG_workingset = 1 << 6;
export const PG_waiters = 1 << 7;
export const PG_error = 1 << 8;
export const PG_slab = 1 << 9;
export const PG_owner_priv_1 = 1 << 10;
export const PG_reserved = 1 << 12;
export const PG_private = 1 << 13;
export const PG_writeback = 1 << 15;
export const PG_head = 1 << 16;
export const PG_mappedtodisk = 1 << 17;
export const PG_reclaim = 1 << 18;
export const PG_swapbacked = 1 << 19;
export const PG_unevictable = 1 << 20;
export const PG_mlocked = 1 << 21;
export const PG_hwpoison = 1 << 22;

/** Same bit as PG_mappedtodisk; it means this only on an anonymous page. */
export const PG_anon_exclusive = PG_mappedtodisk;
/** Same bit as PG_reclaim; on a page of the page cache: whoever comes here extends the readahead. */
export const PG_readahead = PG_reclaim;
/** Same bit as PG_owner_priv_1; it means this only on an anonymous page. */
export const PG_swapcache = PG_owner_priv_1;

// The kernel keeps these in page_type and in the compound destructor; here they have bits of their own.
export const PG_buddy = 1 << 24;
export const PG_table = 1 << 25;
export const PG_hugetlb = 1 << 26;
/** On a hugetlb page at rest in the pool. */
export const PG_hugetlb_freed = 1 << 27;
/** On the deferred split list: partly unmapped huge page. */
export const PG_deferred_split = 1 << 28;
/** Huge page that is mapped by a huge entry and by small ones. */
export const PG_double_map = 1 << 29;

/** Anonymous page that KSM merged; the kernel keeps this in the low bits of mapping. */
export const PG_ksm = 1 << 30;

/** Flags a page must not carry when it is allocated or freed. mm/page_alloc.c: free_pages_prepare. */
export const PAGE_FLAGS_CLEARED_AT_FREE = ~PG_reserved;

const NAMED: readonly (readonly [number, string])[] = [
  [PG_locked, 'locked'],
  [PG_referenced, 'referenced'],
  [PG_uptodate, 'uptodate'],
  [PG_dirty, 'dirty'],
  [PG_lru, 'lru'],
  [PG_active, 'active'],
  [PG_workingset, 'workingset'],
  [PG_swapbacked, 'swapbacked'],
  [PG_unevictable, 'unevictable'],
  [PG_mlocked, 'mlocked'],
  [PG_reserved, 'reserved'],
  [PG_head, 'head'],
];

/**
 * Names of the set bits, in the order in which the recordings print them.
 *
 * @param anon - whether the page is anonymous: bit 17 means anon_exclusive then, mappedtodisk otherwise
 */
export const pageFlagNames = (flags: number, anon: boolean): string[] => {
  const names: string[] = [];
  for (const [bit, name] of NAMED) if (flags & bit) names.push(name);
  if (anon && flags & PG_swapcache) names.push('swapcache');
  if (anon) names.push('anon');
  if (anon && flags & PG_anon_exclusive) names.push('anon_exclusive');
  if (flags & PG_private) names.push('private');
  if (flags & PG_hugetlb) names.push('hugetlb');
  if (!anon && flags & PG_mappedtodisk) names.push('mappedtodisk');
  if (flags & PG_writeback) names.push('writeback');
  if (flags & PG_reclaim) names.push('reclaim');
  return names;
};

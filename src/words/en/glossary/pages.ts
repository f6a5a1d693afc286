// `struct page` and its flags.

import type { TermId } from '../terms.ts';
import { entry, type Term } from './entry.ts';

const page = entry('page');
const flag = entry('page flags');

export const pageTerms = {
  'struct-page': page(
    'struct page',
    'What the kernel knows of one page frame: flags, counts and whose it is. 64 bytes for each 4\u202f096.',
    'include/linux/mm_types.h: struct page',
  ),
  pfn: page(
    'pfn',
    'Page frame number: the physical address divided by the page size, 4\u202f096 bytes.',
    'include/linux/pfn.h: PFN_PHYS',
  ),
  refcount: page(
    '_refcount',
    'How many references a page has. At zero it is free. A pin of a single page adds 1\u202f024 (`GUP_PIN_COUNTING_BIAS`).',
    'include/linux/page_ref.h: page_ref_add',
  ),
  mapcount: page(
    '_mapcount',
    'How many page-table entries map the page. Shown as that number; the kernel stores one less.',
    'include/linux/mm_types.h: _mapcount',
  ),
  mapping: page(
    'mapping',
    'What the page belongs to: an `anon_vma` for anonymous memory, an `address_space` for a file.',
    'include/linux/page-flags.h: PAGE_MAPPING_ANON',
  ),
  index: page(
    'index',
    'Where in its mapping the page lies, in pages.',
    'include/linux/mm_types.h: struct page',
  ),
  folio: page(
    'folio',
    'One page, or a power of two of pages that are handled as one, with counts and flags in the first.',
    'include/linux/mm_types.h: struct folio',
  ),
  thp: page(
    'huge page',
    '512 pages, 2 MiB, mapped by one entry of the PMD level. It can be split into single pages.',
    'mm/huge_memory.c: do_huge_pmd_anonymous_page',
  ),
  anonymous: page(
    'anonymous memory',
    'Memory without a file behind it: heap, stack, private writable memory.',
    'mm/memory.c: do_anonymous_page',
  ),
  cow: page(
    'copy-on-write',
    'After fork both processes map the same page read-only; who writes first gets a copy.',
    'mm/memory.c: wp_page_copy',
  ),
  lru: page(
    'LRU',
    'The lists from which memory is reclaimed, the least recently used first. Device pages are on none of them.',
    'include/linux/mmzone.h: enum lru_list',
  ),
  'PG-locked': flag(
    'locked',
    'Somebody works on the page; others wait.',
    'include/linux/page-flags.h: PG_locked',
  ),
  'PG-referenced': flag(
    'referenced',
    'Used lately: reclaim spares the page once.',
    'include/linux/page-flags.h: PG_referenced',
  ),
  'PG-uptodate': flag('uptodate', 'The contents are valid.', 'include/linux/page-flags.h: PG_uptodate'),
  'PG-dirty': flag(
    'dirty',
    'The contents differ from what is on disk, so they must be written before the page is dropped.',
    'include/linux/page-flags.h: PG_dirty',
  ),
  'PG-lru': flag('lru', 'The page is on an LRU list.', 'include/linux/page-flags.h: PG_lru'),
  'PG-active': flag('active', 'It is on the list of pages in use.', 'include/linux/page-flags.h: PG_active'),
  'PG-workingset': flag(
    'workingset',
    'The page came back soon after it was reclaimed, so it counts as needed.',
    'include/linux/page-flags.h: PG_workingset',
  ),
  'PG-swapbacked': flag(
    'swapbacked',
    'Reclaim would write it to swap, since no file is behind it.',
    'include/linux/page-flags.h: PG_swapbacked',
  ),
  'PG-swapcache': flag(
    'swapcache',
    'The page has a place in swap, and can be found by it.',
    'include/linux/page-flags.h: PG_swapcache',
  ),
  'PG-unevictable': flag(
    'unevictable',
    'Reclaim leaves the page alone.',
    'include/linux/page-flags.h: PG_unevictable',
  ),
  'PG-mlocked': flag(
    'mlocked',
    '`mlock` keeps the page in memory.',
    'include/linux/page-flags.h: PG_mlocked',
  ),
  'PG-reserved': flag(
    'reserved',
    'Not for the page allocator: the kernel itself, or a device.',
    'include/linux/page-flags.h: PG_reserved',
  ),
  'PG-head': flag('head', 'The first page of a huge page.', 'include/linux/page-flags.h: PG_head'),
  'anon-exclusive': flag(
    'AnonExclusive',
    'A page flag, not a PTE bit: the anonymous page belongs to one process alone, so it may be written and pinned.',
    'include/linux/page-flags.h: PageAnonExclusive',
  ),
  'PG-anon': flag('anon', 'Anonymous memory: no file behind it.', 'include/linux/page-flags.h: PageAnon'),
  'PG-ksm': flag(
    'ksm',
    'One page for several with the same contents; who writes gets a copy.',
    'mm/ksm.c: try_to_merge_one_page',
  ),
  'PG-private': flag(
    'private',
    'The file system keeps data of its own with the page.',
    'include/linux/page-flags.h: PG_private',
  ),
  'PG-writeback': flag(
    'writeback',
    'The page is being written out.',
    'include/linux/page-flags.h: PG_writeback',
  ),
  'PG-reclaim': flag(
    'reclaim (flag)',
    'To be reclaimed as soon as it is written.',
    'include/linux/page-flags.h: PG_reclaim',
  ),
  'PG-mappedtodisk': flag(
    'mappedtodisk',
    'All blocks of the page have a place on disk.',
    'include/linux/page-flags.h: PG_mappedtodisk',
  ),
  'PG-hugetlb': flag(
    'hugetlb',
    'A page of hugetlbfs, set aside at its size.',
    'mm/hugetlb.c: alloc_huge_page',
  ),
  'page-flags': flag(
    'page flags',
    'Bits of `struct page` that say what state the page is in. They belong to the frame, whoever maps it.',
    'include/linux/page-flags.h: enum pageflags',
  ),
} as const satisfies Partial<Record<TermId, Term>>;

// The words of the kernel, and the few of ours, each in a sentence or two and with the place in the source where one
// reads on. Loaded when the first of them is asked for.

import type { TermGroup, TermId } from './terms.ts';

export interface Term {
  readonly term: string;
  readonly text: string;
  /** `mm/gup.c: try_grab_page`; undefined for a word of ours. */
  readonly source: string | undefined;
  readonly group: TermGroup;
}

const entry =
  (group: TermGroup) =>
  (term: string, text: string, source?: string): Term => ({ term, text, source, group });
const memory = entry('memory');
const pin = entry('pinning');
const move = entry('migration');
const page = entry('page');
const flag = entry('page flags');
const table = entry('page tables');
const foll = entry('FOLL_ flags');
const ours = entry('words of ours');

export const glossary: Readonly<Record<TermId, Term>> = {
  // memory
  'device-coherent': memory(
    'device-coherent memory',
    'Memory of a device, such as the VRAM of a GPU, that the CPU can read and write in place. Page tables map it like RAM. It is not part of the page allocator: a page gets there only when the driver migrates it.',
    'include/linux/memremap.h: MEMORY_DEVICE_COHERENT',
  ),
  'device-private': memory(
    'device-private memory',
    'Memory of a device that the CPU cannot reach. The page table holds a note instead of the page; a CPU access faults, and the driver must bring the page home.',
    'include/linux/memremap.h: MEMORY_DEVICE_PRIVATE',
  ),
  'system-memory': memory(
    'system memory',
    'The RAM of the machine. The page allocator hands it out page by page.',
    'mm/page_alloc.c: __alloc_pages',
  ),
  vram: memory('VRAM', 'The memory on a device. Here it is shown in one map for each device.'),
  'zone-device': memory(
    'ZONE_DEVICE',
    'The zone of pages that belong to a driver. They have a `struct page`, but the page allocator never hands them out.',
    'include/linux/mmzone.h: ZONE_DEVICE',
  ),
  'zone-movable': memory(
    'ZONE_MOVABLE',
    'A zone in which every page can be moved away, so that memory can be taken out of the machine. Nothing may be pinned there for long.',
    'include/linux/mmzone.h: ZONE_MOVABLE',
  ),
  'zone-dma32': memory(
    'ZONE_DMA32',
    'Memory below 4 GiB, which devices with 32 address bits can reach.',
    'include/linux/mmzone.h: ZONE_DMA32',
  ),
  'zone-normal': memory(
    'ZONE_NORMAL',
    'Memory that the kernel can always address and that nothing restricts.',
    'include/linux/mmzone.h: ZONE_NORMAL',
  ),
  cma: memory(
    'CMA',
    'Contiguous memory allocator: blocks that are lent out only to pages that can be moved away again.',
    'mm/cma.c: cma_alloc',
  ),
  'kernel-memory': memory(
    'kernel memory',
    'Pages that the kernel keeps for itself: its code, its data, page tables.',
    'include/linux/page-flags.h: PG_reserved',
  ),
  free: memory(
    'free page',
    'A page that the page allocator can hand out. On the map a line is drawn around a free block; the number in it is its order: it has 2 to the power of it pages.',
    'mm/page_alloc.c: free_unref_page',
  ),
  node: memory(
    'node',
    'A part of the machine with memory of its own (NUMA). Memory of another node is slower to reach.',
    'include/linux/mmzone.h: pg_data_t',
  ),
  pageblock: memory(
    'pageblock',
    '512 pages, 2 MiB: the unit in which the allocator keeps pages apart by how easily they can be moved.',
    'include/linux/pageblock-flags.h: pageblock_nr_pages',
  ),
  pcp: memory(
    'per-CPU list',
    'A few free pages that each CPU keeps at hand, so that it need not lock the zone.',
    'include/linux/mmzone.h: per_cpu_pages',
  ),
  pgmap: memory(
    'pgmap',
    'What a driver registered its memory with: its range, its type and the calls that free or bring back a page.',
    'include/linux/memremap.h: struct dev_pagemap',
  ),
  hmm: memory(
    'HMM',
    "Heterogeneous memory management: a device keeps a copy of the process's page table and is told before it changes.",
    'mm/hmm.c: hmm_range_fault',
  ),
  'mmu-notifier': memory(
    'MMU notifier',
    'The call that tells a device which entries of its page table it must drop, before the CPU changes its own.',
    'mm/mmu_notifier.c: __mmu_notifier_invalidate_range_start',
  ),
  'page-cache': memory(
    'page cache',
    'Pages that hold the contents of files. All processes that map the file share them.',
    'mm/filemap.c: filemap_fault',
  ),
  'zero-page': memory(
    'zero page',
    'One page full of zeros that is mapped for every first read. It has no owner, and its references are not counted.',
    'include/linux/pgtable.h: is_zero_pfn',
  ),
  swap: memory(
    'swap slot',
    'A place on disk for a page that was pushed out of memory.',
    'include/linux/swap.h: struct swap_info_struct',
  ),
  reclaim: memory(
    'reclaim',
    'Making memory free by writing pages out or dropping them. It works through the LRU lists.',
    'mm/vmscan.c: shrink_folio_list',
  ),

  // pinning
  gup: pin(
    'GUP',
    'get_user_pages: the way in which the kernel takes references on the pages behind user addresses, so that it or a device may use them.',
    'mm/gup.c: get_user_pages',
  ),
  pin: pin(
    'pin (FOLL_PIN)',
    'A promise that a page stays at its physical address while somebody uses it, for example a device that writes to it.',
    'mm/gup.c: pin_user_pages',
  ),
  'longterm-pin': pin(
    'long-term pin (FOLL_LONGTERM)',
    'A pin without an end in sight, as for RDMA. Memory that must stay movable may not be held so long: its pages are moved out of the way first, and then pinned where they are.',
    'mm/gup.c: __gup_longterm_locked',
  ),
  'longterm-pinnable': pin(
    'is_longterm_pinnable_page',
    'May this page stay pinned for long? Not if it is device-coherent, in ZONE_MOVABLE or in a CMA block: somebody else must be able to have that memory back.',
    'include/linux/mm.h: is_longterm_pinnable_page',
  ),
  'pin-bias': pin(
    'GUP_PIN_COUNTING_BIAS',
    'What one pin adds to the reference count of a single page: 1024. So a count of 1024 or more tells that a page may be pinned.',
    'include/linux/mm.h: GUP_PIN_COUNTING_BIAS',
  ),
  'fast-path': pin(
    'fast path',
    'Takes pages straight from the page table, without locks and with interrupts off. What it cannot do, the slow path does.',
    'mm/gup.c: lockless_pages_from_mm',
  ),
  'slow-path': pin(
    'slow path',
    'Takes pages under `mmap_lock`, one after the other, and faults in what is missing.',
    'mm/gup.c: __get_user_pages',
  ),
  evictable: pin(
    'evictable',
    'Whether the page can be taken away from where it is: written out, dropped or moved. A pin forbids it.',
    'mm/vmscan.c: shrink_folio_list',
  ),
  pins: pin(
    'pins',
    'How many pins hold the page. The kernel cannot tell exactly for a single page, since they are part of its reference count; here they are counted.',
    'include/linux/mm.h: page_maybe_dma_pinned',
  ),

  // migration
  migration: move(
    'migration',
    "A page's contents move to another frame while its address in the process stays the same. Meanwhile a migration entry stands in the page table, and whoever touches the address waits.",
    'mm/migrate.c: migrate_pages',
  ),
  'migration-entry': move(
    'migration entry',
    'Stands in a page table in place of a page that is being moved. It is not present, so an access faults and waits.',
    'include/linux/swapops.h: make_readable_migration_entry',
  ),
  'device-exclusive': move(
    'device-exclusive entry',
    'Stands in a page table while a device has the page alone, for atomic operations. The page stays where it is; a CPU access takes it back.',
    'include/linux/swapops.h: make_readable_device_exclusive_entry',
  ),
  rmap: move(
    'reverse map',
    'From a page to all page-table entries that map it. Migration needs it to find every entry.',
    'mm/rmap.c: rmap_walk',
  ),
  isolate: move(
    'isolate',
    'Take a page off its LRU list, so that nobody else works on it.',
    'mm/folio-compat.c: isolate_lru_page',
  ),
  'migrate-vma': move(
    'migrate_vma',
    'The three calls with which a driver moves pages of a range: set up, copy, finish.',
    'mm/migrate_device.c: migrate_vma_setup',
  ),
  eagain: move(
    'EAGAIN',
    'Try again: something was busy, or has just been moved.',
    'include/uapi/asm-generic/errno-base.h: EAGAIN',
  ),
  ebusy: move('EBUSY', 'Somebody else holds it.', 'include/uapi/asm-generic/errno-base.h: EBUSY'),
  efault: move(
    'EFAULT',
    'There is nothing at this address that may be used so.',
    'include/uapi/asm-generic/errno-base.h: EFAULT',
  ),
  enomem: move('ENOMEM', 'There is no memory.', 'include/uapi/asm-generic/errno-base.h: ENOMEM'),

  // struct page
  'struct-page': page(
    'struct page',
    'What the kernel knows of one page frame: flags, counts and whose it is. 64 bytes for each 4096.',
    'include/linux/mm_types.h: struct page',
  ),
  pfn: page(
    'pfn',
    'Page frame number: the physical address divided by the page size, 4096 bytes.',
    'include/linux/pfn.h: PFN_PHYS',
  ),
  refcount: page(
    '_refcount',
    'How many references a page has. At zero it is free. A pin of a single page adds 1024 (`GUP_PIN_COUNTING_BIAS`).',
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

  // page flags
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

  // page tables
  pte: table(
    'PTE',
    'Page-table entry: where one virtual page lies, and what may be done with it. It can also hold a note instead, such as a migration entry.',
    'arch/x86/include/asm/pgtable_types.h: pte_t',
  ),
  pmd: table(
    'PMD',
    'Third level of the page table. An entry covers 2 MiB: a table of PTEs, or one huge page.',
    'arch/x86/include/asm/pgtable_types.h: pmd_t',
  ),
  pud: table(
    'PUD',
    'Second level of the page table. An entry covers 1 GiB.',
    'arch/x86/include/asm/pgtable_types.h: pud_t',
  ),
  pgd: table(
    'PGD',
    'First level of the page table. An entry covers 512 GiB.',
    'arch/x86/include/asm/pgtable_types.h: pgd_t',
  ),
  'pte-bits': table(
    'PTE bits',
    'P present, W writable, D dirty, A accessed, S special. A dot: the bit is not set.',
    'arch/x86/include/asm/pgtable_types.h: _PAGE_PRESENT',
  ),
  present: table(
    'present (P)',
    'The CPU may follow the entry. If the bit is not set, an access faults.',
    'arch/x86/include/asm/pgtable_types.h: _PAGE_PRESENT',
  ),
  writable: table(
    'writable (W)',
    'The CPU may write. If the bit is not set, a write faults, for example to copy the page first.',
    'arch/x86/include/asm/pgtable_types.h: _PAGE_RW',
  ),
  'dirty-bit': table(
    'dirty (D)',
    'The CPU sets it when it writes through the entry.',
    'arch/x86/include/asm/pgtable_types.h: _PAGE_DIRTY',
  ),
  accessed: table(
    'accessed (A)',
    'The CPU sets it when it uses the entry. The kernel says young.',
    'arch/x86/include/asm/pgtable_types.h: _PAGE_ACCESSED',
  ),
  special: table(
    'special (S)',
    'There is no `struct page` to count for this entry, as for the zero page.',
    'arch/x86/include/asm/pgtable_types.h: _PAGE_SPECIAL',
  ),
  raw: table(
    'raw',
    'The 64 bits of the entry as they stand in the table.',
    'arch/x86/include/asm/pgtable_types.h: pteval_t',
  ),
  'entry-kind': table(
    'entry',
    'What stands in the table: a page that is present, nothing, or a note that is not present, such as a migration entry.',
    'include/linux/swapops.h: is_migration_entry',
  ),
  protnone: table(
    'protnone',
    'The page is there, but any access faults: because the rights were taken away, or to learn which node uses it.',
    'include/linux/pgtable.h: pte_protnone',
  ),
  vma: table(
    'VMA',
    'A range of addresses of a process with the same rights and the same kind of memory.',
    'include/linux/mm_types.h: struct vm_area_struct',
  ),
  'vm-pgoff': table(
    'vm_pgoff',
    'Where in the file, or in the numbering of anonymous memory, the area begins, in pages.',
    'include/linux/mm_types.h: struct vm_area_struct',
  ),
  'vm-page-prot': table(
    'vm_page_prot',
    'The rights that entries of the area are made with.',
    'include/linux/mm_types.h: struct vm_area_struct',
  ),
  'anon-vma': table(
    'anon_vma',
    'Leads from an anonymous page to the areas that may map it.',
    'include/linux/rmap.h: struct anon_vma',
  ),
  'device-table': table(
    "a device's page table",
    'Where a device finds the pages of a process. The driver fills it from the CPU’s table, and drops entries when an MMU notifier says so.',
    'lib/test_hmm.c: dmirror_do_fault',
  ),
  mmaplock: table(
    'mmap_lock',
    'Lock of all areas of a process: many may read, one may change.',
    'include/linux/mmap_lock.h: mmap_read_lock',
  ),

  // FOLL_ flags
  FOLL_WRITE: foll(
    'FOLL_WRITE',
    'The page is to be written: a shared one is copied first.',
    'include/linux/mm.h: FOLL_WRITE',
  ),
  FOLL_TOUCH: foll('FOLL_TOUCH', 'Mark the page as accessed.', 'include/linux/mm.h: FOLL_TOUCH'),
  FOLL_GET: foll('FOLL_GET', 'Take a plain reference, not a pin.', 'include/linux/mm.h: FOLL_GET'),
  FOLL_DUMP: foll('FOLL_DUMP', 'For a core dump: give an error for holes.', 'include/linux/mm.h: FOLL_DUMP'),
  FOLL_FORCE: foll(
    'FOLL_FORCE',
    'Get the page even if the area forbids it, as a debugger does.',
    'include/linux/mm.h: FOLL_FORCE',
  ),
  FOLL_NOWAIT: foll('FOLL_NOWAIT', 'Do not wait for the disk.', 'include/linux/mm.h: FOLL_NOWAIT'),
  FOLL_NOFAULT: foll('FOLL_NOFAULT', 'Do not fault pages in.', 'include/linux/mm.h: FOLL_NOFAULT'),
  FOLL_HWPOISON: foll(
    'FOLL_HWPOISON',
    'Tell of broken memory with an error of its own.',
    'include/linux/mm.h: FOLL_HWPOISON',
  ),
  FOLL_MIGRATION: foll(
    'FOLL_MIGRATION',
    'Wait for a page that is being moved.',
    'include/linux/mm.h: FOLL_MIGRATION',
  ),
  FOLL_TRIED: foll(
    'FOLL_TRIED',
    'A second try, after a fault that waited.',
    'include/linux/mm.h: FOLL_TRIED',
  ),
  FOLL_REMOTE: foll(
    'FOLL_REMOTE',
    'The memory belongs to another process.',
    'include/linux/mm.h: FOLL_REMOTE',
  ),
  FOLL_ANON: foll('FOLL_ANON', 'Only anonymous memory.', 'include/linux/mm.h: FOLL_ANON'),
  FOLL_LONGTERM: foll(
    'FOLL_LONGTERM',
    'The pages are held without an end in sight. Those that may not be are moved first.',
    'include/linux/mm.h: FOLL_LONGTERM',
  ),
  FOLL_SPLIT_PMD: foll('FOLL_SPLIT_PMD', 'Split a huge entry first.', 'include/linux/mm.h: FOLL_SPLIT_PMD'),
  FOLL_PIN: foll(
    'FOLL_PIN',
    'Pin the pages; only the pin_user_pages calls may set it.',
    'include/linux/mm.h: FOLL_PIN',
  ),
  FOLL_FAST_ONLY: foll(
    'FOLL_FAST_ONLY',
    'Only the fast path: give up where it cannot.',
    'include/linux/mm.h: FOLL_FAST_ONLY',
  ),

  // words of ours
  span: ours('span', 'One call of a kernel function in the record of the run, with all that happened in it.'),
  decision: ours('decision', 'The condition that chose a branch in the kernel, noted where it was taken.'),
  holder: ours('holder', 'Who owns references of a page. All holders together give `_refcount`.'),
  moment: ours('moment', 'A stop of playback that is worth a sentence.'),
  event: ours(
    'event',
    'The smallest thing that is recorded: one write of the kernel to its state, one decision, the begin or end of a call.',
  ),
  step: ours(
    'step',
    'One line of a scenario: something that a process does, such as a call, a read or a write.',
  ),
  handle: ours(
    'handle',
    'A name for the pages that one call took, such as h1, so that a later step can give them back.',
  ),
  content: ours('content', 'A number that stands for what is in the page, so that one sees it travel.'),
  owner: ours(
    'owner',
    'Process, area and page that the frame belongs to: `buf+2` is the third page of the area buf.',
  ),
  simulated: ours(
    'simulated',
    'The event is part of the simulated kernel; on other marks it was inferred or is for the model only.',
  ),
};

// Kinds of memory, and those who take it from each other.

import type { TermId } from '../terms.ts';
import { entry, type Term } from './entry.ts';

const memory = entry('memory');

export const memoryTerms = {
  'device-coherent': memory(
    'device-coherent memory',
    'Memory of a device, such as the VRAM of a GPU, that the CPU can read and write in place. Page tables map it like RAM. It is not part of the page allocator: a page gets there only when the driver migrates it.',
    'include/linux/memremap.h: MEMORY_DEVICE_COHERENT',
  ),
  'device-private': memory(
    'device-private memory',
    'Memory of a device that the CPU cannot reach. The page table holds a note instead of the page; a CPU access faults, and the driver must bring the page to system memory.',
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
    'A page that the page allocator can hand out. On the map a line is drawn around a free block; the number in it is its order: a block of order 3 has 2 × 2 × 2 = 8 pages.',
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
    'Heterogeneous memory management: a device keeps a copy of the process’s page table and is told before it changes.',
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
    'One page full of zeros, shared by all memory that has been read and never written. It has no owner, and its references are not counted.',
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
} as const satisfies Partial<Record<TermId, Term>>;

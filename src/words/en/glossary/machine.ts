// How the machine's memory is laid out and handed out, and what links and engines it has.

import type { TermId } from '../terms.ts';
import { entry, type Term } from './entry.ts';

const memory = entry('memory');
const machine = entry('machine');

export const machineTerms = {
  'zone-dma': memory(
    'ZONE_DMA',
    'The first 16 MiB of memory, all that very old devices can reach.',
    'arch/x86/include/asm/dma.h: MAX_DMA_PFN',
  ),
  buddy: memory(
    'buddy allocator',
    'The page allocator keeps free memory in blocks of 1, 2, 4 pages and so on. A block that is freed joins its neighbour of the same size, its buddy, if that is free too.',
    'mm/page_alloc.c: __free_one_page',
  ),
  watermark: memory(
    'watermark',
    'How many pages of a zone should be free. Below low a kernel thread (kswapd) begins to reclaim, until high is reached. Below min only those get a page who cannot wait, or who are making memory free themselves.',
    'include/linux/mmzone.h: enum zone_watermarks',
  ),
  migratetype: memory(
    'migratetype',
    'What a pageblock is used for: pages that can be moved, that can be reclaimed, or that must stay. Kept apart, they leave large free blocks behind.',
    'include/linux/mmzone.h: enum migratetype',
  ),
  'numa-distance': machine(
    'NUMA distance',
    'How far a node’s memory is, in the firmware’s words: 10 is the own node, 20 takes about twice as long.',
    'include/linux/topology.h: node_distance',
  ),
  e820: machine(
    'e820',
    'The firmware’s list of memory as the kernel keeps it: which ranges of addresses are RAM, which are reserved and what for.',
    'arch/x86/kernel/e820.c: e820__memory_setup',
  ),
  'soft-reserved': machine(
    'Soft Reserved',
    'Memory that the firmware keeps for a special purpose (EFI_MEMORY_SP), such as VRAM that the CPU can reach. The page allocator does not get it; a driver may.',
    'arch/x86/include/asm/e820/types.h: E820_TYPE_SOFT_RESERVED',
  ),
  'mmio-hole': machine(
    'MMIO hole',
    'Addresses below 4 GiB that lead to registers of devices, not to memory.',
    'arch/x86/kernel/e820.c: e820__setup_pci_gap',
  ),
  'page-fault': machine(
    'page fault',
    'The CPU met an entry that does not allow the access. The kernel mends the entry and lets the access try again, or sends a signal.',
    'mm/memory.c: handle_mm_fault',
  ),
  'tlb-shootdown': machine(
    'TLB shootdown',
    'An entry of a page table has changed, and other CPUs may still have the old one in their TLB. They are interrupted to drop it, and who changed it waits for them.',
    'arch/x86/mm/tlb.c: flush_tlb_mm_range',
  ),
  xgmi: machine(
    'XGMI',
    'AMD’s link between GPUs. On some machines it leads to the CPU, too, and then the CPU can use VRAM in place.',
    'drivers/gpu/drm/amd/amdgpu/amdgpu_gmc.h: struct amdgpu_xgmi',
  ),
  hive: machine(
    'hive',
    'GPUs that are joined by XGMI: each can reach the VRAM of the others, and knows their pages as its own.',
    'drivers/gpu/drm/amd/amdgpu/amdgpu_xgmi.h: struct amdgpu_hive_info',
  ),
  xnack: machine(
    'XNACK',
    'Whether a GPU can wait for a page fault and try again. If it cannot, all must be mapped before, and when the CPU changes an entry the driver stops the queues and maps again.',
    'drivers/gpu/drm/amd/amdkfd/kfd_process.c: kfd_process_xnack_mode',
  ),
  sdma: machine(
    'SDMA',
    'The engine of a GPU that copies memory. The driver lets it move pages between VRAM and system memory, 2 MiB at a time at most.',
    'drivers/gpu/drm/amd/amdkfd/kfd_migrate.c: svm_migrate_copy_memory_gart',
  ),
  ttm: machine(
    'TTM',
    'Manages buffer objects of GPUs: when VRAM is full it chooses an object that must leave for another.',
    'drivers/gpu/drm/ttm/ttm_bo.c: ttm_mem_evict_first',
  ),
  'eviction-fence': machine(
    'eviction fence',
    'Stands on the buffer objects of compute. TTM waits for it before it takes their VRAM, and that tells the driver to stop the queues, or to bring the pages of a range home.',
    'drivers/gpu/drm/amd/amdgpu/amdgpu_amdkfd_fence.c: amdkfd_fence_enable_signaling',
  ),
  'svm-range': machine(
    'range of shared virtual memory',
    'Part of a process’s memory that GPUs use under the same addresses, with wishes about where it should be.',
    'drivers/gpu/drm/amd/amdkfd/kfd_svm.h: struct svm_range',
  ),
} as const satisfies Partial<Record<TermId, Term>>;

// Where Linux 6.1 stands still, runs in a circle or destroys its own bookkeeping, as its code is read. A step that meets one
// is taken back, and says which it was; a scenario with gpu.standstill ends there, so that one can look.

/**
 * svm.fence-under-mutex: svm_range_validate_svm_bo waits for the fence of a buffer object that is being evicted, with the
 * migrate_mutex for which the evicting thread waits. svm.page-left-behind: svm_migrate_to_ram takes a page for being home
 * that is still in private VRAM. svm.page-in-use: a range gets its old buffer object back, and svm_migrate_get_vram_page
 * hands out a page of it that was left behind there and is in use. svm.bo-freed: svm_range_evict_svm_bo_worker gives up a
 * range that it could not empty, but leaves it the buffer object; once that is freed, svm_range_validate_svm_bo reads it.
 * svm.bo-null: svm_range_dma_map_dev meets a page of VRAM in a range that has no buffer object, and follows the pointer.
 * svm.own-fault-skipped: hmm_range_fault meets a page of private VRAM that is not all GPUs’ own, and faults for it; svm_migrate_to_ram
 * does nothing for the thread that maps the range, and hmm_range_fault begins anew.
 */
export const KERNEL_DEFECTS = [
  'svm.fence-under-mutex',
  'svm.page-left-behind',
  'svm.page-in-use',
  'svm.bo-freed',
  'svm.bo-null',
  'svm.own-fault-skipped',
] as const;
export type KernelDefect = (typeof KERNEL_DEFECTS)[number];

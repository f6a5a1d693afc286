// kernel/resource.c: a place in the physical address space for memory that the CPU cannot reach.

import { ERANGE } from '../../uapi/errno.ts';
import { PAGES_PER_SECTION, type Pfn } from '../../uapi/units.ts';
import { atomic } from '../sched/kernel-function.ts';

/** PHYSMEM_END: 46 bits of address with four levels of page tables. */
const PHYSMEM_END_PFN = 2 ** 34;

/**
 * The highest hole that is large enough: from the top down, in steps of the size itself. Nothing answers there.
 *
 * Kernel: `kernel/resource.c: get_free_mem_region`
 *
 * @param npages - rounded up to whole sections
 * @returns the first frame, or -ERANGE
 */
export const getFreeMemRegion = atomic('get_free_mem_region', (m, npages: number): Pfn | number => {
  const size = Math.ceil(npages / PAGES_PER_SECTION) * PAGES_PER_SECTION;
  const taken = [
    ...m.config.ranges,
    ...m.pgmaps.values().map(({ start, end }) => ({
      start,
      end: start + Math.ceil((end - start) / PAGES_PER_SECTION) * PAGES_PER_SECTION,
    })),
  ];
  for (let start = PHYSMEM_END_PFN - size; start > size; start -= size) {
    if (taken.every((range) => range.end <= start || range.start >= start + size)) return start;
  }
  return -ERANGE;
});

// Why a page is where it is, where no decision of the kernel says so: names for sentences.

import type { KernelFunctionName } from './source-refs.ts';

/** Calls that say by themselves why a page is made or moved: no decision is taken in them. */
export const TELLING_CALLS = [
  'do_swap_page',
  'do_huge_pmd_anonymous_page',
  'do_read_fault',
  'do_cow_fault',
  'do_shared_fault',
  'hugetlb_fault',
  'do_numa_page',
  'madvise_collapse',
  'split_huge_page_to_list',
  'do_move_pages_to_node',
  'do_mbind',
] as const satisfies readonly KernelFunctionName[];
export type TellingCall = (typeof TELLING_CALLS)[number];

/** Why a frame is as it is, where nobody took it into use in this run. */
export const STANDINGS = [
  'standing.free.freed',
  'standing.free.never',
  'standing.free.untold',
  'standing.vram.freed',
  'standing.vram.never',
  'standing.vram.untold',
  'standing.reserved',
  'standing.zero-page',
  'standing.device-file',
  'standing.since-boot',
] as const;
export type StandingId = (typeof STANDINGS)[number];

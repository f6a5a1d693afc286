// Why a page is where it is, where no decision says so: the call that made or moved it, or that nobody has touched it.

import type { StandingId, TellingCall } from '../../../core/uapi/origins.ts';
import type { Told } from './told.ts';

export const origins: Readonly<Record<`origin.${TellingCall}` | StandingId, Told>> = {
  'origin.do_swap_page': {
    what: 'It had been swapped out, and was touched.',
    why: 'The kernel reads it back into a page of system memory, whichever is free.',
  },
  'origin.do_huge_pmd_anonymous_page': {
    what: 'Memory that may have a huge page was touched for the first time.',
    why: 'One page of 2 MiB costs one fault and one entry instead of 512. Only system memory has such pages.',
  },
  'origin.do_read_fault': {
    what: 'A page of a file was read that was not in the page cache.',
    why: 'All who map the file share the page.',
  },
  'origin.do_cow_fault': {
    what: 'A private mapping of a file was written.',
    why: 'The file must not change, so the process gets a copy of its own.',
  },
  'origin.do_shared_fault': {
    what: 'A shared mapping was written where it had no page yet.',
    why: 'The page belongs to the page cache: all who map it see the same bytes.',
  },
  'origin.hugetlb_fault': {
    what: 'Memory of the kind `hugetlb` was touched for the first time.',
    why: 'Its pages come from a pool that was set aside for them.',
  },
  'origin.do_numa_page': {
    what: 'A CPU of another node used it.',
    why: 'NUMA balancing moves a page to the node that uses it. Device pages are left alone: their place is the business of the driver.',
  },
  'origin.madvise_collapse': {
    what: 'Small pages were joined to a huge one, on request.',
    why: 'One entry instead of 512 costs fewer misses of the TLB.',
  },
  'origin.split_huge_page_to_list': {
    what: 'It was part of a huge page that was split.',
    why: 'It did not move. It has a reference count of its own since then.',
  },
  'origin.do_move_pages_to_node': {
    what: 'Somebody asked for its node with `move_pages`.',
    why: 'The call moves pages of a process to the nodes it names. It passes device pages over.',
  },
  'origin.do_mbind': {
    what: 'The memory policy of its area was changed with `mbind`, and it did not fit.',
    why: 'With MPOL_MF_MOVE pages that lie elsewhere move to the nodes of the policy. It passes device pages over.',
  },
  'standing.free.freed': {
    what: 'Its last reference is gone.',
    why: 'It lies in the lists of the page allocator, and may be anybody’s next.',
  },
  'standing.free.never': {
    what: 'Nobody has needed it yet.',
    why: 'It lies in the lists of the page allocator since boot.',
  },
  'standing.free.untold': {
    what: 'It is free.',
    why: 'It lies in the lists of the page allocator. What big steps did with it is told when they have run again for it.',
  },
  'standing.vram.freed': {
    what: 'Its last reference is gone.',
    why: 'It lies in the free list of the driver. The page allocator does not know it.',
  },
  'standing.vram.never': {
    what: 'The driver has not lent it yet.',
    why: 'The page allocator does not know it: only a migration by the driver fills it.',
  },
  'standing.vram.untold': {
    what: 'The driver has it back, or has not lent it yet.',
    why: 'The page allocator does not know it. What big steps did with it is told when they have run again for it.',
  },
  'standing.reserved': {
    what: 'It is reserved: nobody hands it out.',
    why: 'Firmware, the kernel itself or a device that no driver has registered has it.',
  },
  'standing.zero-page': {
    what: 'It is the zero page, in use since boot.',
    why: 'All memory that was read but never written shares it. Mapping it takes no reference, and a pin on it is not counted.',
  },
  'standing.device-file': {
    what: 'A driver registered it with a reference of its own.',
    why: 'Memory of this type is in use as long as it is registered: at a reference count of one it belongs to its file alone.',
  },
  'standing.since-boot': {
    what: 'The kernel took it while it booted.',
    why: 'What was taken before the first step is not told event by event.',
  },
};

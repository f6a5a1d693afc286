// Pins, and pages that go elsewhere because of them.

import type { TermId } from '../terms.ts';
import { entry, type Term } from './entry.ts';

const pin = entry('pinning');
const move = entry('migration');

export const pinningTerms = {
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
    'A pin without an end in sight, as for RDMA. Memory that must stay movable may not be held so long: its pages are first moved to memory where they may stay, and pinned there.',
    'mm/gup.c: __gup_longterm_locked',
  ),
  'longterm-pinnable': pin(
    'is_longterm_pinnable_page',
    'May this page stay pinned for long? Not if it is device-coherent, in ZONE_MOVABLE or in a CMA block: somebody else must be able to have that memory back.',
    'include/linux/mm.h: is_longterm_pinnable_page',
  ),
  'pin-bias': pin(
    'GUP_PIN_COUNTING_BIAS',
    'What one pin adds to the reference count of a single page: 1\u202f024. So a count of 1\u202f024 or more says that the page is probably pinned.',
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
    'Whether the page can be taken away from where it is: written out, dropped or moved. A pin forbids it, and so does any other reference besides those of mappings, for as long as it is held.',
    'mm/vmscan.c: shrink_folio_list',
  ),
  pins: pin(
    'pins',
    'How many pins hold the page. The kernel cannot tell exactly for a single page, since they are part of its reference count; here they are counted.',
    'include/linux/mm.h: page_maybe_dma_pinned',
  ),
  migration: move(
    'migration',
    'A page’s contents move to another frame while its address in the process stays the same. Meanwhile a migration entry stands in the page table, and whoever touches the address waits.',
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
} as const satisfies Partial<Record<TermId, Term>>;

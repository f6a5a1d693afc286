// Fast GUP that falls back, and what faults of files do to GUP and to devices.

import { expect, it } from 'vitest';
import { briefly } from '../../scenario/brief.ts';

const FAST = 'internal_get_user_pages_fast lockless_pages_from_mm gup_pgd_range';
const TAKE =
  'follow_page_mask follow_page_pte vm_normal_page try_grab_page mark_page_accessed folio_mark_accessed';
const gup = (call: string, flags: string[], page: number, count: number): Record<string, unknown> => ({
  op: 'gup',
  call,
  flags,
  page,
  count,
  as: `h${page}`,
});
/** 64 pages of file behind an area of 66. */
const FILE = { op: 'mmap', pages: 66, prot: 'rw', kind: 'file-private' };

// mm/memory.c: fault_dirty_shared_page drops mmap_lock to balance dirty pages and reports VM_FAULT_COMPLETED;
// mm/gup.c: __get_user_pages_locked then takes that page alone (FOLL_TRIED) and goes on with the next
it('starts anew after each page of shared memory that it makes', () => {
  const [, fast, slow] = briefly([
    { op: 'mmap', pages: 4, prot: 'rw', kind: 'anon-shared' },
    gup('pin_user_pages_fast', ['FOLL_WRITE'], 0, 2),
    gup('pin_user_pages', ['FOLL_WRITE'], 2, 2),
  ]);
  const make = 'faultin_page handle_mm_fault do_fault do_shared_fault folio_add_lru finish_fault';
  expect(fast).toMatchObject({
    vmstat: { pgfault: 2, nr_foll_pin_acquired: 2 },
    calls:
      `${FAST} __get_user_pages follow_page_mask no_page_table ${make} __get_user_pages ${TAKE} ` +
      `__get_user_pages follow_page_mask follow_page_pte no_page_table ${make} __get_user_pages ${TAKE}`,
  });
  // who may not drop the lock is told nothing, and does not mark the page accessed
  const take = 'follow_page_mask follow_page_pte vm_normal_page try_grab_page';
  expect(slow.calls).toBe(
    '__gup_longterm_locked __get_user_pages ' +
      `follow_page_mask follow_page_pte no_page_table ${make} ${take} ` +
      `follow_page_mask follow_page_pte no_page_table ${make} ${take}`,
  );
});

// mm/filemap.c: filemap_fault drops the lock to read (VM_FAULT_RETRY); get_user_pages has no lock to drop and waits
it('faults twice on a cold file, unless it keeps the lock', () => {
  const fast = briefly([FILE, gup('pin_user_pages_fast', [], 2, 2)]);
  expect(fast[1]).toMatchObject({
    vmstat: { pgfault: 2, pgmajfault: 1, nr_foll_pin_acquired: 2 },
    calls:
      `${FAST} __get_user_pages follow_page_mask no_page_table faultin_page handle_mm_fault do_fault do_read_fault ` +
      'folio_add_lru×33 folio_mark_accessed ' +
      '__get_user_pages follow_page_mask no_page_table faultin_page handle_mm_fault do_fault do_read_fault ' +
      `${TAKE} __get_user_pages ${TAKE}`,
  });
  const slow = briefly([FILE, gup('get_user_pages', [], 2, 2)]);
  // the first fault maps its page alone, as nothing was cached when it looked around; the second maps the others
  expect(slow[1]).toMatchObject({
    vmstat: { pgfault: 2, pgmajfault: 1 },
    calls:
      '__gup_longterm_locked __get_user_pages follow_page_mask no_page_table faultin_page handle_mm_fault do_fault ' +
      `do_read_fault folio_add_lru×33 folio_mark_accessed finish_fault ${TAKE} ` +
      `follow_page_mask follow_page_pte no_page_table faultin_page handle_mm_fault do_fault do_read_fault ${TAKE}`,
  });
});

// mm/memory.c: __do_fault: VM_FAULT_SIGBUS; mm/gup.c: vm_fault_to_errno; mm/hmm.c: hmm_vma_fault: -EFAULT
it('ends at the end of a file', () => {
  const steps = briefly(
    [
      FILE,
      { op: 'read', page: 63, count: 1 },
      gup('get_user_pages', ['FOLL_WRITE'], 62, 3),
      gup('pin_user_pages_fast', ['FOLL_LONGTERM'], 64, 1),
      { op: 'dev_read', device: 0, page: 63, count: 2 },
      { op: 'write', page: 64, count: 1, value: 1 },
    ],
    ['private'],
  );
  expect(steps[2]).toMatchObject({ result: { ret: 2 }, vmstat: { pgfault: 3 } });
  expect(steps[2].calls).toMatch(/faultin_page handle_mm_fault do_fault do_cow_fault$/);
  expect(steps[3]).toMatchObject({
    result: { ret: -1, errno: 'EFAULT' },
    vmstat: { pgfault: 1 },
    calls:
      `${FAST} gup_pte_range __gup_longterm_locked __get_user_pages follow_page_mask follow_page_pte no_page_table ` +
      'faultin_page handle_mm_fault do_fault do_read_fault',
  });
  expect(steps[4]).toMatchObject({ result: { ret: -1, errno: 'EFAULT' }, vmstat: { pgfault: 1 } });
  expect(steps[5]).toMatchObject({
    result: { ret: 0, signal: 'SIGBUS', at: 0 },
    calls: 'handle_mm_fault do_fault do_cow_fault',
  });
});

// mm/memory.c: copy_present_pte: with an anon_vma the area is copied, pages of the cache too, old in the child
it('forks a private file area with its cached pages once one of them was copied', () => {
  const area = { op: 'mmap', pages: 2, prot: 'rw', kind: 'file-private' };
  const read = { op: 'read', page: 0, count: 1 };
  const unwritten = briefly([area, read, { op: 'fork', child: 'B' }]);
  expect(unwritten[2]).toMatchObject({ calls: 'copy_page_range', pages: { B: ['none', 'none'] } });
  const written = briefly([
    area,
    read,
    { op: 'write', page: 1, count: 1, value: 1 },
    gup('pin_user_pages', [], 0, 2),
    { op: 'fork', child: 'B' },
  ]);
  expect(written[4]).toMatchObject({
    // the pinned copy is copied at once for the child (looked at again once there is a page to copy to), the pinned page
    // of the cache is shared
    calls:
      'copy_page_range vm_normal_page×3 page_add_new_anon_rmap lru_cache_add_inactive_or_unevictable ' +
      'folio_add_lru_vma folio_add_lru',
    pages: { A: ['wdA f1', 'WDA f3'], B: ['wda f1', 'WDA f4'] },
    frames: {
      f1: 'file r1027 m2 pinned uptodate,lru,mappedtodisk',
      f3: 'anon r1025 m1 pinned uptodate,lru,swapbacked,anon,anon_exclusive',
    },
  });
});

// mm/hmm.c: hmm_vma_walk_test: an area without VM_READ fails as soon as one of its pages was asked for
it('lets no device into an inaccessible area', () => {
  const steps = briefly(
    [
      { op: 'mmap', pages: 3, prot: 'rw', kind: 'anon-private' },
      { op: 'write', value: 1 },
      { op: 'mprotect', page: 1, count: 1, prot: '' },
      { op: 'dev_read', device: 0, page: 0, count: 3 },
      { op: 'dev_write', device: 0, page: 1, count: 1, value: 1 },
      { op: 'snapshot', device: 0 },
    ],
    ['coherent'],
  );
  const test = 'hmm_vma_walk_test hmm_pte_need_fault dmirror_bounce_fini';
  expect(steps[3]).toMatchObject({ result: { ret: -1, errno: 'EFAULT' } });
  expect(steps[3].calls).toBe(
    'dmirror_fops_unlocked_ioctl dmirror_read dmirror_bounce_init dmirror_do_read dmirror_fault dmirror_range_fault ' +
      'hmm_range_fault hmm_vma_walk_test hmm_vma_walk_pmd hmm_vma_handle_pte hmm_pte_need_fault vm_normal_page ' +
      test,
  );
  expect(steps[4].calls).toMatch(new RegExp(`hmm_range_fault ${test}$`));
  expect(steps[5].result).toEqual({ ret: 0, cpages: 3, perms: ['w', 'error', 'w'] });
});

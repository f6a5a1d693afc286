// What a page held by a device alone meets: the other device, fork, mprotect, pins, mlock, advice, munmap.

import { expect, it } from 'vitest';
import { briefly } from '../../scenario/brief.ts';

const MMAP = { op: 'mmap', pages: 4, prot: 'rw', kind: 'anon-private' };
const WRITE = { op: 'write', value: 1 };
const FIRST = { op: 'dev_exclusive', device: 0 };
/** One device clears its table. */
const CLEARS = 'dmirror_interval_invalidate dmirror_do_update';
/** mm/memory.c: remove_device_exclusive_entry, with one device mirroring the process. */
const RESTORE =
  'handle_mm_fault do_swap_page remove_device_exclusive_entry __mmu_notifier_invalidate_range_start ' +
  `${CLEARS} restore_exclusive_pte page_add_anon_rmap __mmu_notifier_invalidate_range_end`;
const EXCLUSIVE = 'referenced,uptodate,dirty,lru,swapbacked,anon,anon_exclusive';

// mm/rmap.c: make_device_exclusive_range finds the other device's entry with follow_page and faults it back first;
// lib/test_hmm.c: dmirror_do_update erases the page at the end of the range as well
it('goes from one device to another by way of the CPU', () => {
  const steps = briefly(
    [MMAP, WRITE, FIRST, { op: 'dev_exclusive', device: 1, page: 0, count: 2 }],
    ['coherent', 'private'],
  );
  const [, , , second] = steps;
  expect(second.result).toEqual({ ret: 0, cpages: 2 });
  expect(second.vmstat).toEqual({ pgfault: 2 });
  expect(second.pages).toEqual({
    A: [
      'device-exclusive W f1 1:x',
      'device-exclusive W f2 1:x',
      'device-exclusive W f3',
      'device-exclusive W f4 0:x',
    ],
  });
  expect(second.frames).toMatchObject({
    f1: 'anon r1 m0 uptodate,dirty,lru,active,swapbacked,anon,anon_exclusive',
    f3: `anon r1 m0 ${EXCLUSIVE}`,
  });
});

// mm/memory.c: copy_nonpresent_pte restores the entry and has it copied anew as a present one
it('is restored in the parent before a fork shares it', () => {
  const steps = briefly(
    [
      MMAP,
      { op: 'write', page: 0, count: 2, value: 1 },
      { ...FIRST, page: 0, count: 2 },
      { op: 'fork', child: 'B' },
    ],
    ['private'],
  );
  expect(steps[3]).toMatchObject({
    calls:
      `copy_page_range __mmu_notifier_invalidate_range_start ${CLEARS} ` +
      'copy_nonpresent_pte try_restore_exclusive_pte restore_exclusive_pte page_add_anon_rmap vm_normal_page ' +
      'copy_nonpresent_pte try_restore_exclusive_pte restore_exclusive_pte page_add_anon_rmap vm_normal_page ' +
      '__mmu_notifier_invalidate_range_end',
    forkExitCalls: { copy_nonpresent_pte: 2, try_restore_exclusive_pte: 2, restore_exclusive_pte: 2 },
    pages: { A: ['wDa f1', 'wDa f2', 'none', 'none'], B: ['wDa f1', 'wDa f2', 'none', 'none'] },
    frames: { f1: 'anon r2 m2 referenced,uptodate,dirty,lru,swapbacked,anon' },
  });
});

// mm/mprotect.c: change_pte_range: a writable entry becomes a readable one; restore_exclusive_pte then maps it clean
it('loses the right to write with its area, and comes back clean', () => {
  const steps = briefly(
    [
      MMAP,
      WRITE,
      FIRST,
      { op: 'mprotect', page: 0, count: 2, prot: 'r' },
      { op: 'read', page: 0, count: 1 },
      { op: 'mprotect', page: 0, count: 2, prot: 'rw' },
    ],
    ['coherent'],
  );
  expect(steps[3].pages['A']).toEqual([
    'device-exclusive w f1',
    'device-exclusive w f2',
    'device-exclusive W f3',
    'device-exclusive W f4 0:x',
  ]);
  expect(steps[4].calls).toBe(RESTORE);
  expect(steps[4].pages['A'][0]).toBe('wdA f1');
  // can_change_pte_writable wants a dirty entry before it asks for the page
  expect(steps[5].calls).toBe(
    `change_protection __mmu_notifier_invalidate_range_start ${CLEARS} __mmu_notifier_invalidate_range_end`,
  );
  expect(steps[5].pages['A'].slice(0, 2)).toEqual(['wdA f1', 'device-exclusive w f2']);
});

// mm/gup.c: FOLL_FORCE reads where nothing is permitted; the entry comes back as one of an inaccessible area
it('is pinned by force in an inaccessible area', () => {
  const steps = briefly(
    [
      MMAP,
      WRITE,
      FIRST,
      { op: 'mprotect', page: 2, count: 1, prot: '' },
      { op: 'gup', call: 'pin_user_pages', flags: ['FOLL_FORCE'], page: 2, count: 1, as: 'h' },
    ],
    ['coherent'],
  );
  expect(steps[4]).toMatchObject({
    result: { ret: 1 },
    vmstat: { pgfault: 1, nr_foll_pin_acquired: 1 },
    calls:
      `__gup_longterm_locked __get_user_pages follow_page_mask follow_page_pte faultin_page ${RESTORE} ` +
      'follow_page_mask follow_page_pte vm_normal_page try_grab_page',
    frames: { f3: `anon r1025 m1 pinned ${EXCLUSIVE}` },
  });
  expect(steps[4].pages['A'][2]).toBe('protnone wda f3');
});

// mm/rmap.c: page_make_device_exclusive_one asks nothing about pins; page_remove_rmap is munlock for a locked area
it('may be pinned and locked, and is unlocked with its mapping', () => {
  const steps = briefly(
    [
      MMAP,
      { op: 'write', page: 0, count: 1, value: 1 },
      { op: 'gup', call: 'pin_user_pages', flags: ['FOLL_WRITE'], page: 0, count: 1, as: 'h' },
      { ...FIRST, page: 0, count: 1 },
      { op: 'mlock', page: 0, count: 1 },
      { ...FIRST, page: 0, count: 1 },
      { op: 'munmap' },
    ],
    ['coherent'],
  );
  expect(steps[4]).toMatchObject({
    vmstat: { pgfault: 1, unevictable_pgs_culled: 1, unevictable_pgs_mlocked: 1 },
    calls:
      'lru_add_drain mlock_page_drain_local mlock_pte_range lru_add_drain mlock_page_drain_local ' +
      '__get_user_pages follow_page_mask follow_page_pte faultin_page ' +
      'handle_mm_fault do_swap_page remove_device_exclusive_entry __mmu_notifier_invalidate_range_start ' +
      `${CLEARS} restore_exclusive_pte page_add_anon_rmap mlock_folio __mmu_notifier_invalidate_range_end ` +
      'follow_page_mask follow_page_pte vm_normal_page try_grab_page mark_page_accessed folio_mark_accessed ' +
      'lru_add_drain mlock_page_drain_local',
  });
  expect(steps[5].calls).toContain('page_remove_rmap munlock_page __mmu_notifier_invalidate_range_end');
  expect(steps[5].frames).toEqual({ f1: `anon r1025 m0 pinned ${EXCLUSIVE}` });
  // mm/memory.c: zap_pte_range: the entry has no mapping to remove, only its reference
  expect(steps[6].calls).not.toContain('page_remove_rmap');
});

// mm/madvise.c: an entry that is not present is neither paged out nor freed lazily; zap drops it
it('hears no advice but DONTNEED', () => {
  const steps = briefly(
    [
      MMAP,
      { op: 'write', page: 0, count: 1, value: 1 },
      { ...FIRST, page: 0, count: 1 },
      { op: 'madvise', advice: 'PAGEOUT' },
      { op: 'madvise', advice: 'COLD' },
      { op: 'madvise', advice: 'FREE' },
      { op: 'madvise', advice: 'DONTNEED' },
    ],
    ['private'],
  );
  const kept = { A: ['device-exclusive W f1 0:x', 'none', 'none', 'none'] };
  expect(steps[3]).toMatchObject({ calls: 'lru_add_drain mlock_page_drain_local', pages: kept });
  expect(steps[4]).toMatchObject({ calls: 'lru_add_drain mlock_page_drain_local', pages: kept });
  expect(steps[5]).toMatchObject({
    calls:
      `lru_add_drain mlock_page_drain_local __mmu_notifier_invalidate_range_start ${CLEARS} ` +
      'madvise_free_pte_range __mmu_notifier_invalidate_range_end',
    pages: { A: ['device-exclusive W f1', 'none', 'none', 'none'] },
  });
  expect(steps[6].calls).toBe(
    `lru_add_drain mlock_page_drain_local __mmu_notifier_invalidate_range_start ${CLEARS} ` +
      'zap_pte_range __mmu_notifier_invalidate_range_end',
  );
  expect(steps[6].pages).toEqual({ A: ['none', 'none', 'none', 'none'] });
});

// mm/rmap.c: page_make_device_exclusive walks every area of the anon_vma: a child's devices hear of it too
it('tells the devices of a child that shares nothing any more', () => {
  const steps = briefly(
    [
      MMAP,
      { op: 'write', page: 0, count: 1, value: 1 },
      { op: 'fork', child: 'B' },
      { op: 'write', proc: 'B', page: 0, count: 1, value: 2 },
      { op: 'dev_exclusive', proc: 'B', device: 0, page: 0, count: 1 },
      // mlock moves the area of A behind that of B in the tree of the anon_vma
      { op: 'mlock', page: 0, count: 1 },
      { op: 'dev_exclusive', device: 0, page: 0, count: 1 },
    ],
    ['private'],
  );
  expect(steps[4].pages['B'][0]).toBe('device-exclusive W f2 0:x');
  expect(steps[6].pages['B'][0]).toBe('device-exclusive W f2');
  expect(steps[6].calls.match(/page_make_device_exclusive_one/g)).toHaveLength(2);
});

// mm/migrate_device.c: migrate_vma_collect_pmd takes no entries of this kind; mm/gup.c: a long-term pin faults the page
// back first, and then has it moved out of the device
it('holds a coherent page of one device for another, until a long-term pin needs it', () => {
  const steps = briefly(
    [
      { ...MMAP, pages: 2 },
      WRITE,
      { op: 'migrate_to_dev', device: 0 },
      { op: 'dev_exclusive', device: 1 },
      { op: 'migrate_to_sys', device: 0 },
      { op: 'gup', call: 'pin_user_pages', flags: ['FOLL_LONGTERM'], page: 0, count: 1, as: 'h' },
      { op: 'munmap' },
    ],
    ['coherent', 'private'],
  );
  expect(steps[3].pages).toEqual({ A: ['device-exclusive W f3 1:x', 'device-exclusive W f4 1:x'] });
  expect(steps[4]).toMatchObject({
    result: { ret: 0, cpages: 0 },
    pages: { A: ['device-exclusive W f3', 'device-exclusive W f4'] },
  });
  expect(steps[5]).toMatchObject({
    vmstat: { pgfault: 1, nr_foll_pin_acquired: 2, nr_foll_pin_released: 1 },
    pages: { A: ['WDa f5', 'device-exclusive W f4'] },
    frames: { f5: `anon r1025 m1 pinned ${EXCLUSIVE}` },
  });
  // the reference of the entry is the last one: the page returns to its device inside the walk
  expect(steps[6].calls).toMatch(
    /zap_pte_range vm_normal_page page_remove_rmap free_zone_device_page dmirror_devmem_free .*__mmu_notifier_invalidate_range_end/,
  );
});

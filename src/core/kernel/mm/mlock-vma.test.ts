// Locked memory of mixed kinds, and areas that come together again.

import { expect, it } from 'vitest';
import { briefly } from '../../scenario/brief.ts';

const on = (op: string, page: number, count: number, more: object = {}): Record<string, unknown> => ({
  op,
  page,
  count,
  ...more,
});
const protect = (page: number, count: number, prot: string): Record<string, unknown> =>
  on('mprotect', page, count, { prot });
const FAULT_COPY =
  'faultin_page handle_mm_fault do_wp_page vm_normal_page wp_page_copy page_add_new_anon_rmap ' +
  'lru_cache_add_inactive_or_unevictable folio_add_lru_vma mlock_new_page page_remove_rmap munlock_page';
const FOLLOW = 'follow_page_mask follow_page_pte vm_normal_page';
const GRAB = 'try_grab_page mark_page_accessed folio_mark_accessed';
const DRAIN = 'lru_add_drain mlock_page_drain_local';

// mm/mlock.c: mlock_pte_range locks the pages of the cache; populate_vma_page_range then writes to them: the copies are
// locked (mlock_new_page counts at once), the pages of the cache unlocked with their mapping
it('locks private file pages, then the copies it makes of them', () => {
  const steps = briefly([
    { op: 'mmap', pages: 4, prot: 'rw', kind: 'file-private' },
    on('read', 0, 1),
    on('write', 1, 1, { value: 7 }),
    on('mlock', 0, 2),
    on('munlock', 0, 1),
  ]);
  expect(steps[3]).toMatchObject({
    vmstat: {
      pgfault: 1,
      unevictable_pgs_culled: 3,
      unevictable_pgs_rescued: 1,
      unevictable_pgs_mlocked: 3,
      unevictable_pgs_munlocked: 1,
    },
    calls:
      `${DRAIN} mlock_pte_range vm_normal_page mlock_folio vm_normal_page mlock_folio ${DRAIN} ` +
      `__get_user_pages ${FOLLOW} ${FAULT_COPY} ${FOLLOW} ${GRAB} ${FOLLOW} ${GRAB} ${DRAIN}`,
    areas: { A: ['0+2 rw locked', '2+2 rw'] },
  });
  expect(steps[4]).toMatchObject({
    vmstat: { unevictable_pgs_rescued: 1, unevictable_pgs_munlocked: 1 },
    calls: `${DRAIN} mlock_pte_range vm_normal_page munlock_page ${DRAIN}`,
    areas: { A: ['0+1 rw', '1+1 rw locked', '2+2 rw'] },
  });
});

// mm/mlock.c: mlock_count: the second locker adds to it at mlock, and one munlock leaves the page locked
it('keeps a page locked until the last of two processes unlocks it', () => {
  const steps = briefly([
    { op: 'mmap', pages: 1, prot: 'rw', kind: 'anon-shared' },
    on('write', 0, 1, { value: 1 }),
    { op: 'fork', child: 'B' },
    on('mlock', 0, 1),
    on('mlock', 0, 1, { proc: 'B' }),
    on('munlock', 0, 1),
    { op: 'exit', proc: 'B' },
  ]);
  expect(steps[4].vmstat).toEqual({ pgfault: 1 });
  expect(steps[5].vmstat).toEqual({});
  expect(steps[5].frames).toEqual({
    f1: 'shmem r3 m2 referenced,uptodate,dirty,lru,swapbacked,unevictable,mlocked',
  });
  expect(steps[6].vmstat).toEqual({ unevictable_pgs_rescued: 1, unevictable_pgs_munlocked: 1 });
});

// mm/mmap.c: vma_merge, cases 4 to 8; areas with different anon_vmas stay apart
it('splits and merges areas as their protection changes', () => {
  const steps = briefly([
    { op: 'mmap', pages: 9, prot: 'rw', kind: 'anon-private' },
    protect(3, 3, 'r'),
    on('write', 0, 1, { value: 1 }),
    protect(3, 3, 'rw'),
    protect(0, 3, 'r'),
    protect(2, 2, 'rw'),
    protect(1, 1, 'rw'),
    protect(0, 1, 'rw'),
    protect(3, 6, 'r'),
    protect(2, 1, 'r'),
    protect(0, 2, 'r'),
  ]);
  expect(steps.slice(1).map(({ areas }) => areas['A'].join(', '))).toEqual([
    '0+3 rw, 3+3 r, 6+3 rw',
    '0+3 rw, 3+3 r, 6+3 rw',
    '0+9 rw',
    '0+3 r, 3+6 rw',
    '0+2 r, 2+7 rw',
    '0+1 r, 1+8 rw',
    '0+9 rw',
    '0+3 rw, 3+6 r',
    '0+2 rw, 2+7 r',
    '0+9 r',
  ]);
  const apart = briefly([
    { op: 'mmap', pages: 9, prot: 'rw', kind: 'anon-private' },
    protect(3, 3, 'r'),
    on('write', 0, 1, { value: 1 }),
    on('write', 7, 1, { value: 2 }),
    protect(3, 3, 'rw'),
    on('munmap', 4, 1),
    protect(0, 9, 'r'),
    on('mlock', 0, 9),
  ]);
  expect(apart[4].areas).toEqual({ A: ['0+6 rw', '6+3 rw'] });
  // what lies before the hole is done; for mlock nothing is made present then
  expect(apart[6]).toMatchObject({
    result: { ret: -1, errno: 'ENOMEM' },
    areas: { A: ['0+4 r', '5+1 rw', '6+3 rw'] },
    calls: 'change_protection',
  });
  expect(apart[7]).toMatchObject({
    result: { ret: -1, errno: 'ENOMEM' },
    areas: { A: ['0+4 r locked', '5+1 rw', '6+3 rw'] },
    calls: `${DRAIN} mlock_pte_range vm_normal_page mlock_folio ${DRAIN}`,
  });
});

// Who counts: munlock with the mapping (drained before the page is isolated), mlock with the new one. A device page is
// never on the LRU: its lock is only a flag. mm/mlock.c: mlock_pte_range passes over device pages.
it('counts a locked page on its way to a device and back', () => {
  const steps = briefly(
    [
      { op: 'mmap', pages: 2, prot: 'rw', kind: 'anon-private' },
      on('mlock', 0, 1),
      on('migrate_to_dev', 0, 1, { device: 0 }),
      on('migrate_to_sys', 0, 1, { device: 0 }),
      on('migrate_to_dev', 0, 1, { device: 1 }),
      on('munlock', 0, 1),
      on('mlock', 0, 2),
      { op: 'fork', child: 'B' },
      on('migrate_to_dev', 0, 1, { proc: 'B', device: 0 }),
      on('munlock', 0, 2),
    ],
    ['coherent', 'private'],
  );
  const away = { unevictable_pgs_rescued: 1, unevictable_pgs_mlocked: 1, unevictable_pgs_munlocked: 1 };
  expect(steps[2].vmstat).toEqual(away);
  // the page waits in a batch, and is culled only when that is drained, after the step
  expect(steps[3].vmstat).toEqual({ unevictable_pgs_mlocked: 1, unevictable_pgs_munlocked: 1 });
  expect(steps[4].vmstat).toEqual(away);
  expect(steps[5]).toMatchObject({
    vmstat: {},
    calls: `${DRAIN} mlock_pte_range ${DRAIN}`,
    pages: { A: ['device-private W f4 1:w', 'none'] },
  });
  expect(steps[6].vmstat).toEqual({
    pgfault: 2,
    unevictable_pgs_culled: 2,
    unevictable_pgs_mlocked: 2,
    unevictable_pgs_munlocked: 1,
  });
  // the lock of A ends while the page is isolated: stranded; PG_unevictable goes along to the device
  expect(steps[8].vmstat).toEqual({ unevictable_pgs_mlocked: 1, unevictable_pgs_stranded: 1 });
  expect(steps[8].calls).toContain(
    'try_to_migrate_one __mmu_notifier_invalidate_range_start dmirror_interval_invalidate dmirror_do_update ' +
      'dmirror_interval_invalidate dmirror_do_update page_remove_rmap munlock_page mlock_page_drain_local',
  );
  expect(steps[9]).toMatchObject({
    vmstat: { unevictable_pgs_rescued: 1, unevictable_pgs_munlocked: 1 },
    calls: `${DRAIN} mlock_pte_range vm_normal_page×2 munlock_page ${DRAIN}`,
  });
});

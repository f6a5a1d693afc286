// Long-term pins of pages in ZONE_MOVABLE that are locked, pinned or held.

import { expect, it } from 'vitest';
import { briefly } from '../../scenario/brief.ts';

const MMAP = { op: 'mmap', pages: 3, prot: 'rw', kind: 'anon-private' };
const WRITE = { op: 'write', value: 1 };
const gup = (
  call: string,
  flags: string[],
  page: number,
  count: number,
  as: string,
): Record<string, unknown> => ({
  op: 'gup',
  call,
  flags,
  page,
  count,
  as,
});
const UNMAP = 'migrate_folio_unmap __migrate_folio_unmap try_to_migrate try_to_migrate_one';
const MOVE =
  'migrate_folio_move __migrate_folio_move move_to_new_folio migrate_folio migrate_folio_extra ' +
  'folio_migrate_mapping folio_migrate_copy folio_migrate_flags folio_add_lru lru_add_drain mlock_page_drain_local ' +
  'remove_migration_ptes remove_migration_pte page_add_anon_rmap';

// mm/gup.c: collect_longterm_unpinnable_pages: "if (folio_is_device_coherent(folio)) continue" stands before the batches of
// the LRU are emptied and before the folio is taken off a list: the page is on none (machine-and-drivers.md §2.3)
it('only counts a coherent page: empties no batch for it, and does not try to isolate it', () => {
  const steps = briefly(
    [
      MMAP,
      WRITE,
      { op: 'migrate_to_dev', device: 0 },
      { op: 'mmap', vma: 'other', pages: 1, prot: 'rw', kind: 'anon-private' },
      { op: 'write', vma: 'other', value: 1 },
      gup('pin_user_pages', ['FOLL_LONGTERM', 'FOLL_WRITE'], 0, 1, 'h'),
    ],
    ['coherent'],
  );
  const calls = steps[5].calls.split(' ');
  const collect = calls.indexOf('collect_longterm_unpinnable_pages');
  expect(calls.slice(collect, calls.indexOf('migrate_longterm_unpinnable_pages'))).toEqual([
    'collect_longterm_unpinnable_pages',
  ]);
  expect(steps[5].result).toEqual({ ret: 1 });
});

// mm/mlock.c: __munlock_page finds the isolated page off the LRU and unevictable: stranded; lru_add_fn rescues the copy
// (PG_unevictable came along, PG_mlocked did not); remove_migration_pte locks and culls it anew
it('moves a locked page: stranded, rescued, locked and culled again', () => {
  const steps = briefly(
    [MMAP, { op: 'mlock', page: 1, count: 1 }, gup('pin_user_pages', ['FOLL_LONGTERM'], 1, 1, 'h')],
    [],
    'movable',
  );
  expect(steps[2]).toMatchObject({
    result: { ret: 1 },
    vmstat: {
      pgmigrate_success: 1,
      unevictable_pgs_stranded: 1,
      unevictable_pgs_rescued: 1,
      unevictable_pgs_mlocked: 1,
      unevictable_pgs_culled: 1,
      nr_foll_pin_acquired: 2,
      nr_foll_pin_released: 1,
    },
    frames: {
      f2: expect.stringMatching(
        /^anon r1025 m1 pinned .*unevictable,mlocked,anon,anon_exclusive$/,
      ) as unknown,
    },
  });
  expect(steps[2].calls).toContain(
    `migrate_pages migrate_pages_batch ${UNMAP} page_remove_rmap munlock_page mlock_page_drain_local ` +
      `${MOVE} mlock_folio mlock_page_drain_local putback_movable_pages __get_user_pages`,
  );
});

// mm/rmap.c: try_to_migrate_one: page_try_share_anon_rmap refuses a pinned page, after the dirty bit went to the page;
// mm/migrate.c: migrate_pages_batch tries ten times, and moves the others in the first pass
it('moves the pages around a pinned one, and gives up on that after ten passes', () => {
  const steps = briefly(
    [
      MMAP,
      WRITE,
      gup('pin_user_pages', ['FOLL_WRITE'], 0, 1, 's'),
      gup('pin_user_pages', ['FOLL_LONGTERM', 'FOLL_WRITE'], 0, 2, 'h'),
    ],
    [],
    'movable',
  );
  const tried = `${UNMAP} remove_migration_ptes remove_migration_pte`;
  expect(steps[3]).toMatchObject({
    result: { ret: -1, errno: 'ENOMEM' },
    vmstat: { pgmigrate_success: 1, pgmigrate_fail: 1, nr_foll_pin_acquired: 2, nr_foll_pin_released: 2 },
    pages: { A: ['WDA f1', 'WDA f4', 'WDA f3'] },
    frames: {
      f1: 'anon r1025 m1 pinned uptodate,dirty,lru,swapbacked,anon,anon_exclusive',
      f4: 'anon r1 m1 uptodate,dirty,lru,swapbacked,anon,anon_exclusive',
    },
  });
  expect(steps[3].calls).toContain(
    `migrate_pages migrate_pages_batch ${tried} ${UNMAP} page_remove_rmap ${MOVE} ` +
      `${Array<string>(9).fill(tried).join(' ')} putback_movable_pages putback_lru_page folio_putback_lru folio_add_lru`,
  );
});

// mm/migrate.c: folio_migrate_mapping finds a reference too many; the mapping was gone and comes back every time, and
// with it the lock: stranded and locked ten times
it('puts a locked page that somebody holds back after ten passes', () => {
  const steps = briefly(
    [
      MMAP,
      { op: 'mlock', page: 0, count: 1 },
      gup('get_user_pages', ['FOLL_WRITE'], 0, 1, 'g'),
      gup('pin_user_pages', ['FOLL_LONGTERM', 'FOLL_WRITE'], 0, 1, 'h'),
    ],
    [],
    'movable',
  );
  expect(steps[3].result).toEqual({ ret: -1, errno: 'ENOMEM' });
  expect(steps[3].vmstat).toEqual({
    pgmigrate_fail: 1,
    unevictable_pgs_stranded: 10,
    unevictable_pgs_mlocked: 10,
    nr_foll_pin_acquired: 1,
    nr_foll_pin_released: 1,
  });
  expect(steps[3].frames['f1']).toMatch(
    /^anon r2 m1 .*lru,swapbacked,unevictable,mlocked,anon,anon_exclusive$/,
  );
});

// mm/gup.c: the zero page is pinnable and not counted; a page that is made during the pin is not movable to begin with
// (PF_MEMALLOC_PIN), so only the older one has to move
it('pins zero pages and moves shared memory', () => {
  const steps = briefly(
    [
      { ...MMAP, kind: 'anon-shared' },
      { op: 'write', page: 0, count: 1, value: 1 },
      { op: 'fork', child: 'B' },
      { op: 'read', proc: 'B', page: 0, count: 1 },
      { op: 'munmap', page: 2, count: 1 },
      gup('pin_user_pages', ['FOLL_LONGTERM'], 0, 2, 'h'),
      { op: 'mmap', vma: 'own', pages: 2, prot: 'rw', kind: 'anon-private' },
      { op: 'read', vma: 'own' },
      { ...gup('pin_user_pages', ['FOLL_LONGTERM'], 0, 2, 'z'), vma: 'own' },
    ],
    [],
    'movable',
  );
  expect(steps[5]).toMatchObject({
    result: { ret: 2 },
    vmstat: { pgfault: 1, pgmigrate_success: 1, nr_foll_pin_acquired: 4, nr_foll_pin_released: 2 },
    frames: {
      f2: 'shmem r1027 m2 pinned uptodate,dirty,lru,swapbacked',
      f3: 'shmem r1026 m1 pinned uptodate,lru,swapbacked',
    },
  });
  expect(steps[8]).toMatchObject({ result: { ret: 2 }, vmstat: {} });
});

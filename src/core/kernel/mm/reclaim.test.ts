// What MADV_PAGEOUT (mm/vmscan.c: shrink_folio_list) does with pages that somebody wants or holds.

import { expect, it } from 'vitest';
import { briefly } from '../../scenario/brief.ts';

const mmap = (kind: string, pages: number): Record<string, unknown> => ({
  op: 'mmap',
  pages,
  prot: 'rw',
  kind,
});
const write = (count: number): Record<string, unknown> => ({ op: 'write', page: 0, count, value: 1 });
const advise = (advice: string): Record<string, unknown> => ({ op: 'madvise', advice });
const hold = (call: string, flags: string[], page: number): Record<string, unknown> => ({
  op: 'gup',
  call,
  flags,
  page,
  count: 1,
  as: `h${page}`,
});
const isolations = (n: number): string =>
  Array<string>(n).fill('vm_normal_page isolate_lru_page folio_isolate_lru').join(' ');

// mm/rmap.c: try_to_unmap_one: a lazily freed page that is dirty again, or that has another reference, is remapped and
// becomes an ordinary page of the process; all others are gone
it('takes back the lazy freeing of pages that were written again or are held', () => {
  const steps = briefly([
    mmap('anon-private', 4),
    write(4),
    hold('pin_user_pages', ['FOLL_WRITE'], 1),
    advise('FREE'),
    write(1),
    advise('PAGEOUT'),
  ]);
  expect(steps[3].calls).toBe('lru_add_drain mlock_page_drain_local madvise_free_pte_range vm_normal_page×4');
  expect(steps[3].pages).toEqual({ A: ['Wda f1', 'Wda f2', 'Wda f3', 'Wda f4'] });
  expect(steps[3].frames).toMatchObject({ f2: 'anon r1025 m1 pinned uptodate,lru,anon,anon_exclusive' });
  // the entries were only cleaned: the processor marks them without a fault
  expect(steps[4].calls).toBe('');
  expect(steps[5]).toMatchObject({
    calls:
      `lru_add_drain mlock_page_drain_local ${isolations(4)} page_remove_rmap×2 ` +
      'folio_putback_lru folio_add_lru folio_putback_lru folio_add_lru',
    pages: { A: ['WDa f1', 'Wda f2', 'none', 'none'] },
    frames: {
      f1: 'anon r1 m1 uptodate,dirty,lru,active,swapbacked,anon,anon_exclusive',
      f2: 'anon r1025 m1 pinned uptodate,lru,active,swapbacked,anon,anon_exclusive',
    },
  });
});

// Without swap space add_to_swap fails: the page becomes active; a pinned one is not even tried and stays as it is
it('makes anonymous pages active that have nowhere to go, but not pinned ones', () => {
  const steps = briefly([
    mmap('anon-private', 2),
    write(2),
    hold('pin_user_pages', ['FOLL_WRITE'], 1),
    advise('PAGEOUT'),
  ]);
  expect(steps[3].frames).toEqual({
    f1: 'anon r1 m1 uptodate,lru,active,swapbacked,anon,anon_exclusive',
    f2: 'anon r1025 m1 pinned uptodate,lru,swapbacked,anon,anon_exclusive',
  });
  expect(steps[3].pages).toEqual({ A: ['WDa f1', 'WDa f2'] });
});

// mm/vmscan.c: pageout, mm/shmem.c: shmem_writepage: no swap space: dirty pages become active, clean ones are freed;
// a page with a reference of somebody else is kept before that, unmapped
it('frees clean pages of shared memory and keeps the dirty and the held ones', () => {
  const steps = briefly([
    mmap('anon-shared', 5),
    write(3),
    { op: 'read', page: 3, count: 2 },
    hold('get_user_pages', [], 1),
    hold('pin_user_pages', [], 2),
    hold('get_user_pages', [], 3),
    advise('PAGEOUT'),
    { op: 'read' },
  ]);
  expect(steps[6].calls).toBe(
    `lru_add_drain mlock_page_drain_local ${isolations(5)} page_remove_rmap×5 ` +
      Array<string>(4).fill('folio_putback_lru folio_add_lru').join(' '),
  );
  expect(steps[6].pages).toEqual({ A: ['none', 'none', 'none', 'none', 'none'] });
  expect(steps[6].frames).toEqual({
    f2: 'shmem r2 m0 uptodate,dirty,lru,swapbacked',
    f3: 'shmem r1025 m0 pinned uptodate,dirty,lru,active,swapbacked',
    f4: 'shmem r2 m0 uptodate,lru,swapbacked',
  });
  // fault-around finds the four in the cache at once; the fifth is a new page of zeros
  expect(steps[7]).toMatchObject({ vmstat: { pgfault: 2 }, result: { ret: 5, values: [1, 2, 3, 0, 0] } });
});

// mm/madvise.c: madvise_cold_or_pageout_pte_range, madvise_free_pte_range: a page of two processes is left alone,
// unless it is clean and only to be freed lazily
it('leaves pages of two processes alone', () => {
  const steps = briefly([
    mmap('anon-private', 2),
    write(2),
    { op: 'madvise', advice: 'FREE', page: 1, count: 1 },
    { op: 'fork', child: 'B' },
    advise('COLD'),
    advise('PAGEOUT'),
    advise('FREE'),
  ]);
  const walk = 'lru_add_drain mlock_page_drain_local';
  expect(steps[4].calls).toBe(`${walk} vm_normal_page×2`);
  expect(steps[5].calls).toBe(`${walk} vm_normal_page×2`);
  expect(steps[6].calls).toBe(`${walk} madvise_free_pte_range vm_normal_page×2`);
  expect(steps[6].pages['A']).toEqual(['wda f1', 'wda f2']);
});

// Parts of a huge page, and huge pages that several processes map: what the last step of each row does, as the
// functions named in its first column predict it.

import { describe, expect, it } from 'vitest';
import { createSimulation, parseScenario } from '../../index.ts';

const area = { proc: 'A', vma: 'big' };
const map = (pages = 512) => [{ op: 'mmap', ...area, pages, prot: 'rw', kind: 'anon-private' }];
/** One huge page, written at its first page. */
const huge = [
  ...map(),
  { op: 'madvise', ...area, advice: 'HUGEPAGE' },
  { op: 'write', ...area, page: 0, count: 1, value: 100 },
];
/** The huge zero page. */
const zero = [...huge.slice(0, 2), { op: 'read', ...area, page: 0, count: 1 }];
/** Twenty small pages. */
const small = [...map(), { op: 'write', ...area, page: 0, count: 20, value: 100 }];
const on = (op: string, page: number, count: number, extra: object = {}, proc = 'A') => ({
  op,
  ...area,
  proc,
  page,
  count,
  ...extra,
});
const advise = (advice: string, page: number, count: number, proc = 'A') =>
  on('madvise', page, count, { advice }, proc);
const pin = (page: number, count: number, flags: readonly string[] = [], proc = 'A', as = 'p') =>
  on('gup', page, count, { call: 'pin_user_pages', flags, as }, proc);
const fork = { op: 'fork', proc: 'A', child: 'B' };
const exit = (proc: string) => ({ op: 'exit', proc });
const write = (page: number, proc = 'A') => on('write', page, 1, { value: 7 }, proc);
const device = { device: 0 };

type Row = readonly [name: string, steps: readonly object[], result: object, vmstat: object];

const check = (rows: readonly Row[], boot = 'default'): void => {
  it.each(rows)('%s', (_name, steps, result, vmstat) => {
    const devices = [
      { id: 0, kind: 'coherent' },
      { id: 1, kind: 'private' },
    ];
    const sim = createSimulation(parseScenario({ boot, devices, steps: steps.map((step) => ({ step })) }));
    sim.runAll();
    const last = sim.steps[steps.length - 1];
    expect(last.result).toMatchObject(result);
    expect(last.vmstat).toEqual(vmstat);
  });
};

const ok = { ret: 0 };
const pmd = { thp_split_pmd: 1 };
const queued = { thp_deferred_split_page: 1 };
const folio = { thp_split_page: 1 };

describe('a part of a huge page', () => {
  check([
    [
      'zap_pmd_range: DONTNEED splits the entry, not the page',
      [...huge, advise('DONTNEED', 0, 3)],
      ok,
      { ...pmd, ...queued },
    ],
    [
      '… and the page waits in the queue only once',
      [...huge, advise('DONTNEED', 0, 3), advise('DONTNEED', 9, 3)],
      ok,
      {},
    ],
    ['vma_adjust_trans_huge: munmap', [...huge, on('munmap', 4, 4)], ok, { ...pmd, ...queued }],
    [
      'vma_adjust_trans_huge: mprotect unmaps nothing',
      [...huge, on('mprotect', 4, 4, { prot: 'r' })],
      ok,
      pmd,
    ],
    [
      'mlock_pte_range: pages of a huge page that is mapped in parts do not count',
      [...huge, on('mlock', 4, 4)],
      ok,
      pmd,
    ],
    [
      '__split_huge_pmd_locked: munlock of a part drops the lock of the whole',
      [...huge, on('mlock', 0, 512), on('munlock', 0, 10)],
      ok,
      { ...pmd, unevictable_pgs_rescued: 512, unevictable_pgs_munlocked: 512 },
    ],
    [
      'madvise_cold_or_pageout_pte_range: COLD',
      [...huge, advise('COLD', 4, 4)],
      ok,
      { ...pmd, ...folio, ...queued },
    ],
    ['madvise_free_huge_pmd: FREE', [...huge, advise('FREE', 4, 4)], ok, { ...pmd, ...folio, ...queued }],
    [
      'shrink_folio_list: PAGEOUT of the whole finds no swap space and splits it',
      [...huge, advise('PAGEOUT', 0, 512)],
      ok,
      { ...pmd, ...folio, ...queued, thp_swpout_fallback: 1 },
    ],
    [
      'try_to_unmap_one: a lazily freed huge page goes without being split',
      [...huge, advise('FREE', 0, 512), advise('PAGEOUT', 0, 512)],
      ok,
      { ...pmd, ...queued },
    ],
    [
      'folio_estimated_sharers: FREE asks the first page, which is gone',
      [...huge, advise('DONTNEED', 0, 1), advise('FREE', 1, 4)],
      ok,
      {},
    ],
    [
      'can_split_folio: COLD of a pinned page',
      [...huge, pin(9, 1), advise('COLD', 4, 4)],
      ok,
      { thp_split_page_failed: 1 },
    ],
    [
      'folio_make_device_exclusive: the first page takes all 512 along',
      [...huge, on('dev_exclusive', 0, 1, device)],
      { ret: 0, cpages: 1 },
      { ...pmd, ...queued },
    ],
    [
      'make_device_exclusive_range: the others are refused',
      [...huge, on('dev_exclusive', 3, 2, device)],
      { errno: 'EBUSY' },
      pmd,
    ],
    [
      'remove_device_exclusive_entry: each page comes back by its own fault',
      [...huge, on('dev_exclusive', 0, 1, device), on('read', 0, 512)],
      { ret: 512 },
      { pgfault: 512 },
    ],
  ]);
});

describe('a huge page of two processes', () => {
  check([
    ['copy_huge_pmd: -EAGAIN for a pinned page', [...huge, pin(3, 1, ['FOLL_WRITE']), fork], ok, pmd],
    [
      'do_huge_pmd_wp_page: one page is copied',
      [...huge, fork, write(5, 'B')],
      { ret: 1 },
      { pgfault: 1, ...pmd },
    ],
    [
      'do_huge_pmd_wp_page: the last one takes it over',
      [...huge, fork, exit('A'), write(5, 'B')],
      { ret: 1 },
      { pgfault: 1 },
    ],
    [
      'page_remove_rmap: the second copy of a page leaves it unmapped',
      [...huge, fork, write(5, 'B'), write(5)],
      { ret: 1 },
      { pgfault: 1, ...pmd, ...queued },
    ],
    [
      'page_remove_anon_compound_rmap: pages that only the huge entry mapped',
      [...huge, fork, on('munmap', 4, 4, {}, 'B'), on('munmap', 0, 512)],
      ok,
      queued,
    ],
    [
      'gup_must_unshare: a pin for reading copies its pages',
      [...huge, fork, pin(3, 2)],
      { ret: 2 },
      { pgfault: 2, ...pmd, nr_foll_pin_acquired: 2 },
    ],
    [
      'gup_must_unshare: the last owner keeps it whole',
      [...huge, fork, exit('A'), pin(3, 2, [], 'B')],
      { ret: 2 },
      { pgfault: 1, nr_foll_pin_acquired: 2 },
    ],
    [
      'split_huge_page: both lose their huge entries when a part migrates',
      [...huge, fork, on('migrate_to_dev', 0, 3, device)],
      { ret: 0, cpages: 3 },
      { thp_split_pmd: 2, ...folio, ...queued },
    ],
    ['madvise: COLD does not interfere with others', [...huge, fork, advise('COLD', 4, 4)], ok, {}],
  ]);
});

describe('the huge zero page', () => {
  check([
    [
      'try_grab_page: a pin counts, unlike on the small zero page',
      [...zero, pin(3, 2, ['FOLL_LONGTERM'])],
      { ret: 2 },
      { nr_foll_pin_acquired: 2 },
    ],
    [
      'do_huge_pmd_wp_page: a write splits the entry',
      [...zero, write(3)],
      { ret: 1 },
      { pgfault: 1, ...pmd },
    ],
    ['copy_huge_pmd: fork shares it', [...zero, fork], ok, {}],
    [
      'migrate_vma_collect_pmd: on the way to a device',
      [...zero, on('migrate_to_dev', 0, 3, device)],
      { ret: 0, cpages: 3 },
      pmd,
    ],
    ['madvise: COLD and FREE leave it alone', [...zero, advise('FREE', 4, 4)], ok, {}],
  ]);
});

describe('MADV_COLLAPSE', () => {
  const collapse = advise('COLLAPSE', 0, 512);
  const done = { thp_collapse_alloc: 1 };
  check([
    ['holes become zeroes', [...small, collapse], ok, done],
    [
      'a coherent page is no LRU page',
      [...small, on('migrate_to_dev', 3, 2, device), collapse],
      { errno: 'EINVAL' },
      {},
    ],
    [
      'private pages come home first',
      [...small, on('migrate_to_dev', 3, 2, { device: 1 }), collapse],
      ok,
      done,
    ],
    [
      'so do pages held for a device alone',
      [...small, on('dev_exclusive', 3, 2, device), collapse],
      ok,
      done,
    ],
    ['a pinned page has one reference too many', [...small, pin(3, 1), collapse], { errno: 'EAGAIN' }, {}],
    ['shared pages are read-only', [...small, fork, collapse], { errno: 'EINVAL' }, {}],
    ['one writable page is enough', [...small, fork, write(0), collapse], ok, done],
    ['what is huge already counts as done', [...huge, collapse], ok, {}],
    [
      'only zero pages: nothing is writable',
      [...zero, advise('DONTNEED', 0, 4), collapse],
      { errno: 'EINVAL' },
      {},
    ],
    [
      'a huge page that is mapped in parts is collapsed into another',
      [...huge, on('mprotect', 0, 5, { prot: 'r' }), on('mprotect', 0, 5, { prot: 'rw' }), collapse],
      ok,
      { ...done, ...queued },
    ],
    ['less than 2 MiB is nothing to do', [...small, advise('COLLAPSE', 0, 20)], ok, {}],
    [
      '… and a start behind the end is refused',
      [...small, advise('COLLAPSE', 5, 20)],
      { errno: 'EINVAL' },
      {},
    ],
  ]);
});

describe('a long-term pin of a huge page in ZONE_MOVABLE', () => {
  const longterm = pin(3, 2, ['FOLL_LONGTERM'], 'A', 'l');
  const moved = {
    pgmigrate_success: 512,
    thp_migration_success: 1,
    nr_foll_pin_acquired: 4,
    nr_foll_pin_released: 2,
  };
  const failed = {
    pgmigrate_fail: 512,
    thp_migration_fail: 1,
    nr_foll_pin_acquired: 2,
    nr_foll_pin_released: 2,
  };
  check(
    [
      ['moves it whole', [...huge, longterm], { ret: 2 }, moved],
      [
        'moves it whole though it is mapped in parts',
        [...huge, advise('DONTNEED', 0, 1), longterm],
        { ret: 2 },
        moved,
      ],
      [
        'fails while another pin holds one of its pages',
        [...huge, pin(9, 1), longterm],
        { errno: 'ENOMEM' },
        failed,
      ],
      [
        'moves single pages after parts of it were on a device',
        [...huge, on('migrate_to_dev', 3, 1, device), longterm],
        { ret: 2 },
        { pgmigrate_success: 1, nr_foll_pin_acquired: 4, nr_foll_pin_released: 2 },
      ],
    ],
    'movable',
  );
});

// MADV_COLLAPSE of shared memory, and what becomes of the huge page that it leaves in the page cache.

import { expect, it } from 'vitest';
import { type Brief, briefly } from '../../scenario/brief.ts';

const MMAP = { op: 'mmap', pages: 512, prot: 'rw', kind: 'anon-shared' };
const WRITE = { op: 'write', page: 0, count: 3, value: 50 };
const COLLAPSE = { op: 'madvise', advice: 'COLLAPSE' };
const gup = (flags: string[], page: number, as: string): Record<string, unknown> => ({
  op: 'gup',
  call: 'pin_user_pages',
  flags,
  page,
  count: 1,
  as,
});

const last = (steps: readonly Brief[]): Brief => {
  const step = steps.at(-1);
  if (step === undefined) throw new Error('no step');
  return step;
};

const run = (
  steps: readonly Readonly<Record<string, unknown>>[],
  boot: 'default' | 'movable' = 'default',
): Brief => last(briefly(steps, ['coherent'], boot));

// mm/khugepaged.c: hpage_collapse_scan_file, collapse_file: each page isolated and unmapped in turn, the holes zeroed;
// retract_page_tables: the caller's empty table goes, and do_set_pmd maps the huge page
it('puts one huge page in the place of the small ones and maps it for the caller', () => {
  const step = run([MMAP, WRITE, COLLAPSE]);
  expect(step.result).toEqual({ ret: 0 });
  expect(step.vmstat).toEqual({ thp_collapse_alloc: 1, thp_file_mapped: 1 });
  expect(step.pages['A']?.every((page) => page === 'WdA f4')).toBe(true);
  expect(step.frames).toEqual({ f4: 'shmem r513 uptodate,dirty,lru,swapbacked,head' });
  expect(step.calls).toBe(
    `lru_add_drain_all ${'folio_isolate_lru page_remove_rmap '.repeat(3)}folio_add_lru do_set_pmd`,
  );
  expect(run([MMAP, WRITE, COLLAPSE, { op: 'read', page: 0, count: 4 }]).result.values).toEqual([
    50, 51, 52, 0,
  ]);
});

// hpage_collapse_scan_file: page_count is not what mappings and the cache explain; collapse_file: nothing is there;
// hugepage_vma_check: too small; madvise_collapse_errno
it('refuses pages that are held, memory that nobody touched, and areas that are too small', () => {
  expect(run([MMAP, WRITE, gup([], 1, 'h'), COLLAPSE])).toMatchObject({
    result: { ret: -1, errno: 'EAGAIN' },
    vmstat: {},
  });
  expect(run([MMAP, COLLAPSE])).toMatchObject({
    result: { ret: -1, errno: 'EINVAL' },
    vmstat: { thp_collapse_alloc: 1 },
  });
  expect(run([{ ...MMAP, pages: 500 }, WRITE, COLLAPSE]).result).toEqual({ ret: -1, errno: 'EINVAL' });
});

// mm/filemap.c: filemap_map_pmd; mm/khugepaged.c: collapse_pte_mapped_thp with an empty PMD entry
it('is found whole by the next fault of another process, or by its own request', () => {
  const others = [MMAP, WRITE, { op: 'fork', child: 'B' }, COLLAPSE];
  expect(run([...others, { op: 'read', proc: 'B', page: 9, count: 1 }])).toMatchObject({
    vmstat: { pgfault: 1, thp_file_mapped: 1 },
    calls: 'handle_mm_fault do_fault do_read_fault do_set_pmd',
    frames: { f4: 'shmem r514 uptodate,dirty,lru,swapbacked,head' },
  });
  expect(run([...others, { ...COLLAPSE, proc: 'B' }]).result).toEqual({ ret: -1, errno: 'EINVAL' });
  expect(
    run([
      ...others,
      { op: 'read', proc: 'B' },
      { op: 'madvise', proc: 'B', advice: 'DONTNEED' },
      { ...COLLAPSE, proc: 'B' },
    ]),
  ).toMatchObject({
    result: { ret: 0 },
    vmstat: { thp_file_mapped: 1 },
    calls: 'lru_add_drain_all do_set_pmd',
  });
});

// mm/huge_memory.c: __split_huge_pmd_locked: a file's huge entry is zapped; the page stays whole, and what is mapped of
// it afterwards is mapped page by page; collapse_pte_mapped_thp puts that right
it('loses its huge entry to mprotect of a part, and gets it back', () => {
  const steps = [
    MMAP,
    WRITE,
    COLLAPSE,
    { op: 'mprotect', page: 0, count: 8, prot: 'r' },
    { op: 'read', page: 0, count: 1 },
  ];
  const cut = briefly(steps, ['coherent']);
  expect(cut[3]).toMatchObject({
    vmstat: { thp_split_pmd: 1 },
    calls: '__split_huge_pmd page_remove_rmap change_protection',
    frames: {},
  });
  expect(cut[4].pages['A']?.slice(0, 9)).toEqual([
    ...Array.from({ length: 8 }, (_, i) => `wdA f5+${i}`),
    'none',
  ]);
  const back = run([...steps, { op: 'mprotect', prot: 'rw' }, COLLAPSE]);
  expect(back.vmstat).toEqual({ thp_file_mapped: 1 });
  expect(back.pages['A']?.[100]).toBe('WdA f5');
  expect(back.calls).toBe(
    `lru_add_drain_all vm_normal_page×9${' page_remove_rmap vm_normal_page'.repeat(7)} page_remove_rmap do_set_pmd`,
  );
});

// mm/gup.c, mm/migrate.c: the whole folio moves, with its 512 places in the cache; set_pmd_migration_entry once for each
// process
it('moves whole out of ZONE_MOVABLE before a long-term pin', () => {
  const step = run(
    [
      MMAP,
      WRITE,
      COLLAPSE,
      { op: 'fork', child: 'B' },
      { op: 'read', proc: 'B', page: 0, count: 1 },
      gup(['FOLL_LONGTERM', 'FOLL_WRITE'], 1, 'h'),
    ],
    'movable',
  );
  expect(step).toMatchObject({
    result: { ret: 1 },
    vmstat: { pgmigrate_success: 512, thp_migration_success: 1 },
    frames: { f5: 'shmem r515 pinned uptodate,dirty,lru,swapbacked,head' },
  });
  expect(step.calls).toContain(
    'try_to_migrate try_to_migrate_one page_remove_rmap try_to_migrate_one page_remove_rmap migrate_folio_move',
  );
  expect(step.calls).toContain('remove_migration_ptes remove_migration_pte×2 putback_movable_pages');
});

// mm/migrate_device.c: migrate_vma_collect_pmd splits the folio; its pages are left unmapped (unmap_folio:
// try_to_unmap), so there is a hole in an area that is not anonymous
it('comes apart when it is to go to a device, and stays', () => {
  const steps = [MMAP, WRITE, COLLAPSE, { op: 'migrate_to_dev', device: 0, page: 0, count: 2 }];
  const split = run(steps);
  expect(split.result).toEqual({ ret: -1, errno: 'ENOENT' });
  expect(split.vmstat).toEqual({ thp_split_page: 1, thp_split_pmd: 1 });
  expect(split.calls).toContain('migrate_vma_collect_hole migrate_vma_collect_skip');
  const read = run([...steps, { op: 'read', page: 0, count: 4 }]);
  expect(read.result.values).toEqual([50, 51, 52, 0]);
  expect(read.frames['f5']).toBe('shmem r2 m1 referenced,uptodate,dirty,lru,swapbacked');
});

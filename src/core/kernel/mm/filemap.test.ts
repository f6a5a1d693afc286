import { expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
import { briefly } from '../../scenario/brief.ts';
import { PG_dirty } from '../../uapi/page-flags.ts';
import { entryPfn, pteWrite } from '../../uapi/pte.ts';
import { testFlags } from './page-ref.ts';
import { walkPte } from './page-table.ts';

const run = (...steps: readonly object[]): Simulation => {
  const sim = createSimulation(parseScenario({ devices: [], steps: steps.map((step) => ({ step })) }));
  sim.runAll();
  return sim;
};

const area = (kind: string, pages: number): object => ({
  op: 'mmap',
  proc: 'A',
  vma: 'f',
  pages,
  prot: 'rw',
  kind,
});
const read = (page: number, count: number): object => ({ op: 'read', proc: 'A', vma: 'f', page, count });

/** Entries of the first pages of the area. */
const entries = (sim: Simulation, count: number): number[] => {
  const m = sim.machine;
  const mm = m.mms.get(1);
  const start = mm.areas[0]?.start ?? 0;
  return Array.from({ length: count }, (_, i) => m.entries.get(walkPte(m, mm, start + i)));
};

it('faults twice on a cold page, then maps 16 pages at once', () => {
  const sim = run(area('file-private', 20), read(3, 1));
  expect(sim.steps[1]?.vmstat).toEqual({ pgfault: 2, pgmajfault: 1 });
  expect(entries(sim, 17).map((entry) => entry !== 0)).toEqual([...Array<boolean>(16).fill(true), false]);
});

it('reads on when the marked page is touched', () => {
  const sim = run(area('file-private', 40), read(0, 24), read(24, 1));
  expect(sim.steps[2]?.vmstat).toEqual({ pgfault: 2 });
  expect(sim.callsOf(sim.steps[2] ?? sim.steps[0]).filter((name) => name === 'folio_add_lru')).toHaveLength(
    32,
  );
});

it('maps a shared file read-only until its first write, and shared memory writable at once', () => {
  const file = run(area('file-shared', 4), read(0, 1));
  expect(entries(file, 4).some(pteWrite)).toBe(false);
  file.runStep({ op: 'write', proc: 'A', vma: 'f', page: 1, count: 1, value: 5 });
  const [, second = 0] = entries(file, 2);
  expect([pteWrite(second), testFlags(file.machine, entryPfn(second), PG_dirty)]).toEqual([true, true]);
  const shared = run(area('anon-shared', 4), read(0, 1));
  expect(pteWrite(entries(shared, 1)[0] ?? 0)).toBe(true);
});

it('stops an access behind the end of the file with SIGBUS', () => {
  const sim = run(area('file-private', 70), read(60, 10));
  expect(sim.steps[1]?.result).toEqual({ ret: 4, signal: 'SIGBUS', at: 4, values: [9060, 9061, 9062, 9063] });
});

it('frees shared memory with its last mapping, and keeps what is pinned', () => {
  const pin = {
    op: 'gup',
    proc: 'A',
    vma: 'f',
    page: 0,
    count: 1,
    call: 'pin_user_pages',
    flags: ['FOLL_WRITE'],
    as: 'p',
  };
  const sim = run(area('anon-shared', 2), { op: 'write', proc: 'A', vma: 'f', value: 1 }, pin);
  const m = sim.machine;
  const [first, second] = entries(sim, 2).map(entryPfn);
  sim.runStep({ op: 'munmap', proc: 'A', vma: 'f' });
  expect([
    m.pages.refcount.get(first ?? 0),
    m.pages.mapping.get(first ?? 0),
    m.pages.refcount.get(second ?? 0),
  ]).toEqual([1024, 0, 0]);
});

const FILE = { op: 'mmap', pages: 4, prot: 'rw', kind: 'file-shared' };

it('marks a page that is paged out dirty, and unmarks it when it is written again', () => {
  const steps = briefly([
    FILE,
    { op: 'read', page: 0, count: 1 },
    { op: 'write', page: 0, count: 1, value: 7 },
    { op: 'madvise', advice: 'PAGEOUT' },
    { op: 'read', page: 0, count: 1 },
    { op: 'madvise', advice: 'PAGEOUT' },
    { op: 'write', page: 0, count: 1, value: 9 },
    { op: 'madvise', advice: 'DONTNEED' },
    { op: 'read', page: 1, count: 1 },
  ]);
  // mm/memory.c: wp_page_shared: the page is mapped already; the file hears of the write, the entry is reused
  expect(steps[2]).toMatchObject({
    calls: 'handle_mm_fault do_wp_page vm_normal_page',
    vmstat: { pgfault: 1, pgreuse: 1 },
    frames: { f1: 'file r2 m1 uptodate,dirty,lru,mappedtodisk' },
  });
  // mm/vmscan.c: shrink_folio_list: dirty, so PG_reclaim and PG_active; the three clean pages are freed
  expect(steps[3].calls).toMatch(/page_remove_rmap×4 folio_putback_lru folio_add_lru$/);
  // mm/filemap.c: do_async_mmap_readahead reads the bit as its marker, reads on, and has the fault repeated
  expect(steps[4]).toMatchObject({
    vmstat: { pgfault: 2 },
    calls: 'handle_mm_fault do_fault do_read_fault folio_add_lru×3 handle_mm_fault do_fault do_read_fault',
    pages: { A: ['wdA f5', 'wdA f6', 'wdA f7', 'wdA f8'] },
    frames: { f5: 'file r2 m1 uptodate,dirty,lru,active,mappedtodisk' },
  });
  expect(steps[6].vmstat).toEqual({ pgfault: 2 });
  expect(steps[6].frames).toEqual({ f9: 'file r2 m1 uptodate,dirty,lru,active,mappedtodisk' });
  expect(steps[8].pages).toEqual({ A: ['wdA f10', 'wdA f11', 'wdA f12', 'wdA f13'] });
});

// mm/page-writeback.c: folio_mark_dirty clears PG_reclaim when the entry's dirty bit reaches the page
it('forgets the mark when a mapping with a dirty entry goes', () => {
  const steps = briefly([
    FILE,
    { op: 'write', page: 0, count: 1, value: 7 },
    { op: 'fork', child: 'B' },
    { op: 'write', proc: 'B', page: 0, count: 1, value: 8 },
    // mapped twice: madvise leaves it alone
    { op: 'madvise', advice: 'PAGEOUT' },
    { op: 'madvise', proc: 'B', advice: 'DONTNEED' },
    { op: 'madvise', advice: 'PAGEOUT' },
    { op: 'mprotect', prot: 'r' },
    { op: 'read', page: 0, count: 1 },
  ]);
  expect(steps[4].pages).toMatchObject({ A: ['WDA f1', 'none', 'none', 'none'] });
  expect(steps[6].calls).toBe(
    'lru_add_drain mlock_page_drain_local vm_normal_page isolate_lru_page folio_isolate_lru ' +
      'page_remove_rmap folio_putback_lru folio_add_lru',
  );
  expect(steps[8].frames).toMatchObject({ f2: 'file r2 m1 uptodate,dirty,lru,active,mappedtodisk' });
});

// mm/mprotect.c: can_change_pte_writable, shared mappings: vma_needs_dirty_tracking asks for a dirty entry
it('makes only dirty entries of a shared file writable again', () => {
  const steps = briefly([
    FILE,
    { op: 'read', page: 0, count: 1 },
    { op: 'write', page: 1, count: 1, value: 7 },
    { op: 'mprotect', prot: 'r' },
    { op: 'mprotect', prot: 'rw' },
  ]);
  expect(steps[3].pages).toEqual({ A: ['wdA f1', 'wDA f2', 'wdA f3', 'wdA f4'] });
  expect(steps[4].pages).toEqual({ A: ['wdA f1', 'WDA f2', 'wdA f3', 'wdA f4'] });
});

// mm/migrate_device.c: __migrate_device_pages: a page with a mapping of its own is given up only here, with the
// device page allocated; the entries of the other process were migration entries meanwhile
it('keeps the pages of a shared file in system memory, for every process and device', () => {
  const steps = briefly(
    [
      FILE,
      { op: 'write', count: 4, value: 7 },
      { op: 'fork', child: 'B' },
      { op: 'read', proc: 'B' },
      { op: 'migrate_to_dev', device: 0, page: 0, count: 2 },
      { op: 'dev_write', proc: 'B', device: 1, page: 1, count: 2, value: 40 },
      { op: 'read', page: 0, count: 4 },
    ],
    ['coherent', 'private'],
  );
  expect(steps[4].calls).toContain(
    'migrate_vma_pages __migrate_device_pages dmirror_migrate_finalize_and_map migrate_vma_finalize ' +
      'migrate_device_finalize free_zone_device_page dmirror_devmem_free',
  );
  expect(steps[4].calls.match(/try_to_migrate_one page_remove_rmap/g)).toHaveLength(2);
  expect(steps[4].pages).toEqual({
    A: ['WDA f1', 'WDA f2', 'WDA f3', 'WDA f4'],
    B: ['wdA f1', 'wdA f2', 'wdA f3', 'wdA f4'],
  });
  expect(steps[5].pages['B']).toEqual(['wdA f1', 'WDA f2 1:w', 'WDA f3 1:w', 'wdA f4']);
  expect(steps[6].result).toEqual({ ret: 4, values: [7, 41, 42, 10] });
});

// fs/buffer.c: __find_get_block: a buffer head in the CPU's own list is touched by its page; lru_add_drain_all empties that
// list (lru_add_and_bh_lrus_drain), after which it is the lookup that marks the page
it('looks the indirect block up anew in every step that reads further', () => {
  const steps = briefly([
    { op: 'mmap', pages: 64, prot: 'rw', kind: 'file-private' },
    { op: 'read', page: 0, count: 1 },
    { op: 'read', page: 40, count: 1 },
    { op: 'read', page: 63, count: 1 },
  ]);
  for (const { calls } of steps.slice(1)) {
    expect(calls).toContain('folio_mark_accessed');
    expect(calls).not.toContain(' mark_page_accessed');
  }
});

import { expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
import { PG_anon_exclusive, PG_dirty, PG_head } from '../../uapi/page-flags.ts';
import { entryPfn, pmdLeaf, pteDirty, pteWrite } from '../../uapi/pte.ts';
import { testFlags } from './page-ref.ts';
import { pmdOffset, pteOffset } from './page-table.ts';

/** A process with one huge page in `big`, written at its first page; then the steps given. */
const withHugePage = (...steps: readonly object[]): Simulation => {
  const sim = createSimulation(
    parseScenario({
      devices: [{ id: 0, kind: 'coherent' }],
      steps: [
        { op: 'mmap', proc: 'A', vma: 'big', pages: 512, prot: 'rw', kind: 'anon-private' },
        { op: 'madvise', proc: 'A', vma: 'big', advice: 'HUGEPAGE' },
        { op: 'write', proc: 'A', vma: 'big', page: 0, count: 1, value: 100 },
        ...steps,
      ].map((step) => ({ step })),
    }),
  );
  sim.runAll();
  return sim;
};

const pmdOf = (sim: Simulation, process: string): { row: number; entry: number } => {
  const m = sim.machine;
  const mm = m.mms.values().find(({ name }) => name === process);
  const area = mm?.areas[0];
  if (mm === undefined || area === undefined) throw new Error(`no process ${process} with an area`);
  const row = pmdOffset(m, mm, area.start);
  return { row, entry: m.entries.get(row) };
};

it('maps a whole huge page with one writable, dirty entry and one reference', () => {
  const sim = withHugePage();
  const { entry } = pmdOf(sim, 'A');
  expect(pmdLeaf(entry) && pteWrite(entry) && pteDirty(entry)).toBe(true);
  expect(sim.machine.pages.refcount.get(entryPfn(entry))).toBe(1);
  expect(sim.steps[2]?.vmstat).toEqual({ pgfault: 1, thp_fault_alloc: 1 });
});

it('gives small clean entries when only the table is split, and every page stays exclusive', () => {
  const sim = withHugePage({ op: 'mprotect', proc: 'A', vma: 'big', page: 0, count: 8, prot: 'r' });
  const m = sim.machine;
  const { row } = pmdOf(sim, 'A');
  const third = m.entries.get(pteOffset(m, row, 3));
  const last = m.entries.get(pteOffset(m, row, 511));
  expect([pteDirty(third), pteWrite(third), pteDirty(last), pteWrite(last)]).toEqual([
    false,
    false,
    false,
    true,
  ]);
  const head = entryPfn(third) - 3;
  expect(testFlags(m, head, PG_head)).toBe(true);
  expect(testFlags(m, head, PG_dirty)).toBe(true);
  expect(testFlags(m, head + 511, PG_anon_exclusive)).toBe(true);
  expect(m.pages.refcount.get(head)).toBe(512);
});

it('splits the page itself before a part of it moves to a device, and keeps the dirty bits', () => {
  const sim = withHugePage({ op: 'migrate_to_dev', proc: 'A', vma: 'big', page: 0, count: 4, device: 0 });
  const m = sim.machine;
  const { row } = pmdOf(sim, 'A');
  const stayed = m.entries.get(pteOffset(m, row, 4));
  expect(testFlags(m, entryPfn(stayed), PG_head)).toBe(false);
  expect([pteDirty(stayed), pteWrite(stayed), m.pages.refcount.get(entryPfn(stayed))]).toEqual([
    true,
    true,
    1,
  ]);
  expect(sim.steps[3]?.vmstat).toEqual({
    thp_split_page: 1,
    thp_deferred_split_page: 1,
    thp_split_pmd: 1,
  });
});

it('refuses to split a pinned huge page and counts the attempt', () => {
  const pin = {
    op: 'gup',
    proc: 'A',
    vma: 'big',
    page: 7,
    count: 1,
    call: 'pin_user_pages',
    flags: ['FOLL_WRITE'],
    as: 'p',
  };
  const sim = withHugePage(pin, {
    op: 'migrate_to_dev',
    proc: 'A',
    vma: 'big',
    page: 0,
    count: 4,
    device: 0,
  });
  expect(sim.steps[4]?.vmstat).toEqual({ thp_split_page_failed: 1 });
  expect(pmdLeaf(pmdOf(sim, 'A').entry)).toBe(true);
});

it('copies one page of a shared huge page on write; the other process keeps its huge entry', () => {
  const sim = withHugePage(
    { op: 'fork', proc: 'A', child: 'B' },
    { op: 'write', proc: 'B', vma: 'big', page: 5, count: 1, value: 1 },
  );
  const m = sim.machine;
  const head = entryPfn(pmdOf(sim, 'A').entry);
  expect(pmdLeaf(pmdOf(sim, 'A').entry)).toBe(true);
  expect(entryPfn(m.entries.get(pteOffset(m, pmdOf(sim, 'B').row, 5)))).not.toBe(head + 5);
  expect([
    m.pages.compoundMapcount.get(head),
    m.pages.mapcount.get(head + 5),
    m.pages.mapcount.get(head + 6),
  ]).toEqual([1, 0, 1]);
  expect(m.pages.refcount.get(head)).toBe(512); // one huge mapping and 511 small ones
});

it('tells devices of the folio alone when an area begins in the middle of it', () => {
  // vma_address_end: the second area starts at page 256 and goes on behind the huge page
  const area = { proc: 'A', vma: 'big' };
  const sim = createSimulation(
    parseScenario({
      devices: [{ id: 0, kind: 'coherent' }],
      steps: [
        { op: 'mmap', ...area, pages: 1024, prot: 'rw', kind: 'anon-private' },
        { op: 'madvise', ...area, advice: 'HUGEPAGE' },
        { op: 'write', ...area, page: 0, count: 1, value: 100 },
        { op: 'dev_read', ...area, page: 600, count: 2, device: 0 },
        { op: 'mprotect', ...area, page: 0, count: 256, prot: 'r' },
        { op: 'madvise', ...area, page: 0, count: 2, advice: 'COLD' },
      ].map((step) => ({ step })),
    }),
  );
  sim.runAll();
  expect(sim.steps[5]?.vmstat).toEqual({ thp_split_page: 1, thp_deferred_split_page: 1 });
  const dmirror = sim.machine.dmirrors.values()[0];
  expect(dmirror === undefined ? 0 : [...sim.machine.journal.mapById(dmirror.pt).keys()].length).toBe(2);
});

import { expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { compoundHead, pageblockMigratetype } from '../../core/kernel/mm/page-ref.ts';
import { leafOffset } from '../../core/kernel/mm/page-table.ts';
import { entryPfn, isPfnSwapEntry, ptePresent } from '../../core/uapi/pte.ts';
import { PAGES_PER_SECTION } from '../../core/uapi/units.ts';
import {
  AGE_BEFORE,
  AGE_NOW,
  AGE_RECENT,
  type MapMode,
  NO_SHADE,
  OWNER_FIRST,
  OWNER_NOBODY,
  OWNER_SEVERAL,
  refcountShade,
  typeShade,
} from '../protocol-map.ts';
import { Run } from '../run.ts';
import { countShades } from './shades.ts';

const buf = { proc: 'A', vma: 'buf' };
const STEPS = [
  { op: 'mmap', ...buf, pages: 4, prot: 'rw', kind: 'anon-private' },
  { op: 'write', ...buf, value: 1 },
  { op: 'fork', proc: 'A', child: 'B' },
  { op: 'write', proc: 'B', vma: 'buf', value: 7, page: 0, count: 1 },
  { op: 'mmap', proc: 'A', vma: 'more', pages: 2, prot: 'rw', kind: 'anon-private' },
].map((step) => ({ step }));

const openRun = (): Run => {
  const run = new Run(
    'run',
    createSimulation(parseScenario({ machine: 'teaching', devices: [], steps: STEPS })),
  );
  run.sim.runAll();
  run.indexNewSteps();
  return run;
};

/** The end of a step. */
const seek = (run: Run, step: number): void => {
  run.seek(run.sim.steps[step]?.end ?? 0);
  run.pyramid.update(false);
};

const shadesOf = (run: Run, mode: MapMode): ((pfn: number) => number) => {
  const read = run.shades.reader(mode);
  const known = new Map<number, Uint8Array>();
  return (pfn) => {
    const no = Math.floor(pfn / PAGES_PER_SECTION);
    const section = run.pyramid.section(no);
    let shades = known.get(no);
    if (shades === undefined && section !== undefined && read !== undefined) {
      shades = new Uint8Array(PAGES_PER_SECTION);
      read(no, section, shades);
      known.set(no, shades);
    }
    return shades?.[pfn % PAGES_PER_SECTION] ?? NO_SHADE;
  };
};

/** The frame behind a page of an area. */
const frameOf = (run: Run, process: string, area: string, page: number): number => {
  const m = run.sim.machine;
  const mm = m.mms.values().find(({ name }) => name === process);
  const found = mm?.areas.find(({ name }) => name === area);
  if (mm === undefined || found === undefined) throw new Error(`no ${process} ${area}`);
  const entry = m.entries.get(leafOffset(m, mm, found.start + page).row);
  if (!ptePresent(entry) && !isPfnSwapEntry(entry)) throw new Error('no page there');
  return entryPfn(entry);
};

test('an owner is the process whose page table has the page; after fork there are several', () => {
  const run = openRun();
  seek(run, 1);
  const page = frameOf(run, 'A', 'buf', 0);
  expect(shadesOf(run, 'owner')(page)).toBe(OWNER_FIRST);
  seek(run, 2);
  expect(shadesOf(run, 'owner')(page)).toBe(OWNER_SEVERAL);
  seek(run, 3);
  const shade = shadesOf(run, 'owner');
  expect([shade(page), shade(frameOf(run, 'B', 'buf', 0)), shade(frameOf(run, 'B', 'buf', 1))]).toEqual([
    OWNER_FIRST,
    OWNER_FIRST + 1,
    OWNER_SEVERAL,
  ]);
  // the page global directory is in use, and nobody maps it
  expect(shade(run.sim.machine.mms.values()[0]?.pgd ?? 0)).toBe(OWNER_NOBODY);
});

test('an age counts steps since the struct page was changed last, back and forth', () => {
  const run = openRun();
  seek(run, 1);
  const [copied, shared] = [frameOf(run, 'A', 'buf', 0), frameOf(run, 'A', 'buf', 1)];
  const at = (step: number): number[] => {
    seek(run, step);
    const shade = shadesOf(run, 'age');
    return [shade(copied), shade(shared)];
  };
  expect(at(1)).toEqual([AGE_NOW, AGE_NOW]);
  expect(at(3)).toEqual([AGE_NOW, AGE_BEFORE]);
  expect(at(4)).toEqual([AGE_BEFORE, AGE_RECENT]);
  expect(at(3)).toEqual([AGE_NOW, AGE_BEFORE]);
  run.seek(run.sim.steps[1]?.begin ?? 0);
  run.pyramid.update(false);
  expect(shadesOf(run, 'age')(copied)).toBe(NO_SHADE);
});

test('reference counts and migratetypes are those of struct page and its pageblock', () => {
  const run = openRun();
  seek(run, 3);
  const m = run.sim.machine;
  const [counts, types] = [shadesOf(run, 'refcount'), shadesOf(run, 'type')];
  let inUse = 0;
  for (const no of run.pyramid.sectionNumbers()) {
    for (let at = 0; at < PAGES_PER_SECTION; at += 7) {
      const pfn = no * PAGES_PER_SECTION + at;
      const range = m.rangeOf(pfn);
      if (range?.kind !== 'ram' || range.reserved !== undefined) continue;
      const count = m.pages.refcount.get(compoundHead(m, pfn));
      if (count > 0) inUse += 1;
      expect(counts(pfn)).toBe(refcountShade(count));
      expect(types(pfn)).toBe(typeShade(pageblockMigratetype(m, pfn)));
    }
  }
  expect(inUse).toBeGreaterThan(0);
});

test('classes of counts have the limits that the legend names', () => {
  expect([0, 1, 2, 3, 9, 10, 1023, 1024, 4097].map(refcountShade)).toEqual([1, 2, 3, 4, 4, 5, 5, 6, 6]);
});

test('counts of a section are those of its pages', () => {
  const shades = new Uint8Array(PAGES_PER_SECTION);
  shades.fill(3, 100, 700);
  const counts = countShades(shades);
  const row = counts.length / 64;
  expect([counts[3], counts[row + 3], counts[0], counts[2 * row + 3]]).toEqual([412, 188, 100, 0]);
});

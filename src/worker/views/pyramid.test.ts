import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MACHINE_KINDS, programArbitrary } from '../../conformance/generator/program.ts';
import { runProgram } from '../../conformance/programs.ts';
import { createSimulation, parseScenario, type Scenario } from '../../core/index.ts';
import {
  compoundHead,
  pageblockMigratetype,
  pageCompound,
  pageMapcount,
} from '../../core/kernel/mm/page-ref.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { MIGRATE_CMA, MIGRATE_ISOLATE } from '../../core/uapi/config.ts';
import { PG_hugetlb_freed, PG_locked, PG_table } from '../../core/uapi/page-flags.ts';
import { entryKind, entryPfn } from '../../core/uapi/pte.ts';
import { SCENES } from '../../scenarios/index.ts';
import { PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION, PTRS_PER_TABLE } from '../../core/uapi/units.ts';
import {
  MAP_STATES,
  type MapState,
  PAGE_FREE,
  PAGE_HUGE,
  PAGE_KERNEL,
  PAGE_LOCKED,
  PAGE_LONGTERM,
  PAGE_MAPPED,
  PAGE_MIGRATING,
  PAGE_OTHER,
  PAGE_PINNED,
  PAGE_RESERVED,
  PAGE_USE_MASK,
} from '../protocol-map.ts';
import { type Frames, longtermPinnedFrames, pinsOf } from './frames.ts';
import { Pyramid } from './pyramid.ts';

// --- the same, page by page, by the helpers of the kernel and nothing kept ----------------------------------------

/** Entries count whether or not their table is linked yet: a huge page is split in a table of its own first. */
const migratingPages = (m: Machine): Set<number> => {
  const found = new Set<number>();
  for (const table of m.entries.writtenBlocks()) {
    for (let row = table * PTRS_PER_TABLE; row < (table + 1) * PTRS_PER_TABLE; row++) {
      const entry = m.entries.get(row);
      if (entryKind(entry) !== 'migration') continue;
      const first = entryPfn(entry);
      const last = m.deposits.has(row) ? first + 2 ** m.pages.order.get(first) - 1 : first;
      for (let pfn = first; pfn <= last; pfn++) found.add(pfn);
    }
  }
  return found;
};

/** Whether a buffer object has the frame: it uses no struct page, so nothing of the page says so. */
const isHeld = (m: Machine, pfn: number): boolean =>
  m.ttmBos.values().some(({ gpu, memType, blocks }) => {
    const { vramStart, pgmap } = m.gpus.get(gpu);
    const page = pfn - vramStart;
    const has = blocks.some(({ start, order }) => page >= start && page < start + 2 ** order);
    return memType === 'vram' && pgmap !== 0 && has;
  });

const pageByte = (m: Machine, pfn: number, migrating: ReadonlySet<number>, longterm: Frames): number => {
  const range = m.rangeOf(pfn);
  if (range?.reserved !== undefined || range?.kind === 'mmio') return PAGE_RESERVED;
  const head = compoundHead(m, pfn);
  const flags = m.pages.flags.get(head);
  const isCompound = pageCompound(m, pfn);
  if (isCompound && (flags & PG_hugetlb_freed) !== 0) return PAGE_OTHER | PAGE_HUGE;
  if (m.pages.refcount.get(head) <= 0) return isHeld(m, pfn) ? PAGE_OTHER : PAGE_FREE;
  const bits =
    (isCompound ? PAGE_HUGE : 0) |
    (pinsOf(m, pfn) > 0 ? PAGE_PINNED : 0) |
    (pinsOf(m, pfn) > 0 && longterm.has(pfn) ? PAGE_LONGTERM : 0) |
    (migrating.has(pfn) ? PAGE_MIGRATING : 0) |
    ((flags & PG_locked) !== 0 ? PAGE_LOCKED : 0);
  const isMapped = pageMapcount(m, pfn) > 0 || (bits & (PAGE_PINNED | PAGE_MIGRATING)) !== 0;
  return bits | (isMapped ? PAGE_MAPPED : (flags & PG_table) !== 0 ? PAGE_KERNEL : PAGE_OTHER);
};

const STATE_OF_USE: Readonly<Record<number, MapState>> = {
  [PAGE_RESERVED]: 'reserved',
  [PAGE_KERNEL]: 'kernel',
  [PAGE_OTHER]: 'other',
  [PAGE_MAPPED]: 'mapped',
};
const STATE_OF_BIT: readonly (readonly [number, MapState])[] = [
  [PAGE_PINNED, 'pinned'],
  [PAGE_LONGTERM, 'longterm'],
  [PAGE_MIGRATING, 'migrating'],
  [PAGE_LOCKED, 'locked'],
  [PAGE_HUGE, 'huge'],
];

/** Whether the pyramid has exactly what counting everything anew gives; else what is different. */
const differences = (m: Machine, pyramid: Pyramid): string[] => {
  const found: string[] = [];
  const migrating = migratingPages(m);
  const longterm = longtermPinnedFrames(m);
  const { refcount, flags, tailOffset } = m.pages;
  const touched = [refcount, flags, tailOffset].flatMap((column) =>
    column.writtenBlocks().map((block) => Math.floor((block * PAGEBLOCK_NR_PAGES) / PAGES_PER_SECTION)),
  );
  for (const no of new Set([...touched, ...pyramid.sectionNumbers()])) {
    const section = pyramid.section(no);
    if (section === undefined) return [`section ${no} is missing`];
    const sums = Object.fromEntries(MAP_STATES.map((state) => [state, 0])) as Record<MapState, number>;
    for (let block = 0; block < PAGES_PER_SECTION / PAGEBLOCK_NR_PAGES; block++) {
      const counts = Object.fromEntries(MAP_STATES.map((state) => [state, 0])) as Record<MapState, number>;
      const first = no * PAGES_PER_SECTION + block * PAGEBLOCK_NR_PAGES;
      for (let pfn = first; pfn < first + PAGEBLOCK_NR_PAGES; pfn++) {
        const byte = pageByte(m, pfn, migrating, longterm);
        const ours = section.pages[pfn % PAGES_PER_SECTION];
        if (ours !== byte) found.push(`page ${pfn.toString(16)}: ${ours} for ${byte}`);
        const use = STATE_OF_USE[byte & PAGE_USE_MASK];
        if (use !== undefined) counts[use] += 1;
        for (const [bit, state] of STATE_OF_BIT) if ((byte & bit) !== 0) counts[state] += 1;
      }
      const type = m.rangeOf(first)?.kind === 'ram' ? pageblockMigratetype(m, first) : -1;
      counts.cma = type === MIGRATE_CMA ? PAGEBLOCK_NR_PAGES : 0;
      counts.isolated = type === MIGRATE_ISOLATE ? PAGEBLOCK_NR_PAGES : 0;
      MAP_STATES.forEach((state, i) => {
        const ours = section.counts[block * MAP_STATES.length + i];
        if (ours !== counts[state])
          found.push(`block ${first.toString(16)}, ${state}: ${ours} for ${counts[state]}`);
        sums[state] += counts[state];
      });
    }
    MAP_STATES.forEach((state, i) => {
      if (section.sums[i] !== sums[state])
        found.push(`section ${no}, ${state}: ${section.sums[i]} for ${sums[state]}`);
    });
    if (found.length > 0) return found.slice(0, 5);
  }
  return found;
};

/** Runs a scenario with a pyramid beside it from boot on; after each step, and wherever it is sent, it must be right. */
const follow = (scenario: Scenario, seeks: readonly number[]): void => {
  const sim = createSimulation(scenario);
  const m = sim.machine;
  const pyramid = new Pyramid(m);
  for (const [i, { step }] of scenario.steps.entries()) {
    sim.runStep(step);
    // not after every step, so that several steps are caught up with at once, too
    if (i % 3 !== 2) continue;
    expect(pyramid.update(false)).toBe(true);
    expect(differences(m, pyramid), `after step ${i}`).toEqual([]);
  }
  for (const share of seeks) {
    const position = Math.floor(share * sim.length);
    sim.seek(position);
    pyramid.update(false);
    expect(differences(m, pyramid), `at ${position}`).toEqual([]);
  }
};

/** Pages that go to a device and come home to be pinned for long. */
const roundTrip = (npages: number): Scenario =>
  parseScenario({
    machine: 'lab-node',
    devices: [{ id: 0, kind: 'coherent' }],
    steps: [
      { op: 'mmap', proc: 'A', vma: 'buf', pages: npages, prot: 'rw', kind: 'anon-private' },
      { op: 'write', proc: 'A', vma: 'buf', value: 1 },
      { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
      {
        op: 'gup',
        proc: 'A',
        vma: 'buf',
        call: 'pin_user_pages',
        flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
        as: 'h1',
      },
    ].map((step) => ({ step })),
  });

const recording = (name: string): Scenario =>
  parseScenario(
    JSON.parse(readFileSync(new URL(`../../../public/recordings/${name}.json`, import.meta.url), 'utf8')),
  );

describe('the pyramid', () => {
  test.each([
    'coherent-longterm-pin-fast',
    'coherent-thp',
    'pin-mixed-busy',
    'hugetlb-longterm-pin',
    'cma-longterm-pin',
    'movable-thp-pin',
    'thp-fork',
    'private-roundtrip',
  ])('is what counting anew gives, anywhere in %s', (name) => {
    follow(
      recording(name),
      Array.from({ length: 16 }, (_, i) => ((i * 61) % 97) / 97),
    );
  });

  test.each(['ttm-evicts', 'svm-gpu-fault'])('knows the VRAM that buffer objects have in %s', (name) => {
    const scene = SCENES.find((one) => one.name === name);
    follow(parseScenario(structuredClone(scene?.scenario)), [0, 0.2, 0.55, 0.9, 0.97, 0.4]);
  });

  test('follows over keyframes, which put whole sections back', () => {
    follow(roundTrip(3000), [0, 1, 0.02, 0.97, 0.5, 0.9, 0.1]);
  }, 60_000);

  test('counts a page that waits for its destination as migrating, and a call that pins as long-term', () => {
    const sim = createSimulation(roundTrip(8));
    sim.runAll();
    const pyramid = new Pyramid(sim.machine);
    const total = (state: MapState): number =>
      [...pyramid.sectionNumbers()].reduce(
        (sum, no) => sum + (pyramid.section(no)?.sums[MAP_STATES.indexOf(state)] ?? 0),
        0,
      );
    pyramid.update(false);
    expect([total('mapped'), total('pinned'), total('longterm'), total('migrating')]).toEqual([8, 8, 8, 0]);
    const migrate = sim.steps[2];
    let most = 0;
    for (let position = migrate?.begin ?? 0; position < (migrate?.end ?? 0); position++) {
      sim.seek(position);
      pyramid.update(false);
      most = Math.max(most, total('migrating'));
    }
    expect(most).toBe(8);
    // before the handle exists, its pins are known only by the call that runs
    sim.seek((sim.steps[3]?.operationEnd ?? 0) - 3);
    pyramid.update(false);
    expect([total('pinned'), total('longterm')]).toEqual([8, 0]);
    pyramid.update(true);
    expect([total('pinned'), total('longterm')]).toEqual([8, 8]);
  });

  test('costs nothing for what was never touched, and can be made in parts', () => {
    const sim = createSimulation(roundTrip(3000));
    const pyramid = new Pyramid(sim.machine);
    pyramid.update(false);
    expect(pyramid.bytes()).toBeLessThan(16 * 40_000);
    sim.runAll();
    let parts = 1;
    while (!pyramid.update(false, () => false)) parts += 1;
    expect(parts).toBeGreaterThan(1);
    expect(differences(sim.machine, pyramid)).toEqual([]);
  });

  test('is what counting anew gives, anywhere in generated programs', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...MACHINE_KINDS).chain(programArbitrary),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 8 }),
        (program, seeks) => follow(runProgram(program).scenario, seeks),
      ),
      { numRuns: 12, seed: 11 },
    );
  }, 120_000);
});

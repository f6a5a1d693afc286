// What is told of a page that big steps have moved is what would be told if every step had left all its events.

import { beforeAll, describe, expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { mappedFrame } from '../../core/kernel/mm/page-table.ts';
import type { Selection } from '../protocol.ts';
import { Run } from '../run.ts';
import { subjectOf, untoldSteps } from './chapters.ts';
import { inspect } from './inspection.ts';
import { pageDetailAt } from './page-detail.ts';
import { retell } from './retell.ts';

const AREA = { proc: 'A', vma: 'buf' } as const;
const PAGES = 2600;
const scenario = parseScenario({
  machine: 'lab-node',
  devices: [{ id: 0, kind: 'coherent' }],
  steps: [
    { step: { op: 'mmap', ...AREA, pages: PAGES, prot: 'rw', kind: 'anon-private' } },
    { step: { op: 'write', ...AREA, page: 70, count: 10, value: 1 } },
    { step: { op: 'write', ...AREA, value: 1 } },
    { step: { op: 'migrate_to_dev', ...AREA, device: 0 } },
    { step: { op: 'read', ...AREA, page: 77, count: 1 } },
    {
      step: { op: 'gup', ...AREA, call: 'pin_user_pages', flags: ['FOLL_WRITE', 'FOLL_LONGTERM'], as: 'h' },
    },
    { step: { op: 'unpin', proc: 'A', handle: 'h' } },
    { step: { op: 'migrate_to_dev', ...AREA, page: 0, count: 1000, device: 0 } },
    { step: { op: 'fork', proc: 'A', child: 'B' } },
    { step: { op: 'write', ...AREA, page: 70, count: 600, value: 9 } },
    { step: { op: 'munmap', ...AREA } },
  ],
});
const BIG = [2, 3, 5, 6, 7, 8, 9, 10];

const runOf = (bigStepPages: number): Run => {
  const sim = createSimulation(scenario, { bigStepPages });
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  return run;
};

/** All that the worker says of a target at the end of a step, but for where on the timeline it is. */
const toldOf = (run: Run, step: number, target: Selection) => {
  const position = run.sim.steps[step]?.end ?? 0;
  const { title, history, holders, untold } = inspect(run, position, target);
  const lines = history.map(({ step: in_, text, provenance }) => ({ step: in_, text, provenance }));
  const held = Object.fromEntries(holders.map(({ holder, amount, detail }) => [holder, [amount, detail]]));
  const detail = target.kind === 'page' ? pageDetailAt(run, position, target.pfn) : undefined;
  const { origin } = detail ?? {};
  const why =
    origin === undefined
      ? undefined
      : {
          step: origin.step,
          source: origin.source,
          calls: origin.calls.map(({ fn }) => fn),
          cause: origin.cause?.text,
          reason: origin.cause?.why,
        };
  return { title, lines, held, untold, why, isOriginUntold: detail?.isOriginUntold };
};

/** Runs again whatever has to be, as the session does. @returns the steps */
const tellAll = (run: Run, step: number, target: Selection): number[] => {
  const position = run.sim.steps[step]?.end ?? 0;
  const steps: number[] = [];
  for (;;) {
    const subject = subjectOf(run, position, target);
    const record = untoldSteps(run, position, subject).at(-1);
    if (record === undefined || subject === undefined) return steps;
    const slices = retell(run, record, subject, () => true);
    let slice = slices.next();
    while (slice.done !== true) slice = slices.next();
    run.stories.keep(subject.key, record.index, slice.value);
    steps.push(record.index);
  }
};

const frameOf = (run: Run, step: number, page: number): number => {
  run.seek(run.sim.steps[step]?.end ?? 0);
  const m = run.sim.machine;
  const mm = m.mms.get(1);
  return mappedFrame(m, mm, (mm.areas[0]?.start ?? 0) + page);
};

describe('a life that leads through big steps', { timeout: 120_000 }, () => {
  let big: Run;
  let all: Run;
  beforeAll(() => {
    big = runOf(512);
    all = runOf(Number.POSITIVE_INFINITY);
    expect(big.sim.steps.filter(({ isBig }) => isBig).map(({ index }) => index)).toEqual(BIG);
    expect(all.sim.steps.some(({ isBig }) => isBig)).toBe(false);
  }, 120_000);

  const STEPS = [2, 3, 4, 5, 6, 7, 8, 9];
  // the first page, one that was written before the others, one inside, the last of a table, the last of all
  const AMONG = [0, 77, 300, 511, PAGES - 1];

  test.each(STEPS)('a page at the end of step %i', (step) => {
    for (const page of AMONG) {
      const pfn = frameOf(all, step, page);
      expect(frameOf(big, step, page)).toBe(pfn);
      const target = { kind: 'page', pfn } as const;
      const expected = toldOf(all, step, target);
      expect(expected.lines.length).toBeGreaterThan(0);
      expect(expected.why).toBeDefined();
      expect(expected.untold).toEqual([]);
      tellAll(big, step, target);
      expect(toldOf(big, step, target)).toEqual(expected);
    }
  });

  test.each(STEPS)('an address, at the end of step %i', (step) => {
    const start = all.sim.machine.mms.get(1).areas[0]?.start ?? 0;
    for (const page of AMONG) {
      const target = { kind: 'pte', process: 'A', vpn: start + page } as const;
      const expected = toldOf(all, step, target);
      expect(expected.lines.length).toBeGreaterThan(3);
      tellAll(big, step, target);
      expect(toldOf(big, step, target)).toEqual(expected);
    }
  });

  test('what is not told yet is said to be so, and a step is run again only once', () => {
    const run = runOf(512);
    const pfn = frameOf(run, 5, 2000);
    const target = { kind: 'page', pfn } as const;
    const before = toldOf(run, 5, target);
    expect(before).toMatchObject({ untold: [2, 3, 5], lines: [], why: undefined, isOriginUntold: true });
    expect(tellAll(run, 5, target)).toEqual([5, 3, 2]);
    expect(toldOf(run, 5, target)).toMatchObject({ untold: [], isOriginUntold: false });
    expect(tellAll(run, 5, target)).toEqual([]);
    // and the next step needs only itself
    expect(tellAll(run, 6, target)).toEqual([6]);
  });

  test('its references add up at the end of every big step', () => {
    for (const step of BIG.slice(0, -1)) {
      const pfn = frameOf(big, step, 77);
      const selection: Selection = { kind: 'page', pfn };
      const { holders, fields } = inspect(big, big.sim.steps[step]?.end ?? 0, selection);
      const sum = holders.reduce((total, { amount }) => total + amount, 0);
      expect(String(sum)).toBe(fields.find(({ name }) => name === '_refcount')?.value);
    }
  });
});

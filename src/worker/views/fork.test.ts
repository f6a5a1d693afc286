import { expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { walkPte } from '../../core/kernel/mm/page-table.ts';
import { entryPfn } from '../../core/uapi/pte.ts';
import type { ForkSide } from '../protocol-views.ts';
import { Run } from '../run.ts';
import { forkAt } from './fork.ts';

const MMAP = { op: 'mmap', proc: 'A', vma: 'buf', pages: 2, prot: 'rw', kind: 'anon-private' };
const WRITE = { op: 'write', proc: 'A', vma: 'buf', value: 1 };
const FORK = { op: 'fork', proc: 'A', child: 'B' };
const PIN = { op: 'gup', proc: 'A', vma: 'buf', call: 'pin_user_pages', flags: ['FOLL_WRITE'], as: 'h' };

const runOf = (...steps: readonly object[]): Run => {
  const sim = createSimulation(parseScenario({ devices: [], steps: steps.map((step) => ({ step })) }));
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  return run;
};

const at = (run: Run, step: number) => forkAt(run, run.sim.steps[step]?.end ?? 0, undefined).areas[0];
const writes = (side: ForkSide | undefined): string => side?.onWrite ?? '';

/** Whether a write to page 0 in the next step gave the process another frame. */
const copied = (run: Run, process: string, step: number): boolean => {
  const frame = (position: number): number => {
    run.seek(position);
    const m = run.sim.machine;
    const mm = m.mms.values().find(({ name }) => name === process);
    const vpn = mm?.areas[0]?.start ?? 0;
    return mm === undefined ? -1 : entryPfn(m.entries.get(walkPte(m, mm, vpn)));
  };
  const { begin = 0, end = 0 } = run.sim.steps[step] ?? {};
  return frame(begin) !== frame(end);
};

test('after fork both would copy; after one has, the other keeps the page, and so it comes', () => {
  const run = runOf(
    MMAP,
    WRITE,
    FORK,
    { op: 'write', proc: 'B', vma: 'buf', value: 9 },
    { op: 'write', proc: 'A', vma: 'buf', value: 5 },
  );
  const forked = at(run, 2);
  expect(forked?.pages.every(({ shared }) => shared)).toBe(true);
  expect(forked?.pages.map(({ parent, child }) => [writes(parent), writes(child)])).toEqual([
    ['copy', 'copy'],
    ['copy', 'copy'],
  ]);
  expect(copied(run, 'B', 3)).toBe(true);
  const parted = at(run, 3);
  expect(parted?.pages.some(({ shared }) => shared)).toBe(false);
  expect(parted?.pages.map(({ parent, child }) => [writes(parent), writes(child)])).toEqual([
    ['reuse', 'writes'],
    ['reuse', 'writes'],
  ]);
  expect(copied(run, 'A', 4)).toBe(false);
});

test('pinned pages would be copied at fork, and are', () => {
  const run = runOf(MMAP, WRITE, PIN, FORK);
  expect(at(run, 1)?.pages.map(({ parent }) => parent?.atFork)).toEqual(['share', 'share']);
  expect(at(run, 2)?.pages.map(({ parent }) => parent?.atFork)).toEqual(['early-copy', 'early-copy']);
  const forked = at(run, 3);
  expect(forked?.pages.some(({ shared }) => shared)).toBe(false);
  expect(forked?.pages.map(({ parent }) => writes(parent))).toEqual(['writes', 'writes']);
});

// What goes wrong without a patch of the series, from the mechanism.

import { expect, it } from 'vitest';
import { createSimulation, parseScenario, parsePatches, StepError } from '../index.ts';
import { KERNEL_MESSAGES } from '../kernel/sched/bug.ts';
import { EventKind } from '../uapi/events.ts';
import { FrameNamer } from './recording.ts';
import type { Simulation } from './simulation.ts';

const area = (op: string, more: object = {}): object => ({ op, proc: 'A', vma: 'buf', ...more });

const run = (patches: string, ...more: readonly object[]): Simulation => {
  const steps = [
    area('mmap', { pages: 2, prot: 'rw', kind: 'anon-private' }),
    area('write', { value: 100 }),
    area('migrate_to_dev', { device: 0 }),
    ...more,
  ].map((step) => ({ step }));
  const sim = createSimulation(parseScenario({ devices: [{ id: 0, kind: 'coherent' }], steps }), {
    kernel: { patches: parsePatches(patches) },
  });
  sim.runAll();
  return sim;
};

const PIN = area('gup', { call: 'pin_user_pages', flags: ['FOLL_WRITE', 'FOLL_LONGTERM'], as: 'h1' });

const lastResult = (sim: Simulation): unknown => sim.steps.at(-1)?.result;

const kernelLog = (sim: Simulation): string[] => {
  const { log } = sim.machine.journal;
  const lines: string[] = [];
  for (let i = 0; i < log.length; i++)
    if (log.kindAt(i) === EventKind.LOG) lines.push(KERNEL_MESSAGES[log.idAt(i)]);
  return lines;
};

const kinds = (sim: Simulation): string[] =>
  [...new FrameNamer().observe(sim.machine).frames.values()].map(({ kind }) => kind);

it('pins and migrates with the whole series', () => {
  expect(lastResult(run('all', PIN))).toEqual({ ret: 2 });
});

it('never ends a long-term pin without patch 6: nothing can move, every pass asks for another one', () => {
  const sim = run('1-5,7-14', PIN);
  expect(lastResult(sim)).toEqual({ ret: -1, errno: 'EAGAIN' });
  expect(kernelLog(sim)).toEqual(['longterm.retry-capped']);
  expect(kinds(sim)).toEqual(['device-coherent', 'device-coherent']);
});

it('marks a device page as mlocked without patch 4, which leaves it alone with it', () => {
  const mlocked = (patches: string): boolean => {
    const sim = run(patches, area('mlock'));
    return [...new FrameNamer().observe(sim.machine).frames.values()].some(
      ({ flags }) => flags?.includes('mlocked') === true,
    );
  };
  expect(mlocked('all')).toBe(false);
  expect(mlocked('1-3,5-14')).toBe(true);
});

it('lets MADV_FREE clean a device page without patch 4', () => {
  const dirty = (patches: string): unknown => {
    const sim = run(patches, area('madvise', { advice: 'FREE' }));
    return new FrameNamer().observe(sim.machine).procs['A']?.['buf']?.pages[0]?.d;
  };
  expect(dirty('all')).toBe(1);
  expect(dirty('1-3,5-14')).toBe(0);
});

it('has no coherent device before the series', () => {
  expect(() => run('none')).toThrow(StepError);
  expect(() => run('none')).toThrow('the machine has no device 0');
});

// machine-and-drivers.md §4.4, scene 29 of its catalogue: a pure rename
it('does the same without the rename of patch 1', () => {
  const renamed = run('all', PIN).machine.journal.log;
  const old = run('2-14', PIN).machine.journal.log;
  expect(old.length).toBe(renamed.length);
  for (let i = 0; i < old.length; i++) expect(old.at(i)).toEqual(renamed.at(i));
});

it('takes every page for pinnable without CONFIG_MIGRATION', () => {
  const sim = createSimulation(
    parseScenario({
      devices: [{ id: 0, kind: 'coherent' }],
      steps: [
        area('mmap', { pages: 1, prot: 'rw', kind: 'anon-private' }),
        area('write', { value: 1 }),
        area('migrate_to_dev', { device: 0 }),
        PIN,
      ].map((step) => ({ step })),
    }),
    { kernel: { CONFIG_MIGRATION: false } },
  );
  sim.runAll();
  expect(lastResult(sim)).toEqual({ ret: 1 });
  expect(kinds(sim)).toEqual(['device-coherent']);
});

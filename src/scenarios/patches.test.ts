import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../core/index.ts';
import { KERNEL_MESSAGES } from '../core/kernel/sched/bug.ts';
import { FrameNamer } from '../core/scenario/recording.ts';
import { DECISIONS, EventKind } from '../core/uapi/events.ts';
import { SCENES } from './index.ts';

const run = (name: string): Simulation => {
  const scene = SCENES.find((candidate) => candidate.name === name);
  const sim = createSimulation(parseScenario(structuredClone(scene?.scenario)));
  sim.runAll();
  return sim;
};

const results = (sim: Simulation): string[] =>
  sim.steps.map(({ result }) => result.errno ?? String(result.cpages ?? result.ret));

const both = (patch: number, see: (sim: Simulation) => unknown): unknown[] => [
  see(run(`patch-${patch}`)),
  see(run(`patch-${patch}-without`)),
];

const kernelLog = (sim: Simulation): string[] => {
  const { log } = sim.machine.journal;
  const lines: string[] = [];
  for (let i = 0; i < log.length; i++) {
    if (log.kindAt(i) === EventKind.LOG) lines.push(KERNEL_MESSAGES[log.idAt(i)] ?? '?');
  }
  return lines;
};

const kinds = (sim: Simulation): string[] => {
  const { frames, procs } = new FrameNamer().observe(sim.machine);
  return (procs['A']?.['buf']?.pages ?? []).map(({ frame }) => frames.get(frame ?? '')?.kind ?? 'none');
};

describe('without a patch', () => {
  test('3: a driver cannot register coherent memory', () => {
    expect(both(3, results)).toEqual([
      ['0', '0', '2', '2', '2'],
      ['ENOENT', '0', '2', '2'],
    ]);
  });

  test('4: calls that walk LRU pages do not pass device pages over', () => {
    const see = (sim: Simulation): unknown => {
      const { procs, frames } = new FrameNamer().observe(sim.machine);
      const pages = procs['A']?.['buf']?.pages ?? [];
      return {
        dirty: pages.map(({ d }) => d).join(''),
        mlocked: pages
          .map(({ frame }) => (frames.get(frame ?? '')?.flags?.includes('mlocked') === true ? 1 : 0))
          .join(''),
        nodes: sim.steps.at(-1)?.result.nodes?.join(' '),
      };
    };
    expect(both(4, see)).toEqual([
      { dirty: '1111', mlocked: '0000', nodes: 'ENOENT ENOENT ENOENT ENOENT' },
      { dirty: '1011', mlocked: '0010', nodes: '0 0 0 0' },
    ]);
  });

  test('5: no driver brings coherent pages home', () => {
    expect(both(5, results)).toEqual([
      ['0', '0', '2', '2', '2'],
      ['ENOENT', '0', '2'],
    ]);
  });

  test('6: a long-term pin never succeeds', () => {
    expect(both(6, (sim) => [results(sim).at(-1), kernelLog(sim), kinds(sim)])).toEqual([
      ['2', [], ['anon', 'anon']],
      ['EAGAIN', ['longterm.retry-capped'], ['device-coherent', 'device-coherent']],
    ]);
  });

  test('7: the CPU faults every page home', () => {
    const see = (sim: Simulation): unknown => [sim.steps[3]?.vmstat['pgfault'] ?? 0, kinds(sim)[0]];
    expect(both(7, see)).toEqual([
      [0, 'device-coherent'],
      [4, 'anon'],
    ]);
  });

  test('10: the test driver has no coherent device', () => {
    expect(both(10, results)).toEqual([
      ['0', '0', '2', '2', '2', '2'],
      ['ENOENT', '0', '2'],
    ]);
  });
});

/** The first answer to "may this page stay pinned for long?" of a scene, and where its pages are at the end. */
test.each([
  ['pinnable-cma', 'pinnable.cma'],
  ['pinnable-isolate', 'pinnable.isolate'],
  ['pinnable-zero-page', 'pinnable.zero-page'],
  ['longterm-pin', 'pinnable.coherent'],
  ['movable-zone', 'pinnable.movable'],
  ['pinnable-without-migration', undefined],
] as const)('%s: %s', (name, reason) => {
  const { machine } = run(name);
  const { log } = machine.journal;
  const answers: string[] = [];
  for (let i = 0; i < log.length; i++) {
    const id = log.kindAt(i) === EventKind.DECISION ? (DECISIONS[log.idAt(i)] ?? '') : '';
    if (id.startsWith('pinnable.')) answers.push(id);
  }
  expect(answers.find((id) => id !== 'pinnable.ordinary')).toBe(reason);
  // whatever had to move is ordinary memory when it is pinned in the end
  expect(answers.at(-1)).toBe(reason === undefined ? undefined : 'pinnable.ordinary');
});

test('a scene for a kernel that cannot be built is refused, and says what is missing', () => {
  const input = { devices: [], steps: [], config: { patches: '6' } };
  expect(() => parseScenario(input)).toThrow('patch 6 ("mm/gup: migrate device coherent pages when pinning');
});

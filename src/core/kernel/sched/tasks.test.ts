import { expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
import { DECISIONS, EventKind } from '../../uapi/events.ts';
import { KERNEL_FUNCTIONS } from '../../uapi/source-refs.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { condResched, scheduleWork } from './locks.ts';
import { runTasks } from './tasks.ts';

const DEVICES = [{ id: 0, kind: 'private' }];

/** Four pages on a private device; then a CPU read and the driver's way home run at once. */
const readDuringMigration = (seed: number): Simulation => {
  const sim = createSimulation(
    parseScenario({
      devices: DEVICES,
      steps: [
        { step: { op: 'mmap', proc: 'A', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' } },
        { step: { op: 'write', proc: 'A', vma: 'buf', value: 100 } },
        { step: { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 } },
        {
          step: {
            op: 'concurrent',
            proc: 'A',
            seed,
            steps: [
              { op: 'migrate_to_sys', proc: 'A', vma: 'buf', device: 0 },
              { op: 'read', proc: 'A', vma: 'buf', page: 2, count: 1 },
            ],
          },
        },
      ],
    }),
  );
  sim.runAll();
  return sim;
};

/** Task switches, sleeps, wake-ups and the ends of migrate_vma_finalize, in order. */
const storyOf = (sim: Simulation): string[] => {
  const { log } = sim.machine.journal;
  const story: string[] = [];
  for (let i = sim.steps[3]?.begin ?? 0; i < log.length; i++) {
    const { kind, id } = log.at(i);
    if (kind === EventKind.TASK) story.push(`task ${id}`);
    if (kind === EventKind.DECISION && /^(sleep|wake)/.test(DECISIONS[id])) story.push(DECISIONS[id]);
    if (kind === EventKind.SPAN_END && KERNEL_FUNCTIONS[id].name === 'migrate_vma_finalize')
      story.push('finalized');
  }
  return story;
};

const sleepingSeed = (): number => {
  for (let seed = 0; seed < 100; seed++)
    if (storyOf(readDuringMigration(seed)).includes('sleep.migration-entry')) return seed;
  throw new Error('no schedule in which the reader meets a migration entry');
};

it('lets a task that faults on a migration entry sleep until the other task has finished its migration', () => {
  const sim = readDuringMigration(sleepingSeed());
  const story = storyOf(sim);
  const slept = story.indexOf('sleep.migration-entry');
  const finished = story.indexOf('finalized');
  const woken = story.indexOf('wake', slept);
  expect(slept).toBeGreaterThanOrEqual(0);
  expect(finished).toBeGreaterThan(slept);
  expect(woken).toBeGreaterThan(finished);
  const { results } = sim.steps[3]?.result ?? {};
  expect(results).toEqual([
    { ret: 0, cpages: 4 },
    { ret: 1, values: [102] },
  ]);
});

it('interleaves the same way whenever the seed is the same', () => {
  const seed = sleepingSeed();
  expect(storyOf(readDuringMigration(seed))).toEqual(storyOf(readDuringMigration(seed)));
});

it('reads the right bytes under every schedule', () => {
  for (let seed = 0; seed < 40; seed++) {
    const { results } = readDuringMigration(seed).steps[3]?.result ?? {};
    expect(results?.[1]).toEqual({ ret: 1, values: [102] });
  }
});

it('chooses nobody else when whoever runs only let go of the worker', () => {
  /** One task ends at once; the other queues work for a kernel thread, and has not slept when that could begin. */
  const orderWith = (mayGoOn: () => boolean): string[] => {
    const { machine: m } = createSimulation(parseScenario({ devices: [], steps: [] }));
    const order: string[] = [];
    function* short(): Sleeps<number> {
      return 0;
    }
    function* work(): Sleeps<void> {
      order.push('work');
    }
    function* long(): Sleeps<number> {
      yield* condResched(m, 'start');
      scheduleWork(m, work);
      for (let i = 0; i < 4; i++) {
        order.push('task');
        yield* condResched(m, 'loop');
      }
      return 0;
    }
    const specs = [short(), long()].map((generator, cpu) => ({ mm: 1, cpu, generator }));
    const slices = runTasks(m, specs, 1, { mayGoOn, leave: () => {}, comeBack: () => {} });
    while (slices.next().done !== true);
    return order;
  };
  const whole = orderWith(() => true);
  expect(whole).toEqual(['task', 'task', 'task', 'task', 'work']);
  expect(orderWith(() => false)).toEqual(whole);
});

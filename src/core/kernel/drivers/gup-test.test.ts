import { expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
import { EventKind } from '../../uapi/events.ts';
import { KERNEL_MESSAGES } from '../sched/bug.ts';

const buf = { proc: 'A', vma: 'buf' };

/** Four pages on a coherent device, then one command on all of them. */
const gupTest = (command: object): Simulation => {
  const sim = createSimulation(
    parseScenario({
      devices: [{ id: 0, kind: 'coherent' }],
      steps: [
        { op: 'mmap', ...buf, pages: 4, prot: 'rw', kind: 'anon-private' },
        { op: 'write', ...buf, value: 100 },
        { op: 'migrate_to_dev', ...buf, device: 0 },
        { op: 'gup_test', ...buf, flags: ['FOLL_WRITE'], ...command },
        { op: 'snapshot', ...buf, device: 0 },
      ].map((step) => ({ step })),
    }),
  );
  sim.runAll();
  return sim;
};

const perms = (sim: Simulation): string => sim.steps[4]?.result.perms?.join(' ') ?? '';
const onDevice = 'coherent-local:w coherent-local:w coherent-local:w coherent-local:w';

it.each([
  'GUP_FAST_BENCHMARK',
  'GUP_BASIC_TEST',
  'PIN_FAST_BENCHMARK',
  'PIN_BASIC_TEST',
  'DUMP_USER_PAGES_TEST',
])('%s takes references for a short time: the pages stay on the device', (cmd) => {
  const sim = gupTest({ cmd });
  expect(sim.steps[3]?.result).toEqual({ ret: 0, got: 4 });
  expect(perms(sim)).toBe(onDevice);
});

it('PIN_LONGTERM_BENCHMARK adds FOLL_LONGTERM itself: the pages come home', () => {
  expect(perms(gupTest({ cmd: 'PIN_LONGTERM_BENCHMARK' }))).toBe('w w w w');
});

it('leaves no reference behind, and pins and unpins as often', () => {
  const sim = gupTest({ cmd: 'PIN_BASIC_TEST' });
  expect(sim.steps[3]?.vmstat).toEqual({ nr_foll_pin_acquired: 4, nr_foll_pin_released: 4 });
  const { pages, devices, pgmaps } = sim.machine;
  const { end } = pgmaps.get(devices.get(1).pgmap);
  expect([1, 2, 3, 4].map((i) => pages.refcount.get(end - i))).toEqual([1, 1, 1, 1]);
});

it('takes as many pages a call as it is told to', () => {
  const sim = gupTest({ cmd: 'GUP_BASIC_TEST', per_call: 3 });
  const calls = sim.callsOf(sim.steps[3]).filter((name) => name === 'get_user_pages');
  expect(calls).toHaveLength(2);
  expect(sim.steps[3]?.result.got).toBe(4);
});

it('succeeds although it got nothing: an illegal flag ends the loop, not the command', () => {
  const sim = gupTest({ cmd: 'GUP_BASIC_TEST', flags: ['FOLL_LONGTERM'] });
  expect(sim.steps[3]?.result).toEqual({ ret: 0, got: 0 });
  expect(perms(sim)).toBe(onDevice);
});

/** Lines of the kernel log: message and first number. */
const kernelLog = (sim: Simulation): string[] => {
  const { log } = sim.machine.journal;
  const lines: string[] = [];
  for (let i = 0; i < log.length; i++) {
    const { kind, id, row } = log.at(i);
    if (kind === EventKind.LOG) lines.push(`${KERNEL_MESSAGES[id]} ${row}`);
  }
  return lines;
};

it('prints the pages that DUMP_USER_PAGES_TEST is asked for, counted from 1', () => {
  const sim = gupTest({ cmd: 'DUMP_USER_PAGES_TEST', which_pages: [1, 9, 0, 3] });
  expect(kernelLog(sim)).toEqual(['gup_test.zeroing 1', 'gup_test.dump-page 0', 'gup_test.dump-page 2']);
});

it('warns of a zero page, which a pin does not count', () => {
  const sim = createSimulation(
    parseScenario({
      devices: [],
      steps: [
        { op: 'mmap', ...buf, pages: 2, prot: 'rw', kind: 'anon-private' },
        { op: 'gup_test', ...buf, cmd: 'PIN_BASIC_TEST', flags: [] },
      ].map((step) => ({ step })),
    }),
  );
  sim.runAll();
  expect(sim.steps[1]?.result).toEqual({ ret: 0, got: 2 });
  expect(kernelLog(sim)).toEqual(['gup_test.not-dma-pinned 0', 'gup_test.failure 0']);
});

/** Two pages pinned for long, one a call, while the pageblock of both is isolated by another task. */
const pinDuringIsolation = (seed: number): Simulation => {
  const sim = createSimulation(
    parseScenario({
      devices: [],
      steps: [
        { op: 'mmap', ...buf, pages: 2, prot: 'rw', kind: 'anon-private' },
        { op: 'write', ...buf, value: 1 },
        {
          op: 'concurrent',
          proc: 'A',
          seed,
          steps: [
            { op: 'gup_test', ...buf, cmd: 'PIN_LONGTERM_BENCHMARK', flags: ['FOLL_WRITE'], per_call: 1 },
            { op: 'isolate', ...buf },
          ],
        },
      ].map((step) => ({ step })),
    }),
  );
  sim.runAll();
  return sim;
};

// scene 30 of the catalogue
it('warns of a page that is NOT pinnable but pinned: its block was isolated after the pin', () => {
  const logs = Array.from({ length: 12 }, (_, seed) => kernelLog(pinDuringIsolation(seed)));
  expect(logs).toContainEqual([]);
  expect(logs).toContainEqual(['gup_test.not-pinnable 0', 'gup_test.failure 0']);
});

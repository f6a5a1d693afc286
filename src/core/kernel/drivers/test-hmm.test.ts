import { expect, it } from 'vitest';
import { createSimulation, parseScenario, type Simulation, StepError, type StepResult } from '../../index.ts';
import { entryPfn } from '../../uapi/pte.ts';
import { walkPte } from '../mm/page-table.ts';
import { chunksOf, deviceUsage } from './test-hmm-migrate.ts';

const COHERENT = 0;
const PRIVATE = 1;
const buf = { proc: 'A', vma: 'buf' };

const machine = (): Simulation =>
  createSimulation(
    parseScenario({
      devices: [
        { id: COHERENT, kind: 'coherent' },
        { id: PRIVATE, kind: 'private' },
      ],
      steps: [],
    }),
  );

const run = (sim: Simulation, ...steps: object[]): StepResult[] =>
  parseScenario({ devices: [], steps: steps.map((step) => ({ step })) }).steps.map(
    ({ step }) => sim.runStep(step).result,
  );

const area = (pages: number) => ({ op: 'mmap', ...buf, pages, prot: 'rw', kind: 'anon-private' });
const filled = (pages: number) => [area(pages), { op: 'write', ...buf, value: 100 }];

it.each([COHERENT, PRIVATE])(
  'brings everything home when device %i gives its memory up, and makes a new chunk after',
  (device) => {
    const sim = machine();
    const { pgmap } = sim.machine.devices.get(device + 1);
    run(sim, ...filled(4), { op: 'migrate_to_dev', ...buf, device }, { op: 'dev_evict', proc: 'A', device });
    expect(sim.machine.devices.get(device + 1).pgmap).toBe(0);
    expect(sim.machine.pgmaps.find(pgmap)).toBeUndefined();
    const [read, again] = run(
      sim,
      { op: 'read', ...buf },
      { op: 'migrate_to_dev', ...buf, device, mirror: true },
    );
    expect(read).toEqual({ ret: 4, values: [100, 101, 102, 103] });
    expect(again).toEqual({ ret: 0, cpages: 4, mirror: [100, 101, 102, 103] });
    expect(sim.machine.devices.get(device + 1).pgmap).toBeGreaterThan(pgmap);
  },
);

// lib/test_hmm.c: dmirror_devmem_alloc_page, dmirror_allocate_chunk, dmirror_device_remove_chunks
// machine-and-drivers.md §1.5: "A private test device gets a fresh range per chunk"
it('lets a private device grow by chunks below the others, and gives all of them up together', () => {
  const sim = createSimulation(
    parseScenario({ devices: [{ id: 0, kind: 'private', pages: 512 }], steps: [] }),
  );
  const chunks = () => chunksOf(sim.machine.devices.get(1)).map((id) => sim.machine.pgmaps.get(id));
  const usage = () => deviceUsage(sim.machine, sim.machine.devices.get(1));
  const migrate = { op: 'migrate_to_dev', ...buf, device: 0 };
  run(sim, ...filled(1100), { ...migrate, count: 500 });
  expect(chunks().map(({ start, end }) => end - start)).toEqual([512]);
  expect(run(sim, { ...migrate, page: 500 })).toMatchObject([{ ret: 0, cpages: 600 }]);
  // twelve pages of the first chunk were left
  const [first, second, third] = chunks();
  expect(sim.callsOf(sim.steps[3]).filter((fn) => fn === 'dmirror_allocate_chunk')).toHaveLength(2);
  expect([second.end, third.end]).toEqual([first.start, second.start]);
  expect(usage()).toEqual({ used: 1100, free: 436 });
  // freed pages of any chunk are taken before fresh ones, the last freed first
  run(sim, { op: 'migrate_to_sys', ...buf, device: 0, page: 7, count: 1 });
  expect(usage()).toEqual({ used: 1099, free: 437 });
  expect(run(sim, { ...migrate, page: 7, count: 1, mirror: true })).toMatchObject([{ mirror: [107] }]);
  const mm = sim.machine.mms.get(1);
  expect(entryPfn(sim.machine.entries.get(walkPte(sim.machine, mm, (mm.areas[0]?.start ?? 0) + 7)))).toBe(
    first.end - 8,
  );
  run(sim, { op: 'dev_evict', proc: 'A', device: 0 });
  expect(chunks()).toEqual([]);
  expect(run(sim, { op: 'read', ...buf, page: 1098, count: 2 })).toMatchObject([{ values: [1198, 1199] }]);
});

it('would wait for ever for a page that somebody holds when the memory is given up', () => {
  const sim = machine();
  run(sim, ...filled(1), { op: 'migrate_to_dev', ...buf, device: COHERENT });
  run(sim, { op: 'gup', ...buf, call: 'get_user_pages', flags: ['FOLL_WRITE'], as: 'h' });
  expect(() => run(sim, { op: 'dev_evict', proc: 'A', device: COHERENT })).toThrow(StepError);
  expect(
    run(sim, { op: 'put', proc: 'A', handle: 'h' }, { op: 'dev_evict', proc: 'A', device: COHERENT }),
  ).toEqual([{ ret: 0 }, { ret: 0 }]);
});

it("closing a device brings the pages of all processes home, and ends the closer's table", () => {
  const sim = machine();
  run(
    sim,
    ...filled(2),
    { op: 'fork', proc: 'A', child: 'B' },
    { op: 'migrate_to_dev', ...buf, device: PRIVATE },
    { op: 'dev_open', proc: 'B', device: PRIVATE },
  );
  expect(sim.machine.dmirrors.ids()).toHaveLength(2);
  run(sim, { op: 'dev_close', proc: 'B', device: PRIVATE });
  expect(sim.machine.dmirrors.ids()).toHaveLength(1);
  const before = sim.machine.vmstat.get(0);
  expect(run(sim, { op: 'read', ...buf })).toEqual([{ ret: 2, values: [100, 101] }]);
  expect(sim.machine.vmstat.get(0)).toBe(before);
});

it('says that a device is not there, is open already or was never opened', () => {
  const sim = machine();
  expect(run(sim, { op: 'dev_open', proc: 'A', device: 9 })).toEqual([{ ret: -1, errno: 'ENOENT' }]);
  expect(() => run(sim, { op: 'dev_close', proc: 'A', device: PRIVATE })).toThrow(/has not opened/);
  run(sim, { op: 'dev_open', proc: 'A', device: PRIVATE });
  expect(() => run(sim, { op: 'dev_open', proc: 'A', device: PRIVATE })).toThrow(/already/);
});

it('answers EPERM while a page of the range is exclusive, and 0 once the CPU has touched all', () => {
  const sim = machine();
  const ask = { op: 'dev_check_exclusive', ...buf, device: PRIVATE };
  run(sim, ...filled(2), { op: 'dev_exclusive', ...buf, device: PRIVATE });
  expect(run(sim, ask, { op: 'read', ...buf, page: 0, count: 1 }, ask)).toEqual([
    { ret: -1, errno: 'EPERM' },
    { ret: 1, values: [100] },
    // a touch takes the entry of the page behind it away as well
    { ret: 0 },
  ]);
});

it('maps kernel pages by its own mmap: a write copies, nothing migrates, a fork shares them', () => {
  const sim = machine();
  const results = run(
    sim,
    { op: 'mmap', ...buf, pages: 2, prot: 'rw', kind: 'device', device: PRIVATE },
    { op: 'migrate_to_dev', ...buf, device: PRIVATE },
    { op: 'fork', proc: 'A', child: 'B' },
    { op: 'write', ...buf, page: 0, count: 1, value: 7 },
    { op: 'read', ...buf },
    { op: 'read', ...buf, proc: 'B' },
    { op: 'munmap', ...buf },
    { op: 'exit', proc: 'B', signal: 'SIGKILL' },
  );
  expect(results.slice(1)).toEqual([
    { ret: -1, errno: 'EINVAL' },
    { ret: 0 },
    { ret: 1 },
    { ret: 2, values: [7, 0] },
    { ret: 2, values: [0, 0] },
    { ret: 0 },
    { ret: 0, status: 'SIGKILL' },
  ]);
});

it('maps an area again where it was, once it is unmapped', () => {
  const sim = machine();
  run(sim, ...filled(2));
  expect(() => run(sim, area(2))).toThrow(/already/);
  const [{ start }] = sim.machine.mms.get(1).areas;
  run(sim, { op: 'munmap', ...buf }, area(2));
  expect(sim.machine.mms.get(1).areas).toHaveLength(1);
  expect(sim.machine.mms.get(1).areas[0].start).toBe(start);
  expect(run(sim, { op: 'read', ...buf })).toEqual([{ ret: 2, values: [0, 0] }]);
});

it('lets a process make a file, map it and read back what it wrote through the mapping', () => {
  const sim = machine();
  const file = { proc: 'A', file: 'tmp' };
  const results = run(
    sim,
    { op: 'file_create', ...file, pages: 3, value: 40 },
    { op: 'mmap', ...buf, pages: 4, prot: 'rw', kind: 'file-shared', file: 'tmp' },
    { op: 'write', ...buf, page: 1, count: 1, value: 8 },
    { op: 'file_read', ...file },
    { op: 'read', ...buf },
  );
  expect(results.slice(3)).toEqual([
    { ret: 3, values: [40, 9, 42] },
    { ret: 3, values: [40, 9, 42], signal: 'SIGBUS', at: 3 },
  ]);
  expect(() => run(sim, { op: 'file_read', proc: 'A', file: 'none' })).toThrow(/no file none/);
});

import { expect, test } from 'vitest';
import { bigStepDifferences } from '../../../conformance/big-steps.ts';
import { createSimulation, parseScenario } from '../../index.ts';
import { EventKind } from '../../uapi/events.ts';

const AREA = { proc: 'A', vma: 'buf' } as const;
const mmap = (proc: string, pages: number) => ({
  op: 'mmap',
  proc,
  vma: 'buf',
  pages,
  prot: 'rw',
  kind: 'anon-private',
});
const write = (proc: string, part: object = {}) => ({ op: 'write', proc, vma: 'buf', value: 7, ...part });
const toDevice = (proc: string, part: object = {}) => ({
  op: 'migrate_to_dev',
  proc,
  vma: 'buf',
  device: 0,
  ...part,
});
const home = { op: 'gup', ...AREA, call: 'pin_user_pages', flags: ['FOLL_WRITE', 'FOLL_LONGTERM'], as: 'h' };

/** Pages of two processes; some came home meanwhile, so that later ones go up where others go down. */
const SCATTERED = [
  { op: 'fork', proc: 'A', child: 'B' },
  mmap('A', 1700),
  write('A'),
  toDevice('A', { page: 0, count: 1000 }),
  { ...home, page: 300, count: 350 },
  mmap('B', 700),
  write('B'),
  toDevice('B'),
  toDevice('A', { page: 1050, count: 600 }),
];

// mm/migrate_device.c: migrate_device_range; lib/test_hmm.c: dmirror_device_evict_chunk
test.each([
  ['closing the file', SCATTERED, { op: 'dev_close', proc: 'B', device: 0 }],
  [
    'closing the file of a process with few pages',
    [...SCATTERED, write('A')],
    { op: 'dev_close', proc: 'A', device: 0 },
  ],
  ['giving all memory up', SCATTERED, { op: 'dev_evict', proc: 'A', device: 0 }],
  [
    'closing it with a pinned page there',
    [...SCATTERED, { ...home, flags: [], page: 20, count: 1, as: 'short' }],
    { op: 'dev_close', proc: 'B', device: 0 },
  ],
  [
    'closing it with pages that were forked',
    [...SCATTERED, { op: 'fork', proc: 'B', child: 'C' }],
    { op: 'dev_close', proc: 'B', device: 0 },
  ],
])('%s brings all pages of a device home as page after page', { timeout: 120_000 }, (_name, before, step) => {
  for (const kind of ['coherent', 'private']) {
    const scenario = parseScenario({
      machine: 'lab-node',
      devices: [{ id: 0, kind }],
      steps: [...before, step, { op: 'exit', proc: 'A' }].map((one) => ({ step: one })),
    });
    expect(() => createSimulation(scenario, { bigStepPages: 512 }).runAll()).not.toThrow();
    expect(bigStepDifferences(scenario, 512), kind).toEqual([]);
  }
});

test('pages that are all plain come home in chunks', () => {
  const sim = createSimulation(
    parseScenario({
      machine: 'lab-node',
      devices: [{ id: 0, kind: 'coherent' }],
      steps: [...SCATTERED, { op: 'dev_close', proc: 'B', device: 0 }].map((step) => ({ step })),
    }),
    { bigStepPages: 512 },
  );
  sim.runAll();
  const { log } = sim.machine.journal;
  const { begin, end } = sim.steps[SCATTERED.length] ?? { begin: 0, end: 0 };
  const runs = Array.from({ length: end - begin }, (_, i) => log.at(begin + i)).filter(
    ({ kind }) => kind === EventKind.PAGES,
  );
  // a mechanism that goes page after page does not know the addresses
  expect(runs.length).toBeGreaterThan(3);
  expect(runs.every(({ row }) => row > 0)).toBe(true);
});

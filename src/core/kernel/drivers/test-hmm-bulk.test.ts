import { expect, test } from 'vitest';
import { bigStepDifferences } from '../../../conformance/big-steps.ts';
import { createSimulation, parseScenario } from '../../index.ts';

const AREA = { proc: 'A', vma: 'buf' } as const;
/** Not a whole number of the driver's pieces of 64 pages. */
const PAGES = 1034;
const TO_DEVICE = { op: 'migrate_to_dev', ...AREA, device: 0 };
const HOME = { op: 'migrate_to_sys', ...AREA, device: 0 };

const FRESH = [
  { op: 'mmap', ...AREA, pages: PAGES, prot: 'rw', kind: 'anon-private' },
  { op: 'write', ...AREA, value: 1 },
];
/** A hole, a pinned page, and pages that were read before they were written. */
const MIXED = [
  { op: 'mmap', ...AREA, pages: PAGES, prot: 'rw', kind: 'anon-private' },
  { op: 'read', ...AREA, page: 100, count: 30 },
  { op: 'write', ...AREA, page: 120, count: 500, value: 1 },
  { op: 'write', ...AREA, page: 660, count: 374, value: 661 },
  { op: 'gup', ...AREA, page: 400, count: 2, call: 'pin_user_pages', flags: ['FOLL_WRITE'], as: 'h' },
];

// lib/test_hmm.c: dmirror_migrate_to_device, dmirror_migrate_to_system, dmirror_read, dmirror_write
test.each([
  ['there and back', [...FRESH, TO_DEVICE, HOME, TO_DEVICE]],
  ['there and back, of what has holes and pins', [...MIXED, TO_DEVICE, HOME]],
  [
    'part of it back, and there again',
    [...FRESH, TO_DEVICE, { ...HOME, page: 30, count: 555 }, TO_DEVICE, { ...HOME, page: 200, count: 700 }],
  ],
  [
    'writing and reading by the device',
    [
      ...FRESH,
      { ...TO_DEVICE, page: 0, count: 600 },
      { op: 'dev_write', ...AREA, device: 0, value: 9 },
      { op: 'dev_read', ...AREA, device: 0 },
      { op: 'dev_exclusive', ...AREA, device: 0, page: 600, count: 300 },
      { op: 'dev_check_exclusive', ...AREA, device: 0 },
      HOME,
    ],
  ],
  [
    'touching by the CPU',
    [...FRESH, TO_DEVICE, { op: 'write', ...AREA, page: 3, count: 520, value: 5 }, HOME],
  ],
])('%s leaves the same as page after page', { timeout: 120_000 }, (_name, steps) => {
  for (const kind of ['coherent', 'private']) {
    const scenario = parseScenario({
      machine: 'lab-node',
      devices: [{ id: 0, kind }],
      steps: [...steps, { op: 'exit', proc: 'A' }].map((step) => ({ step })),
    });
    expect(() => createSimulation(scenario, { bigStepPages: 512 }).runAll()).not.toThrow();
    expect(bigStepDifferences(scenario, 512), kind).toEqual([]);
  }
});

// lib/test_hmm.c: dmirror_devmem_fault: a page comes home in each fault, and may get what stood behind the one before
test('touching private pages by the CPU leaves the same as page after page', { timeout: 120_000 }, () => {
  const steps = [
    ...MIXED,
    { op: 'read', ...AREA, page: 620, count: 30 },
    { ...TO_DEVICE, page: 90, count: 900 },
    { op: 'read', ...AREA },
    TO_DEVICE,
    { op: 'write', ...AREA, page: 1, count: 1000, value: 70 },
    // another device hears of each page
    { op: 'dev_write', ...AREA, device: 1, page: 700, count: 20, value: 4 },
    { ...TO_DEVICE, page: 300 },
    { op: 'fork', proc: 'A', child: 'B' },
    { op: 'mprotect', ...AREA, prot: 'r' },
    { op: 'read', ...AREA, page: 200, count: 800 },
    { op: 'write', ...AREA, page: 450, value: 3 },
    { op: 'write', proc: 'B', vma: 'buf', value: 8 },
  ].map((step) => ({ step }));
  const devices = [
    { id: 0, kind: 'private' },
    { id: 1, kind: 'coherent' },
  ];
  expect(bigStepDifferences(parseScenario({ machine: 'lab-node', devices, steps }), 512)).toEqual([]);
});

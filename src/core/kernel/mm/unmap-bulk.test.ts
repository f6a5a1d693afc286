import { expect, test } from 'vitest';
import { bigStepDifferences } from '../../../conformance/big-steps.ts';
import { parseScenario } from '../../index.ts';

const AREA = { proc: 'A', vma: 'buf' } as const;
/** More than the gather of mm/mmu_gather.c holds, so that it is flushed in the middle of an area. */
const PAGES = 12_000;

/** An area with holes, pages on a device, a pinned page, and pages that were read before they were written. */
const MIXED = [
  { op: 'mmap', ...AREA, pages: PAGES, prot: 'rw', kind: 'anon-private' },
  { op: 'write', ...AREA, page: 0, count: 7000, value: 1 },
  { op: 'write', ...AREA, page: 7300, count: PAGES - 7300, value: 7301 },
  { op: 'read', ...AREA, page: 7100, count: 5 },
  { op: 'migrate_to_dev', ...AREA, page: 600, count: 900, device: 0 },
  { op: 'gup', ...AREA, page: 300, count: 2, call: 'pin_user_pages', flags: ['FOLL_WRITE'], as: 'h' },
];

test.each([
  ['munmap', { op: 'munmap', ...AREA }],
  ['madvise of a part', { op: 'madvise', ...AREA, page: 100, count: 9000, advice: 'DONTNEED' }],
  ['exit', { op: 'exit', proc: 'A' }],
])('%s of many pages leaves the same as page after page', { timeout: 60_000 }, (_name, step) => {
  const steps = [...MIXED, step, { op: 'unpin', proc: 'A', handle: 'h' }];
  for (const kind of ['coherent', 'private']) {
    const scenario = parseScenario({
      machine: 'lab-node',
      devices: [{ id: 0, kind }],
      steps: steps.map((one) => ({ step: one })),
    });
    expect(bigStepDifferences(scenario, 512), kind).toEqual([]);
  }
});

test('so does the exit of a child that shares its pages', { timeout: 60_000 }, () => {
  const steps = [
    ...MIXED.slice(0, 3),
    { op: 'fork', proc: 'A', child: 'B' },
    { op: 'write', proc: 'B', vma: 'buf', page: 0, count: 3000, value: 5 },
    { op: 'exit', proc: 'B' },
    { op: 'exit', proc: 'A' },
  ];
  const scenario = parseScenario({
    devices: [],
    machine: 'lab-node',
    steps: steps.map((step) => ({ step })),
  });
  expect(bigStepDifferences(scenario, 512)).toEqual([]);
});

// KFD_IOCTL_SVM_OP_GET_ATTR: what the driver says of ranges, and of addresses where none is (machine-and-drivers.md §3.2;
// kfd_svm.c: svm_range_get_attr).

import { describe, expect, test } from 'vitest';
import type { Step } from '../core/index.ts';
import { asks } from '../scenarios/gpu-steps.ts';
import { decisionsOf, gpuScenario, resultTexts, runChecked } from './checked-run.ts';
import { access, attr, gpuWrite, last, map, ranges } from './svm-fixture.ts';

const ALL = asks([
  'PREFERRED_LOC',
  'PREFETCH_LOC',
  { type: 'ACCESS', device: 0 },
  { type: 'ACCESS', device: 1 },
  'SET_FLAGS',
  'CLR_FLAGS',
  'GRANULARITY',
]);
const OTHER_FLAGS = ['HIVE_LOCAL', 'GPU_RO', 'GPU_EXEC', 'GPU_READ_MOSTLY', 'GPU_ALWAYS_MAPPED'];

/** The answers to ALL. */
const answers = (steps: Step[], gpu: { xnack?: boolean } = {}): unknown => {
  const run = runChecked(gpuScenario([...steps, ALL], { gpu }));
  expect(run.violations).toEqual([]);
  return last(run).result.attrs?.map((answer) => Object.values(answer));
};

describe('op GET_ATTR (§3.2)', { timeout: 60_000 }, () => {
  test.each([
    [true, 'ACCESS'],
    [false, 'NO_ACCESS'],
  ])('where no range is, the column "Default" of the reference; XNACK %s: %s', (xnack, kind) => {
    expect(answers(map(4), { xnack })).toEqual([
      ['PREFERRED_LOC', 'undefined'],
      ['PREFETCH_LOC', 'undefined'],
      [kind, 0],
      [kind, 1],
      ['SET_FLAGS', ['HOST_ACCESS', 'COHERENT']],
      ['CLR_FLAGS', OTHER_FLAGS],
      ['GRANULARITY', 9],
    ]);
  });

  test('asking makes no range', () => {
    const run = runChecked(gpuScenario([...map(4), ALL]));
    expect(ranges(run)).toEqual([]);
    expect(decisionsOf(run, last(run), 'svm.')).toEqual(['svm.default-attributes']);
  });

  test('what was set is what is told, as flags that are "stored and returned but change nothing"', () => {
    const set = attr([
      { type: 'PREFERRED_LOC', loc: 1 },
      { type: 'PREFETCH_LOC', loc: 'system' },
      access(0, 'ACCESS_IN_PLACE'),
      access(1, 'NO_ACCESS'),
      { type: 'SET_FLAGS', flags: ['HIVE_LOCAL', 'GPU_READ_MOSTLY'] },
      { type: 'CLR_FLAGS', flags: ['HOST_ACCESS'] },
      { type: 'GRANULARITY', value: 200 },
    ]);
    expect(answers([...map(4), set])).toEqual([
      ['PREFERRED_LOC', 1],
      ['PREFETCH_LOC', 'system'],
      ['ACCESS_IN_PLACE', 0],
      ['NO_ACCESS', 1],
      ['SET_FLAGS', ['COHERENT', 'HIVE_LOCAL', 'GPU_READ_MOSTLY']],
      ['CLR_FLAGS', ['HOST_ACCESS', 'GPU_RO', 'GPU_EXEC', 'GPU_ALWAYS_MAPPED']],
      ['GRANULARITY', 0x3f],
    ]);
  });

  test('ranges that differ: undefined places, what all GPUs may everywhere, flags of all and of none, the least granularity', () => {
    const halves = [
      attr(
        [{ type: 'PREFERRED_LOC', loc: 0 }, { type: 'GRANULARITY', value: 3 }, access(1, 'ACCESS_IN_PLACE')],
        {
          page: 0,
          count: 2,
        },
      ),
      attr(
        [
          { type: 'PREFERRED_LOC', loc: 1 },
          { type: 'SET_FLAGS', flags: ['GPU_RO'] },
        ],
        { page: 2, count: 2 },
      ),
    ];
    expect(answers([...map(4), ...halves])).toEqual([
      ['PREFERRED_LOC', 'undefined'],
      ['PREFETCH_LOC', 'undefined'],
      ['ACCESS', 0],
      ['NO_ACCESS', 1],
      ['SET_FLAGS', ['HOST_ACCESS', 'COHERENT']],
      ['CLR_FLAGS', OTHER_FLAGS.filter((flag) => flag !== 'GPU_RO')],
      ['GRANULARITY', 3],
    ]);
  });

  test('a hole beside a range counts for nothing: only the range is asked', () => {
    const half = attr([{ type: 'PREFERRED_LOC', loc: 0 }], { page: 0, count: 2 });
    expect(answers([...map(4), half])).toContainEqual(['PREFERRED_LOC', 0]);
  });

  test('it waits for what munmap left to be done, and then only the rest is there', () => {
    const gone: Step = { op: 'munmap', proc: 'A', vma: 'buf', page: 0, count: 2 };
    const run = runChecked(
      gpuScenario([...map(4), gpuWrite(0), gone, asks(['PREFERRED_LOC'], { page: 2, count: 2 })]),
    );
    expect(last(run).result).toMatchObject({ ret: 0, attrs: [{ type: 'PREFERRED_LOC', loc: 'undefined' }] });
    expect(ranges(run).map(({ work }) => work)).toEqual(['NULL']);
  });

  test.each<[string, Step, string, string[]]>([
    [
      'addresses without an area',
      asks(['GRANULARITY'], { page: 2, count: 4 }),
      'EFAULT',
      ['svm.refused-hole'],
    ],
    [
      'a GPU that is not there',
      asks([{ type: 'ACCESS', device: 7 }]),
      'EINVAL',
      ['svm.default-attributes', 'svm.refused-gpu'],
    ],
    ['ACCESS_IN_PLACE', asks([{ type: 'ACCESS_IN_PLACE', device: 0 }]), 'EINVAL', ['svm.refused-question']],
    ['NO_ACCESS', asks([{ type: 'NO_ACCESS', device: 0 }]), 'EINVAL', ['svm.refused-question']],
  ])('refused: %s', (_, question, errno, why) => {
    const gone: Step = { op: 'munmap', proc: 'A', vma: 'buf', page: 4, count: 4 };
    const run = runChecked(gpuScenario([...map(8), ...(errno === 'EFAULT' ? [gone] : []), question]));
    expect(resultTexts(run.records).at(-1)).toBe(errno);
    expect(decisionsOf(run, last(run), 'svm.')).toEqual(why);
    expect(last(run).result.attrs).toBeUndefined();
  });
});

// The tests of the fixture `hmm` in which no page moves: device reads and writes through hmm_range_fault.

import {
  cpuSees,
  devRead,
  devReads,
  devWrite,
  devWrites,
  at,
  fill,
  HUGE,
  mmap,
  mprotect,
  munmap,
  N,
  NEGATIVE,
  snapshot,
  type TestSteps,
} from './source.ts';

const TIMES = Array.from({ length: 10 }, (_, c) => c);
const CHILD = { proc: 'B' };

/**
 * Seeds under which the device gets 0, 1, 3, 5, 8, 11, 13, 15 and then all of its 16 rounds before the memory goes.
 * (The kernel's test sleeps a random time.)
 */
const TEARDOWN_SEEDS = [1, 0, 28, 53, 154, 5413, 117_003, 245_255, 238_329, 373_441];

/** Fork; the child writes through device 0, always that one, and exits. */
const childWrites = (parentSees: number): ReturnType<TestSteps> => [
  { step: { op: 'fork', proc: 'A', child: 'B' }, expect: { ret: 0 } },
  cpuSees(N, 0, CHILD),
  { step: { op: 'dev_open', proc: 'B', device: 0 }, expect: { ret: 0 } },
  devWrites(0, N, NEGATIVE, CHILD),
  cpuSees(N, NEGATIVE, CHILD),
  { step: { op: 'dev_close', proc: 'B', device: 0 }, expect: { ret: 0 } },
  { step: { op: 'exit', proc: 'B' }, expect: { ret: 0 } },
  cpuSees(N, parentSees),
  munmap(),
];

export const TESTS: Readonly<Record<string, TestSteps>> = {
  open_close: () => [],

  anon_read: ({ d0 }) => [
    mmap(N),
    fill(N - 2, 0, { page: 2 }),
    mprotect('r'),
    {
      step: { op: 'read', proc: 'A', vma: 'buf', page: 1, count: 1 },
      expect: {
        ret: 1,
        values: [{ from: 0, count: 1 }],
        pages: [at('none', 0, 1), at('zero', 1, 1), at('system', 2, N - 2)],
      },
    },
    devRead(d0, N, {
      ret: 0,
      cpages: N,
      faults: 1,
      mirror: [
        { from: 0, by: 0, count: 2 },
        { from: 2, count: N - 2 },
      ],
    }),
    munmap(),
  ],

  anon_read_prot: ({ d0 }) => [
    mmap(N),
    fill(N),
    mprotect(''),
    devRead(d0, N, { ret: -1, errno: 'EFAULT', mirror: 'untouched' }),
    mprotect('r'),
    cpuSees(N),
    munmap(),
  ],

  anon_write: ({ d0 }) => [mmap(N), devWrites(d0, N), cpuSees(N), munmap()],

  anon_write_prot: ({ d0 }) => [
    mmap(N, { prot: 'r' }),
    devRead(d0, 1, { ret: 0, cpages: 1, faults: 1, mirror: [{ from: 0, count: 1 }] }),
    devWrite(d0, N, 0, { ret: -1, errno: 'EPERM' }),
    cpuSees(N, 0, {}, 0),
    mprotect('rw'),
    devWrites(d0, N),
    cpuSees(N),
    munmap(),
  ],

  anon_write_child: () => [mmap(N), fill(N), ...childWrites(0)],

  anon_write_child_shared: () => [mmap(N, { kind: 'anon-shared' }), fill(N), ...childWrites(NEGATIVE)],

  anon_write_huge: ({ d0 }) => [
    mmap(2 * HUGE),
    {
      step: { op: 'madvise', proc: 'A', vma: 'buf', page: 0, count: HUGE, advice: 'HUGEPAGE' },
      expect: { ret: 0 },
    },
    devWrites(d0, HUGE),
    cpuSees(HUGE),
    munmap(),
  ],

  anon_write_hugetlbfs: ({ d0 }) => [
    mmap(HUGE, { kind: 'hugetlb' }),
    devWrites(d0, HUGE),
    cpuSees(HUGE),
    munmap(),
  ],

  file_read: ({ d0 }) => [
    { step: { op: 'file_create', proc: 'A', file: 'tmp', pages: N, value: 0 }, expect: { ret: 0 } },
    mmap(N, { kind: 'file-shared', prot: 'r', file: 'tmp' }),
    devReads(d0, N),
    munmap(),
  ],

  file_write: ({ d0 }) => [
    { step: { op: 'file_create', proc: 'A', file: 'tmp', pages: N, value: NEGATIVE }, expect: { ret: 0 } },
    mmap(N, { kind: 'file-shared', file: 'tmp' }),
    devWrites(d0, N),
    cpuSees(N),
    {
      step: { op: 'file_read', proc: 'A', file: 'tmp' },
      expect: { ret: N, values: [{ from: 0, count: N }] },
    },
    munmap(),
  ],

  anon_read_multiple: ({ d0 }) => TIMES.flatMap((c) => [mmap(N), fill(N, c), devReads(d0, N, c), munmap()]),

  anon_teardown: ({ d0 }) =>
    TEARDOWN_SEEDS.flatMap((seed, c) => [
      mmap(N),
      fill(N, c),
      {
        step: {
          op: 'concurrent',
          proc: 'A',
          seed,
          steps: [
            { op: 'munmap', proc: 'A', vma: 'buf', page: N / 2, count: N / 2 },
            { op: 'dev_read', proc: 'A', vma: 'buf', count: N, device: d0, mirror: true },
          ],
        },
        expect: {
          results: [{ ret: 0 }, { ifOk: { cpages: N, faults: 1, mirror: [{ from: c, count: N }] } }],
          pages: [at('system', 0, N / 2), at('none', N / 2, N / 2)],
        },
      },
      munmap(),
    ]),

  mixedmap: ({ d0 }) => [mmap(1, { kind: 'device', device: d0 }), snapshot(d0, 1, ['r']), munmap()],

  compound: ({ d0 }) => [
    mmap(HUGE, { kind: 'hugetlb' }),
    fill(HUGE),
    snapshot(d0, HUGE, [{ perm: 'w+pmd', count: HUGE }]),
    mprotect('r'),
    snapshot(d0, HUGE, [{ perm: 'r+pmd', count: HUGE }]),
    munmap(),
  ],
};

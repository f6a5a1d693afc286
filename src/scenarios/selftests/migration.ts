// The tests of the fixture `hmm` in which pages move to the device, and come back or not.

import {
  at,
  cpuSees,
  fill,
  migrateToDev,
  migratesToDev,
  mmap,
  munmap,
  N,
  snapshot,
  type TestSteps,
} from './source.ts';

const TIMES = Array.from({ length: 10 }, (_, c) => c);
const HALF = N / 2;

export const TESTS: Readonly<Record<string, TestSteps>> = {
  migrate: ({ d0 }) => [mmap(N), fill(N), migratesToDev(d0, N), munmap()],

  migrate_file_private: ({ d0 }) => [
    { step: { op: 'file_create', proc: 'A', file: 'tmp', pages: N, value: 70_000 }, expect: { ret: 0 } },
    mmap(N, { kind: 'file-private', file: 'tmp' }),
    fill(N),
    migratesToDev(d0, N),
    munmap(),
  ],

  migrate_fault: ({ d0, coherent }) => [
    mmap(N),
    fill(N),
    migratesToDev(d0, N),
    {
      step: { op: 'read', proc: 'A', vma: 'buf', page: 0, count: HALF },
      expect: {
        ret: HALF,
        values: [{ from: 0, count: HALF }],
        // a coherent page is read where it is
        pages: [at(coherent ? { device: d0 } : 'system', 0, HALF), at({ device: d0 }, HALF, HALF)],
      },
    },
    migratesToDev(d0, N),
    munmap(),
  ],

  migrate_release: ({ d0 }) => [
    mmap(N),
    fill(N),
    migratesToDev(d0, N),
    {
      step: { op: 'dev_evict', proc: 'A', device: d0 },
      expect: { ret: 0, used: [{ device: d0, pages: 0 }], pages: [at('system', 0, N)] },
    },
    cpuSees(HALF),
    munmap(),
  ],

  migrate_shared: ({ d0 }) => [
    mmap(N, { kind: 'anon-shared' }),
    migrateToDev(d0, { ret: -1, errno: 'ENOENT', mirror: 'untouched', pages: [at('none', 0, N)] }),
    munmap(),
  ],

  migrate_multiple: ({ d0, coherent }) =>
    TIMES.flatMap(() => [
      mmap(N),
      fill(N),
      migratesToDev(d0, N),
      ...(coherent
        ? [
            {
              step: { op: 'migrate_to_sys', proc: 'A', vma: 'buf', device: d0 } as const,
              expect: { ret: 0, cpages: N },
            },
          ]
        : []),
      {
        step: { op: 'read', proc: 'A', vma: 'buf' },
        expect: { ret: N, values: [{ from: 0, count: N }], pages: [at('system', 0, N)] },
      },
      munmap(),
    ]),

  hmm_gup_test: ({ d0, coherent }) => {
    const short = coherent ? 'coherent-local:w' : 'w';
    const buf = { op: 'gup_test', proc: 'A', vma: 'buf', count: 1 } as const;
    return [
      mmap(4),
      fill(4),
      migratesToDev(d0, 4),
      { step: { ...buf, page: 0, cmd: 'GUP_BASIC_TEST', flags: ['FOLL_WRITE'] }, expect: { ret: 0 } },
      { step: { ...buf, page: 1, cmd: 'GUP_FAST_BENCHMARK', flags: ['FOLL_WRITE'] }, expect: { ret: 0 } },
      {
        step: { ...buf, page: 2, cmd: 'PIN_FAST_BENCHMARK', flags: ['FOLL_WRITE', 'FOLL_LONGTERM'] },
        expect: { ret: 0 },
      },
      { step: { ...buf, page: 3, cmd: 'PIN_LONGTERM_BENCHMARK', flags: ['FOLL_WRITE'] }, expect: { ret: 0 } },
      snapshot(d0, 4, [short, short, 'w', 'w'], {
        pages: [at(coherent ? { device: d0 } : 'system', 0, 2), at('system', 2, 2)],
      }),
      cpuSees(4),
      munmap(),
    ];
  },

  hmm_cow_in_device: ({ d0 }) => [
    mmap(4),
    fill(4),
    // the mirror is not looked at here
    { step: { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: d0 }, expect: { ret: 0, cpages: 4 } },
    { step: { op: 'fork', proc: 'A', child: 'B' }, expect: { ret: 0 } },
    fill(4),
    {
      step: { op: 'exit', proc: 'B', signal: 'SIGTERM' },
      expect: { ret: 0, status: 'SIGTERM', used: [{ device: d0, pages: 0 }] },
    },
    snapshot(d0, 4, ['w', 'w', 'w', 'w'], { pages: [at('system', 0, 4)] }),
    munmap(),
  ],
};

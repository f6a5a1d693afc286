// The tests of the fixture `hmm2`: a process and two devices.

import {
  at,
  cpuSees,
  devReads,
  fill,
  migrateToDev,
  mmap,
  mprotect,
  munmap,
  snapshot,
  type TestSteps,
} from './source.ts';

const one = (page: number) => ({ page, count: 1 });
const readsZero = (page: number) => cpuSees(1, 0, { page });
const writes = (page: number, count = 1) => fill(count, 100, { page });

export const TESTS: Readonly<Record<string, TestSteps>> = {
  migrate_mixed: ({ d0, d1 }) => [
    mmap(6, { prot: '' }),
    migrateToDev(d1, { ret: -1, errno: 'EINVAL' }),
    munmap(one(1)),
    migrateToDev(d1, { ret: -1, errno: 'EINVAL' }, { page: 0, count: 3 }),
    mprotect('r', one(2)),
    readsZero(2),
    mprotect('rw', one(3)),
    writes(3),
    mprotect('r', one(3)),
    mprotect('rw', { page: 4, count: 2 }),
    writes(4, 2),
    migrateToDev(
      d1,
      { ret: 0, cpages: 4, pages: [at({ device: d1 }, 2, 4)], used: [{ device: d1, pages: 4 }] },
      { page: 2, count: 4 },
    ),
    migrateToDev(
      d0,
      {
        ret: -1,
        errno: 'ENOENT',
        pages: [at({ device: d1 }, 5, 1)],
        // the owner of the page is told, too, and drops its own entry
        table: [{ proc: 'A', vma: 'buf', page: 5, count: 1, device: d1, access: 'none' }],
      },
      one(5),
    ),
    munmap(),
  ],

  snapshot: ({ d0, d1, coherent }) => [
    mmap(7, { prot: '' }),
    munmap(one(1)),
    mprotect('r', one(2)),
    readsZero(2),
    mprotect('rw', one(3)),
    writes(3),
    mprotect('r', one(3)),
    mprotect('rw', { page: 4, count: 3 }),
    writes(4),
    migrateToDev(d0, { ret: 0, cpages: 1, pages: [at({ device: d0 }, 5, 1)] }, one(5)),
    migrateToDev(d1, { ret: 0, cpages: 1, pages: [at({ device: d1 }, 6, 1)] }, one(6)),
    snapshot(
      d0,
      7,
      [
        'error',
        'error',
        'zero:r',
        'r',
        'w',
        ...(coherent ? ['coherent-local:w', 'coherent-remote:w'] : ['private-local:w', 'none']),
      ],
      { pages: [at({ device: d1 }, 6, 1)] },
    ),
    munmap(),
  ],

  double_map: ({ d0, d1, coherent }) => [
    mmap(6),
    fill(6),
    mprotect('r'),
    devReads(d0, 6),
    devReads(d1, 6),
    migrateToDev(d1, { ret: 0, cpages: 6, pages: [at({ device: d1 }, 0, 6)] }),
    {
      step: { op: 'dev_read', proc: 'A', vma: 'buf', count: 6, device: d0, mirror: true },
      expect: {
        ret: 0,
        cpages: 6,
        faults: 1,
        mirror: [{ from: 0, count: 6 }],
        pages: [at(coherent ? { device: d1 } : 'system', 0, 6)],
      },
    },
    munmap(),
  ],
};

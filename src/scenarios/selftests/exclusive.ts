// The tests of exclusive access: the device has a page for itself until the CPU touches it. No page moves.

import { cpuSees, devWrite, exclusive, fill, mmap, mprotect, munmap, N, type TestSteps } from './source.ts';

const increments = (proc: string): ReturnType<TestSteps> => [
  cpuSees(N, 0, { proc }),
  fill(N, 1, { proc }),
  cpuSees(N, 1, { proc }),
];

export const TESTS: Readonly<Record<string, TestSteps>> = {
  exclusive: ({ d0 }) => [
    mmap(N),
    fill(N),
    exclusive(d0, N),
    ...increments('A'),
    { step: { op: 'dev_check_exclusive', proc: 'A', vma: 'buf', device: d0 }, expect: { ret: 0 } },
    munmap(),
  ],

  exclusive_mprotect: ({ d0 }) => [
    mmap(N),
    fill(N),
    exclusive(d0, N),
    mprotect('r'),
    devWrite(d0, N, 0, { ret: -1, errno: 'EPERM' }),
    munmap(),
  ],

  exclusive_cow: ({ d0 }) => [
    mmap(N),
    fill(N),
    exclusive(d0, N),
    { step: { op: 'fork', proc: 'A', child: 'B' }, expect: { ret: 0 } },
    ...increments('A'),
    ...increments('B'),
    { step: { op: 'exit', proc: 'B' }, expect: { ret: 0 } },
    munmap(),
  ],
};

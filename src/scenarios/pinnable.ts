// One scene for each reason why a page may stay pinned for long or not: the conditions of is_longterm_pinnable_page.
// Device-coherent memory has `longterm-pin`, ZONE_MOVABLE `movable-zone`.

import type { Step, StepOf } from '../core/uapi/scenario.ts';
import { COHERENT, type Scene, scene, written } from './scene.ts';

const LONGTERM: StepOf<'gup'> = {
  op: 'gup',
  proc: 'A',
  vma: 'buf',
  call: 'pin_user_pages_fast',
  flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
  as: 'long',
};
const UNPIN: StepOf<'unpin'> = { op: 'unpin', proc: 'A', handle: 'long' };

export const pinnableCma = scene(
  {
    name: 'pinnable-cma',
    title: 'CMA lends its memory, and wants it back',
    about:
      'Fresh pages lie in a CMA area, which movable memory may borrow. A pin for long would keep it, so the pages move out first.',
    machine: 'guest',
    boot: 'cma',
  },
  [],
  [...written('buf', 4), LONGTERM, UNPIN],
);

export const pinnableIsolate = scene(
  {
    name: 'pinnable-isolate',
    title: 'A pageblock that is to be emptied',
    about:
      'Memory offlining has isolated the pageblock. A pin for long moves its pages out; a short one takes them as they are.',
    machine: 'guest',
  },
  [],
  [
    ...written('buf', 4),
    { op: 'isolate', proc: 'A', vma: 'buf' },
    { op: 'gup', proc: 'A', vma: 'buf', call: 'pin_user_pages_fast', flags: ['FOLL_WRITE'], as: 'short' },
    { op: 'unpin', proc: 'A', handle: 'short' },
    LONGTERM,
    { op: 'isolate', proc: 'A', vma: 'buf', undo: true },
    UNPIN,
  ],
);

export const pinnableZeroPage = scene(
  {
    name: 'pinnable-zero-page',
    title: 'The zero page may be pinned for long, and nothing is counted',
    about:
      'A pin that only reads gets the zero page for a hole. Its count does not change. When the process writes, it gets another page: the pin does not follow.',
  },
  [],
  [
    { op: 'mmap', proc: 'A', vma: 'buf', pages: 2, prot: 'rw', kind: 'anon-private' },
    { ...LONGTERM, flags: ['FOLL_LONGTERM'] },
    { op: 'write', proc: 'A', vma: 'buf', page: 0, count: 1, value: 100 },
    { ...LONGTERM, as: 'write' },
    UNPIN,
    { op: 'unpin', proc: 'A', handle: 'write' },
  ],
);

export const pinnableWithoutMigration = scene(
  {
    name: 'pinnable-without-migration',
    title: 'A kernel that cannot migrate takes every page',
    about:
      'Without `CONFIG_MIGRATION` the question is always answered with yes. The pages stay in ZONE_MOVABLE, pinned for long.',
    config: { CONFIG_MIGRATION: false },
  },
  [],
  [...written('buf', 4), LONGTERM, UNPIN],
);

export const pinnableNotAll = scene(
  {
    name: 'pinnable-not-all',
    title: 'One page of the range cannot come home',
    about:
      'A short pin holds the coherent page where it is. Linux 6.1 gives up at once and puts the pages of ZONE_MOVABLE back. Linux 6.0 moved those first and gave up in its second pass: compare with it.',
    machine: 'guest',
    boot: 'movable',
  },
  COHERENT,
  [
    ...written('buf', 4),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', page: 2, count: 1, device: 0 },
    { ...LONGTERM, flags: ['FOLL_WRITE'], page: 2, count: 1, as: 'short' },
    LONGTERM,
    { op: 'unpin', proc: 'A', handle: 'short' },
    { ...LONGTERM, as: 'again' },
    { op: 'unpin', proc: 'A', handle: 'again' },
  ],
);

const pool = (vma: string): Step => ({
  op: 'mmap',
  proc: 'A',
  vma,
  pages: 512,
  prot: 'rw',
  kind: 'hugetlb',
  align: '2M',
});

export const pinnableHugetlb = scene(
  {
    name: 'pinnable-hugetlb',
    title: 'A huge page of the pool in ZONE_MOVABLE cannot be pinned for long',
    about:
      'Both pages of the pool lie in ZONE_MOVABLE. The pin of one that is mapped fails with ENOMEM and a warning: it is refused when it is grabbed, so nothing moves it. If the pin is the first to touch an area, the pool passes such pages over, has no other, and the pin fails with EFAULT. The recording hugetlb-longterm-pin shows one in ordinary memory, which stays.',
  },
  [],
  [
    pool('mapped'),
    { op: 'write', proc: 'A', vma: 'mapped', page: 0, count: 1, value: 100 },
    { ...LONGTERM, vma: 'mapped', page: 0, count: 4 },
    { ...LONGTERM, vma: 'mapped', page: 0, count: 4, flags: ['FOLL_WRITE'], as: 'short' },
    { op: 'unpin', proc: 'A', handle: 'short' },
    { op: 'munmap', proc: 'A', vma: 'mapped' },
    pool('fresh'),
    { ...LONGTERM, vma: 'fresh', page: 0, count: 4 },
    { op: 'write', proc: 'A', vma: 'fresh', page: 0, count: 1, value: 100 },
  ],
);

export const PINNABLE_SCENES: readonly Scene[] = [
  pinnableCma,
  pinnableIsolate,
  pinnableZeroPage,
  pinnableNotAll,
  pinnableHugetlb,
  pinnableWithoutMigration,
];

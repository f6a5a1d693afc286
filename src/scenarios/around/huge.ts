// Transparent huge pages beside device pages, which are always small.

import type { Step } from '../../core/uapi/scenario.ts';
import { COHERENT, type Scene, scene } from '../scene.ts';

/** Pages: a little more than the teaching machine has left while two huge pages are whole. */
const MUCH = 13_500;

const ALIGNED: readonly Step[] = [
  { op: 'mmap', proc: 'A', vma: 'buf', pages: 512, prot: 'rw', kind: 'anon-private', align: '2M' },
];

export const aroundHugeSplit = scene(
  {
    name: 'around-huge-split',
    title: 'A huge page falls apart before one of its pages goes to the device',
    about:
      'After MADV_HUGEPAGE the first touch maps 2 MiB with one entry. Device pages are small, so the driver’s request splits the huge page; one page moves, 511 stay.',
  },
  COHERENT,
  [
    ...ALIGNED,
    { op: 'madvise', proc: 'A', vma: 'buf', advice: 'HUGEPAGE' },
    { op: 'write', proc: 'A', vma: 'buf', page: 0, count: 1, value: 100 },
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', page: 0, count: 1, device: 0 },
    { op: 'read', proc: 'A', vma: 'buf', page: 0, count: 2 },
  ],
);

export const aroundCollapse = scene(
  {
    name: 'around-collapse',
    title: 'Collapse into a huge page refuses a range with a device page in it',
    about:
      'MADV_COLLAPSE gathers small pages in a huge one. The scan stops at the device page and the call fails with EINVAL; when the page is home, it works.',
  },
  COHERENT,
  [
    ...ALIGNED,
    { op: 'madvise', proc: 'A', vma: 'buf', advice: 'NOHUGEPAGE' },
    { op: 'write', proc: 'A', vma: 'buf', page: 0, count: 8, value: 100 },
    { op: 'madvise', proc: 'A', vma: 'buf', advice: 'HUGEPAGE' },
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', page: 3, count: 1, device: 0 },
    { op: 'madvise', proc: 'A', vma: 'buf', advice: 'COLLAPSE' },
    { op: 'migrate_to_sys', proc: 'A', vma: 'buf', page: 3, count: 1, device: 0 },
    { op: 'madvise', proc: 'A', vma: 'buf', advice: 'COLLAPSE' },
  ],
);

const SHARED: Step = {
  op: 'mmap',
  proc: 'A',
  vma: 'shared',
  pages: 512,
  prot: 'rw',
  kind: 'anon-shared',
  align: '2M',
};

export const aroundCollapseShared = scene(
  {
    name: 'around-collapse-shared',
    title: 'Shared memory collapses into a huge page of the page cache',
    about:
      'Three small pages of shared memory are taken off the list and unmapped; one huge page with their bytes, and zeros between them, takes their place in the cache. The child maps it with one entry at its next access. A request to move a page to the device splits it, and nothing moves: shared memory stays at home.',
  },
  COHERENT,
  [
    SHARED,
    { op: 'write', proc: 'A', vma: 'shared', page: 0, count: 3, value: 100 },
    { op: 'fork', proc: 'A', child: 'B' },
    { op: 'madvise', proc: 'A', vma: 'shared', advice: 'COLLAPSE' },
    { op: 'read', proc: 'B', vma: 'shared', page: 0, count: 4 },
    { op: 'migrate_to_dev', proc: 'A', vma: 'shared', page: 0, count: 1, device: 0 },
    { op: 'read', proc: 'B', vma: 'shared', page: 0, count: 4 },
  ],
);

const POOL: Step = {
  op: 'mmap',
  proc: 'A',
  vma: 'pool',
  pages: 512,
  prot: 'rw',
  kind: 'hugetlb',
  align: '2M',
};

export const aroundHugetlbMove = scene(
  {
    name: 'around-hugetlb-move',
    title: 'A page of the hugetlb pool moves to another node, never to the device',
    about:
      'The pool is empty, but may take one page beyond its size: a surplus page. For the way to node 1 the page allocator lends another one; it becomes the surplus page, and the old one goes back. While a driver holds a reference, ten attempts fail. The device takes no page of the pool at all.',
    machine: 'lab-node',
    overcommit: 1,
  },
  COHERENT,
  [
    POOL,
    { op: 'write', proc: 'A', vma: 'pool', page: 0, count: 1, value: 100 },
    { op: 'move_pages', proc: 'A', vma: 'pool', page: 0, count: 1, node: 1 },
    { op: 'move_pages', proc: 'A', vma: 'pool', page: 0, count: 1 },
    {
      op: 'gup',
      proc: 'A',
      vma: 'pool',
      page: 0,
      count: 1,
      call: 'get_user_pages',
      flags: ['FOLL_WRITE'],
      as: 'driver',
    },
    { op: 'move_pages', proc: 'A', vma: 'pool', page: 0, count: 1, node: 2 },
    { op: 'put', proc: 'A', handle: 'driver' },
    { op: 'migrate_to_dev', proc: 'A', vma: 'pool', page: 0, count: 1, device: 0 },
    { op: 'munmap', proc: 'A', vma: 'pool' },
  ],
);

export const aroundDeferredSplit = scene(
  {
    name: 'around-deferred-split',
    title: 'Memory runs short: half-used huge pages are split for what is left of them',
    about:
      'Most of two huge pages is unmapped, but a huge page is free only as a whole: both wait in a queue. When another area takes more memory than there is, reclaim splits them, and their unmapped pages are free. The pages on the device are in no queue.',
  },
  COHERENT,
  [
    { op: 'mmap', proc: 'A', vma: 'dev', pages: 4, prot: 'rw', kind: 'anon-private' },
    { op: 'write', proc: 'A', vma: 'dev', value: 1 },
    { op: 'migrate_to_dev', proc: 'A', vma: 'dev', device: 0 },
    { op: 'mmap', proc: 'A', vma: 'buf', pages: 1024, prot: 'rw', kind: 'anon-private', align: '2M' },
    { op: 'madvise', proc: 'A', vma: 'buf', advice: 'HUGEPAGE' },
    { op: 'write', proc: 'A', vma: 'buf', value: 100 },
    { op: 'munmap', proc: 'A', vma: 'buf', page: 12, count: 500 },
    { op: 'madvise', proc: 'A', vma: 'buf', page: 512, count: 500, advice: 'DONTNEED' },
    { op: 'mmap', proc: 'A', vma: 'much', pages: MUCH, prot: 'rw', kind: 'anon-private' },
    { op: 'write', proc: 'A', vma: 'much', value: 1 },
    { op: 'read', proc: 'A', vma: 'buf', page: 0, count: 12 },
  ],
);

export const HUGE_SCENES: readonly Scene[] = [
  aroundHugeSplit,
  aroundCollapse,
  aroundCollapseShared,
  aroundHugetlbMove,
  aroundDeferredSplit,
];

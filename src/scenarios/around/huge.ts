// Transparent huge pages beside device pages, which are always small.

import type { Step } from '../../core/uapi/scenario.ts';
import { COHERENT, type Scene, scene } from '../scene.ts';

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

export const HUGE_SCENES: readonly Scene[] = [aroundHugeSplit, aroundCollapse];

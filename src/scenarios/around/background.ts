// What the kernel does on its own account: NUMA balancing, KSM, reclaim, the OOM killer.

import type { Step } from '../../core/uapi/scenario.ts';
import { COHERENT, type Scene, scene, written } from '../scene.ts';

export const aroundNuma = scene(
  {
    name: 'around-numa',
    title: 'NUMA balancing takes no hints from device pages',
    about:
      'Two pages lie on node 3, two more on the device of node 3. The scan takes access away from the system pages only, and reading brings them to the reader’s node. A policy that moves pages passes device pages over, too.',
    machine: 'lab-node',
  },
  [0, 1, 2, 3].map((id) => ({ id, kind: 'coherent' as const })),
  [
    ...written('buf', 4),
    { op: 'move_pages', proc: 'A', vma: 'buf', node: 3 },
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', page: 2, count: 2, device: 3 },
    { op: 'numa_scan', proc: 'A', vma: 'buf' },
    { op: 'read', proc: 'A', vma: 'buf' },
    { op: 'mbind', proc: 'A', vma: 'buf', node: 1 },
    { op: 'move_pages', proc: 'A', vma: 'buf' },
  ],
);

const one = (page: number, value: number): Step => ({
  op: 'write',
  proc: 'A',
  vma: 'buf',
  page,
  count: 1,
  value: value - page,
});

export const aroundKsm = scene(
  {
    name: 'around-ksm',
    title: 'KSM merges equal pages, and never one on a device',
    about:
      'Four pages hold the same bytes, two of them on the device. The scan merges the two system pages into one and does not look at the others.',
  },
  COHERENT,
  [
    { op: 'mmap', proc: 'A', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' },
    { op: 'madvise', proc: 'A', vma: 'buf', advice: 'MERGEABLE' },
    ...[0, 1, 2, 3].map((page) => one(page, 100)),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', page: 0, count: 2, device: 0 },
    { op: 'ksm_scan', proc: 'A', vma: 'buf' },
    { op: 'read', proc: 'A', vma: 'buf' },
  ],
);

/** Memory in large pieces: a page fault for each 2 MiB. */
const huge = (proc: string, vma: string, units: number): Step[] => [
  { op: 'mmap', proc, vma, pages: units * 512, prot: 'rw', kind: 'anon-private', align: '2M' },
  { op: 'madvise', proc, vma, advice: 'HUGEPAGE' },
  { op: 'write', proc, vma, value: 1000 },
];

export const aroundReclaim = scene(
  {
    name: 'around-reclaim',
    title: 'Memory runs short: cold system pages are swapped, idle device pages stay',
    about:
      'A process fills system memory. Reclaim walks the LRU lists and swaps what nobody used for long. The device pages are older than all of it, and no list leads to them.',
    swap: 16_384,
  },
  COHERENT,
  [
    ...written('dev', 8),
    { op: 'migrate_to_dev', proc: 'A', vma: 'dev', device: 0 },
    ...written('cold', 256),
    ...huge('A', 'hot', 28),
    { op: 'read', proc: 'A', vma: 'cold', page: 0, count: 4 },
    { op: 'snapshot', proc: 'A', vma: 'dev', device: 0 },
  ],
);

export const aroundOom = scene(
  {
    name: 'around-oom',
    title: 'Out of memory: the victim’s device pages go back to the driver',
    about:
      'There is no swap. The kernel kills the process with the most memory, device pages among it: they do not help the others, but they are counted as its own, and its end frees them.',
  },
  COHERENT,
  [
    { op: 'fork', proc: 'A', child: 'B' },
    { op: 'mmap', proc: 'B', vma: 'dev', pages: 64, prot: 'rw', kind: 'anon-private' },
    { op: 'write', proc: 'B', vma: 'dev', value: 1 },
    { op: 'migrate_to_dev', proc: 'B', vma: 'dev', device: 0 },
    ...huge('B', 'big', 18),
    ...huge('A', 'more', 14),
  ],
);

export const BACKGROUND_SCENES: readonly Scene[] = [aroundNuma, aroundKsm, aroundReclaim, aroundOom];

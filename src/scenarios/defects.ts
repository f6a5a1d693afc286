// Faults of Linux 6.1's own SVM code, as it is read: each scene ends where Linux would stand for ever, or would destroy
// its own bookkeeping; the last one does its harm in silence. (`svm-child-keeps` shows how the third is got round.)

import type { SimpleStep, Step } from '../core/uapi/scenario.ts';
import { gpu, prefetch, svmAttr, writtenBy } from './gpu-steps.ts';
import { COHERENT, type Scene, scene } from './scene.ts';

const ALONE = gpu({ standstill: true });

/** Four pages in VRAM, as one range for each half, which share a buffer object. */
const HALVES: readonly Step[] = [
  ...writtenBy('A', 4),
  prefetch(0),
  svmAttr([{ type: 'GRANULARITY', value: 3 }], { page: 0, count: 2 }),
];

/** Four pages of A in VRAM, one of which somebody holds while B takes all of it. */
const evictedWhileHeld = (call: 'get_user_pages' | 'pin_user_pages'): readonly Step[] => [
  { op: 'fork', proc: 'A', child: 'B' },
  ...writtenBy('A', 4),
  prefetch(0),
  { op: 'gup', proc: 'A', vma: 'buf', page: 0, count: 1, call, flags: ['FOLL_WRITE'], as: 'held' },
  { op: 'bo_alloc', proc: 'B', device: 0, bo: 'all', pages: 4096, kind: 'gem' },
];

const atOnce = (seed: number, steps: readonly Step[]): Step => ({
  op: 'concurrent',
  proc: 'A',
  seed,
  steps: steps.filter((step): step is SimpleStep => step.op !== 'concurrent'),
});

export const DEFECT_SCENES: readonly Scene[] = [
  scene(
    {
      name: 'defect-deadlock',
      title: 'Fault of v6.1: two threads wait for each other',
      about:
        'Process B needs all of VRAM, so a kernel thread brings the ranges of A home. At the same time A asks for one of them to be in VRAM: it takes the mutex of the range, finds its buffer object being evicted, and waits for the fence. The kernel thread, which would signal that fence, waits for the mutex. Only B gets away, after 15 seconds.',
      gpu: ALONE,
    },
    COHERENT,
    [
      { op: 'fork', proc: 'A', child: 'B' },
      ...HALVES,
      prefetch('system', { page: 2, count: 2 }),
      atOnce(1, [
        { op: 'bo_alloc', proc: 'B', device: 0, bo: 'all', pages: 4096, kind: 'kfd' },
        prefetch(0, { page: 2, count: 2 }),
      ]),
    ],
  ),
  scene(
    {
      name: 'defect-livelock',
      title: 'Fault of v6.1: a page fault that is never repaired',
      about:
        'The memory is private: the CPU must fault for it. While A’s ranges come home, two of its threads touch one page at once. Each holds it for its fault, so the page stays in VRAM, and the driver does not count it: the range says that it is in system memory. From now on every touch of the page faults, is told that all is well, and faults again.',
      gpu: ALONE,
    },
    [{ id: 0, kind: 'private' }],
    [
      ...HALVES,
      atOnce(2, [
        prefetch('system'),
        { op: 'read', proc: 'A', vma: 'buf', page: 0, count: 1 },
        { op: 'read', proc: 'A', vma: 'buf', page: 0, count: 1 },
      ]),
    ],
  ),
  scene(
    {
      name: 'defect-page-twice',
      title: 'Fault of v6.1: a page that would be handed out twice',
      about:
        'A child keeps A’s pages in VRAM, and with them the old buffer object; A has copies in system memory. A asks for VRAM again, gets the old object back, and the driver takes the page at each place without a look: the first belongs to the child. Here the simulation stops.',
      gpu: ALONE,
    },
    COHERENT,
    [
      ...HALVES,
      { op: 'fork', proc: 'A', child: 'B' },
      { op: 'write', proc: 'A', vma: 'buf', value: 200 },
      prefetch('system'),
      prefetch(0),
    ],
  ),
  scene(
    {
      name: 'defect-bo-freed',
      title: 'Fault of v6.1: a buffer object is asked after it was freed',
      about:
        'Somebody holds a page of A for a moment, without a pin, while B takes all of VRAM. The driver cannot bring the range home and gives it up: it is on no list any more, and still points to its buffer object. Later it comes home, and with its last page the object is freed; nobody tells the range. Asked for VRAM again, the driver reads the freed object.',
      gpu: ALONE,
    },
    COHERENT,
    [
      ...evictedWhileHeld('get_user_pages'),
      { op: 'put', proc: 'A', handle: 'held' },
      prefetch('system'),
      prefetch(0),
    ],
  ),
  scene(
    {
      name: 'defect-bo-null',
      title: 'Fault of v6.1: a page in VRAM, and no buffer object',
      about:
        'A short pin holds a page of A while B takes all of VRAM. The driver does not count that page, takes the range for being in system memory, and lets go of its buffer object. Then a GPU is to use the range where it is: the page is in VRAM, so the driver asks the object which GPU that is, and there is none.',
      gpu: ALONE,
    },
    COHERENT,
    [
      ...evictedWhileHeld('pin_user_pages'),
      svmAttr([
        { type: 'PREFETCH_LOC', loc: 'system' },
        { type: 'ACCESS_IN_PLACE', device: 0 },
      ]),
    ],
  ),
  scene(
    {
      name: 'defect-two-hives',
      title: 'Fault of v6.1: the driver faults for itself, for ever',
      about:
        'Two GPUs that do not form a hive, and private memory: neither reaches the VRAM of the other. A range is in VRAM of the first when the second is to use it where it is. The driver asks where its pages are, for both; no owner is the same for both, so it faults to bring them home. The handler moves nothing for the thread that is just mapping the range, and says that all is well.',
      gpu: gpu({ standstill: true, hives: [1, 2] }),
    },
    [
      { id: 0, kind: 'private' },
      { id: 1, kind: 'private' },
    ],
    [
      ...writtenBy('A', 4),
      { op: 'gpu_write', proc: 'A', vma: 'buf', device: 0, value: 500 },
      svmAttr([{ type: 'ACCESS_IN_PLACE', device: 1 }]),
    ],
  ),
  scene(
    {
      name: 'defect-fork-private',
      title: 'Fault of v6.1: after fork the GPU writes into the child’s memory',
      about:
        'The memory is private, and fork has left its pages shared: a CPU that writes gets a copy first. The driver asks for writable pages, too, but `hmm_range_fault` reports pages of its own as they are, and the driver maps them writable without a look. What the GPU writes for the parent the child reads. Coherent pages are copied: `svm-fork-cost`.',
      gpu: gpu(),
    },
    [{ id: 0, kind: 'private' }],
    [
      ...writtenBy('A', 4),
      prefetch(0),
      { op: 'fork', proc: 'A', child: 'B' },
      { op: 'gpu_write', proc: 'A', vma: 'buf', device: 0, value: 500 },
      { op: 'read', proc: 'B', vma: 'buf' },
    ],
  ),
];

// Buffer objects that are no ranges: what becomes of them, and of their process, when VRAM or system memory is short.

import type { Step } from '../core/uapi/scenario.ts';
import { gpu, writtenBy } from './gpu-steps.ts';
import { COHERENT, type Scene, scene } from './scene.ts';

const CHILD: Step = { op: 'fork', proc: 'A', child: 'B' };
const object = (proc: string, bo: string, pages: number, kind: 'gem' | 'kfd' = 'gem', pin = false): Step => ({
  op: 'bo_alloc',
  proc,
  device: 0,
  bo,
  pages,
  kind,
  ...(pin ? { pin: true } : {}),
});

export const GPU_OBJECT_SCENES: readonly Scene[] = [
  scene(
    {
      name: 'userptr-follows',
      title: 'User pointer: nothing is pinned, and a change stops the queues',
      about:
        'A hands memory that it has to a GPU as a buffer object. A notifier says when its pages change: all queues stop, and a millisecond later a kernel thread looks the pages up again.',
      gpu: gpu(),
    },
    COHERENT,
    [
      ...writtenBy('A', 4),
      { op: 'bo_alloc', proc: 'A', device: 0, bo: 'user', pages: 4, kind: 'userptr', vma: 'buf' },
      { op: 'madvise', proc: 'A', vma: 'buf', count: 1, advice: 'DONTNEED' },
      CHILD,
      { op: 'munmap', proc: 'A', vma: 'buf' },
      { op: 'bo_free', proc: 'A', bo: 'user' },
    ],
  ),
  scene(
    {
      name: 'process-evicted',
      title: 'A process stands still while its object leaves',
      about:
        'A compute object may leave only when its process stands still: its queues stop, its bytes move to system memory, and 100 ms later all comes back, for which the graphics of the other process go to system memory. Another compute object, which would not fit beside the first, is refused before it is made.',
      gpu: gpu(),
    },
    COHERENT,
    [
      CHILD,
      object('A', 'a', 3072, 'kfd'),
      { op: 'bo_write', proc: 'A', bo: 'a', value: 7 },
      object('B', 'frame', 2048),
      object('B', 'b', 3072, 'kfd'),
      { op: 'exit', proc: 'B' },
    ],
  ),
  scene(
    {
      name: 'ttm-swaps-out',
      title: 'TTM keeps to its part of system memory',
      about:
        'Objects that leave VRAM need system memory, of which TTM may have half; here 8 MiB. Above it the object that came first goes to a file of shared memory, and comes back when the GPU needs it.',
      gpu: gpu({ pagesLimit: 2048 }),
    },
    COHERENT,
    [
      CHILD,
      object('B', 'first', 2048),
      { op: 'bo_write', proc: 'B', bo: 'first', value: 5 },
      object('B', 'second', 2048),
      object('A', 'scanout', 2048, 'gem', true),
      object('A', 'more', 2048, 'gem', true),
      { op: 'bo_write', proc: 'B', bo: 'first', value: 6 },
    ],
  ),
];

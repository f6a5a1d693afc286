// Why the series moves pages on a long-term pin: the driver must be able to take VRAM back. The same steps in four
// worlds: the kernel, two readings of one in which GUP leaves pages in VRAM, and another kind of device.

import type { Step } from '../core/uapi/scenario.ts';
import { gpu, prefetch, writtenBy } from './gpu-steps.ts';
import { COHERENT, type Scene, scene } from './scene.ts';

/** A has 16 pages in VRAM, a NIC registers one of them, B wants all of VRAM; then the NIC lets go. */
const STEPS: readonly Step[] = [
  { op: 'fork', proc: 'A', child: 'B' },
  ...writtenBy('A', 16),
  prefetch(0),
  {
    op: 'gup',
    proc: 'A',
    vma: 'buf',
    page: 5,
    count: 1,
    call: 'pin_user_pages_fast',
    flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
    as: 'mr',
  },
  { op: 'bo_alloc', proc: 'B', device: 0, bo: 'big', pages: 4096, kind: 'kfd' },
  { op: 'read', proc: 'A', vma: 'buf', page: 5, count: 1 },
  { op: 'unpin', proc: 'A', handle: 'mr' },
];
/** What B then gets. */
const AGAIN: Step = { op: 'bo_alloc', proc: 'B', device: 0, bo: 'again', pages: 4096, kind: 'kfd' };

export const EVICTION_SCENES: readonly Scene[] = [
  scene(
    {
      name: 'ttm-evicts',
      title: 'Eviction with the rule of the series',
      about:
        'The pin moved its page to system memory. When another process needs VRAM, TTM waits for a fence, a kernel thread brings the other pages home, and all of VRAM is free.',
      gpu: gpu(),
    },
    COHERENT,
    STEPS,
  ),
  scene(
    {
      name: 'ttm-intent',
      title: 'Hypothetical: without the rule, the eviction cannot end',
      about:
        'No kernel did this. GUP leaves the pinned page in VRAM, and the pin blocks the eviction of its buffer object: TTM waits 15 seconds, and the other process gets nothing for as long as the NIC keeps the page.',
      gpu: gpu(),
      config: { longtermPolicy: 'intent' },
    },
    COHERENT,
    [...STEPS, AGAIN],
  ),
  scene(
    {
      name: 'ttm-as-coded',
      title: 'Hypothetical: without the rule, as the code would go',
      about:
        'No kernel did this. The driver of v6.1 does not count a pinned page as left behind: it signals the fence, and the VRAM goes to the other process while the NIC still writes there. What A reads is no longer its own.',
      gpu: gpu(),
      config: { longtermPolicy: 'as-coded' },
    },
    COHERENT,
    [
      ...STEPS.slice(0, 6),
      { op: 'bo_write', proc: 'B', bo: 'big', value: 666 },
      { op: 'read', proc: 'A', vma: 'buf', page: 5, count: 1 },
    ],
  ),
  scene(
    {
      name: 'ttm-evicts-generic',
      title: 'Eviction on another vendor’s device',
      about:
        'Other sizes of ranges, another link, no hive, and the largest object is evicted first: the same driver code with other data. The rule of the series is the same.',
      gpu: gpu({ model: 'generic-accelerator' }),
    },
    COHERENT,
    STEPS,
  ),
];

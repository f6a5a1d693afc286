// Ranges of shared virtual memory: where they live, and who moves them.

import type { Step } from '../core/uapi/scenario.ts';
import { access, asks, gpu, gpuRead, gpuWrite, prefetch, svmAttr, writtenBy } from './gpu-steps.ts';
import { COHERENT, type Scene, scene, TWO_COHERENT } from './scene.ts';

const PRIVATE = [{ id: 0, kind: 'private' as const }];
const readAll: Step = { op: 'read', proc: 'A', vma: 'buf' };

export const GPU_SVM_SCENES: readonly Scene[] = [
  scene(
    {
      name: 'svm-prefetch',
      title: 'To VRAM and back',
      about:
        'A process asks for its four pages to be on the GPU. The DMA engine copies them; the CPU reads them there without a fault. On request they come back, one buffer object poorer.',
      gpu: gpu(),
    },
    COHERENT,
    [...writtenBy('A', 4), prefetch(0), readAll, gpuWrite(0, 500), readAll, prefetch('system')],
  ),
  scene(
    {
      name: 'svm-private-touch',
      title: 'The CPU touches private VRAM',
      about:
        'The same program on a GPU without a coherent link: the first touch faults, and a block of the range comes home. What is left of the range is cut off.',
      gpu: gpu(),
    },
    PRIVATE,
    [
      ...writtenBy('A', 64),
      svmAttr([{ type: 'GRANULARITY', value: 4 }]),
      prefetch(0),
      { op: 'read', proc: 'A', vma: 'buf', page: 20, count: 1 },
      gpuRead(0),
    ],
  ),
  scene(
    {
      name: 'svm-gpu-fault',
      title: 'One access of the GPU moves a whole range',
      about:
        'With XNACK the GPU may fault. The driver asks where the range should be, moves all of it, and the access is tried again. GPU 1 then takes it from GPU 0: through system memory.',
      gpu: gpu(),
    },
    TWO_COHERENT,
    [
      ...writtenBy('A', 16),
      gpuWrite(0, 500, { page: 3, count: 1 }),
      svmAttr([{ type: 'ACCESS_IN_PLACE', device: 1 }]),
      gpuRead(1, { page: 0, count: 2 }),
      access(1),
      { op: 'madvise', proc: 'A', vma: 'buf', page: 8, count: 8, advice: 'DONTNEED' },
      gpuWrite(1, 900),
    ],
  ),
  scene(
    {
      name: 'svm-xnack-off',
      title: 'Without faults: stop, map, go on',
      about:
        'XNACK is off: everything must be mapped before. When the CPU changes an entry, all queues of the process stop, and a millisecond later a kernel thread maps again.',
      gpu: gpu({ xnack: false }),
    },
    COHERENT,
    [
      ...writtenBy('A', 8),
      svmAttr([
        { type: 'ACCESS', device: 0 },
        { type: 'PREFETCH_LOC', loc: 0 },
      ]),
      gpuWrite(0, 500),
      { op: 'mprotect', proc: 'A', vma: 'buf', prot: 'r' },
      gpuRead(0),
      { op: 'mprotect', proc: 'A', vma: 'buf', prot: 'rw' },
      { op: 'munmap', proc: 'A', vma: 'buf', page: 6, count: 2 },
      gpuWrite(0, 700, { page: 0, count: 6 }),
    ],
  ),
  scene(
    {
      name: 'svm-fork-cost',
      title: 'What fork costs',
      about:
        'After fork the pages are shared. The kernel thread that maps again asks for writable pages, so the parent gets copies in system memory, and the child keeps VRAM. The range still says that it is on the GPU.',
      gpu: gpu({ xnack: false }),
    },
    COHERENT,
    [
      ...writtenBy('A', 4),
      svmAttr([
        { type: 'ACCESS', device: 0 },
        { type: 'PREFETCH_LOC', loc: 0 },
      ]),
      { op: 'fork', proc: 'A', child: 'B' },
      { op: 'exit', proc: 'B' },
      prefetch(0),
      gpuRead(0),
    ],
  ),
  scene(
    {
      name: 'svm-child-keeps',
      title: 'A child keeps its pages in VRAM, and with them the buffer object',
      about:
        'The parent writes, so its copies are in system memory; the pages in VRAM are the child’s alone. The range goes home, but its buffer object stays. If the range went back now, Linux 6.1 would hand the child’s pages out again; such a step is refused here, with the name of the fault. When the child has ended, it goes well.',
      gpu: gpu(),
    },
    COHERENT,
    [
      ...writtenBy('A', 4),
      prefetch(0),
      { op: 'fork', proc: 'A', child: 'B' },
      { op: 'write', proc: 'A', vma: 'buf', value: 200 },
      prefetch('system'),
      { op: 'exit', proc: 'B' },
      prefetch(0),
    ],
  ),
  scene(
    {
      name: 'svm-sticky',
      title: 'A page that does not come back',
      about:
        'A long-term pin takes one page out of a range in VRAM. The pin ends, and the process asks for the GPU again: nothing moves, since the range already counts as being there. System memory and back does it.',
      gpu: gpu(),
    },
    COHERENT,
    [
      ...writtenBy('A', 4),
      prefetch(0),
      {
        op: 'gup',
        proc: 'A',
        vma: 'buf',
        page: 2,
        count: 1,
        call: 'pin_user_pages_fast',
        flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
        as: 'mr',
      },
      { op: 'unpin', proc: 'A', handle: 'mr' },
      prefetch(0),
      prefetch('system'),
      prefetch(0),
    ],
  ),
  scene(
    {
      name: 'svm-refused',
      title: 'Attributes that the driver refuses',
      about:
        'A GPU that is not there, and a prefetch to nowhere: `-EINVAL`. Addresses that were unmapped: `-EFAULT`. Each time nothing of the call took effect; the same on what is left works.',
      gpu: gpu(),
    },
    COHERENT,
    [
      ...writtenBy('A', 4),
      access(1),
      svmAttr([{ type: 'PREFETCH_LOC', loc: 'undefined' }]),
      { op: 'munmap', proc: 'A', vma: 'buf', page: 2, count: 1 },
      prefetch(0),
      prefetch(0, { page: 0, count: 2 }),
    ],
  ),
  scene(
    {
      name: 'svm-ask',
      title: 'What are the attributes?',
      about:
        'The same ioctl can ask. Where nothing was registered it answers with the defaults; where ranges differ it says what holds for all of them: undefined for the place, the smaller granularity, NO_ACCESS where one GPU may reach one part only. To ask for NO_ACCESS itself is `-EINVAL`.',
      gpu: gpu(),
    },
    TWO_COHERENT,
    [
      ...writtenBy('A', 8),
      asks(['PREFERRED_LOC', 'GRANULARITY', 'SET_FLAGS', { type: 'ACCESS', device: 0 }]),
      svmAttr(
        [
          { type: 'PREFERRED_LOC', loc: 0 },
          { type: 'GRANULARITY', value: 4 },
          { type: 'NO_ACCESS', device: 1 },
        ],
        { page: 0, count: 4 },
      ),
      svmAttr([{ type: 'PREFERRED_LOC', loc: 1 }], { page: 4, count: 4 }),
      asks(['PREFERRED_LOC', 'GRANULARITY', { type: 'ACCESS', device: 0 }, { type: 'ACCESS', device: 1 }]),
      asks(['PREFERRED_LOC', { type: 'ACCESS', device: 1 }], { page: 4, count: 4 }),
      asks([{ type: 'NO_ACCESS', device: 1 }]),
    ],
  ),
  scene(
    {
      name: 'vram-full',
      title: 'No VRAM left',
      about:
        'All of VRAM is pinned for scanout. A prefetch fails with `-ENOMEM`; a fault of the GPU goes on with the range in system memory.',
      gpu: gpu(),
    },
    COHERENT,
    [
      { op: 'bo_alloc', proc: 'A', device: 0, bo: 'scanout', pages: 4096, kind: 'gem', pin: true },
      ...writtenBy('A', 4),
      prefetch(0),
      gpuWrite(0, 500),
      { op: 'bo_free', proc: 'A', bo: 'scanout' },
      prefetch(0),
    ],
  ),
];

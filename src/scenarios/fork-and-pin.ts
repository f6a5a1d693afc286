import { COHERENT, scene, written } from './scene.ts';

export const forkAndPin = scene(
  {
    name: 'fork-and-pin',
    title: 'fork, copy on write, and a pin in between',
    about:
      'Pages on the device are shared with a child. A write copies to system memory; a pinned page is copied already at fork.',
  },
  COHERENT,
  [
    ...written('buf', 2),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
    {
      op: 'gup',
      proc: 'A',
      vma: 'buf',
      page: 1,
      count: 1,
      call: 'pin_user_pages',
      flags: ['FOLL_WRITE'],
      as: 'h1',
    },
    { op: 'fork', proc: 'A', child: 'B' },
    { op: 'write', proc: 'B', vma: 'buf', value: 200 },
    { op: 'write', proc: 'A', vma: 'buf', value: 300 },
    { op: 'unpin', proc: 'A', handle: 'h1' },
    { op: 'exit', proc: 'B' },
  ],
);

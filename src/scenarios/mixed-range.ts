import { COHERENT_AND_PRIVATE, scene, written } from './scene.ts';

export const mixedRange = scene(
  {
    name: 'mixed-range',
    title: 'A long-term pin across every kind of memory',
    about:
      'System pages, coherent pages and private pages in one range: each kind comes to a pinnable place in its own way.',
  },
  COHERENT_AND_PRIVATE,
  [
    ...written('buf', 6),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', page: 2, count: 2, device: 0 },
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', page: 4, count: 2, device: 1 },
    { op: 'snapshot', proc: 'A', vma: 'buf', device: 0 },
    {
      op: 'gup',
      proc: 'A',
      vma: 'buf',
      call: 'pin_user_pages_fast',
      flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
      as: 'h1',
    },
    { op: 'unpin', proc: 'A', handle: 'h1' },
  ],
);

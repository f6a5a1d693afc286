import { COHERENT, scene, written } from './scene.ts';

export const busyPage = scene(
  {
    name: 'busy-page',
    title: 'One reference too many: the long-term pin fails',
    about:
      'Somebody holds page 2. The pages before it come home, the pin fails with EBUSY, and works once the reference is gone.',
  },
  COHERENT,
  [
    ...written('buf', 4),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
    {
      op: 'gup',
      proc: 'A',
      vma: 'buf',
      page: 2,
      count: 1,
      call: 'get_user_pages',
      flags: ['FOLL_WRITE'],
      as: 'other',
    },
    {
      op: 'gup',
      proc: 'A',
      vma: 'buf',
      call: 'pin_user_pages',
      flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
      as: 'h1',
    },
    { op: 'put', proc: 'A', handle: 'other' },
    {
      op: 'gup',
      proc: 'A',
      vma: 'buf',
      call: 'pin_user_pages',
      flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
      as: 'h2',
    },
    { op: 'unpin', proc: 'A', handle: 'h2' },
  ],
);

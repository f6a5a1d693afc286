import { COHERENT, scene, written } from './scene.ts';

export const longtermPin = scene(
  {
    name: 'longterm-pin',
    title: 'A long-term pin brings device pages home',
    about: 'The same as the recording, on a machine small enough to see every page frame.',
  },
  COHERENT,
  [
    ...written('buf', 4),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
    {
      op: 'gup',
      proc: 'A',
      vma: 'buf',
      call: 'pin_user_pages_fast',
      flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
      as: 'h1',
    },
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
    { op: 'unpin', proc: 'A', handle: 'h1' },
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
  ],
);

import { COHERENT, scene, written } from './scene.ts';

export const shortPin = scene(
  {
    name: 'short-pin',
    title: 'A short pin leaves the page on the device',
    about:
      'FOLL_PIN without FOLL_LONGTERM takes the page where it lies. While it is pinned, the driver cannot move it.',
  },
  COHERENT,
  [
    ...written('buf', 2),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
    { op: 'gup', proc: 'A', vma: 'buf', call: 'pin_user_pages_fast', flags: ['FOLL_WRITE'], as: 'short' },
    { op: 'migrate_to_sys', proc: 'A', vma: 'buf', device: 0 },
    { op: 'unpin', proc: 'A', handle: 'short' },
    { op: 'migrate_to_sys', proc: 'A', vma: 'buf', device: 0 },
  ],
);

import { scene, written } from './scene.ts';

export const movableZone = scene(
  {
    name: 'movable-zone',
    title: 'ZONE_MOVABLE keeps its promise',
    about:
      'No device at all: fresh user pages lie in ZONE_MOVABLE, and a long-term pin moves them out before it holds them.',
  },
  [],
  [
    ...written('buf', 4),
    { op: 'gup', proc: 'A', vma: 'buf', call: 'pin_user_pages_fast', flags: ['FOLL_WRITE'], as: 'short' },
    { op: 'unpin', proc: 'A', handle: 'short' },
    {
      op: 'gup',
      proc: 'A',
      vma: 'buf',
      call: 'pin_user_pages_fast',
      flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
      as: 'long',
    },
    { op: 'unpin', proc: 'A', handle: 'long' },
  ],
);

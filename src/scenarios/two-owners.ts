import { scene, TWO_COHERENT, written } from './scene.ts';

export const twoOwners = scene(
  {
    name: 'two-owners',
    title: 'Each driver moves only its own pages',
    about:
      'Asked through the other device, nothing moves, and only the device page table of the owner is emptied. Asked through the owner, the pages come home.',
  },
  TWO_COHERENT,
  [
    ...written('buf', 2),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
    { op: 'migrate_to_sys', proc: 'A', vma: 'buf', device: 1 },
    { op: 'snapshot', proc: 'A', vma: 'buf', device: 1 },
    { op: 'migrate_to_sys', proc: 'A', vma: 'buf', device: 0 },
  ],
);

import { COHERENT, scene, written } from './scene.ts';

export const deviceFull = scene(
  {
    name: 'device-full',
    title: 'More pages than the device has',
    about:
      'The device has 4096 pages. Of 4128 that should go there, the last ones stay where they are, and nothing is lost.',
  },
  COHERENT,
  [
    ...written('buf', 4128),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
    { op: 'migrate_to_sys', proc: 'A', vma: 'buf', page: 0, count: 64, device: 0 },
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', page: 4064, count: 64, device: 0 },
  ],
);

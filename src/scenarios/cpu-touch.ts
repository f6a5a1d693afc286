import { COHERENT_AND_PRIVATE, scene, written } from './scene.ts';

export const cpuTouch = scene(
  {
    name: 'cpu-touch',
    title: 'The CPU touches device memory: coherent stays, private comes home',
    about:
      'The CPU reaches a coherent page in place, without a fault. A private page has no present entry: it faults, and comes home.',
  },
  COHERENT_AND_PRIVATE,
  [
    ...written('coh', 2),
    ...written('priv', 2),
    { op: 'migrate_to_dev', proc: 'A', vma: 'coh', device: 0 },
    { op: 'migrate_to_dev', proc: 'A', vma: 'priv', device: 1 },
    { op: 'read', proc: 'A', vma: 'coh' },
    { op: 'read', proc: 'A', vma: 'priv' },
  ],
);

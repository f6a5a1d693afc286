import { COHERENT, scene, written } from './scene.ts';

export const waitForMigration = scene(
  {
    name: 'wait-for-migration',
    title: 'A child touches a page that is on its way',
    about:
      'Two tasks at once. The child meets a migration entry, sleeps, and goes on when the page has arrived.',
  },
  COHERENT,
  [
    ...written('buf', 2),
    { op: 'fork', proc: 'A', child: 'B' },
    {
      op: 'concurrent',
      proc: 'A',
      seed: 1,
      steps: [
        { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
        { op: 'read', proc: 'B', vma: 'buf' },
      ],
    },
    { op: 'snapshot', proc: 'A', vma: 'buf', device: 0 },
  ],
);

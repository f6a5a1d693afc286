import { scene, written } from './scene.ts';

/** The four of the series' test node. */
export const LAB_GPUS = [0, 1, 2, 3].map((id) => ({ id, kind: 'coherent' }) as const);

export const labNode = scene(
  {
    name: 'lab-node',
    title: 'Sixteen pages in 768 GiB',
    about:
      'The test node of the series: half a terabyte of system memory and 64 GiB on each of four GPUs. Zoom in until the pages show.',
    machine: 'lab-node',
  },
  LAB_GPUS,
  [
    ...written('buf', 16),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
    {
      op: 'gup',
      proc: 'A',
      vma: 'buf',
      page: 4,
      count: 8,
      call: 'pin_user_pages_fast',
      flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
      as: 'h1',
    },
    { op: 'unpin', proc: 'A', handle: 'h1' },
  ],
);

// Two scenes for each patch of the series that changes behaviour: the same steps with the whole series, and on a
// kernel that lacks the patch (and what cannot be built without it).

import type { Step } from '../core/uapi/scenario.ts';
import { COHERENT, type Scene, scene, written } from './scene.ts';

const TO_DEVICE: Step = { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 };
const OPEN: Step = { op: 'dev_open', proc: 'A', device: 0 };

interface PatchPair {
  readonly patch: 3 | 4 | 5 | 6 | 7 | 10;
  readonly title: string;
  readonly withIt: string;
  readonly without: string;
  /** The set without the patch. */
  readonly patches: string;
  readonly steps: readonly Step[];
  /** Steps on the other kernel, where they cannot be the same. */
  readonly stepsWithout?: readonly Step[];
  /** What stands for the device on the other kernel. */
  readonly deviceWithout?: 'coherent' | 'private';
}

const PAIRS: readonly PatchPair[] = [
  {
    patch: 3,
    title: 'a type for memory that the CPU and a device share',
    withIt:
      'The driver registers its memory as MEMORY_DEVICE_COHERENT; pages go there, and the CPU reads them there.',
    without:
      'Without patch 3 there is no such type, so a driver cannot register the memory: opening the device fails with ENOENT.',
    patches: '1-2,4,8-9,11-14',
    steps: [OPEN, ...written('buf', 2), TO_DEVICE, { op: 'read', proc: 'A', vma: 'buf' }],
    stepsWithout: [OPEN, ...written('buf', 2), { op: 'read', proc: 'A', vma: 'buf' }],
  },
  {
    patch: 4,
    title: 'a present page that is on no LRU list',
    withIt:
      'Advice, mlock and move_pages find the device pages and leave them alone: they stay dirty, are not mlocked, and count as no page.',
    without:
      'Without patch 4 the same calls take device pages for ordinary ones: MADV_FREE cleans their entries, mlock marks them, move_pages tells their node.',
    patches: '1-3,5-14',
    steps: [
      ...written('buf', 4),
      TO_DEVICE,
      { op: 'madvise', proc: 'A', vma: 'buf', page: 0, count: 1, advice: 'COLD' },
      { op: 'madvise', proc: 'A', vma: 'buf', page: 1, count: 1, advice: 'FREE' },
      { op: 'mlock', proc: 'A', vma: 'buf', page: 2, count: 1 },
      { op: 'move_pages', proc: 'A', vma: 'buf' },
    ],
  },
  {
    patch: 5,
    title: 'the driver chooses its own coherent pages',
    withIt: 'MIGRATE_VMA_SELECT_DEVICE_COHERENT selects the pages of the device, and they come home.',
    without:
      'Without patch 5 nothing could select them, so the drivers that use the flag, patches 7 and 10, cannot be built: there is no device.',
    patches: '1-4,6,8-9,11-14',
    steps: [
      OPEN,
      ...written('buf', 2),
      TO_DEVICE,
      { op: 'migrate_to_sys', proc: 'A', vma: 'buf', device: 0 },
    ],
    stepsWithout: [OPEN, ...written('buf', 2)],
  },
  {
    patch: 6,
    title: 'a long-term pin migrates instead of failing',
    withIt: 'The pin brings the pages home, one after the other, and then holds them in system memory.',
    without:
      'With patches 3 to 5 but not 6 the pin can neither keep the pages nor move them: isolation fails in every pass, and it asks for another one for ever. The simulation stops after 16.',
    patches: '1-5,7-14',
    steps: [
      ...written('buf', 2),
      TO_DEVICE,
      {
        op: 'gup',
        proc: 'A',
        vma: 'buf',
        call: 'pin_user_pages_fast',
        flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
        as: 'long',
      },
    ],
  },
  {
    patch: 7,
    title: 'amdgpu registers what the CPU can reach as coherent',
    withIt:
      'A GPU that is connected to the CPU registers its memory as coherent (here the test driver stands for it): the CPU reads it in place, without a fault.',
    without:
      'Without patch 7 amdgpu registers the same memory as private (here the test driver stands for it): each page that the CPU touches comes home.',
    patches: '1-6,8-14',
    deviceWithout: 'private',
    steps: [
      ...written('buf', 4),
      TO_DEVICE,
      { op: 'read', proc: 'A', vma: 'buf' },
      { op: 'write', proc: 'A', vma: 'buf', page: 1, count: 2, value: 200 },
      { op: 'snapshot', proc: 'A', vma: 'buf', device: 0 },
    ],
  },
  {
    patch: 10,
    title: 'the test driver learns the coherent type',
    withIt:
      'The test driver moves pages in both directions and tells coherent pages of its own from those of others.',
    without:
      'Without patch 10 the kernel knows the type, but the test driver registers no memory of it: opening the device fails with ENOENT.',
    patches: '1-9,11-14',
    steps: [
      OPEN,
      ...written('buf', 2),
      TO_DEVICE,
      { op: 'snapshot', proc: 'A', vma: 'buf', device: 0 },
      { op: 'migrate_to_sys', proc: 'A', vma: 'buf', device: 0 },
    ],
    stepsWithout: [OPEN, ...written('buf', 2)],
  },
];

const both = (pair: PatchPair): Scene[] => {
  const { patch, title, steps } = pair;
  const kind = pair.deviceWithout ?? 'coherent';
  return [
    scene({ name: `patch-${patch}`, title: `Patch ${patch}: ${title}`, about: pair.withIt }, COHERENT, steps),
    scene(
      {
        name: `patch-${patch}-without`,
        title: `Without patch ${patch}: ${title}`,
        about: pair.without,
        config: { patches: pair.patches },
      },
      [{ id: 0, kind }],
      pair.stepsWithout ?? steps,
    ),
  ];
};

export const PATCH_SCENES: readonly Scene[] = PAIRS.flatMap(both);

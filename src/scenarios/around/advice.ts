// madvise on an area of which half lies on the device. Patch 4 made each kind of advice look whether a present page
// is on an LRU list at all.

import { COHERENT, type Scene, scene, written } from '../scene.ts';
import { halfOnDevice } from './half.ts';

export const aroundDontneed = scene(
  {
    name: 'around-dontneed',
    title: 'MADV_DONTNEED gives device pages back to the driver',
    about:
      'The entries go, and with them the last references: the driver has its pages back at once. The next read finds zeros in system memory.',
  },
  COHERENT,
  [
    ...halfOnDevice(4),
    { op: 'madvise', proc: 'A', vma: 'buf', page: 1, count: 2, advice: 'DONTNEED' },
    { op: 'read', proc: 'A', vma: 'buf' },
  ],
);

export const aroundFree = scene(
  {
    name: 'around-free',
    title: 'MADV_FREE cleans system pages and passes device pages over',
    about:
      'Pages that may be freed lazily lose their dirty bit and go to the list of files. A device page is on no list: it stays dirty, and its content is safe.',
  },
  COHERENT,
  [
    ...halfOnDevice(4),
    { op: 'madvise', proc: 'A', vma: 'buf', advice: 'FREE' },
    { op: 'read', proc: 'A', vma: 'buf' },
  ],
);

export const aroundCold = scene(
  {
    name: 'around-cold',
    title: 'MADV_COLD makes system pages old; device pages have no age',
    about:
      'Advice to deactivate pages clears the accessed bit and moves pages to the inactive list. Nobody reclaims device pages by age, so they are left as they are.',
  },
  COHERENT,
  [
    ...halfOnDevice(4),
    { op: 'madvise', proc: 'A', vma: 'buf', advice: 'COLD' },
    { op: 'read', proc: 'A', vma: 'buf' },
  ],
);

export const aroundPageout = scene(
  {
    name: 'around-pageout',
    title: 'MADV_PAGEOUT swaps system pages; device pages stay where they are',
    about:
      'With a swap device, advice to page out writes the system pages away and leaves swap entries. Device memory is never swapped: only its driver moves it. Reading brings the others back.',
    swap: 64,
  },
  COHERENT,
  [
    ...halfOnDevice(8),
    { op: 'madvise', proc: 'A', vma: 'buf', advice: 'PAGEOUT' },
    { op: 'read', proc: 'A', vma: 'buf' },
  ],
);

export const aroundDontfork = scene(
  {
    name: 'around-dontfork',
    title: 'MADV_DONTFORK: the child has no such area, and the parent pays nothing',
    about:
      'Without the advice fork shares device pages and write-protects them. With it the child does not get the area: reading there kills it, and the parent’s entries stay writable.',
  },
  COHERENT,
  [
    ...written('buf', 2),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
    { op: 'madvise', proc: 'A', vma: 'buf', advice: 'DONTFORK' },
    { op: 'fork', proc: 'A', child: 'B' },
    { op: 'read', proc: 'B', vma: 'buf' },
    { op: 'madvise', proc: 'A', vma: 'buf', advice: 'DOFORK' },
    { op: 'fork', proc: 'A', child: 'C' },
    { op: 'read', proc: 'C', vma: 'buf' },
  ],
);

export const ADVICE_SCENES: readonly Scene[] = [
  aroundDontneed,
  aroundFree,
  aroundCold,
  aroundPageout,
  aroundDontfork,
];

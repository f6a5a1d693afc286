// What processes do with whole areas: lock, move, protect, unmap them, and end.

import { COHERENT, type Scene, scene, written } from '../scene.ts';
import { halfOnDevice } from './half.ts';

export const aroundMlock = scene(
  {
    name: 'around-mlock',
    title: 'mlock marks system pages; reclaim never comes to a device page anyhow',
    about:
      'mlock takes pages off the lists that reclaim walks. Device pages are on none, so they are not marked and not counted. The driver can still move them.',
  },
  COHERENT,
  [
    ...halfOnDevice(4),
    { op: 'mlock', proc: 'A', vma: 'buf' },
    { op: 'migrate_to_sys', proc: 'A', vma: 'buf', page: 0, count: 1, device: 0 },
    { op: 'munlock', proc: 'A', vma: 'buf' },
  ],
);

export const aroundMremap = scene(
  {
    name: 'around-mremap',
    title: 'mremap moves the entries, not the pages',
    about:
      'The area gets another address. Entries of device pages move as they are; the device hears of it through the notifier and drops what it had mapped.',
  },
  COHERENT,
  [
    ...halfOnDevice(4),
    { op: 'dev_read', proc: 'A', vma: 'buf', device: 0 },
    { op: 'mremap', proc: 'A', vma: 'buf', to: 'moved' },
    { op: 'read', proc: 'A', vma: 'moved' },
  ],
);

export const aroundMprotect = scene(
  {
    name: 'around-mprotect',
    title: 'mprotect changes a device page’s entry like any other',
    about:
      'Read-only, the entry of a coherent page loses its write bit; a write is then SIGSEGV. Given back, the next write makes it writable again without a copy.',
  },
  COHERENT,
  [
    ...halfOnDevice(4),
    { op: 'mprotect', proc: 'A', vma: 'buf', prot: 'r' },
    { op: 'write', proc: 'A', vma: 'buf', value: 200 },
    { op: 'mprotect', proc: 'A', vma: 'buf', prot: 'rw' },
    { op: 'write', proc: 'A', vma: 'buf', value: 300 },
    { op: 'snapshot', proc: 'A', vma: 'buf', device: 0 },
  ],
);

export const aroundMunmap = scene(
  {
    name: 'around-munmap',
    title: 'munmap of the middle: one pinned device page outlives its mapping',
    about:
      'Two of four device pages are unmapped and the area falls into two. The page without a pin goes back to the driver at once, the pinned one with its last pin.',
  },
  COHERENT,
  [
    ...written('buf', 4),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
    {
      op: 'gup',
      proc: 'A',
      vma: 'buf',
      page: 2,
      count: 1,
      call: 'pin_user_pages',
      flags: ['FOLL_WRITE'],
      as: 'short',
    },
    { op: 'munmap', proc: 'A', vma: 'buf', page: 1, count: 2 },
    { op: 'unpin', proc: 'A', handle: 'short' },
  ],
);

export const aroundExit = scene(
  {
    name: 'around-exit',
    title: 'A process ends: its device pages go back, except what somebody still holds',
    about:
      'The child owns pages on the device and takes a reference on one. When it ends, all its entries go; the page that is still held comes back to the driver only when the reference is put.',
  },
  COHERENT,
  [
    { op: 'fork', proc: 'A', child: 'B' },
    { op: 'mmap', proc: 'B', vma: 'buf', pages: 3, prot: 'rw', kind: 'anon-private' },
    { op: 'write', proc: 'B', vma: 'buf', value: 100 },
    { op: 'migrate_to_dev', proc: 'B', vma: 'buf', device: 0 },
    {
      op: 'gup',
      proc: 'B',
      vma: 'buf',
      page: 0,
      count: 1,
      call: 'get_user_pages',
      flags: ['FOLL_WRITE'],
      as: 'held',
    },
    { op: 'exit', proc: 'B' },
    { op: 'put', proc: 'A', handle: 'held' },
  ],
);

export const AREA_SCENES: readonly Scene[] = [
  aroundMlock,
  aroundMremap,
  aroundMprotect,
  aroundMunmap,
  aroundExit,
];

// One scene for each of the five types of device memory: the same questions, and the kernel's own answers.

import type { Scenario, Step, StepOf } from '../core/uapi/scenario.ts';
import { COHERENT, type Scene, scene, written } from './scene.ts';

const gup = (as: string, flags: StepOf<'gup'>['flags']): Step => ({
  op: 'gup',
  proc: 'A',
  vma: 'buf',
  page: 0,
  count: 1,
  call: 'pin_user_pages',
  flags,
  as,
});
const short = gup('short', ['FOLL_WRITE']);
const long = gup('long', ['FOLL_WRITE', 'FOLL_LONGTERM']);
const unpin = (handle: string): Step => ({ op: 'unpin', proc: 'A', handle });

const PRIVATE: Scenario['devices'] = [{ id: 0, kind: 'private' }];
const mapped = (kind: 'fsdax' | 'devdax' | 'p2pdma'): Scenario['devices'] => [
  { id: 0, kind: 'coherent' },
  { id: 1, kind },
];
const mapFile = (pages: number, vma = 'buf'): Step => ({
  op: 'mmap',
  proc: 'A',
  vma,
  pages,
  prot: 'rw',
  kind: 'file-shared',
  device: 1,
});

export const typePrivate = scene(
  {
    name: 'type-private',
    title: 'PRIVATE: the CPU cannot reach it, so everything brings it home',
    about:
      'The page table holds a device-private entry, which is not present. A pin of any kind faults first, and the driver migrates the page back before the pin sees it.',
  },
  PRIVATE,
  [
    ...written('buf', 2),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
    short,
    unpin('short'),
    { op: 'read', proc: 'A', vma: 'buf' },
  ],
);

export const typeCoherent = scene(
  {
    name: 'type-coherent',
    title: 'COHERENT: used in place, pinned in place for short, brought home for long',
    about:
      'An ordinary present entry. Reading and short pins leave the page on the device; a long-term pin migrates it first, because its driver must be able to take it back.',
  },
  COHERENT,
  [
    ...written('buf', 2),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
    { op: 'read', proc: 'A', vma: 'buf' },
    short,
    unpin('short'),
    long,
    unpin('long'),
  ],
);

export const typeFsDax = scene(
  {
    name: 'type-fs-dax',
    title: 'FS_DAX: a file that is memory; no pin may last',
    about:
      'Persistent memory with a file system: the process maps the medium itself. A short pin works, a long-term one is refused for the whole area with EOPNOTSUPP, since the file system must be able to move blocks. migrate_vma refuses the area.',
  },
  mapped('fsdax'),
  [
    mapFile(4),
    { op: 'read', proc: 'A', vma: 'buf' },
    { op: 'write', proc: 'A', vma: 'buf', value: 100 },
    short,
    unpin('short'),
    long,
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
    { op: 'munmap', proc: 'A', vma: 'buf' },
  ],
);

export const typeGeneric = scene(
  {
    name: 'type-generic',
    title: 'GENERIC: a character device over memory; pins may last',
    about:
      'Device-dax has no file system that would move anything, so a long-term pin stays in place. The mapping is shared and whole pieces of 2 MiB, or refused. migrate_vma refuses the area.',
  },
  mapped('devdax'),
  [
    mapFile(4, 'small'),
    mapFile(512),
    { op: 'write', proc: 'A', vma: 'buf', page: 0, count: 4, value: 100 },
    short,
    unpin('short'),
    long,
    { op: 'munmap', proc: 'A', vma: 'buf' },
    unpin('long'),
  ],
);

export const typeP2pdma = scene(
  {
    name: 'type-p2pdma',
    title: 'PCI_P2PDMA: only other devices reach it',
    about:
      'A PCI device offers its memory to its peers. In 6.1 no file of it can be opened, so no process maps it and no pin can name it; all its pages wait with one reference.',
  },
  mapped('p2pdma'),
  [mapFile(4), ...written('buf', 1), long, unpin('long')],
);

export const TYPE_SCENES: readonly Scene[] = [typePrivate, typeCoherent, typeFsDax, typeGeneric, typeP2pdma];

// Who pins in real life: the same four pages in VRAM, and each subsystem's own call.

import { movesPages, type Pinner, PINNERS } from '../core/uapi/pinners.ts';
import type { Step } from '../core/uapi/scenario.ts';
import { gpu, gpuRead, prefetch, writtenBy } from './gpu-steps.ts';
import { COHERENT, type Scene, scene, TWO_COHERENT, written } from './scene.ts';

const release = ({ call }: Pinner, handle = 'held'): Step => ({
  op: call.startsWith('pin') ? 'unpin' : 'put',
  proc: 'A',
  handle,
});

/** What a subsystem does to the pages of `buf`. */
const takes = ({ call, flags }: Pinner, as = 'held'): Step => ({
  op: 'gup',
  proc: 'A',
  vma: 'buf',
  call,
  flags: [...flags],
  as,
});

const ALL: readonly Pinner[] = Object.values(PINNERS);

const PINNING: readonly Scene[] = ALL.map((pinner) =>
  scene(
    {
      name: `pins-${pinner.name}`,
      title: pinner.user,
      about: `\`${pinner.fn}\` in \`${pinner.file}\` calls \`${pinner.call}\`${
        pinner.flags.length === 0 ? '' : ` with \`${pinner.flags.join(' | ')}\``
      } and keeps the pages ${pinner.lasts}. ${
        movesPages(pinner)
          ? 'They leave VRAM first, since the driver must be able to take VRAM back; afterwards the GPU reaches them over the link.'
          : 'They stay in VRAM.'
      } ${pinner.limit}`,
      gpu: gpu(),
    },
    COHERENT,
    [...writtenBy('A', 4), prefetch(0), takes(pinner), gpuRead(0), release(pinner), prefetch(0)],
  ),
);

/** Those that come first hold the pages for a moment, those that come last keep them. */
const ONE_AFTER_THE_OTHER: readonly Pinner[] = [
  PINNERS.oDirect,
  PINNERS.processVm,
  PINNERS.ioUring,
  PINNERS.rdma,
];

const TOGETHER: Scene = scene(
  {
    name: 'pins-together',
    title: 'Four subsystems take the same four pages',
    about:
      'A read with `O_DIRECT` and `process_vm_readv` take the pages where they are, in VRAM, and let go. For io_uring they go to system memory first; RDMA then finds them there, and nothing moves: two pins on each page, 2 x 1,024.',
    gpu: gpu(),
  },
  COHERENT,
  [
    ...writtenBy('A', 4),
    prefetch(0),
    ...ONE_AFTER_THE_OTHER.flatMap((pinner): Step[] =>
      movesPages(pinner)
        ? [takes(pinner, pinner.name)]
        : [takes(pinner, pinner.name), release(pinner, pinner.name)],
    ),
  ],
);

/** One that needs no reference, beside those that do. Device 1 stands for the network card. */
const MIRRORING: Scene = scene(
  {
    name: 'mirrors-odp',
    title: 'RDMA on demand paging holds nothing',
    about:
      '`ib_umem_odp_map_dma_and_lock` in `drivers/infiniband/core/umem_odp.c` calls `hmm_range_fault` and takes no reference: the pages stay in VRAM, and a notifier empties the table of the card before they move. Device 1 of the kernel’s own test driver does the same here.',
  },
  TWO_COHERENT,
  [
    ...written('buf', 4),
    { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
    { op: 'dev_read', proc: 'A', vma: 'buf', device: 1 },
    { op: 'migrate_to_sys', proc: 'A', vma: 'buf', device: 0 },
    { op: 'dev_read', proc: 'A', vma: 'buf', device: 1 },
  ],
);

export const PINNER_SCENES: readonly Scene[] = [...PINNING, TOGETHER, MIRRORING];

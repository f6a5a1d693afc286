// Who pins in real life: the same four pages in VRAM, and each subsystem's own call.

import { movesPages, type Pinner, PINNERS } from '../core/uapi/pinners.ts';
import type { Step } from '../core/uapi/scenario.ts';
import { gpu, gpuRead, prefetch, writtenBy } from './gpu-steps.ts';
import { COHERENT, type Scene, scene } from './scene.ts';

const release = ({ call }: Pinner): Step => ({
  op: call.startsWith('pin') ? 'unpin' : 'put',
  proc: 'A',
  handle: 'held',
});

/** What a subsystem does to the pages of `buf`. */
const takes = ({ call, flags }: Pinner): Step => ({
  op: 'gup',
  proc: 'A',
  vma: 'buf',
  call,
  flags: [...flags],
  as: 'held',
});

const ALL: readonly Pinner[] = Object.values(PINNERS);

export const PINNER_SCENES: readonly Scene[] = ALL.map((pinner) =>
  scene(
    {
      name: `pins-${pinner.name}`,
      title: pinner.user,
      about: `\`${pinner.fn}\` in \`${pinner.file}\` calls \`${pinner.call}\`${
        pinner.flags.length === 0 ? '' : ` with \`${pinner.flags.join(' | ')}\``
      } and keeps the pages ${pinner.lasts}. ${
        movesPages(pinner)
          ? 'They leave VRAM first; afterwards the GPU reaches them over the link.'
          : 'They stay in VRAM.'
      }`,
      gpu: gpu(),
    },
    COHERENT,
    [...writtenBy('A', 4), prefetch(0), takes(pinner), gpuRead(0), release(pinner), prefetch(0)],
  ),
);

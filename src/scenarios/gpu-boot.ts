// Where VRAM comes from: the firmware's map, what the kernel makes of it, and the driver that registers it.

import type { Step } from '../core/uapi/scenario.ts';
import { gpu, gpuRead, prefetch, writtenBy } from './gpu-steps.ts';
import { LAB_GPUS } from './lab-node.ts';
import { COHERENT, COHERENT_AND_PRIVATE, type Scene, scene, TWO_COHERENT } from './scene.ts';

/** A boot in steps. */
export const BOOT: Step[] = (['efi', 'e820', 'memblock', 'init'] as const).map((stage) => ({
  op: 'boot',
  proc: 'kernel',
  stage,
}));
export const probe = (device: number, aperture: { start?: number; pages?: number } = {}): Step => ({
  op: 'probe',
  proc: 'kernel',
  device,
  ...aperture,
});
/** Frames of the teaching machine. */
const RAM = 0x101000;
const DEVICE_0 = 0x200000;
const DEVICE_1 = 0x201000;

export const GPU_BOOT_SCENES: readonly Scene[] = [
  scene(
    {
      name: 'spm-honoured',
      title: 'Firmware says: for a device',
      about:
        'The memory of four GPUs on a coherent link stands in the map of the firmware with `EFI_MEMORY_SP`. The kernel keeps it aside, and the driver registers that of the first: 1 GiB of system memory for the `struct page`s of 64 GiB.',
      machine: 'lab-node',
      gpu: gpu({ coldBoot: true }),
    },
    LAB_GPUS,
    [...BOOT, probe(0), ...writtenBy('A', 4), prefetch(0), gpuRead(0)],
  ),
  scene(
    {
      name: 'spm-ignored',
      title: 'With efi=nosoftreserve VRAM becomes plain RAM',
      about:
        'The attribute is not looked at: the memory of the GPUs becomes ordinary memory, 768 GiB in place of 512, and the driver is refused with `-ENXIO`. The GPU works, but not as a part of the address space.',
      machine: 'lab-node',
      gpu: gpu({ coldBoot: true, softReserve: false }),
    },
    LAB_GPUS,
    [...BOOT, probe(0), ...writtenBy('A', 4), prefetch(0)],
  ),
  scene(
    {
      name: 'private-and-coherent',
      title: 'A real range and an invented one',
      about:
        'GPU 0 hangs on a coherent link: its memory is registered where it is. GPU 1 does not: the kernel looks for a hole, from the top of the physical addresses down, where nothing answers.',
      gpu: gpu({ coldBoot: true }),
    },
    COHERENT_AND_PRIVATE,
    [...BOOT, probe(0), probe(1), ...writtenBy('A', 4), prefetch(0), prefetch(1)],
  ),
  scene(
    {
      name: 'aperture-refused',
      title: 'Apertures that the kernel refuses',
      about:
        'GPU 1 says that its memory is somewhere else. Over RAM: `-ENXIO`. Over the memory of GPU 0: `-ENOMEM`. Not on a border of 2 MiB, or beyond 64 TiB: `-EINVAL`. Each time the driver goes on without shared memory.',
      gpu: gpu({ coldBoot: true }),
    },
    TWO_COHERENT,
    [
      ...BOOT,
      probe(0),
      ...[
        { start: RAM },
        { start: DEVICE_0 },
        { start: DEVICE_1 + 3 },
        { start: 2 ** 34 - 2048 },
        {},
      ].flatMap((aperture): Step[] => [probe(1, aperture), { op: 'unbind', proc: 'kernel', device: 1 }]),
    ],
  ),
  scene(
    {
      name: 'driver-leaves',
      title: 'The driver waits for the last page',
      about:
        'The driver is to let go of its GPU while a process has pages there. It waits; when the process unmaps them, the last page is free, and the registration ends.',
      gpu: gpu(),
    },
    COHERENT,
    [
      ...writtenBy('A', 4),
      prefetch(0),
      {
        op: 'concurrent',
        proc: 'A',
        seed: 1,
        steps: [
          { op: 'unbind', proc: 'kernel', device: 0 },
          { op: 'munmap', proc: 'A', vma: 'buf' },
        ],
      },
    ],
  ),
];

// Brings a machine up: free memory, the zero page, the huge page pool, the test driver's devices, process A.

import { type Aperture, amdgpuProbe } from '../kernel/drivers/amdgpu-device.ts';
import { loadAmdgpu } from '../kernel/drivers/amdgpu-driver.ts';
import { devDaxProbe, pmemAttach } from '../kernel/drivers/dax.ts';
import { pciP2pdmaAddResource } from '../kernel/drivers/p2pdma.ts';
import { dmirrorDeviceInit } from '../kernel/drivers/test-hmm.ts';
import { e820MemblockSetup, exitBoot, memblockFreeAll, setupE820 } from '../kernel/mm/e820.ts';
import { createMm } from '../kernel/mm/fork.ts';
import { hugetlbInit } from '../kernel/mm/hugetlb-pool.ts';
import { freeAllBootMemory } from '../kernel/mm/page-alloc.ts';
import { swapon } from '../kernel/mm/swapfile.ts';
import { setFlags, setPageCount } from '../kernel/mm/page-ref.ts';
import { Machine } from '../machine/machine.ts';
import { BOOT_STAGES_LEFT } from '../machine/scalars.ts';
import type {
  DeviceConfig,
  DeviceKind,
  KernelConfig,
  MachineConfig,
  MappedMemoryConfig,
} from '../uapi/config.ts';
import { BOOT_STAGES, type BootStage } from '../uapi/scenario.ts';
import { errnoName } from '../uapi/errno.ts';
import { checkPatches, hasPatch } from '../uapi/patches.ts';
import { PG_reserved } from '../uapi/page-flags.ts';

/** The zero page lies in the kernel's own memory. */
const placeZeroPage = (m: Machine): void => {
  const { ranges, gigantic } = m.config;
  const own = ranges.filter(({ reserved, start }) => reserved !== undefined && !gigantic.includes(start));
  const kernel = own.at(-1);
  if (kernel === undefined) throw new Error('the machine has no memory for the kernel itself');
  m.zeroPfn = kernel.start + 1;
  setPageCount(m, m.zeroPfn, 1, 'kernel');
  setFlags(m, m.zeroPfn, PG_reserved);
};

/**
 * Coherent devices exist once the test driver knows the type: patches 3 and 8 to 10. Private ones are refused by
 * memremap_pages without CONFIG_DEVICE_PRIVATE, and then the driver has none.
 */
const driverHas = (kernel: KernelConfig, kind: DeviceKind): boolean =>
  kind === 'private'
    ? kernel.CONFIG_DEVICE_PRIVATE
    : ([3, 8, 9, 10] as const).every((number) => hasPatch(kernel, number));

/** @returns id of what the driver has made, or -errno of memremap_pages */
const probe = (m: Machine, { kind, start, pages: npages, node }: MappedMemoryConfig): number => {
  switch (kind) {
    case 'fsdax':
      return pmemAttach(m, { start, npages, node });
    case 'devdax':
      return devDaxProbe(m, { start, npages, node });
    case 'p2pdma':
      return pciP2pdmaAddResource(m, start, npages, node);
  }
};

/** Memory, pools, and the first process. */
const initSystem = (m: Machine): void => {
  freeAllBootMemory(m);
  placeZeroPage(m);
  hugetlbInit(m);
  swapon(m);
};

/**
 * Where the kernel finds a GPU's memory; a private one's is as large as the aperture would be.
 *
 * Ours: what the firmware and the GPU's own registers say.
 */
export const apertureOf = ({ start, pages }: DeviceConfig): Aperture => ({ start, pages });

/** Loads the driver of the machine's devices, and lets it find them. @throws Error when one cannot be registered */
const probeDevices = (m: Machine): void => {
  const { devices, gpu } = m.config;
  if (gpu !== undefined) {
    // a GPU whose memory cannot be registered works without shared virtual memory
    for (const device of devices) amdgpuProbe(m, device, gpu.model, apertureOf(device));
    return;
  }
  for (const device of devices) {
    if (!driverHas(m.kernel, device.kind)) continue;
    const registered = dmirrorDeviceInit(m, device);
    if (typeof registered === 'number') {
      throw new Error(`device ${device.id} cannot register its memory: ${errnoName(registered)}`);
    }
  }
};

/**
 * One stage of a boot in steps.
 *
 * Ours: the stages in which a person can follow where memory comes from.
 */
export const bootStage = (m: Machine, stage: BootStage): void => {
  switch (stage) {
    case 'efi':
      exitBoot(m);
      return;
    case 'e820':
      setupE820(m);
      return;
    case 'memblock':
      e820MemblockSetup(m);
      return;
    case 'init':
      memblockFreeAll(m, () => initSystem(m));
      createMm(m, 'A');
      return;
  }
};

/**
 * Ours: stands for everything between firmware and the first program. A machine with `coldBoot` is only switched on.
 *
 * @throws PatchSetError when the kernel could not be built
 * @throws Error when a device of the configuration cannot be registered
 */
export const bootMachine = (config: MachineConfig, kernel: KernelConfig): Machine => {
  checkPatches(kernel.patches);
  const m = new Machine(config, kernel);
  if (config.gpu !== undefined) loadAmdgpu(m);
  if (config.gpu?.coldBoot === true) {
    m.scalars.set(BOOT_STAGES_LEFT, BOOT_STAGES.length);
  } else {
    initSystem(m);
    probeDevices(m);
    for (const memory of config.mappedMemory ?? []) {
      const err = probe(m, memory);
      if (err < 0) throw new RangeError(`device ${memory.id} cannot register its memory: ${errnoName(err)}`);
    }
    createMm(m, 'A');
  }
  m.journal.commit();
  return m;
};

// Brings a machine up: free memory, the zero page, the huge page pool, the test driver's devices, process A.

import { devDaxProbe, pmemAttach } from '../kernel/drivers/dax.ts';
import { pciP2pdmaAddResource } from '../kernel/drivers/p2pdma.ts';
import { dmirrorDeviceInit } from '../kernel/drivers/test-hmm.ts';
import { createMm } from '../kernel/mm/fork.ts';
import { hugetlbInit } from '../kernel/mm/hugetlb-pool.ts';
import { freeAllBootMemory } from '../kernel/mm/page-alloc.ts';
import { swapon } from '../kernel/mm/swapfile.ts';
import { setFlags, setPageCount } from '../kernel/mm/page-ref.ts';
import { Machine } from '../machine/machine.ts';
import type { DeviceKind, KernelConfig, MachineConfig, MappedMemoryConfig } from '../uapi/config.ts';
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

/**
 * Ours: stands for everything between firmware and the first program.
 *
 * @throws PatchSetError when the kernel could not be built
 * @throws Error when a device of the configuration cannot be registered
 */
export const bootMachine = (config: MachineConfig, kernel: KernelConfig): Machine => {
  checkPatches(kernel.patches);
  const m = new Machine(config, kernel);
  freeAllBootMemory(m);
  placeZeroPage(m);
  hugetlbInit(m);
  swapon(m);
  for (const device of config.devices) {
    if (!driverHas(kernel, device.kind)) continue;
    const registered = dmirrorDeviceInit(m, device);
    if (typeof registered === 'number') {
      throw new Error(`device ${device.id} cannot register its memory: ${errnoName(registered)}`);
    }
  }
  for (const memory of config.mappedMemory ?? []) {
    const err = probe(m, memory);
    if (err < 0) throw new RangeError(`device ${memory.id} cannot register its memory: ${errnoName(err)}`);
  }
  createMm(m, 'A');
  m.journal.commit();
  return m;
};

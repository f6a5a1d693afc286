// drivers/pci/p2pdma.c: memory of a PCI device that other devices may reach. In 6.1 no program maps it.

import type { Machine } from '../../machine/machine.ts';
import type { Pfn } from '../../uapi/units.ts';
import { memremapPages } from '../mm/memremap.ts';

/**
 * Registers a BAR for transfers between devices.
 *
 * Kernel: `drivers/pci/p2pdma.c: pci_p2pdma_add_resource`
 *
 * @returns id of the pgmap, or -errno of memremap_pages
 */
export const pciP2pdmaAddResource = (m: Machine, start: Pfn, npages: number, node: number): number =>
  memremapPages(m, {
    type: 'MEMORY_DEVICE_PCI_P2PDMA',
    start,
    end: start + npages,
    node,
    owner: 0,
    ops: {},
  });

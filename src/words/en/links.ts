// What lies between two memories, in two or three words.

import type { LinkName } from '../../core/uapi/cost-model.ts';

const LINK_NAMES: Readonly<Record<LinkName, string>> = {
  hbm: 'VRAM itself',
  'if.cpu_gpu': 'xGMI (CPU–GPU)',
  'if.gcd_pair': 'xGMI in the package',
  'if.gcd_remote': 'xGMI to another package',
  'ddr.socket': 'memory of the socket',
  'ddr.numa': 'memory of the nodes',
  pcie4x16: 'PCIe 4 x16',
  pcie3x16: 'PCIe 3 x16',
  'generic.coherent': 'coherent link',
};

/** `none`: the devices of the kernel's test driver are a part of RAM, no link leads to them. */
export const linkName = (link: LinkName | 'none'): string =>
  link === 'none' ? 'CPU copies' : LINK_NAMES[link];

/** The same behind a verb: `4 pages over PCIe 4 x16`. */
export const overLink = (link: LinkName | 'none'): string =>
  link === 'none' ? 'by the CPU' : `over ${LINK_NAMES[link]}`;

// Which link bytes take from one memory of a machine to another.

import type { LinkName } from '../core/uapi/cost-model.ts';
import type { MachineInfo } from '../worker/protocol.ts';

/**
 * As the costs count it.
 *
 * @param from - device, or -1: system memory
 * @returns `none`: a device of the kernel's test driver, whose memory is a part of RAM
 */
export const linkBetween = (links: MachineInfo['links'], from: number, to: number): LinkName | 'none' => {
  if (from < 0 && to < 0) return 'ddr.numa';
  if (from === to) return links.length === 0 ? 'none' : 'hbm';
  const isIt = (one: number, other: number): boolean => one === from && other === to;
  return links.find((link) => isIt(link.from, link.to) || isIt(link.to, link.from))?.link ?? 'none';
};

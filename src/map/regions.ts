// Parts of memory that have a name: zones, CMA areas, what the kernel keeps for itself, memory of devices.

import type { MachineInfo, RangeInfo } from '../store/views.ts';
import { formatBytes, formatHex } from '../ui/format.ts';
import { PAGE_SIZE_BYTES, pfnToPhysBytes } from '../core/uapi/units.ts';

/** How the firmware lists a range. */
const firmwareName = ({ id, kind }: RangeInfo): string => {
  switch (kind) {
    case 'ram':
      return 'System RAM';
    case 'coherent':
      return 'Soft Reserved';
    case 'private':
      return 'not in the map';
    case 'fsdax':
    case 'devdax':
      return 'Persistent Memory';
    case 'p2pdma':
      return 'PCI BAR';
    case 'mmio':
      return id.startsWith('soft-reserved') ? 'Soft Reserved' : 'MMIO hole';
  }
};

/** A name short enough for a map: `Normal`, `CMA`, `kernel image`. */
export const regionName = ({ kind, zone, cma, reserved, device }: RangeInfo): string => {
  if (reserved !== '') return reserved;
  if (kind === 'coherent' || kind === 'private') return `device ${device}`;
  if (kind === 'mmio') return 'hole';
  if (kind !== 'ram') return kind;
  return cma ? 'CMA' : zone;
};

const BRIEF_RESERVED: readonly (readonly [start: string, brief: string])[] = [
  ['firmware', 'FW'],
  ['kernel image', 'kernel'],
  ['struct pages', 'memmap'],
];

/** The same for where even that is too long: `kernel`, `D0` for device 0, `N1` as in numa_maps; itself where none is shorter. */
export const regionBrief = (range: RangeInfo): string => {
  const { kind, reserved, zone, cma, node, device } = range;
  if (reserved !== '') return BRIEF_RESERVED.find(([start]) => reserved.startsWith(start))?.[1] ?? reserved;
  if (kind === 'coherent' || kind === 'private') return `D${device}`;
  return kind === 'ram' && zone === 'Normal' && !cma ? `N${node}` : regionName(range);
};

/** All of it in a line: `System RAM, zone Normal, node 0, 1 GiB from 0x100000000`. */
export const regionText = (range: RangeInfo): string => {
  const { kind, zone, cma, reserved, node, start, npages, device } = range;
  const parts = [firmwareName(range)];
  if (kind === 'ram') parts.push(`zone ${zone}${cma ? ', a CMA area' : ''}`);
  if (kind !== 'ram' && kind !== 'mmio') parts.push(`${kind} memory of device ${device}`);
  if (reserved !== '') parts.push(`reserved: ${reserved}`);
  if (kind !== 'mmio') parts.push(`node ${node}`);
  parts.push(`${formatBytes(npages * PAGE_SIZE_BYTES)} from ${formatHex(pfnToPhysBytes(start))}`);
  return parts.join(', ');
};

export interface Region {
  readonly range: RangeInfo;
  readonly name: string;
  readonly brief: string;
  readonly text: string;
  /** Part of the strip: by the logarithm, so that what is small can be seen and hit. */
  readonly share: number;
}

/** A part this many times smaller than what it lies before is no part of its own. */
const BESIDE = 32;

/** Whether what the kernel keeps is a small beginning of a range that it hands out. */
const beginsIn = (kept: RangeInfo, range: RangeInfo | undefined): range is RangeInfo =>
  kept.reserved !== '' &&
  range !== undefined &&
  range.reserved === '' &&
  range.kind === kept.kind &&
  range.zone === kept.zone &&
  range.node === kept.node &&
  range.start === kept.start + kept.npages &&
  range.npages >= kept.npages * BESIDE;

const regionOf = (range: RangeInfo, text = regionText(range)): Region => ({
  range,
  name: regionName(range),
  brief: regionBrief(range),
  text,
  share: Math.log2(range.npages + 1),
});

/** Ranges of the machine by address; small holes between them are not drawn, small beginnings are told in words. */
export const regionsOf = ({ ranges }: Pick<MachineInfo, 'ranges'>): Region[] =>
  ranges.flatMap((range, i) => {
    const [before, after] = [ranges[i - 1], ranges[i + 1]];
    if (beginsIn(range, after)) return [];
    if (before === undefined || !beginsIn(before, range)) return [regionOf(range)];
    const whole = { ...range, start: before.start, npages: before.npages + range.npages };
    const kept = `${formatBytes(before.npages * PAGE_SIZE_BYTES)} of it reserved: ${before.reserved}`;
    return [regionOf(whole, `${regionText(whole)}, ${kept}`)];
  });

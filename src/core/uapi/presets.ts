// The machines on offer. Positions marked "chosen" are ours; sizes are those of the real thing.

import type {
  DeviceConfig,
  DeviceKind,
  GpuSetup,
  MachineConfig,
  MappedMemoryConfig,
  MappedMemoryKind,
  MachinePresetName,
  MemoryRange,
  ZoneName,
} from './config.ts';
import { GIB_PAGES, gibToPages, memmapPages, mibToPages, PAGES_PER_SECTION, type Pfn } from './units.ts';

/** Top of the physical address space with 46 bits: private memory is placed below it, downwards. */
const PHYS_TOP_PFN = 2 ** 34;
const DEVMEM_CHUNK_PAGES = mibToPages(256);

export interface DeviceRequest {
  readonly id: number;
  readonly kind: DeviceKind;
  readonly pages?: number | undefined;
}

/** A device of a scenario, whichever driver it belongs to. */
export type ScenarioDevice = Omit<DeviceRequest, 'kind'> & { readonly kind: DeviceKind | MappedMemoryKind };

const GUEST_COHERENT_STARTS: readonly Pfn[] = [mibToPages(1536 - 256), mibToPages(1536 - 512)];

export const GUEST_DEVICES: readonly DeviceRequest[] = [
  { id: 0, kind: 'coherent' },
  { id: 1, kind: 'coherent' },
  { id: 2, kind: 'private' },
  { id: 3, kind: 'private' },
];

const ram = (
  start: Pfn,
  end: Pfn,
  zone: ZoneName,
  node = 0,
  extra: Partial<MemoryRange> = {},
): MemoryRange => ({
  start,
  end,
  kind: 'ram',
  node,
  zone,
  ...extra,
});

/** Private memory lies where no device answers: from the top of the physical space down, whole sections. */
const placeDevices = (
  requests: readonly DeviceRequest[],
  coherentStarts: readonly Pfn[],
  defaultPages: number,
  nodeOf: (index: number) => number,
  privateStep = 1,
): DeviceConfig[] => {
  let coherent = 0;
  let privateTop = PHYS_TOP_PFN;
  return requests.map((request, index) => {
    const pages = request.pages ?? defaultPages;
    if (request.kind === 'coherent') {
      const start = coherentStarts[coherent++];
      if (start === undefined)
        throw new RangeError(`the machine has ${coherentStarts.length} coherent devices`);
      return { id: request.id, kind: request.kind, pages, start, node: nodeOf(index) };
    }
    privateTop -= Math.ceil(pages / privateStep) * privateStep;
    return { id: request.id, kind: request.kind, pages, start: privateTop, node: nodeOf(index) };
  });
};

const softReserved = (devices: readonly DeviceConfig[]): MemoryRange[] =>
  devices
    .filter((device) => device.kind === 'coherent')
    .map((device) => ({
      start: device.start,
      end: device.start + device.pages,
      kind: 'soft-reserved' as const,
      node: device.node,
      device: `device ${device.id}`,
    }));

const byStart = (ranges: readonly MemoryRange[]): MemoryRange[] =>
  [...ranges].sort((a, b) => a.start - b.start);

/** The guest in which the recordings were made: 2 GiB, of which 2 x 256 MiB are soft reserved; one CPU. */
const guest = (
  preset: 'guest' | 'guest-movable' | 'guest-cma',
  requests: readonly DeviceRequest[],
): MachineConfig => {
  const devices = placeDevices(requests, GUEST_COHERENT_STARTS, DEVMEM_CHUNK_PAGES, () => 0);
  const low = mibToPages(16);
  const spm = mibToPages(1024);
  const high = mibToPages(1536);
  const top = mibToPages(2048);
  const kernelEnd = mibToPages(64);
  const base: MemoryRange[] = [
    ram(0, 256, 'DMA', 0, { reserved: 'firmware and boot data' }),
    ram(256, low, 'DMA'),
    ram(low, kernelEnd, 'DMA32', 0, { reserved: 'kernel image and struct pages' }),
  ];
  let rest: MemoryRange[];
  if (preset === 'guest-movable') {
    // movablecore: the top 768 MiB of RAM; 512 MiB of it above the devices, 256 MiB below
    const border = spm - mibToPages(256);
    rest = [ram(kernelEnd, border, 'DMA32'), ram(border, spm, 'Movable'), ram(high, top, 'Movable')];
  } else if (preset === 'guest-cma') {
    // cma=896M: 512 MiB above the devices, 384 MiB below
    const border = spm - mibToPages(384);
    rest = [
      ram(kernelEnd, border, 'DMA32'),
      ram(border, spm, 'DMA32', 0, { cma: true }),
      ram(high, top, 'DMA32', 0, { cma: true }),
    ];
  } else {
    rest = [ram(kernelEnd, spm, 'DMA32'), ram(high, top, 'DMA32')];
  }
  const titles = {
    guest: 'Recording guest, 2 GiB',
    'guest-movable': 'Recording guest, 768 MiB ZONE_MOVABLE',
    'guest-cma': 'Recording guest, 896 MiB CMA',
  };
  return {
    preset,
    title: titles[preset],
    cpus: 1,
    ranges: byStart([...base, ...rest, ...softReserved(devices)]),
    devices,
    hugetlbPages: 4,
    gigantic: [],
    swapPages: 0,
  };
};

const TEACHING_DEVICES = 2;
const TEACHING_DEVICE_PAGES = mibToPages(16);

/** 64 MiB of RAM and two devices of 16 MiB: small enough to see every frame. Positions and zones are chosen. */
const teaching = (requests: readonly DeviceRequest[], gpu: GpuSetup | undefined): MachineConfig => {
  const base = gibToPages(4);
  const deviceBase = gibToPages(8);
  const starts = Array.from({ length: TEACHING_DEVICES }, (_, i) => deviceBase + i * TEACHING_DEVICE_PAGES);
  const devices = placeDevices(requests, starts, TEACHING_DEVICE_PAGES, () => 0, privateStepOf(gpu));
  return {
    preset: 'teaching',
    title: 'Teaching machine, 64 MiB + 2 x 16 MiB',
    cpus: 2,
    ranges: byStart([
      ram(base, base + mibToPages(4), 'Normal', 0, { reserved: 'kernel image and struct pages' }),
      ram(base + mibToPages(4), base + mibToPages(32), 'Normal'),
      ram(base + mibToPages(32), base + mibToPages(48), 'Normal', 0, { cma: true }),
      ram(base + mibToPages(48), base + mibToPages(64), 'Movable'),
      ...softReserved(devices),
    ]),
    devices,
    hugetlbPages: 2,
    gigantic: [],
    swapPages: 0,
  };
};

/** Real drivers let the kernel choose a place for private memory, in whole sections; see get_free_mem_region. */
const privateStepOf = (gpu: GpuSetup | undefined): number => (gpu === undefined ? 1 : PAGES_PER_SECTION);

interface NodeShape {
  readonly preset: 'lab-node' | 'frontier';
  readonly title: string;
  /** NUMA node of each GPU. */
  readonly gpuNodes: readonly number[];
}

const LAB_NODE: NodeShape = {
  preset: 'lab-node',
  title: 'Lab node, 512 GiB + 4 x 64 GiB',
  gpuNodes: [0, 1, 2, 3],
};

/** Four cards of two GPUs each; which is near which NUMA domain stands in OLCF's Frontier User Guide. */
const FRONTIER: NodeShape = {
  preset: 'frontier',
  title: 'Frontier node, 512 GiB + 8 x 64 GiB',
  gpuNodes: [3, 3, 1, 1, 0, 0, 2, 2],
};

const NODE_DEVICE_PAGES = gibToPages(64);

/**
 * 512 GiB of RAM in four NUMA nodes and GPUs of 64 GiB: the test node of the series' cover letter (.5 TB of system
 * memory and 256 GB on four GPUs), and a node of Frontier. Positions are chosen. Each node holds the struct pages of
 * its own memory.
 *
 * Kernel: `mm/sparse.c: sparse_init_nid`
 */
const bigNode = (
  { preset, title, gpuNodes }: NodeShape,
  requests: readonly DeviceRequest[],
  gpu: GpuSetup | undefined,
): MachineConfig => {
  const deviceBase = gibToPages(1024);
  const starts = gpuNodes.map((_, i) => deviceBase + i * NODE_DEVICE_PAGES);
  const nodeOf = (index: number): number => gpuNodes[index % gpuNodes.length];
  const devices = placeDevices(requests, starts, NODE_DEVICE_PAGES, nodeOf, privateStepOf(gpu));
  const low = mibToPages(16);
  const holeStart = gibToPages(2);
  const holeEnd = gibToPages(4);
  const nodePages = gibToPages(128);
  // a real driver takes the struct pages of VRAM when it registers it; what is RAM after all has them from boot on
  const hasVramAtBoot = gpu === undefined || !gpu.softReserve;
  const reserved = gpu === undefined ? 'struct pages of RAM and VRAM' : 'struct pages of RAM';
  const normal = [0, 1, 2, 3].flatMap((node): MemoryRange[] => {
    // node 0 has as much below the hole as the hole is wide
    const start = node === 0 ? holeEnd : node * nodePages + holeEnd - holeStart;
    const end = (node + 1) * nodePages + holeEnd - holeStart;
    const vramPages = gpuNodes.filter((each) => each === node).length * NODE_DEVICE_PAGES;
    const memmapEnd = start + memmapPages(nodePages + (hasVramAtBoot ? vramPages : 0));
    return [ram(start, memmapEnd, 'Normal', node, { reserved }), ram(memmapEnd, end, 'Normal', node)];
  });
  return {
    preset,
    title,
    cpus: 4,
    ranges: byStart([
      ram(0, 256, 'DMA', 0, { reserved: 'firmware and boot data' }),
      ram(256, low, 'DMA'),
      ram(low, mibToPages(128), 'DMA32', 0, { reserved: 'kernel image' }),
      ram(mibToPages(128), holeStart, 'DMA32'),
      { start: holeStart, end: holeEnd, kind: 'mmio', node: 0 },
      ...normal,
      ...softReserved(devices),
    ]),
    devices,
    hugetlbPages: 0,
    gigantic: [],
    swapPages: 0,
  };
};

/** The topmost GiB of a node's memory that is still free; undefined: there is none. */
const topGib = (
  ranges: readonly MemoryRange[],
  node: number,
): { range: MemoryRange; start: Pfn } | undefined => {
  for (const range of [...ranges].reverse()) {
    const start = Math.floor(range.end / GIB_PAGES) * GIB_PAGES - GIB_PAGES;
    const free = range.kind === 'ram' && range.node === node && range.reserved === undefined;
    if (free && start >= range.start) return { range, start };
  }
  return undefined;
};

/**
 * The machine with gigantic pages set aside at boot, from the top of each node in turn (hugepagesz=1G hugepages=N).
 *
 * Kernel: `mm/hugetlb.c: __alloc_bootmem_huge_page`
 *
 * @throws RangeError when no node has a whole GiB left
 */
export const withGiganticPages = (config: MachineConfig, npages: number): MachineConfig => {
  const nodes = [...new Set(config.ranges.filter(({ zone }) => zone !== undefined).map(({ node }) => node))];
  let { ranges } = config;
  const gigantic: Pfn[] = [];
  for (let i = 0; i < npages; i++) {
    const found = nodes.map((_, k) => topGib(ranges, nodes[(i + k) % nodes.length])).find(Boolean);
    if (found === undefined) throw new RangeError(`the machine has room for ${i} gigantic pages`);
    const { range, start } = found;
    const end = start + GIB_PAGES;
    const parts = [
      { ...range, end: start },
      { ...range, start, end, reserved: 'gigantic page' },
      { ...range, start: end },
    ];
    ranges = byStart([
      ...ranges.filter((other) => other !== range),
      ...parts.filter((part) => part.start < part.end),
    ]);
    gigantic.push(start);
  }
  return { ...config, ranges, gigantic };
};

/** Without soft reservation what the firmware meant for devices is ordinary memory. Kernel: do_add_efi_memmap. */
const withoutSoftReserve = (config: MachineConfig): MachineConfig => ({
  ...config,
  ranges: config.ranges.map(({ start, end, kind, node }, i) =>
    kind === 'soft-reserved' ? ram(start, end, 'Normal', node) : config.ranges[i],
  ),
});

export const MACHINE_PRESETS: readonly MachinePresetName[] = [
  'guest',
  'guest-movable',
  'guest-cma',
  'teaching',
  'lab-node',
  'frontier',
];

/** Where memory of other drivers lies: chosen, behind everything else of the machine. */
const MAPPED_MEMORY_START: Readonly<Record<MachinePresetName, Pfn>> = {
  guest: gibToPages(4),
  'guest-movable': gibToPages(4),
  'guest-cma': gibToPages(4),
  teaching: gibToPages(12),
  'lab-node': gibToPages(2048),
  frontier: gibToPages(2048),
};
const MAPPED_MEMORY_PAGES = mibToPages(4);

const isTestDriver = (device: ScenarioDevice): device is DeviceRequest =>
  device.kind === 'coherent' || device.kind === 'private';

/** One behind the other, in whole pieces of 2 MiB as memremap_pages wants them. */
const placeMappedMemory = (devices: readonly ScenarioDevice[], base: Pfn): MappedMemoryConfig[] => {
  let start = base;
  return devices.flatMap(({ id, kind, pages = MAPPED_MEMORY_PAGES }) => {
    if (kind === 'coherent' || kind === 'private') return [];
    const placed = { id, kind, pages, start, node: 0 };
    start += Math.ceil(pages / 512) * 512;
    return [placed];
  });
};

const coherentDevices = (count: number): DeviceRequest[] =>
  Array.from({ length: count }, (_, id) => ({ id, kind: 'coherent' as const }));

/**
 * A machine with the devices that a scenario names; without a list, with all that the preset has.
 *
 * @param gpu - the devices are GPUs with a real driver; absent: the test driver's
 * @throws RangeError when the preset does not have that many coherent devices
 */
export const machinePreset = (
  preset: MachinePresetName,
  devices?: readonly ScenarioDevice[],
  gpu?: GpuSetup,
): MachineConfig => {
  const config = bareMachine(preset, devices?.filter(isTestDriver), gpu);
  if (gpu === undefined) {
    const mappedMemory = placeMappedMemory(devices ?? [], MAPPED_MEMORY_START[preset]);
    return mappedMemory.length === 0 ? config : { ...config, mappedMemory };
  }
  const whole = { ...config, gpu };
  return gpu.softReserve ? whole : withoutSoftReserve(whole);
};

/** Machines whose devices have places and sizes of their own: how many there are, counted from 0, and pages of each. */
export const FIXED_DEVICES: Readonly<
  Partial<Record<MachinePresetName, { readonly devices: number; readonly pages: number }>>
> = {
  teaching: { devices: TEACHING_DEVICES, pages: TEACHING_DEVICE_PAGES },
  'lab-node': { devices: LAB_NODE.gpuNodes.length, pages: NODE_DEVICE_PAGES },
  frontier: { devices: FRONTIER.gpuNodes.length, pages: NODE_DEVICE_PAGES },
};

const bareMachine = (
  preset: MachinePresetName,
  requests: readonly DeviceRequest[] | undefined,
  gpu: GpuSetup | undefined,
): MachineConfig => {
  const fixedSize = requests?.map(({ id, kind }) => ({ id, kind }));
  switch (preset) {
    case 'guest':
    case 'guest-movable':
    case 'guest-cma':
      return guest(preset, requests ?? GUEST_DEVICES);
    case 'teaching':
      return teaching(fixedSize ?? coherentDevices(TEACHING_DEVICES), gpu);
    case 'lab-node':
      return bigNode(LAB_NODE, fixedSize ?? coherentDevices(LAB_NODE.gpuNodes.length), gpu);
    case 'frontier':
      return bigNode(FRONTIER, fixedSize ?? coherentDevices(FRONTIER.gpuNodes.length), gpu);
  }
};

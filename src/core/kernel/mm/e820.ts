// From the firmware's map of memory to /proc/iomem: what is RAM, and what is kept for a device. arch/x86 and efi.

import type { Machine } from '../../machine/machine.ts';
import type { MachineConfig, MemoryRange } from '../../uapi/config.ts';
import { BOOT_STAGES, type BootStage } from '../../uapi/scenario.ts';
import { BOOT_STAGES_LEFT } from '../../machine/scalars.ts';
import { pfnToPhysBytes, type Pfn } from '../../uapi/units.ts';
import { atomic } from '../sched/kernel-function.ts';

/** EFI_MEMORY_SP: memory for a specific purpose. */
export const EFI_MEMORY_SP = 0x40000;
/** EFI_MEMORY_WB: can be cached. */
const EFI_MEMORY_WB = 0x8;

/** efi_memory_desc_t. */
export interface EfiMemoryDescriptor {
  readonly start: Pfn;
  readonly npages: number;
  readonly type: 'EFI_CONVENTIONAL_MEMORY' | 'EFI_BOOT_SERVICES_DATA';
  readonly attribute: number;
}

export type E820Type = 'E820_TYPE_RAM' | 'E820_TYPE_SOFT_RESERVED';

export interface E820Entry {
  readonly start: Pfn;
  readonly end: Pfn;
  readonly type: E820Type;
}

/**
 * The map that the firmware hands over: all memory is conventional, that of a device by a coherent link too.
 * Simplified: what firmware keeps for itself is not listed; nor are holes for devices, which no firmware lists.
 *
 * Ours: made from the machine's ranges.
 */
export const efiMemoryMap = ({ ranges, devices }: MachineConfig): readonly EfiMemoryDescriptor[] => {
  const special = (range: MemoryRange): boolean =>
    range.kind === 'soft-reserved' ||
    devices.some(({ kind, start }) => kind === 'coherent' && start === range.start);
  const map: EfiMemoryDescriptor[] = [];
  for (const range of ranges) {
    if (range.kind === 'mmio') continue;
    const { start } = range;
    const npages = range.end - start;
    const type = start === 0 ? 'EFI_BOOT_SERVICES_DATA' : 'EFI_CONVENTIONAL_MEMORY';
    const attribute = EFI_MEMORY_WB + (special(range) ? EFI_MEMORY_SP : 0);
    // zones, nodes and what the kernel will keep are no business of the firmware's; each device's memory is by itself
    const last = map.at(-1);
    const joins = last?.type === type && last.attribute === attribute && last.start + last.npages === start;
    if (joins && attribute === EFI_MEMORY_WB) map[map.length - 1] = { ...last, npages: last.npages + npages };
    else map.push({ start, npages, type, attribute });
  }
  return map;
};

/** Borders of what is soft reserved may mean something: each range stays by itself. Kernel: `arch/x86/kernel/e820.c: e820_nomerge` */
const e820Nomerge = (type: E820Type): boolean => type === 'E820_TYPE_SOFT_RESERVED';

/**
 * Conventional memory is RAM, unless it has EFI_MEMORY_SP and the kernel honours it. Neighbours of one type are joined by
 * the boot stub; the kernel takes the firmware's map in once more and so gets the borders of what is soft reserved back.
 *
 * Kernel: `drivers/firmware/efi/libstub/x86-stub.c: setup_e820`, `arch/x86/platform/efi/efi.c: do_add_efi_memmap`,
 * `arch/x86/kernel/e820.c: e820__update_table`
 */
export const e820Table = (
  map: readonly EfiMemoryDescriptor[],
  softReserve: boolean,
): readonly E820Entry[] => {
  const table: E820Entry[] = [];
  for (const { start, npages, attribute } of map) {
    const type: E820Type =
      softReserve && (attribute & EFI_MEMORY_SP) !== 0 ? 'E820_TYPE_SOFT_RESERVED' : 'E820_TYPE_RAM';
    const last = table.at(-1);
    const joins = last?.type === type && last.end === start && !e820Nomerge(type);
    if (joins) table[table.length - 1] = { ...last, end: start + npages };
    else table.push({ start, end: start + npages, type });
  }
  return table;
};

/** Kernel: `arch/x86/kernel/e820.c: e820_type_to_string` */
const TYPE_NAMES: Readonly<Record<E820Type, string>> = {
  E820_TYPE_RAM: 'System RAM',
  E820_TYPE_SOFT_RESERVED: 'Soft Reserved',
};

/** A line of /proc/iomem. */
export interface IomemResource {
  readonly start: Pfn;
  readonly end: Pfn;
  readonly name: string;
  readonly depth: number;
}

/** Stages of the boot that are done; a machine that was not booted in steps has all. Ours: for the scenario. */
export const bootStagesDone = (m: Machine): number => BOOT_STAGES.length - m.scalars.get(BOOT_STAGES_LEFT);

/** Kernel: `arch/x86/platform/efi/efi.c: do_efi_soft_reserve`. Ours: of a machine without a GPU too, whose guest honours it. */
const honoursSp = (m: Machine): boolean => m.config.gpu?.softReserve ?? true;

/**
 * Resources of the physical address space by address. A range that a driver let the kernel invent for private memory has
 * the name of its device; memory of a coherent one is registered inside "Soft Reserved", without a line of its own.
 *
 * Kernel: `arch/x86/kernel/e820.c: e820__reserve_resources`, `kernel/resource.c: iomem_resource`
 * Simplified: no lines for devices that are no memory, nor for the kernel's own image.
 */
export const iomemResources = (m: Machine): readonly IomemResource[] => {
  if (bootStagesDone(m) < BOOT_STAGES.indexOf('memblock') + 1) return [];
  const firmware = e820Table(efiMemoryMap(m.config), honoursSp(m)).map(
    ({ start, end, type }): IomemResource => ({ start, end, name: TYPE_NAMES[type], depth: 0 }),
  );
  const holes = m.config.ranges
    .filter(({ kind }) => kind === 'mmio')
    .map(({ start, end }): IomemResource => ({ start, end, name: 'PCI Bus 0000:00', depth: 0 }));
  const invented = m.pgmaps
    .values()
    .filter(({ type }) => type === 'MEMORY_DEVICE_PRIVATE')
    .map(({ device, start, end }): IomemResource => {
      const configId = m.devices.find(device)?.configId ?? 0;
      return { start, end, name: deviceName(m, configId), depth: 0 };
    });
  return [...firmware, ...holes, ...invented].sort((a, b) => a.start - b.start);
};

/** PCI address of a GPU, chosen; the test driver's devices have the names that it gives them. */
const deviceName = (m: Machine, configId: number): string =>
  m.config.gpu === undefined ? `hmm_dmirror${configId}` : `0000:${(0xc1 + configId * 4).toString(16)}:00.0`;

const hexAddress = (bytes: number): string => bytes.toString(16).padStart(8, '0');

/**
 * /proc/iomem as root reads it.
 *
 * Kernel: `kernel/resource.c: r_show`
 */
export const iomemText = (m: Machine): string =>
  iomemResources(m)
    .map(
      ({ start, end, name, depth }) =>
        `${' '.repeat(depth * 2)}${hexAddress(pfnToPhysBytes(start))}-${hexAddress(pfnToPhysBytes(end) - 1)} : ${name}\n`,
    )
    .join('');

const pagesOf = (table: readonly E820Entry[], type: E820Type): number =>
  table.filter((entry) => entry.type === type).reduce((sum, { start, end }) => sum + end - start, 0);

const advance = (m: Machine): void => m.scalars.set(BOOT_STAGES_LEFT, m.scalars.get(BOOT_STAGES_LEFT) - 1);

/** The boot stub reads the firmware's map. Kernel: `drivers/firmware/efi/libstub/x86-stub.c: exit_boot` */
export const exitBoot = atomic('exit_boot', (m): void => {
  const map = efiMemoryMap(m.config);
  const special = map.filter(({ attribute }) => (attribute & EFI_MEMORY_SP) !== 0);
  m.trace.decide(
    'boot.efi-map',
    map.length,
    special.length,
    special.reduce((sum, { npages }) => sum + npages, 0),
  );
  advance(m);
});

/** Kernel: `drivers/firmware/efi/libstub/x86-stub.c: setup_e820` */
export const setupE820 = atomic('setup_e820', (m): void => {
  const table = e820Table(efiMemoryMap(m.config), honoursSp(m));
  m.trace.decide('boot.e820', pagesOf(table, 'E820_TYPE_RAM'), pagesOf(table, 'E820_TYPE_SOFT_RESERVED'));
  advance(m);
});

/** RAM becomes memory of the system; what is soft reserved is only reserved. Kernel: `arch/x86/kernel/e820.c: e820__memblock_setup` */
export const e820MemblockSetup = atomic('e820__memblock_setup', (m): void => {
  const table = e820Table(efiMemoryMap(m.config), honoursSp(m));
  m.trace.decide('boot.memblock', table.length, pagesOf(table, 'E820_TYPE_SOFT_RESERVED'));
  advance(m);
});

/** The allocator gets its pages. Kernel: `mm/memblock.c: memblock_free_all`. Ours: `freeAll` does it. */
export const memblockFreeAll = atomic('memblock_free_all', (m, freeAll: () => void): void => {
  freeAll();
  m.trace.decide(
    'boot.free-memory',
    m.zones.reduce((sum, zone) => sum + zone.managedPages, 0),
  );
  advance(m);
});

/** The stage that comes next in a boot in steps; undefined: the system runs. Ours: for the scenario. */
export const nextBootStage = (m: Machine): BootStage | undefined => BOOT_STAGES[bootStagesDone(m)];

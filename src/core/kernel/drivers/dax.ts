// drivers/dax/device.c and drivers/nvdimm/pmem.c: device memory that programs map as files, as GENERIC or as FS_DAX.

import type { Area, Mm, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import { EINVAL } from '../../uapi/errno.ts';
import { type Pfn, PAGEBLOCK_NR_PAGES } from '../../uapi/units.ts';
import { VM_HUGEPAGE, VM_WRITENOTIFY } from '../../uapi/vm-flags.ts';
import { newAddressSpace } from '../mm/filemap.ts';
import { memremapPages } from '../mm/memremap.ts';
import { mmapRegion } from '../mm/mmap.ts';

export interface DaxRange {
  readonly start: Pfn;
  readonly npages: number;
  readonly node: number;
}

const daxFile = (m: Machine, kind: 'devdax' | 'fsdax', { start, npages }: DaxRange): number => {
  const file = newAddressSpace(m, kind, kind, npages);
  m.files.update(file, { daxStart: start });
  return file;
};

/**
 * Binds a range of memory to a character device.
 *
 * Kernel: `drivers/dax/device.c: dev_dax_probe`
 *
 * @returns its file, or -errno of memremap_pages
 */
export const devDaxProbe = (m: Machine, range: DaxRange): number => {
  const { start, npages, node } = range;
  const type = 'MEMORY_DEVICE_GENERIC';
  const pgmap = memremapPages(m, { type, start, end: start + npages, node, owner: 0, ops: {} });
  return pgmap < 0 ? pgmap : daxFile(m, 'devdax', range);
};

/**
 * Attaches persistent memory with a file system on it; one file fills it.
 *
 * Kernel: `drivers/nvdimm/pmem.c: pmem_attach_disk`
 *
 * @returns the file, or -errno of memremap_pages
 */
export const pmemAttach = (m: Machine, range: DaxRange): number => {
  const { start, npages, node } = range;
  const type = 'MEMORY_DEVICE_FS_DAX';
  const pgmap = memremapPages(m, { type, start, end: start + npages, node, owner: 0, ops: {} });
  return pgmap < 0 ? pgmap : daxFile(m, 'fsdax', range);
};

export interface DaxMmap {
  readonly name: string;
  readonly npages: number;
  readonly prot: number;
  readonly shared: boolean;
  /** The area that is mapped again, after all of it was unmapped. */
  readonly again?: Area;
}

/** The file over a range of memory. Ours: programs name it by its path. */
export const daxFileAt = (m: Machine, start: Pfn): number =>
  m.files.values().find(({ daxStart }) => daxStart === start)?.id ?? 0;

/**
 * Maps a DAX file. A character device can only be shared, and by whole units of its alignment.
 *
 * Kernel: `drivers/dax/device.c: dax_mmap, check_vma`, `fs/ext4/file.c: ext4_file_mmap`
 *
 * @returns the area, or -EINVAL
 */
export const daxMmap = (m: Machine, mm: Mm, file: number, request: DaxMmap): Vma | number => {
  const { shared, prot, ...area } = request;
  const { npages } = area;
  const device = m.files.get(file).kind === 'devdax';
  if (device && (!shared || npages % PAGEBLOCK_NR_PAGES !== 0)) return -EINVAL;
  const vma = mmapRegion(m, mm, { ...area, prot, kind: shared ? 'file-shared' : 'file-private', file });
  // a character device is not told of the first write, so its entries are writable at once
  const flags = device ? vma.vmFlags & ~VM_WRITENOTIFY : vma.vmFlags;
  return m.vmas.update(vma.id, { vmFlags: flags | VM_HUGEPAGE });
};

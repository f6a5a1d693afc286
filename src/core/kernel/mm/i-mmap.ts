// Which VMAs map a file: the way from a page of the cache to its entries (address_space.i_mmap).

import type { Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';

/** Enters a VMA into its file's list, ordered by page offset. Kernel: `mm/mmap.c: __vma_link_file` */
export const vmaLinkFile = (m: Machine, vma: Vma): void => {
  if (vma.file === 0) return;
  const { iMmap } = m.files.get(vma.file);
  const at = iMmap.findIndex((id) => m.vmas.get(id).vmPgoff > vma.vmPgoff);
  m.files.update(vma.file, {
    iMmap: at < 0 ? [...iMmap, vma.id] : [...iMmap.slice(0, at), vma.id, ...iMmap.slice(at)],
  });
};

/** Takes a VMA out of its file's list. Kernel: `mm/mmap.c: unlink_file_vma` */
export const vmaUnlinkFile = (m: Machine, vma: Vma): void => {
  if (vma.file === 0) return;
  m.files.update(vma.file, { iMmap: m.files.get(vma.file).iMmap.filter((id) => id !== vma.id) });
};

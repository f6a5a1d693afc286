// mm/memory-failure.c: the hardware reports that a frame of device memory has lost its data.

import type { Machine } from '../../machine/machine.ts';
import { EBUSY, ENXIO } from '../../uapi/errno.ts';
import { PG_hwpoison } from '../../uapi/page-flags.ts';
import type { Pfn } from '../../uapi/units.ts';
import { pageMapping, pagePgmap, setFlags } from './page-ref.ts';

/** What becomes of it: an error, or the processes that get SIGBUS. */
export interface MemoryFailure {
  readonly ret: number;
  /** Processes that map the page. */
  readonly killed: readonly number[];
}

/**
 * A frame without a DAX file behind it is refused before its type is looked at, so anonymous memory of a device
 * gives -EBUSY; private and coherent memory with one, which cannot be, would give -ENXIO.
 *
 * Kernel: `mm/memory-failure.c: memory_failure_dev_pagemap, mf_generic_kill_procs`
 * Simplified: no driver has a memory_failure hook; the processes are named, not killed.
 */
export const memoryFailureDevPagemap = (m: Machine, pfn: Pfn): MemoryFailure => {
  const pgmap = pagePgmap(m, pfn);
  if (pgmap === undefined) return { ret: -ENXIO, killed: [] };
  const file = pageMapping(m, pfn);
  // dax_lock_page
  if (file === 0 || m.files.get(file).daxStart === undefined) return { ret: -EBUSY, killed: [] };
  if (pgmap.type === 'MEMORY_DEVICE_PRIVATE' || pgmap.type === 'MEMORY_DEVICE_COHERENT') {
    return { ret: -ENXIO, killed: [] };
  }
  setFlags(m, pfn, PG_hwpoison);
  const pgoff = m.pages.index.get(pfn);
  const vmas = m.files.get(file).iMmap.map((id) => m.vmas.get(id));
  const mapping = vmas.filter((v) => pgoff >= v.vmPgoff && pgoff < v.vmPgoff + v.vmEnd - v.vmStart);
  return { ret: 0, killed: [...new Set(mapping.map(({ mm }) => mm))] };
};

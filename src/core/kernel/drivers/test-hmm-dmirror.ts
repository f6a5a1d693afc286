// lib/test_hmm.c: what the parts of the test driver share: an open file and its device, whose a page is, what a command gives back.

import type { Dmirror, DmirrorDevice } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import { __GFP_ZERO } from '../../uapi/gfp.ts';
import { type Pfn } from '../../uapi/units.ts';
import { atomic } from '../sched/kernel-function.ts';
import { isDevicePrivatePage, pagePgmap } from '../mm/page-ref.ts';
import type { NumberMap } from '../../machine/number-map.ts';

/** The page that holds a device page's bytes; a real GPU's pages hold their own. Kernel: `lib/test_hmm.c: BACKING_PAGE` */
export const backingPage = (m: Machine, page: Pfn): Pfn =>
  m.config.gpu === undefined && isDevicePrivatePage(m, page) ? m.pages.zoneDeviceData.get(page) - 1 : page;

/**
 * The chunk that a page of the device belongs to; 0: none.
 *
 * Kernel: `lib/test_hmm.c: dmirror_page_to_chunk`
 */
export const dmirrorPageToChunk = atomic(
  'dmirror_page_to_chunk',
  (m, page: Pfn): number => pagePgmap(m, page)?.id ?? 0,
);

/**
 * The device that a page of its memory belongs to.
 *
 * Kernel: `lib/test_hmm.c: dmirror_page_to_device`
 */
export const dmirrorPageToDevice = atomic('dmirror_page_to_device', (m, page: Pfn): number => {
  dmirrorPageToChunk(m, page);
  return pagePgmap(m, page)?.owner ?? 0;
});

/** Pages that one call into the core handles. */
export const PIECE_PAGES = 64;

/** Tags of an entry in the device's page table; the entry is `pfn * 4 + tag`. */
export const DPT_XA_TAG_ATOMIC = 1;

/** What a command of the driver gave back. */
export interface DmirrorResult {
  /** 0 or -errno. */
  readonly ret: number;
  readonly cpages: number;
  readonly faults: number;
  /** First numbers of the pages read; empty otherwise. */
  readonly values: readonly number[];
  /** Snapshot words. */
  readonly perms: readonly string[];
}

/**
 * What an ioctl returns, with nothing done where nothing is said.
 *
 * Ours: struct hmm_dmirror_cmd is filled in place.
 */
export const result = (ret: number, extra: Partial<DmirrorResult> = {}): DmirrorResult => ({
  ret,
  cpages: 0,
  faults: 0,
  values: [],
  perms: [],
  ...extra,
});

/**
 * The device's page table of a process: vpn to pfn * 4 + tag.
 *
 * Ours: struct dmirror's xarray.
 */
export const ptOf = (m: Machine, dmirror: Dmirror): NumberMap => m.journal.mapById(dmirror.pt);

/**
 * The device of an open file.
 *
 * Ours: dmirror->mdevice.
 */
export const deviceOf = (m: Machine, dmirror: Dmirror): DmirrorDevice => m.devices.get(dmirror.device);

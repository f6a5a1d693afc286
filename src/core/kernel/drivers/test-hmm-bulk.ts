// What the test driver does with many pages in one go, for big steps. The mechanisms, whose every effect on the state
// is here too, are in test-hmm.ts: dmirrorDevmemAllocPage, dmirrorMigrateAllocAndCopy, dmirrorMigrateFinalizeAndMap,
// dmirrorDevmemFree, dmirrorIntervalInvalidate and dmirrorDoRead.

import type { DevPagemap, Dmirror, DmirrorDevice, Vma } from '../../machine/entities.ts';
import { SECTION_MASK } from '../../machine/column.ts';
import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange } from '../../machine/ops.ts';
import {
  DEVICE_CALLOC,
  DEVICE_CFREE,
  DEVICE_FREE_HEAD,
  DEVICE_FRESH,
  DEVICE_REMOVING,
  deviceRow,
  notifierSeqRow,
  subscriptionSeqRow,
} from '../../machine/scalars.ts';
import { PTE_RW } from '../../uapi/pte.ts';
import type { Vpn } from '../../uapi/units.ts';
import { migrateVmaToDevice, plainPagesToMove } from '../mm/migrate-device-bulk.ts';
import { pagePgmap } from '../mm/page-ref.ts';
import { CHUNK_PAGES, countCalls, countDecisions, inChunks, runLength } from '../mm/plain-pages.ts';

/** Tags of entries in the device's page table: written through, and read only. */
export const DPT_XA_TAG_WRITE = 3;
export const DPT_XA_TAG_NONE = 0;

const taken = new Float64Array(CHUNK_PAGES);

/** The next free pages of the device, in the order of its requests; false: it has not so many. Takes none yet. */
const peekFreePages = (m: Machine, device: DmirrorDevice, pgmap: DevPagemap, n: number): boolean => {
  let head = m.scalars.get(deviceRow(device.id, DEVICE_FREE_HEAD));
  let i = 0;
  for (; i < n && head !== 0; i++) {
    taken[i] = head - 1;
    head = m.pages.zoneDeviceData.get(head - 1);
  }
  const fresh = m.scalars.get(deviceRow(device.id, DEVICE_FRESH));
  if (n - i > fresh) return false;
  for (let k = 1; i < n; i++, k++) taken[i] = pgmap.start + fresh - k;
  return true;
};

/** Takes the pages that were looked at; each now holds the mirror that it was given to. */
const takeFreePages = (m: Machine, device: DmirrorDevice, n: number, dmirror: number): void => {
  const headRow = deviceRow(device.id, DEVICE_FREE_HEAD);
  const freshRow = deviceRow(device.id, DEVICE_FRESH);
  let listed = 0;
  let head = m.scalars.get(headRow);
  for (; listed < n && head !== 0; listed++) head = m.pages.zoneDeviceData.get(head - 1);
  m.scalars.set(headRow, head);
  m.scalars.set(freshRow, m.scalars.get(freshRow) - (n - listed));
  const callocRow = deviceRow(device.id, DEVICE_CALLOC);
  m.scalars.set(callocRow, m.scalars.get(callocRow) + n);
  for (let at = 0; at < n; ) {
    const run = runLength(taken, at, n);
    const length = Math.abs(run);
    const first = run < 0 ? taken[at + length - 1] : taken[at];
    const row = first & SECTION_MASK;
    m.pages.zoneDeviceData.writableSection(first).fill(dmirror, row, row + length);
    at += length;
  }
};

/**
 * Moves the next plain pages of a range to a coherent device, piece by piece as the driver would.
 *
 * Kernel: `lib/test_hmm.c: dmirror_migrate_to_device`; the mechanism is test-hmm.ts: migratePiecesToDevice
 *
 * @returns how many pages; 0: the next piece is none of these
 */
export const migrateManyToDevice = (
  m: Machine,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  dmirror: Dmirror,
  piecePages: number,
): number => {
  const device = m.devices.get(dmirror.device);
  const pgmap = m.pgmaps.find(device.pgmap);
  if (device.kind !== 'coherent' || pgmap === undefined) return 0;
  // other devices would be told of every piece
  const { subscriptions } = m.mms.get(dmirror.mm);
  if (!subscriptions.every((id) => m.dmirrors.find(id)?.device === device.id)) return 0;
  const n = plainPagesToMove(m, vma, start, end, piecePages);
  if (n === 0 || !peekFreePages(m, device, pgmap, n)) return 0;
  takeFreePages(m, device, n, dmirror.id);
  const pieces = Math.ceil(n / piecePages);
  const entries = migrateVmaToDevice(m, vma, start, n, pieces, taken, pgmap);
  const pt = m.journal.mapById(dmirror.pt);
  pt.pokeRun(
    start,
    n,
    (i) => taken[i] * 4 + ((entries[i] & PTE_RW) === 0 ? DPT_XA_TAG_NONE : DPT_XA_TAG_WRITE),
  );
  countCalls(m, ['dmirror_devmem_alloc_page', 'dmirror_is_private_zone'], n);
  countDecisions(m, ['device.allocated'], n);
  countCalls(m, ['dmirror_migrate_alloc_and_copy', 'dmirror_migrate_finalize_and_map'], pieces);
  countCalls(m, ['dmirror_interval_invalidate'], pieces * subscriptions.length);
  countDecisions(m, ['notifier.own-migration-ignored'], pieces * subscriptions.length);
  return n;
};

/**
 * Pages of a coherent device are free again, one after another; the last one becomes the next one handed out.
 *
 * Kernel: `lib/test_hmm.c: dmirror_devmem_free`, many times; the mechanism is test-hmm.ts: dmirrorDevmemFree
 */
export const freeCoherentPages = (m: Machine, pfns: Float64Array, n: number): void => {
  countCalls(m, ['dmirror_devmem_free', 'dmirror_page_to_device'], n);
  countCalls(m, ['dmirror_page_to_chunk'], 2 * n);
  const device = pagePgmap(m, pfns[0])?.owner ?? 0;
  if (m.scalars.get(deviceRow(device, DEVICE_REMOVING)) !== 0) return;
  const cfree = deviceRow(device, DEVICE_CFREE);
  m.scalars.set(cfree, m.scalars.get(cfree) + n);
  const headRow = deviceRow(device, DEVICE_FREE_HEAD);
  let head = m.scalars.get(headRow);
  for (let at = 0; at < n; ) {
    const length = Math.abs(runLength(pfns, at, n));
    const links = m.pages.zoneDeviceData.writableSection(pfns[at]);
    for (let i = at; i < at + length; i++) {
      links[pfns[i] & SECTION_MASK] = head;
      head = pfns[i] + 1;
    }
    at += length;
  }
  m.scalars.set(headRow, head);
};

/**
 * Each page of a range is invalidated by itself: its entry goes, and the one behind it.
 *
 * Kernel: `lib/test_hmm.c: dmirror_interval_invalidate, dmirror_do_update`, many times; the mechanism is
 * test-hmm.ts: dmirrorIntervalInvalidate
 */
export const invalidateMirrorPages = (m: Machine, subscription: number, range: MmuNotifierRange): void => {
  const { mm, start, end } = range;
  m.scalars.set(subscriptionSeqRow(subscription), m.scalars.get(notifierSeqRow(mm)));
  m.journal.mapById(m.dmirrors.get(subscription).pt).dropRun(start, end + 1 - start);
  countCalls(m, ['dmirror_interval_invalidate', 'dmirror_do_update'], end - start);
  countDecisions(m, ['notifier.invalidated'], end - start);
};

/**
 * How many pages from the beginning of a range the driver could read through the device's page table, where nobody
 * asks for what it reads.
 *
 * Kernel: `lib/test_hmm.c: dmirror_do_read`; the mechanism is test-hmm.ts: dmirrorDoRead
 */
export const readablePages = (m: Machine, start: Vpn, end: Vpn, dmirror: Dmirror): number => {
  if (!inChunks(m)) return 0;
  const pt = m.journal.mapById(dmirror.pt);
  let vpn = start;
  while (vpn < end) {
    const { value, step, n } = pt.column.progression(vpn, end - vpn);
    if (value === 0) break;
    // a falling stretch may end in nothing
    vpn += step < 0 ? Math.min(n, Math.ceil(value / -step)) : n;
  }
  return vpn - start;
};

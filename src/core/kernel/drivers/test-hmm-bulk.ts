// What the test driver does with many pages in one go, for big steps. The mechanisms, whose every effect on the state
// is here too, are in test-hmm.ts: dmirrorDevmemAllocPage, dmirrorMigrateAllocAndCopy, dmirrorMigrateFinalizeAndMap,
// dmirrorDevmemFree, dmirrorIntervalInvalidate and dmirrorDoRead.

import type { DevPagemap, Dmirror, DmirrorDevice, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange, VmFault } from '../../machine/ops.ts';
import {
  DEVICE_CALLOC,
  DEVICE_CFREE,
  DEVICE_FREE_HEAD,
  DEVICE_FRESH,
  DEVICE_REMOVING,
  deviceRow,
  notifierActiveRow,
  notifierSeqRow,
  subscriptionSeqRow,
} from '../../machine/scalars.ts';
import { GFP_HIGHUSER, GFP_HIGHUSER_MOVABLE } from '../../uapi/gfp.ts';
import { PTE_RW } from '../../uapi/pte.ts';
import { NO_PFN, type Vpn } from '../../uapi/units.ts';
import { VM_SPECIAL } from '../../uapi/vm-flags.ts';
import { bugOn } from '../sched/bug.ts';
import { freePagesBulk } from '../mm/buddy-bulk.ts';
import { migrateVmaToDevice, plainPagesToMove, source } from '../mm/migrate-device-bulk.ts';
import {
  memoryIsPlenty,
  moveChunkToSystem,
  moveFaultedToSystem,
  nextChunk,
  takePages,
} from '../mm/migrate-vma-bulk.ts';
import { allocPage, freePages } from '../mm/page-alloc.ts';
import { folioRefAdd, pagePgmap } from '../mm/page-ref.ts';
import {
  changeAlike,
  changePages,
  CHUNK_PAGES,
  commonBits,
  countCalls,
  countDecisions,
  holdPages,
  inChunks,
  runLength,
  stepOfAll,
} from '../mm/plain-pages.ts';
import { backingPage } from './test-hmm-dmirror.ts';

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
  changeAlike(m.pages.zoneDeviceData, taken, n, () => dmirror);
};

/** Pages that hold the bytes of private ones, one for each that was taken. */
const backing = new Float64Array(CHUNK_PAGES);

/** Who is told of a migration: nobody but the device's own mirrors, which ignore it. */
const isToldAlone = (m: Machine, dmirror: Dmirror): boolean =>
  m.mms.get(dmirror.mm).subscriptions.every((id) => m.dmirrors.find(id)?.device === dmirror.device);

/** What each piece costs beside its pages, whatever the direction. */
const countPieces = (m: Machine, dmirror: Dmirror, pieces: number): void => {
  const told = m.mms.get(dmirror.mm).subscriptions.length;
  countCalls(m, ['dmirror_interval_invalidate'], pieces * told);
  countDecisions(m, ['notifier.own-migration-ignored'], pieces * told);
};

/** System pages behind private ones. Requires: memory is plenty. */
const takeBacking = (m: Machine, n: number, dmirror: Dmirror): void => {
  takePages(m, GFP_HIGHUSER, backing.subarray(0, n));
  holdPages(m, backing, n, 'driver', 1);
  changeAlike(m.pages.zoneDeviceData, backing, n, () => dmirror.id);
  changePages(m.pages.zoneDeviceData, taken, n, (_old, i) => backing[i] + 1);
};

/**
 * Moves the next plain pages of a range to a device, piece by piece as the driver would. Pieces of private memory take
 * pages from where the piece before has freed some, so they go one at a time. Requires there: memory is plenty.
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
  if (pgmap === undefined || !isToldAlone(m, dmirror)) return 0;
  const isPrivate = device.kind === 'private';
  const last = isPrivate ? Math.min(end, start + piecePages) : end;
  const n = plainPagesToMove(m, vma, start, last, piecePages);
  if (n === 0 || !peekFreePages(m, device, pgmap, n)) return 0;
  takeFreePages(m, device, n, dmirror.id);
  if (isPrivate) takeBacking(m, n, dmirror);
  const pieces = Math.ceil(n / piecePages);
  const entries = migrateVmaToDevice(m, vma, start, n, pieces, taken, pgmap, isPrivate ? backing : undefined);
  const held = isPrivate ? backing : taken;
  const tagOf = (entry: number): number => ((entry & PTE_RW) === 0 ? DPT_XA_TAG_NONE : DPT_XA_TAG_WRITE);
  const pt = m.journal.mapById(dmirror.pt);
  const bits = commonBits(source);
  const step = stepOfAll(held, n);
  if (bits !== undefined && step !== 0) pt.pokeLine(start, n, held[0] * 4 + tagOf(bits), 4 * step);
  else pt.pokeRun(start, n, (i) => held[i] * 4 + tagOf(entries[i]));
  countCalls(m, ['dmirror_devmem_alloc_page', 'dmirror_is_private_zone'], n);
  countDecisions(m, ['device.allocated'], n);
  countCalls(m, ['dmirror_migrate_alloc_and_copy', 'dmirror_migrate_finalize_and_map'], pieces);
  countPieces(m, dmirror, pieces);
  return n;
};

const HOME_PIECE = [
  'dmirror_select_device',
  'dmirror_devmem_fault_alloc_and_copy',
  'dmirror_successful_migrated_pages',
  'migrate_vma_setup',
  'migrate_vma_collect',
  'migrate_vma_collect_pmd',
  'migrate_vma_unmap',
  'migrate_device_unmap',
  '__migrate_device_pages',
  'migrate_vma_pages',
  'migrate_device_finalize',
  'migrate_vma_finalize',
  '__mmu_notifier_invalidate_range_start',
  '__mmu_notifier_invalidate_range_end',
] as const;

/**
 * Moves the next plain pages of a range from the device to system memory, piece by piece as the driver would. Pieces of
 * private memory free the pages behind them, which the next one may get, so they go one at a time. Requires: memory is
 * plenty.
 *
 * Kernel: `lib/test_hmm.c: dmirror_migrate_to_system`; the mechanism is test-hmm.ts: migratePiecesToSystem
 *
 * @returns how many pages; 0: the next piece is none of these
 */
export const migrateManyToSystem = (
  m: Machine,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  dmirror: Dmirror,
  piecePages: number,
): number => {
  const pgmap = m.pgmaps.find(m.devices.get(dmirror.device).pgmap);
  if (!inChunks(m) || pgmap === undefined || (vma.vmFlags & VM_SPECIAL) !== 0) return 0;
  const { subscriptions } = m.mms.get(dmirror.mm);
  if (subscriptions.length === 0 || !isToldAlone(m, dmirror) || m.scalars.get(notifierActiveRow(vma.mm)) > 0)
    return 0;
  const isPrivate = pgmap.type === 'MEMORY_DEVICE_PRIVATE';
  const last = Math.min(vma.vmEnd, isPrivate ? Math.min(end, start + piecePages) : end);
  const found = nextChunk(m, vma, start, last, pgmap);
  const n = start + found === last ? found : found - (found % piecePages);
  if (n === 0) return 0;
  const pieces = Math.ceil(n / piecePages);
  takePages(m, GFP_HIGHUSER_MOVABLE, taken.subarray(0, n));
  m.journal.mapById(dmirror.pt).dropRun(start, n);
  moveChunkToSystem(m, vma, start, start + n, pgmap, taken, () => {}, piecePages);
  const seq = notifierSeqRow(vma.mm);
  m.scalars.set(seq, m.scalars.get(seq) + 2 * pieces);
  countCalls(m, HOME_PIECE, pieces);
  countPieces(m, dmirror, pieces);
  return n;
};

const FAULT_CALLS = HOME_PIECE.filter((name) => name !== 'dmirror_successful_migrated_pages');

/** A system page for each that faults, and what stood behind it goes: the next one may get that. */
const exchangeBacking = (m: Machine, pfns: Float64Array, n: number, into: Float64Array): void => {
  for (let i = 0; i < n; i++) {
    into[i] = allocPage(m, GFP_HIGHUSER_MOVABLE);
    bugOn(into[i] === NO_PFN, 'dmirror_devmem_fault: memory is short though enough is free');
    backing[i] = backingPage(m, pfns[i]);
    folioRefAdd(m, backing[i], -1, 'driver');
    freePages(m, backing[i], 0);
  }
  holdPages(m, into, n, 'allocation', -1);
};

/**
 * Serves faults of the CPU on private pages, one after another, as far as their mirror has brought them to the device.
 *
 * Kernel: `lib/test_hmm.c: dmirror_devmem_fault`, many times; the mechanism is test-hmm-migrate.ts: dmirrorDevmemFault
 *
 * @returns how many pages came home; 0: the next one is none of these
 */
export const faultManyHome = (m: Machine, { vma, vpn, page }: VmFault, end: Vpn): number => {
  const dmirror = m.dmirrors.find(m.pages.zoneDeviceData.get(backingPage(m, page)));
  const pgmap = pagePgmap(m, page);
  if (!inChunks(m) || pgmap === undefined || dmirror?.mm !== vma.mm || (vma.vmFlags & VM_SPECIAL) !== 0)
    return 0;
  if (!isToldAlone(m, dmirror) || m.scalars.get(notifierActiveRow(vma.mm)) > 0) return 0;
  const found = nextChunk(m, vma, vpn, Math.min(end, vma.vmEnd), pgmap);
  const { pfns } = source;
  let n = 0;
  while (n < found && m.pages.zoneDeviceData.get(backingPage(m, pfns[n])) === dmirror.id) n++;
  if (n === 0 || !memoryIsPlenty(m, n)) return 0;
  m.journal.mapById(dmirror.pt).dropRun(vpn, n);
  moveFaultedToSystem(m, vma, vpn, n, pgmap, (from, into) => exchangeBacking(m, from, n, into));
  freeCoherentPages(m, pfns, n);
  const seq = notifierSeqRow(vma.mm);
  m.scalars.set(seq, m.scalars.get(seq) + 2 * n);
  countCalls(m, FAULT_CALLS, n);
  countCalls(m, ['dmirror_devmem_fault'], n);
  countPieces(m, dmirror, n);
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
    const run = runLength(pfns, at, n);
    const length = Math.abs(run);
    const { zoneDeviceData } = m.pages;
    // the first one points to those that were free before, each other one to the one before it
    if (run < 0) zoneDeviceData.writeLine(pfns[at + length - 1], length - 1, pfns[at + length - 1] + 2, 1);
    else zoneDeviceData.writeLine(pfns[at] + 1, length - 1, pfns[at] + 1, 1);
    zoneDeviceData.writeLine(pfns[at], 1, head, 0);
    head = pfns[at + length - 1] + 1;
    at += length;
  }
  m.scalars.set(headRow, head);
};

/**
 * The same of a private device: the pages behind them go to the page allocator.
 *
 * Kernel: `lib/test_hmm.c: dmirror_devmem_free`, many times; the mechanism is test-hmm.ts: dmirrorDevmemFree
 */
export const freePrivatePages = (m: Machine, pfns: Float64Array, n: number): void => {
  for (let i = 0; i < n; i++) backing[i] = backingPage(m, pfns[i]);
  changeAlike(m.pages.refcount, backing, n, () => 0);
  holdPages(m, backing, n, 'driver', -1);
  freePagesBulk(m, backing, n);
  freeCoherentPages(m, pfns, n);
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

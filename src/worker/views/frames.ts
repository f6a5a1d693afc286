// A page frame as panels show it.

import { isHugeZeroPage } from '../../core/kernel/mm/huge-memory.ts';
import {
  compoundHead,
  folioNrPages,
  folioTestLarge,
  isDeviceCoherentPage,
  isZeroPfn,
  isZoneMovablePage,
  pageAnon,
  pageblockMigratetype,
  pageMapcount,
  pageMapping,
  pagePgmap,
} from '../../core/kernel/mm/page-ref.ts';
import type { MemoryType } from '../../core/machine/entities.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { deviceMemoryKind } from '../../core/scenario/observe.ts';
import { MIGRATE_CMA, MIGRATE_ISOLATE } from '../../core/uapi/config.ts';
import { FOLL_LONGTERM, FOLL_PIN, GUP_PIN_COUNTING_BIAS } from '../../core/uapi/gup-flags.ts';
import { PG_hugetlb, PG_locked, PG_table, pageFlagNames } from '../../core/uapi/page-flags.ts';
import type { FrameView, Residence } from '../protocol-moment.ts';
import { distinctFrames, frameRuns } from './frame-runs.ts';
import type { Places } from './places.ts';

export const isCma = (m: Machine, pfn: number): boolean =>
  m.rangeOf(pfn)?.kind === 'ram' && pageblockMigratetype(m, pfn) === MIGRATE_CMA;

/** is_longterm_pinnable_page, without the trace that the mechanism writes. */
export const longtermPinnable = (m: Machine, pfn: number): boolean => {
  const head = compoundHead(m, pfn);
  if (!m.kernel.CONFIG_MIGRATION) return true;
  if (m.kernel.CONFIG_CMA && (isCma(m, head) || pageblockMigratetype(m, head) === MIGRATE_ISOLATE))
    return false;
  if (isZeroPfn(m, head)) return true;
  return !isDeviceCoherentPage(m, head) && !isZoneMovablePage(m, head);
};

export const deviceOf = (m: Machine, pfn: number): number => {
  const pgmap = pagePgmap(m, pfn);
  if (pgmap === undefined) return -1;
  return m.devices.find(pgmap.device)?.configId ?? -1;
};

/** Memory of other drivers than the test driver never was anybody's to hand out: it counts as reserved. */
const deviceResidence = (type: MemoryType): Residence => {
  switch (type) {
    case 'MEMORY_DEVICE_PRIVATE':
      return 'private';
    case 'MEMORY_DEVICE_COHERENT':
      return 'coherent';
    case 'MEMORY_DEVICE_FS_DAX':
    case 'MEMORY_DEVICE_GENERIC':
    case 'MEMORY_DEVICE_PCI_P2PDMA':
      return 'reserved';
  }
};

export const residenceOf = (m: Machine, pfn: number): Residence => {
  const range = m.rangeOf(pfn);
  const pgmap = pagePgmap(m, pfn);
  const handedOut = range?.reserved === undefined || m.config.gigantic.includes(range.start);
  if (pgmap === undefined && (range?.kind !== 'ram' || !handedOut)) return 'reserved';
  if (m.pages.refcount.get(compoundHead(m, pfn)) === 0) return 'free';
  if (pgmap !== undefined) return deviceResidence(pgmap.type);
  return isZoneMovablePage(m, pfn) || isCma(m, pfn) ? 'movable' : 'system';
};

/** Residence that a page of this frame would have, whether or not it is in use. */
export const homeOf = (m: Machine, pfn: number): Residence => {
  const pgmap = pagePgmap(m, pfn);
  if (pgmap !== undefined) return deviceResidence(pgmap.type);
  return isZoneMovablePage(m, pfn) || isCma(m, pfn) ? 'movable' : 'system';
};

export const kindOf = (m: Machine, pfn: number): string => {
  const head = compoundHead(m, pfn);
  if (isZeroPfn(m, pfn)) return 'zero';
  if (isHugeZeroPage(m, pfn)) return 'huge-zero';
  if (m.pages.refcount.get(head) === 0) return residenceOf(m, pfn) === 'reserved' ? 'reserved' : 'free';
  const pgmap = pagePgmap(m, pfn);
  if (pgmap !== undefined) return deviceMemoryKind(pgmap.type);
  const flags = m.pages.flags.get(head);
  if ((flags & PG_table) !== 0) return 'page table';
  if (pageAnon(m, head)) return 'anon';
  const mapping = pageMapping(m, head);
  if (mapping !== 0) return m.files.find(mapping)?.kind ?? 'file';
  return (flags & PG_hugetlb) !== 0 ? 'hugetlb' : 'kernel';
};

/** Pins on a frame's folio: the count of a large one, else what the reference count says. */
export const pinsOf = (m: Machine, pfn: number): number => {
  const head = compoundHead(m, pfn);
  if (isZeroPfn(m, pfn)) return 0;
  if (folioTestLarge(m, head)) return m.pages.compoundPincount.get(head);
  return Math.floor(Math.max(0, m.pages.refcount.get(head)) / GUP_PIN_COUNTING_BIAS);
};

/** Some frames, to be asked about. */
export interface Frames {
  readonly has: (pfn: number) => boolean;
}

/** Frames that are known to the last one. */
export interface CountedFrames extends Frames {
  /** A frame that several handles hold counts once. */
  readonly count: () => number;
}

/** Frames under a long-term pin of a handle. */
export const longtermPinnedFrames = (m: Machine): CountedFrames => {
  const held = m.handles
    .values()
    .filter(({ gupFlags, call }) => (gupFlags & FOLL_LONGTERM) !== 0 && call.startsWith('pin'))
    .map(({ pages }) => frameRuns(pages));
  return { has: (pfn) => held.some((runs) => runs.has(pfn)), count: () => distinctFrames(held) };
};

/** Pins that handles explain; what is above belongs to a call under way. */
const pinsOfHandles = (m: Machine, head: number): number => {
  const end = head + folioNrPages(m, head);
  return m.handles
    .values()
    .filter(({ call, gupFlags }) => call.startsWith('pin') || (gupFlags & FOLL_PIN) !== 0)
    .reduce((pins, { pages }) => pins + frameRuns(pages).countIn(head, end), 0);
};

export interface FrameContext {
  readonly m: Machine;
  readonly places: Places;
  readonly longterm: CountedFrames;
  /** A long-term pin is under way: pins without a handle are its. */
  readonly longtermRunning: boolean;
  /** Frames that a page is moving to, with the frame it comes from. */
  readonly comingFrom: ReadonlyMap<number, number>;
}

export const frameView = (
  { m, places, longterm, longtermRunning, comingFrom }: FrameContext,
  pfn: number,
): FrameView => {
  const head = compoundHead(m, pfn);
  const range = m.rangeOf(pfn);
  const device = deviceOf(m, pfn);
  const flags = m.pages.flags.get(pfn) | (head === pfn ? 0 : m.pages.flags.get(head));
  const pins = pinsOf(m, pfn);
  const inFlight = longtermRunning && pins > 0 && pins > pinsOfHandles(m, head);
  const source = comingFrom.get(pfn);
  return {
    pfn,
    residence: residenceOf(m, pfn),
    kind: kindOf(m, pfn),
    node: range?.node ?? (device < 0 ? 0 : (pagePgmap(m, pfn)?.node ?? 0)),
    zone: pagePgmap(m, pfn) === undefined ? (range?.zone ?? '') : 'Device',
    device,
    refcount: m.pages.refcount.get(head),
    mapcount: pageMapcount(m, pfn),
    pins,
    longtermPinned: longterm.has(pfn) || inFlight,
    longtermPinnable: longtermPinnable(m, pfn),
    flags: pageFlagNames(flags, pageAnon(m, head)),
    locked: (m.pages.flags.get(head) & PG_locked) !== 0,
    owner: places.ownersOf(pfn) || (source === undefined ? '' : places.ownersOf(source)),
  };
};

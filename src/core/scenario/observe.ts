// What an observer inside the kernel would see after a step, in the vocabulary of the recordings, page by page.
// Reads only: nothing here takes a reference, touches memory or leaves an event.

import type { Area, MemoryType, Mm, Vma } from '../machine/entities.ts';
import type { Machine } from '../machine/machine.ts';
import { DPT_XA_TAG_ATOMIC, backingPage } from '../kernel/drivers/test-hmm-dmirror.ts';
import { deviceUsage } from '../kernel/drivers/test-hmm-migrate.ts';
import { DPT_XA_TAG_WRITE } from '../kernel/drivers/test-hmm-bulk.ts';
import { isHugeZeroPage } from '../kernel/mm/huge-memory.ts';
import { longtermPinnability, pinnableFor } from '../kernel/mm/normal-page.ts';
import {
  compoundHead,
  folioMaybeDmaPinned,
  folioOrder,
  folioTestLarge,
  isZeroPfn,
  pageAnon,
  pageblockMigratetype,
  pageHuge,
  pageMapcount,
  pageMapping,
  pagePgmap,
} from '../kernel/mm/page-ref.ts';
import { leafOffset, PMD_PAGES } from '../kernel/mm/page-table.ts';
import { vmaIsAnonymous } from '../kernel/mm/vma.ts';
import { MIGRATE_CMA } from '../uapi/config.ts';
import { PG_anon_exclusive, pageFlagNames } from '../uapi/page-flags.ts';
import {
  entryKind,
  entryPfn,
  entryWritable,
  type EntryKind,
  isPfnSwapEntry,
  pteDirty,
  ptePresent,
  pteYoung,
} from '../uapi/pte.ts';
import { NO_ROW, type Pfn, type Vpn } from '../uapi/units.ts';
import {
  VM_DONTCOPY,
  VM_HUGEPAGE,
  VM_LOCKED,
  VM_NOHUGEPAGE,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
} from '../uapi/vm-flags.ts';

/** One page of an area. */
export interface ObservedPage {
  readonly level?: 'pmd' | 'pud';
  readonly entry: EntryKind;
  readonly w?: 0 | 1;
  readonly d?: 0 | 1;
  readonly a?: 0 | 1;
  readonly dev?: Readonly<Record<string, 'r' | 'w' | 'x'>>;
  readonly pfn?: Pfn;
  readonly value?: number;
  readonly mapcount?: number;
  readonly anon_exclusive?: 1;
}

export interface ObservedVma {
  readonly i: number;
  readonly n: number;
  readonly prot: string;
  readonly shared?: 1;
  readonly anon?: 1;
  readonly locked?: 1;
  readonly hugepage?: 1;
  readonly nohugepage?: 1;
  readonly dontfork?: 1;
  readonly anon_vma?: 1;
}

export interface ObservedFrame {
  readonly kind: string;
  readonly device?: number;
  readonly zone?: 'Normal' | 'Movable' | 'Device';
  readonly cma?: 1;
  readonly refcount?: number;
  readonly mapcount?: number;
  readonly order?: number;
  readonly compound_mapcount?: number;
  readonly pincount?: number;
  readonly maybe_pinned?: 1;
  readonly longterm_pinnable?: 0 | 1;
  readonly flags?: readonly string[];
}

export interface ObservedArea {
  readonly areas: readonly ObservedVma[];
  readonly pages: readonly ObservedPage[];
}

const bit = (on: boolean): 0 | 1 => (on ? 1 : 0);

/** Protection as the recordings write it. */
export const protText = (vmFlags: number): string =>
  `${(vmFlags & VM_READ) !== 0 ? 'r' : ''}${(vmFlags & VM_WRITE) !== 0 ? 'w' : ''}`;

/** In the recordings' words where they have one: `device-coherent`, `device-fs-dax`. */
export const deviceMemoryKind = (type: MemoryType): string =>
  `device-${type.slice('MEMORY_DEVICE_'.length).toLowerCase().replaceAll('_', '-')}`;

/** What stands behind a frame, in the recordings' words. */
export const frameKind = (m: Machine, pfn: Pfn): string => {
  if (isZeroPfn(m, pfn)) return 'zero';
  if (isHugeZeroPage(m, compoundHead(m, pfn))) return 'huge-zero';
  const pgmap = pagePgmap(m, pfn);
  if (pgmap !== undefined) return deviceMemoryKind(pgmap.type);
  if (pageAnon(m, pfn)) return 'anon';
  if (pageHuge(m, pfn)) return 'hugetlb';
  const mapping = pageMapping(m, pfn);
  return mapping === 0 ? 'kernel' : m.files.get(mapping).kind;
};

/** A frame as the recordings describe it. */
export const observeFrame = (m: Machine, pfn: Pfn): ObservedFrame => {
  const folio = compoundHead(m, pfn);
  const kind = frameKind(m, folio);
  if (kind === 'zero' || kind === 'huge-zero') return { kind };
  const pgmap = pagePgmap(m, folio);
  const range = m.rangeOf(folio);
  const large = folioTestLarge(m, folio);
  return {
    kind,
    ...(pgmap === undefined || pgmap.device === 0 ? {} : { device: m.devices.get(pgmap.device).configId }),
    zone: pgmap !== undefined ? 'Device' : range?.zone === 'Movable' ? 'Movable' : 'Normal',
    ...(range?.kind === 'ram' && pageblockMigratetype(m, folio) === MIGRATE_CMA ? { cma: 1 as const } : {}),
    refcount: m.pages.refcount.get(folio),
    ...(large
      ? {
          order: folioOrder(m, folio),
          compound_mapcount: m.pages.compoundMapcount.get(folio),
          pincount: m.pages.compoundPincount.get(folio),
        }
      : { mapcount: m.pages.mapcount.get(folio) }),
    ...(folioMaybeDmaPinned(m, folio) ? { maybe_pinned: 1 as const } : {}),
    longterm_pinnable: bit(pinnableFor(longtermPinnability(m, folio))),
    // of a compound frame the bit is shown per page
    flags: pageFlagNames(m.pages.flags.get(folio), pageAnon(m, folio)).filter(
      (name) => !(large && name === 'anon_exclusive'),
    ),
  };
};

/** Whether two single frames would be described alike. Cheaper than describing both. */
export const describedAlike = (m: Machine, a: Pfn, b: Pfn): boolean => {
  const { flags, refcount, mapcount, mapping, tailOffset } = m.pages;
  return (
    flags.get(a) === flags.get(b) &&
    refcount.get(a) === refcount.get(b) &&
    mapcount.get(a) === mapcount.get(b) &&
    mapping.get(a) === mapping.get(b) &&
    tailOffset.get(a) === 0 &&
    tailOffset.get(b) === 0 &&
    !isZeroPfn(m, a) &&
    !isZeroPfn(m, b) &&
    pagePgmap(m, a) === pagePgmap(m, b) &&
    m.rangeOf(a) === m.rangeOf(b) &&
    pageblockMigratetype(m, a) === pageblockMigratetype(m, b)
  );
};

const observeVma = (area: Area, vma: Vma): ObservedVma => {
  const i = Math.max(vma.vmStart, area.start) - area.start;
  const has = (flag: number): boolean => (vma.vmFlags & flag) !== 0;
  return {
    i,
    n: Math.min(vma.vmEnd, area.start + area.npages) - area.start - i,
    prot: protText(vma.vmFlags),
    ...(has(VM_SHARED) ? { shared: 1 as const } : {}),
    ...(vmaIsAnonymous(vma) ? { anon: 1 as const } : {}),
    ...(has(VM_LOCKED) ? { locked: 1 as const } : {}),
    ...(has(VM_HUGEPAGE) ? { hugepage: 1 as const } : {}),
    ...(has(VM_NOHUGEPAGE) ? { nohugepage: 1 as const } : {}),
    ...(has(VM_DONTCOPY) ? { dontfork: 1 as const } : {}),
    ...(vma.anonVma !== 0 ? { anon_vma: 1 as const } : {}),
  };
};

/** VMAs of a process inside an area. */
export const vmasInArea = (m: Machine, mm: Mm, area: Area): Vma[] =>
  mm.vmas
    .map((id) => m.vmas.get(id))
    .filter((vma) => vma.vmStart < area.start + area.npages && vma.vmEnd > area.start);

/** Device page tables of a process: device id in the scenario, and access by vpn. */
const mirrorsOf = (
  m: Machine,
  mm: Mm,
): readonly (readonly [number, (vpn: Vpn) => 'r' | 'w' | 'x' | undefined])[] =>
  m.dmirrors
    .values()
    .filter((dmirror) => dmirror.mm === mm.id)
    .map((dmirror) => {
      const pt = m.journal.mapById(dmirror.pt);
      const access = (vpn: Vpn): 'r' | 'w' | 'x' | undefined => {
        const entry = pt.get(vpn);
        if (entry === undefined) return undefined;
        if (entry % 4 === DPT_XA_TAG_WRITE) return 'w';
        return entry % 4 === DPT_XA_TAG_ATOMIC ? 'x' : 'r';
      };
      return [m.devices.get(dmirror.device).configId, access] as const;
    });

/** What a small entry, or one page of a huge one, shows. */
const observeEntry = (
  m: Machine,
  entry: number,
  npages: number,
  vpn: Vpn,
): Partial<ObservedPage> & { entry: EntryKind } => {
  const huge = npages > 1;
  const kind = entryKind(entry);
  if (kind === 'none') return { entry: kind };
  const present = ptePresent(entry);
  // what a slot of the swap device is called is no frame
  if (!present && !isPfnSwapEntry(entry)) return { entry: kind, w: bit(entryWritable(entry)) };
  const pfn = entryPfn(entry) + (present ? vpn % npages : 0);
  const folio = compoundHead(m, pfn);
  const compound = folioTestLarge(m, folio) && !isHugeZeroPage(m, folio);
  // a huge entry is one thing: its first page speaks for it
  const shown = huge ? folio : pfn;
  return {
    entry: kind,
    w: bit(entryWritable(entry)),
    ...(present ? { d: bit(pteDirty(entry)), a: bit(pteYoung(entry)) } : {}),
    pfn,
    ...(compound
      ? {
          mapcount: pageMapcount(m, shown),
          ...(pageAnon(m, pfn) && (m.pages.flags.get(shown) & PG_anon_exclusive) !== 0
            ? { anon_exclusive: 1 as const }
            : {}),
        }
      : {}),
    ...(huge ? {} : { value: isZeroPfn(m, pfn) ? 0 : m.pages.content.get(backingPage(m, pfn)) }),
  };
};

/** Level of an entry that maps more than one page. */
const levelOf = (npages: number): 'pmd' | 'pud' | undefined => {
  if (npages === 1) return undefined;
  return npages === PMD_PAGES ? 'pmd' : 'pud';
};

/** Pages that are looked at before a pause. */
export const PAGES_A_PART = 512;

/**
 * An area of a process: its VMAs, and every page of it. Pauses now and then; the machine must stand where it stood when
 * it goes on.
 */
export function* observeAreaInParts(m: Machine, mm: Mm, area: Area): Generator<void, ObservedArea, void> {
  const mirrors = mirrorsOf(m, mm);
  const pages: ObservedPage[] = [];
  for (let i = 0; i < area.npages; i++) {
    const vpn = area.start + i;
    const { row, npages } = leafOffset(m, mm, vpn);
    const level = levelOf(npages);
    const seen = observeEntry(m, row === NO_ROW ? 0 : m.entries.get(row), npages, vpn);
    const dev: Record<string, 'r' | 'w' | 'x'> = {};
    for (const [device, access] of mirrors) {
      const tag = access(vpn);
      if (tag !== undefined) dev[device] = tag;
    }
    pages.push({
      ...(level === undefined ? {} : { level }),
      ...seen,
      ...(Object.keys(dev).length > 0 ? { dev } : {}),
    });
    if (i % PAGES_A_PART === PAGES_A_PART - 1) yield;
  }
  return { areas: vmasInArea(m, mm, area).map((vma) => observeVma(area, vma)), pages };
}

/** Does without pauses what has some. */
export const inOneGo = <R>(parts: Generator<void, R, void>): R => {
  for (;;) {
    const part = parts.next();
    if (part.done === true) return part.value;
  }
};

/** The same in one go. */
export const observeArea = (m: Machine, mm: Mm, area: Area): ObservedArea =>
  inOneGo(observeAreaInParts(m, mm, area));

/** Pages handed out by each device's driver, and left. */
export const observeDevices = (m: Machine): Record<string, { used: number; free: number }> => {
  const devices: Record<string, { used: number; free: number }> = {};
  for (const device of m.devices.values()) devices[device.configId] = deviceUsage(m, device);
  return devices;
};

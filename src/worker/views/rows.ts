// The page tables of an area as rows: a row a page, or runs of alike pages where the area is long.

import { DPT_XA_TAG_ATOMIC, backingPage } from '../../core/kernel/drivers/test-hmm-dmirror.ts';
import { DPT_XA_TAG_WRITE } from '../../core/kernel/drivers/test-hmm-bulk.ts';
import { isHugeZeroPage } from '../../core/kernel/mm/huge-memory.ts';
import { isZeroPfn } from '../../core/kernel/mm/page-ref.ts';
import { PMD_PAGES, PUD_PAGES, pmdOffset, pudOffset, tableIndex } from '../../core/kernel/mm/page-table.ts';
import type { Area, Dmirror, Mm } from '../../core/machine/entities.ts';
import type { Column } from '../../core/machine/column.ts';
import type { NumberMap } from '../../core/machine/number-map.ts';
import type { Machine } from '../../core/machine/machine.ts';
import {
  type Entry,
  entryKind,
  entryPfn,
  entryWritable,
  isPfnSwapEntry,
  pmdLeaf,
  pteDirty,
  ptePresent,
  pteSpecial,
  pteYoung,
  rawEntryText,
  swapDirty,
  swapYoung,
} from '../../core/uapi/pte.ts';
import { NO_ROW, type Vpn } from '../../core/uapi/units.ts';
import type { MirrorView, PteRow } from '../protocol-moment.ts';

/** Areas up to this size have a row for each page. */
const ROW_A_PAGE = 64;

/** What a device's page table lets the device do. */
export const mirrorAccess = (entry: number): MirrorView['access'] => {
  const tag = entry % 4;
  if (tag === DPT_XA_TAG_WRITE) return 'w';
  return tag === DPT_XA_TAG_ATOMIC ? 'x' : 'r';
};
export const mirrorPfn = (entry: number): number => Math.floor(entry / 4);

/** Open device files of a process, in order of opening. */
export const dmirrorsOf = (m: Machine, mm: number): Dmirror[] =>
  m.dmirrors.values().filter((dmirror) => dmirror.mm === mm);

/** Whether a device finds the pages of a row in the frames that the CPU finds them in. */
const isSameFrames = ({ column }: NumberMap, { vpn, npages, pfn, pfnStep }: RowPlace): boolean => {
  for (let at = 0; at < npages; ) {
    // an entry's value is kept plus one
    const { value, step, n } = column.progression(vpn + at, npages - at);
    if (mirrorPfn(value - 1) !== pfn + pfnStep * at) return false;
    at += step === 4 * pfnStep ? n : 1;
  }
  return true;
};

/** Where a row is mapped, and to what. */
type RowPlace = Pick<PteRow, 'vpn' | 'npages' | 'pfn' | 'pfnStep'>;

const mirrorsAt = (m: Machine, dmirrors: readonly Dmirror[], row: RowPlace): MirrorView[] =>
  dmirrors.flatMap((dmirror) => {
    const pt = m.journal.mapById(dmirror.pt);
    const entry = pt.column.peek(row.vpn) - 1;
    if (entry < 0) return [];
    const device = m.devices.get(dmirror.device).configId;
    return [{ device, access: mirrorAccess(entry), pfn: mirrorPfn(entry), isSame: isSameFrames(pt, row) }];
  });

/** First eight bytes of a page as its owner would read them; undefined where there is no page. */
export const contentOf = (m: Machine, pfn: number): number | undefined => {
  if (pfn < 0) return undefined;
  if (isZeroPfn(m, pfn) || isHugeZeroPage(m, pfn)) return 0;
  // the test driver keeps the bytes of a private page in an ordinary page behind it
  const backing = backingPage(m, pfn);
  return backing >= 0 ? m.pages.content.peek(backing) : undefined;
};

const pfnOf = (entry: Entry): number => (ptePresent(entry) || isPfnSwapEntry(entry) ? entryPfn(entry) : -1);

/** Entries of up to 512 pages that share their tables. */
interface Stretch {
  readonly level: PteRow['level'];
  readonly tables: PteRow['tables'];
  /** The huge entry, at level pmd or pud. */
  readonly huge: Entry;
}

const NOTHING = { level: 'none', huge: 0 } as const;

/** The upper tables of an address, which 512 stretches share. */
interface UpperTables {
  /** Number of the stretch of 2^18 pages that they are for. */
  readonly of: number;
  readonly pudRow: number;
  /** Of its first page; NO_ROW: there is none. */
  readonly pmdRow: number;
}

const upperTables = (m: Machine, mm: Mm, vpn: Vpn): UpperTables => {
  const pudRow = pudOffset(m, mm, vpn);
  const isHuge = pudRow !== NO_ROW && pmdLeaf(m.entries.get(pudRow));
  const pmdRow = isHuge ? NO_ROW : pmdOffset(m, mm, vpn);
  return {
    of: Math.floor(vpn / PUD_PAGES),
    pudRow,
    pmdRow: pmdRow === NO_ROW ? NO_ROW : pmdRow - tableIndex(vpn, 1),
  };
};

const stretchAt = (m: Machine, vpn: Vpn, upper: UpperTables): Stretch => {
  const { pudRow } = upper;
  if (pudRow === NO_ROW) return { ...NOTHING, tables: [-1, -1, -1] };
  const pud = Math.floor(pudRow / 512);
  const gigantic = m.entries.peek(pudRow);
  if (pmdLeaf(gigantic)) return { level: 'pud', huge: gigantic, tables: [pud, -1, -1] };
  if (upper.pmdRow === NO_ROW) return { ...NOTHING, tables: [pud, -1, -1] };
  const pmdRow = upper.pmdRow + tableIndex(vpn, 1);
  const pmd = Math.floor(pmdRow / 512);
  const entry = m.entries.peek(pmdRow);
  if (entry === 0) return { ...NOTHING, tables: [pud, pmd, -1] };
  if (pmdLeaf(entry) || !ptePresent(entry)) return { level: 'pmd', huge: entry, tables: [pud, pmd, -1] };
  return { level: 'pte', huge: 0, tables: [pud, pmd, entryPfn(entry)] };
};

/** What a row begins with. */
interface First {
  readonly vpn: Vpn;
  readonly stretch: Stretch;
  readonly entry: Entry;
}

const rowOf = (
  m: Machine,
  area: Area,
  dmirrors: readonly Dmirror[],
  { vpn, stretch, entry }: First,
  npages: number,
  pfnStep: number,
): PteRow => {
  const { level, tables } = stretch;
  const head = pfnOf(entry);
  const hugePages = { pte: 1, none: 1, pmd: PMD_PAGES, pud: PUD_PAGES }[level];
  const pfn = head >= 0 ? head + (vpn % hugePages) : head;
  const present = ptePresent(entry);
  return {
    vpn,
    index: vpn - area.start,
    npages,
    path: [tableIndex(vpn, 3), tableIndex(vpn, 2), tableIndex(vpn, 1), tableIndex(vpn, 0)],
    tables,
    level,
    entry: entryKind(entry),
    raw: rawEntryText(entry),
    writable: entryWritable(entry),
    dirty: present ? pteDirty(entry) : entry !== 0 && swapDirty(entry),
    young: present ? pteYoung(entry) : entry !== 0 && swapYoung(entry),
    special: present && pteSpecial(entry),
    pfn,
    pfnStep,
    value: contentOf(m, pfn),
    mirrors: mirrorsAt(m, dmirrors, { vpn, npages, pfn, pfnStep }),
  };
};

/** What the devices' tables say of a page, as one number: two bits a device. */
const mirrorCode = (pts: readonly NumberMap[], vpn: Vpn): number => {
  let code = 0;
  for (const pt of pts) {
    // an entry's value is kept plus one
    const kept = pt.column.peek(vpn);
    code = code * 5 + (kept === 0 ? 0 : 1 + ((kept - 1) % 4));
  }
  return code;
};

/** Of how many pages from the first on the devices' tables say the same. */
const alikeMirrors = (pts: readonly NumberMap[], vpn: Vpn, end: Vpn): number => {
  let n = end - vpn;
  for (const pt of pts) {
    const { step, n: even } = pt.column.progression(vpn, n);
    // the two last bits are the rights
    n = step % 4 === 0 ? even : 1;
  }
  return n;
};

/** Gathers alike neighbours of a long area into rows. */
class Runs {
  readonly rows: PteRow[] = [];
  private first: First | undefined;
  private npages = 0;
  private pfnStep = 0;
  private lastEntry = -1;
  private mirrors = -1;
  private readonly m: Machine;
  private readonly area: Area;
  private readonly dmirrors: readonly Dmirror[];

  constructor(m: Machine, area: Area, dmirrors: readonly Dmirror[]) {
    this.m = m;
    this.area = area;
    this.dmirrors = dmirrors;
  }

  /** Whether the page goes on with the run; the second page decides whether frames go up or down. */
  goesOn(level: PteRow['level'], entry: Entry, mirrors: number): boolean {
    if (level !== this.first?.stretch.level || mirrors !== this.mirrors) return false;
    // a huge entry stands for all its pages; a small one differs from its neighbour by one frame
    const huge = level === 'pmd' || level === 'pud';
    const step = huge ? Number(entry === this.lastEntry) : (entry - this.lastEntry) / 4096;
    if (step !== 0 && step !== 1 && step !== -1) return false;
    if (huge && step === 0) return false;
    if (this.npages > 1 && step !== this.pfnStep) return false;
    this.pfnStep = step;
    this.npages += 1;
    this.lastEntry = entry;
    return true;
  }

  /** Takes in pages as long as they go on as the last two did. @returns how many of those from `row` on */
  extend(entries: Column, row: number, most: number): number {
    if (most === 0) return 0;
    const by = this.pfnStep * 4096;
    const { value, step, n: even } = entries.progression(row, most);
    if (value !== this.lastEntry + by) return 0;
    const n = step === by ? even : 1;
    this.npages += n;
    this.lastEntry += by * n;
    return n;
  }

  /** Takes in as many pages that are like the last one: of a huge entry, or without any. */
  repeat(n: number): number {
    this.npages += n;
    return n;
  }

  begin(first: First, mirrors: number): void {
    this.close();
    this.first = first;
    this.npages = 1;
    this.pfnStep = 0;
    this.lastEntry = first.entry;
    this.mirrors = mirrors;
  }

  close(): void {
    if (this.first !== undefined)
      this.rows.push(rowOf(this.m, this.area, this.dmirrors, this.first, this.npages, this.pfnStep));
  }
}

/**
 * Reads the rows of an area; past 64 pages alike neighbours are one row. A pause behind each page table; whoever goes on
 * has the machine where it was.
 */
export function* readRows(m: Machine, mm: Mm, area: Area): Generator<void, PteRow[], void> {
  const dmirrors = dmirrorsOf(m, mm.id);
  const pts = dmirrors.map((dmirror) => m.journal.mapById(dmirror.pt));
  const runs = new Runs(m, area, dmirrors);
  const end = area.start + area.npages;
  let upper = upperTables(m, mm, area.start);
  for (let first = area.start; first < end; ) {
    const next = Math.min(end, (Math.floor(first / 512) + 1) * 512);
    if (upper.of !== Math.floor(first / PUD_PAGES)) upper = upperTables(m, mm, first);
    const stretch = stretchAt(m, first, upper);
    const isTable = stretch.level === 'pte';
    const row = isTable ? stretch.tables[2] * 512 : 0;
    for (let vpn = first; vpn < next; vpn++) {
      const at = row + (vpn % 512);
      const entry = isTable ? m.entries.peek(at) : stretch.huge;
      const mirrors = mirrorCode(pts, vpn);
      if (area.npages > ROW_A_PAGE && runs.goesOn(stretch.level, entry, mirrors)) {
        const alike = alikeMirrors(pts, vpn, next) - 1;
        if (isTable) vpn += runs.extend(m.entries, at + 1, alike);
        else vpn += runs.repeat(alike);
        continue;
      }
      runs.begin({ vpn, stretch, entry }, mirrors);
    }
    first = next;
    yield;
  }
  runs.close();
  return runs.rows;
}

/** Frame of page `i` of a row. */
export const rowPfn = (row: PteRow, i: number): number => (row.pfn < 0 ? -1 : row.pfn + i * row.pfnStep);

/** Whether the row refers to the frame; its page offset in the row, or -1. */
export const rowOffsetOf = (row: PteRow, pfn: number): number => {
  if (row.pfn < 0) return -1;
  if (row.pfnStep === 0) return row.pfn === pfn ? 0 : -1;
  const i = row.pfnStep > 0 ? pfn - row.pfn : row.pfn - pfn;
  return i >= 0 && i < row.npages ? i : -1;
};

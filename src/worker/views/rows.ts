// The page tables of an area as rows: a row a page, or runs of alike pages where the area is long.

import { backingPage, DPT_XA_TAG_ATOMIC, DPT_XA_TAG_WRITE } from '../../core/kernel/drivers/test-hmm.ts';
import { isHugeZeroPage } from '../../core/kernel/mm/huge-memory.ts';
import { isZeroPfn } from '../../core/kernel/mm/page-ref.ts';
import { pmdOffset, pteOffset, pudOffset, tableIndex } from '../../core/kernel/mm/page-table.ts';
import type { Area, Dmirror, Mm } from '../../core/machine/entities.ts';
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
import type { PteRow } from '../protocol.ts';

/** Areas up to this size have a row for each page. */
const ROW_A_PAGE = 64;

export type Mirror = PteRow['mirrors'][number];

/** What a device's page table lets the device do. */
export const mirrorAccess = (entry: number): Mirror['access'] => {
  const tag = entry % 4;
  if (tag === DPT_XA_TAG_WRITE) return 'w';
  return tag === DPT_XA_TAG_ATOMIC ? 'x' : 'r';
};
export const mirrorPfn = (entry: number): number => Math.floor(entry / 4);

/** Open device files of a process, in order of opening. */
export const dmirrorsOf = (m: Machine, mm: number): Dmirror[] =>
  m.dmirrors.values().filter((dmirror) => dmirror.mm === mm);

const mirrorsAt = (m: Machine, dmirrors: readonly Dmirror[], vpn: Vpn): Mirror[] =>
  dmirrors.flatMap((dmirror) => {
    const entry = m.journal.mapById(dmirror.pt).get(vpn);
    if (entry === undefined) return [];
    return [{ device: m.devices.get(dmirror.device).configId, access: mirrorAccess(entry) }];
  });

/** First eight bytes of a page as its owner would read them; undefined where there is no page. */
export const contentOf = (m: Machine, pfn: number): number | undefined => {
  if (pfn < 0) return undefined;
  if (isZeroPfn(m, pfn) || isHugeZeroPage(m, pfn)) return 0;
  // the test driver keeps the bytes of a private page in an ordinary page behind it
  const backing = backingPage(m, pfn);
  return backing >= 0 ? m.pages.content.get(backing) : undefined;
};

const pfnOf = (entry: Entry): number => (ptePresent(entry) || isPfnSwapEntry(entry) ? entryPfn(entry) : -1);

interface Walked {
  readonly level: PteRow['level'];
  readonly entry: Entry;
  readonly pfn: number;
  readonly tables: PteRow['tables'];
}

/** Table frames on the way to a page; -1 where there is none. */
const walk = (m: Machine, mm: Mm, vpn: Vpn): Walked => {
  const pudRow = pudOffset(m, mm, vpn);
  if (pudRow === NO_ROW) return { level: 'none', entry: 0, pfn: -1, tables: [-1, -1, -1] };
  const pud = Math.floor(pudRow / 512);
  const pmdRow = pmdOffset(m, mm, vpn);
  if (pmdRow === NO_ROW) return { level: 'none', entry: 0, pfn: -1, tables: [pud, -1, -1] };
  const pmd = Math.floor(pmdRow / 512);
  const pmdEntry = m.entries.get(pmdRow);
  if (pmdEntry !== 0 && (pmdLeaf(pmdEntry) || !ptePresent(pmdEntry))) {
    const head = pfnOf(pmdEntry);
    return { level: 'pmd', entry: pmdEntry, pfn: head < 0 ? -1 : head + (vpn % 512), tables: [pud, pmd, -1] };
  }
  const pteRow = pteOffset(m, pmdRow, vpn);
  if (pteRow === NO_ROW) return { level: 'none', entry: 0, pfn: -1, tables: [pud, pmd, -1] };
  const entry = m.entries.get(pteRow);
  return { level: 'pte', entry, pfn: pfnOf(entry), tables: [pud, pmd, Math.floor(pteRow / 512)] };
};

const rowAt = (m: Machine, mm: Mm, area: Area, dmirrors: readonly Dmirror[], vpn: Vpn): PteRow => {
  const { level, entry, pfn, tables } = walk(m, mm, vpn);
  const present = ptePresent(entry);
  return {
    vpn,
    index: vpn - area.start,
    npages: 1,
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
    pfnStep: 0,
    value: contentOf(m, pfn),
    mirrors: mirrorsAt(m, dmirrors, vpn),
  };
};

const sameMirrors = (a: readonly Mirror[], b: readonly Mirror[]): boolean =>
  a.length === b.length &&
  a.every(({ device, access }, i) => b[i]?.device === device && b[i]?.access === access);

/** Whether a page goes on with a run; the second page of a run decides whether frames go up or down. */
const continues = (run: PteRow, next: PteRow): boolean => {
  const alike =
    run.level === next.level &&
    run.entry === next.entry &&
    run.writable === next.writable &&
    run.dirty === next.dirty &&
    run.young === next.young &&
    run.special === next.special &&
    sameMirrors(run.mirrors, next.mirrors);
  if (!alike) return false;
  if (run.pfn < 0 || next.pfn < 0) return run.pfn === next.pfn;
  const step = (next.pfn - run.pfn) / run.npages;
  return run.npages === 1 ? step === 1 || step === -1 || step === 0 : step === run.pfnStep;
};

/** Rows of an area; past 64 pages alike neighbours are one row. */
export const rowsOf = (m: Machine, mm: Mm, area: Area): PteRow[] => {
  const dmirrors = dmirrorsOf(m, mm.id);
  const rows: PteRow[] = [];
  for (let vpn = area.start; vpn < area.start + area.npages; vpn++) {
    const next = rowAt(m, mm, area, dmirrors, vpn);
    const run = rows.at(-1);
    if (area.npages > ROW_A_PAGE && run !== undefined && continues(run, next)) {
      const pfnStep = run.npages === 1 ? Math.max(-1, Math.min(1, next.pfn - run.pfn)) : run.pfnStep;
      rows[rows.length - 1] = { ...run, npages: run.npages + 1, pfnStep };
    } else rows.push(next);
  }
  return rows;
};

/** Frame of page `i` of a row. */
export const rowPfn = (row: PteRow, i: number): number => (row.pfn < 0 ? -1 : row.pfn + i * row.pfnStep);

/** Whether the row refers to the frame; its page offset in the row, or -1. */
export const rowOffsetOf = (row: PteRow, pfn: number): number => {
  if (row.pfn < 0) return -1;
  if (row.pfnStep === 0) return row.pfn === pfn ? 0 : -1;
  const i = (pfn - row.pfn) * row.pfnStep;
  return i >= 0 && i < row.npages ? i : -1;
};

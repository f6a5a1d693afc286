// The page table of a process as the MMU walks it: the table of each level on the way to one address.

import type { Mm } from '../../core/machine/entities.ts';
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
  pteYoung,
  rawEntryText,
  swapDirty,
  swapYoung,
} from '../../core/uapi/pte.ts';
import { PTRS_PER_TABLE } from '../../core/uapi/units.ts';
import { tableIndex } from '../../core/kernel/mm/page-table.ts';
import type { Position } from '../protocol.ts';
import { type PageWalkView, type TableBelow, WALK_LEVELS } from '../protocol-views.ts';
import type { WalkBranch, WalkEntry, WalkLevel } from '../protocol-views.ts';
import type { Run } from '../run.ts';
import { homeOf } from './frames.ts';
import { type Scene, sceneAt } from './scene.ts';
import { dmirrorsOf, mirrorAccess, mirrorPfn, rowOffsetOf } from './rows.ts';

const MAX_ENTRIES = 64;
const TOP = WALK_LEVELS.length - 1;

/** More tables than this are not unfolded at once. */
const MAX_BRANCHES = 24;

/** Whose tables are walked. */
interface Walked {
  readonly scene: Scene;
  readonly mm: Mm;
}

const levelName = (level: number): WalkLevel['level'] => WALK_LEVELS[TOP - level] ?? 'pte';

const isLeaf = (entry: Entry, level: number): boolean => level === 0 || !ptePresent(entry) || pmdLeaf(entry);

/** The frame that a leaf refers to; -1: a swap slot or nothing. */
const leafPfn = (entry: Entry): number => (ptePresent(entry) || isPfnSwapEntry(entry) ? entryPfn(entry) : -1);

const sharersOf = ({ places }: Scene, mm: Mm, pfn: number): string[] => {
  if (pfn < 0) return [];
  const names = places.areas
    .filter((where) => where.mm.id !== mm.id && where.rows.some((row) => rowOffsetOf(row, pfn) >= 0))
    .map((where) => where.mm.name);
  return [...new Set(names)];
};

const walkEntry = (
  scene: Scene,
  mm: Mm,
  entry: Entry,
  level: number,
  index: number,
  vpn: number,
): WalkEntry => {
  const leaf = isLeaf(entry, level);
  const pfn = leaf ? leafPfn(entry) : entryPfn(entry);
  const present = ptePresent(entry);
  return {
    index,
    vpn,
    kind: leaf ? entryKind(entry) : 'table',
    huge: leaf && level > 0,
    pfn,
    raw: rawEntryText(entry, leaf),
    writable: entryWritable(entry),
    dirty: present ? pteDirty(entry) : swapDirty(entry),
    young: present ? pteYoung(entry) : swapYoung(entry),
    residence: leaf && pfn >= 0 ? homeOf(scene.m, pfn) : undefined,
    name: leaf ? scene.places.nameOfVpn(mm.name, vpn) : '',
    sharedWith: leaf ? sharersOf(scene, mm, pfn) : [],
  };
};

/** Indices of entries that are not empty. */
const usedIndices = (m: Machine, table: number): number[] => {
  const used: number[] = [];
  for (let i = 0; i < PTRS_PER_TABLE; i++) if (m.entries.get(table * PTRS_PER_TABLE + i) !== 0) used.push(i);
  return used;
};

/** The indices to list: all, or those around one. */
const listedAround = (used: readonly number[], index: number): readonly number[] => {
  if (used.length <= MAX_ENTRIES) return used;
  const after = used.findIndex((each) => each >= index);
  const first = Math.max(0, (after < 0 ? used.length : after) - MAX_ENTRIES / 2);
  return used.slice(Math.min(first, used.length - MAX_ENTRIES)).slice(0, MAX_ENTRIES);
};

/** A table, and what its entries say. @param vpn - any page that it covers */
const tableView = (
  { scene, mm }: Walked,
  table: number,
  level: number,
  vpn: number,
  index: number,
): WalkLevel => {
  const { m } = scene;
  const used = usedIndices(m, table);
  const span = PTRS_PER_TABLE ** level;
  const base = Math.floor(vpn / (span * PTRS_PER_TABLE)) * span * PTRS_PER_TABLE;
  const entries = listedAround(used, index).map((i) =>
    walkEntry(scene, mm, m.entries.get(table * PTRS_PER_TABLE + i), level, i, base + i * span),
  );
  return { level: levelName(level), table, index, entries, used: used.length };
};

/** The table below an entry; -1: there is none. */
const tableBelow = ({ scene: { m } }: Walked, table: number, level: number, vpn: number): number => {
  if (table < 0) return -1;
  const entry = m.entries.get(table * PTRS_PER_TABLE + tableIndex(vpn, level));
  return entry !== 0 && !isLeaf(entry, level) ? entryPfn(entry) : -1;
};

const levelsOf = (walked: Walked, vpn: number): WalkLevel[] => {
  let table = walked.mm.pgd;
  return WALK_LEVELS.map((name, down): WalkLevel => {
    const level = TOP - down;
    const index = tableIndex(vpn, level);
    const here = table;
    if (here < 0) return { level: name, table: here, index, entries: [], used: 0 };
    table = tableBelow(walked, here, level, vpn);
    return tableView(walked, here, level, vpn, index);
  });
};

const branchesOf = (walked: Walked, open: readonly TableBelow[]): WalkBranch[] =>
  open
    .filter(({ process }) => process === walked.mm.name)
    .slice(0, MAX_BRANCHES)
    .flatMap((wanted): WalkBranch[] => {
      const { vpn } = wanted;
      const last = TOP - WALK_LEVELS.indexOf(wanted.level);
      let table = walked.mm.pgd;
      for (let level = TOP; level >= last; level--) table = tableBelow(walked, table, level, vpn);
      return table < 0 ? [] : [{ ...wanted, table: tableView(walked, table, last - 1, vpn, -1) }];
    });

/**
 * The walk to an address.
 *
 * @param process - name of a process; one that does not live is answered with the first that does
 * @param vpn - virtual page; undefined: the first of the process's first area
 * @param open - tables that are unfolded beside the way
 */
export const pageWalkAt = (
  run: Run,
  position: Position,
  process: string | undefined,
  vpn: number | undefined,
  open: readonly TableBelow[] = [],
): PageWalkView => {
  const scene = sceneAt(run, position);
  const { m, places } = scene;
  const alive = m.mms.values().filter((mm) => mm.alive && mm.areas.length > 0);
  const mm = alive.find(({ name }) => name === process) ?? alive[0];
  const processes = alive.map(({ name }) => name);
  const first = mm?.areas[0];
  if (mm === undefined || first === undefined) {
    return { target: undefined, processes, levels: [], branches: [], mirrors: [] };
  }
  const at = vpn !== undefined && mm.name === process ? vpn : first.start;
  const mirrors = dmirrorsOf(m, mm.id).flatMap((dmirror) => {
    const entry = m.journal.mapById(dmirror.pt).get(at);
    if (entry === undefined) return [];
    const device = m.devices.get(dmirror.device).configId;
    return [{ device, access: mirrorAccess(entry), pfn: mirrorPfn(entry) }];
  });
  return {
    target: { process: mm.name, vpn: at, name: places.nameOfVpn(mm.name, at) },
    processes,
    levels: levelsOf({ scene, mm }, at),
    branches: branchesOf({ scene, mm }, open),
    mirrors,
  };
};

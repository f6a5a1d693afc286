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
import { type PageWalkView, WALK_LEVELS, type WalkEntry, type WalkLevel } from '../protocol-views.ts';
import type { Run } from '../run.ts';
import { homeOf } from './frames.ts';
import { type Scene, sceneAt } from './scene.ts';
import { dmirrorsOf, mirrorAccess, mirrorPfn, rowOffsetOf } from './rows.ts';

const MAX_ENTRIES = 64;
const TOP = WALK_LEVELS.length - 1;

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

const levelsOf = (scene: Scene, mm: Mm, vpn: number): WalkLevel[] => {
  const { m } = scene;
  let table = mm.pgd;
  return WALK_LEVELS.map((name, down): WalkLevel => {
    const level = TOP - down;
    const index = tableIndex(vpn, level);
    if (table < 0) return { level: name, table, index, entries: [], used: 0 };
    const here = table;
    const used = usedIndices(m, here);
    const span = PTRS_PER_TABLE ** level;
    const base = Math.floor(vpn / (span * PTRS_PER_TABLE)) * span * PTRS_PER_TABLE;
    const entries = listedAround(used, index).map((i) =>
      walkEntry(scene, mm, m.entries.get(here * PTRS_PER_TABLE + i), level, i, base + i * span),
    );
    const next = m.entries.get(here * PTRS_PER_TABLE + index);
    table = next !== 0 && !isLeaf(next, level) ? entryPfn(next) : -1;
    return { level: name, table: here, index, entries, used: used.length };
  });
};

/**
 * The walk to an address.
 *
 * @param process - name of a process; one that does not live is answered with the first that does
 * @param vpn - virtual page; undefined: the first of the process's first area
 */
export const pageWalkAt = (
  run: Run,
  position: Position,
  process: string | undefined,
  vpn: number | undefined,
): PageWalkView => {
  const scene = sceneAt(run, position);
  const { m, places } = scene;
  const alive = m.mms.values().filter((mm) => mm.alive && mm.areas.length > 0);
  const mm = alive.find(({ name }) => name === process) ?? alive[0];
  const processes = alive.map(({ name }) => name);
  const first = mm?.areas[0];
  if (mm === undefined || first === undefined) {
    return { target: undefined, processes, levels: [], mirrors: [] };
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
    levels: levelsOf(scene, mm, at),
    mirrors,
  };
};

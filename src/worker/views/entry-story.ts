// The life of a virtual page: every change of the entry that stands for it, over the whole run, through every table that
// the entry has stood in.

import { tableIndex } from '../../core/kernel/mm/page-table.ts';
import { EventKind } from '../../core/uapi/events.ts';
import {
  type Entry,
  entryPfn,
  entryWritable,
  pmdLeaf,
  pteDirty,
  ptePresent,
  pteYoung,
} from '../../core/uapi/pte.ts';
import { PTRS_PER_TABLE } from '../../core/uapi/units.ts';
import type { Machine } from '../../core/machine/machine.ts';
import type { Message, Position } from '../protocol.ts';
import type { Run } from '../run.ts';
import type { Chapter, EntryChange } from './chapters.ts';
import { entryText } from './events.ts';

const TOP = 3;

const leadsOn = (entry: Entry, level: number): boolean =>
  level > 0 && entry !== 0 && ptePresent(entry) && !pmdLeaf(entry);

/** Stands for pages itself; a table that comes or goes is no change of a page. */
const isLeaf = (entry: Entry, level: number): boolean => entry !== 0 && !leadsOn(entry, level);

const bitsText = (entry: Entry): string =>
  [
    entryWritable(entry) ? 'writable' : 'read-only',
    ...(ptePresent(entry) && pteDirty(entry) ? ['dirty'] : []),
    ...(ptePresent(entry) && pteYoung(entry) ? ['accessed'] : []),
  ].join(' ');

/** A change of an entry in words: where kind and frame stay, what became of its bits. */
export const entryChangeText = (page: string, level: number, before: Entry, after: Entry): Message => {
  const same = entryText(before) === entryText(after);
  const bits = (entry: Entry): string => (same && entry !== 0 ? ` ${bitsText(entry)}` : '');
  const old = entryText(before) + bits(before);
  const now = entryText(after) + bits(after);
  return { id: level > 0 ? 'event.table' : 'event.entry', params: { page, level, old, now } };
};

/** A change of an entry, and the part of the run in which it happened. */
export interface EntryEvent extends EntryChange {
  readonly chapter: Chapter;
}

/** Rows of an address's entries from the PGD down to level 0, as the tables stand; -1: there is no table. */
export const walkRows = (m: Machine, pgd: number, vpn: number): number[] => {
  const rows = [-1, -1, -1, -1];
  rows[TOP] = pgd * PTRS_PER_TABLE + tableIndex(vpn, TOP);
  for (let level = TOP; level > 0; level--) {
    const entry = m.entries.get(rows[level] ?? -1);
    if (!leadsOn(entry, level)) break;
    rows[level - 1] = entryPfn(entry) * PTRS_PER_TABLE + tableIndex(vpn, level - 1);
  }
  return rows;
};

/** Whether a change of an entry is one of a page: a table that comes or goes is none. */
export const isPageChange = (level: number, old: Entry, now: Entry): boolean =>
  level === 0 || isLeaf(old, level) || isLeaf(now, level);

/**
 * Changes of the entry of an address of the process whose PGD this is.
 *
 * @param chapters - the whole run
 * @param position - a moment at which the process lives; another may have had the same frame before or behind
 */
export const entryChanges = (
  run: Run,
  pgd: number,
  vpn: number,
  position: Position,
  chapters: readonly Chapter[],
): EntryEvent[] => {
  const { entries } = run.sim.machine;
  /** Row of the entry at each level; -1: there is no table. */
  let rows = [-1, -1, -1, -1];
  const begin = (): void => {
    rows = [-1, -1, -1, -1];
    rows[TOP] = pgd * PTRS_PER_TABLE + tableIndex(vpn, TOP);
  };
  begin();
  let found: EntryEvent[] = [];
  for (const chapter of chapters) {
    const { record, log, retold } = chapter;
    if (retold !== undefined) {
      for (const change of retold.changes) found.push({ ...change, chapter });
      if (retold.rows !== undefined) {
        rows = [...retold.rows];
        continue;
      }
      if (record.end > position) return found;
      found = [];
      begin();
      continue;
    }
    for (let i = chapter.begin; i < chapter.end; i++) {
      const kind = log.kindAt(i);
      if (kind === EventKind.REF && log.rowAt(i) === pgd && log.nowAt(i) === 0) {
        if (i >= position) return found;
        found = [];
        begin();
        continue;
      }
      if (kind !== EventKind.COLUMN || log.idAt(i) !== entries.id) continue;
      const level = rows.indexOf(log.rowAt(i));
      if (level < 0) continue;
      const now = log.nowAt(i);
      if (level > 0) {
        rows.fill(-1, 0, level);
        if (leadsOn(now, level))
          rows[level - 1] = entryPfn(now) * PTRS_PER_TABLE + tableIndex(vpn, level - 1);
      }
      if (isPageChange(level, log.oldAt(i), now)) found.push({ chapter, index: i, level });
    }
  }
  return found;
};

// What a breakpoint waits for, as a test of one event after the other, forward or back.

import { backingPage } from '../../core/kernel/drivers/test-hmm-dmirror.ts';
import { leafOffset } from '../../core/kernel/mm/page-table.ts';
import { compoundHead, folioTestLarge, pageAnon, pageMapcount } from '../../core/kernel/mm/page-ref.ts';
import type { Mm } from '../../core/machine/entities.ts';
import type { Machine } from '../../core/machine/machine.ts';
import type { EventLog } from '../../core/trace/log.ts';
import { EventKind } from '../../core/uapi/events.ts';
import { GUP_PIN_COUNTING_BIAS } from '../../core/uapi/gup-flags.ts';
import * as flag from '../../core/uapi/page-flags.ts';
import { presentName } from '../../core/uapi/patches.ts';
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
} from '../../core/uapi/pte.ts';
import { KERNEL_FUNCTIONS } from '../../core/uapi/source-refs.ts';
import { NO_PFN, NO_ROW } from '../../core/uapi/units.ts';
import type {
  Breakpoint,
  BreakField,
  Comparison,
  EntryState,
  FieldCondition,
  PageFlag,
  PageRef,
  Place,
  PteCondition,
} from '../protocol-debug.ts';
import { walkRows } from './entry-story.ts';
import { contentOf } from './rows.ts';

/** A log, and the machine that can be put to each of its positions. */
export interface Timeline {
  readonly machine: Machine;
  readonly seek: (position: number) => void;
}

/** Asked about events in the order in which a run passes them. */
export interface EventTest {
  readonly isHit: (index: number, kind: EventKind) => boolean;
  /** Its next event follows on no event that it was asked about: a big step lies between. */
  readonly restart: (position: number) => void;
}

/** An address in a process that lives; undefined: there is none just now. */
export const placeNow = (m: Machine, place: Place): { readonly mm: Mm; readonly vpn: number } | undefined => {
  const mms = m.mms
    .values()
    .filter(({ name, alive }) => alive && (place.process === undefined || name === place.process));
  if (!('area' in place)) return mms[0] === undefined ? undefined : { mm: mms[0], vpn: place.vpn };
  for (const mm of mms) {
    const area = mm.areas.findLast(({ name, npages }) => name === place.area && place.page < npages);
    if (area !== undefined) return { mm, vpn: area.start + place.page };
  }
  return undefined;
};

/** The frame that an entry refers to: also one that moves, or that only a device can use. */
const frameOf = (entry: Entry): number =>
  ptePresent(entry) || isPfnSwapEntry(entry) ? entryPfn(entry) : NO_PFN;

/** What is looked at at one position, and the rows on which that depends. */
interface Look {
  /** Undefined: there is no such page now. */
  readonly value: number | undefined;
  readonly entryRows: readonly number[];
  readonly pageRows: readonly number[];
}

const entryNow = (
  m: Machine,
  place: Place,
): { readonly entry: Entry; readonly pfn: number; readonly rows: readonly number[] } => {
  const found = placeNow(m, place);
  if (found === undefined) return { entry: 0, pfn: NO_PFN, rows: [] };
  const { row, npages } = leafOffset(m, found.mm, found.vpn);
  const entry = row === NO_ROW ? 0 : m.entries.get(row);
  const frame = frameOf(entry);
  const pfn = frame === NO_PFN ? NO_PFN : frame + (found.vpn % npages);
  return { entry, pfn, rows: walkRows(m, found.mm.pgd, found.vpn) };
};

/**
 * How often a folio is pinned, as far as its counts tell: references of a small one in units of GUP_PIN_COUNTING_BIAS, so that
 * very many plain ones look like a pin, too.
 *
 * Kernel: `include/linux/mm.h: folio_maybe_dma_pinned`
 */
const pinsOf = (m: Machine, folio: number, refcount: number): number =>
  folioTestLarge(m, folio)
    ? m.pages.compoundPincount.get(folio)
    : Math.floor((refcount >>> 0) / GUP_PIN_COUNTING_BIAS);

/** A field as the inspector shows it. */
const fieldNow = (m: Machine, field: BreakField, pfn: number): number | undefined => {
  const { pages } = m;
  const head = compoundHead(m, pfn);
  switch (field) {
    case '_refcount':
      return pages.refcount.get(head);
    case '_mapcount':
      return pageMapcount(m, pfn);
    case 'flags':
      return (pages.flags.get(pfn) | pages.flags.get(head)) >>> 0;
    case 'mapping':
      return pages.mapping.get(head);
    case 'index':
      return pages.index.get(head) + pfn - head;
    case 'content':
      return contentOf(m, pfn);
    case 'compound_mapcount':
      return pages.compoundMapcount.get(head);
    case 'compound_pincount':
      return pages.compoundPincount.get(head);
    case 'pins':
      return pinsOf(m, head, pages.refcount.get(head));
  }
};

const columnOf = (m: Machine, field: BreakField): number => {
  const { pages } = m;
  switch (field) {
    case '_refcount':
      return pages.refcount.id;
    case '_mapcount':
      return pages.mapcount.id;
    case 'flags':
      return pages.flags.id;
    case 'mapping':
      return pages.mapping.id;
    case 'index':
      return pages.index.id;
    case 'content':
      return pages.content.id;
    case 'compound_mapcount':
      return pages.compoundMapcount.id;
    case 'compound_pincount':
      return pages.compoundPincount.id;
    case 'pins':
      return pages.compoundPincount.id;
  }
};

const compares = (how: Comparison, left: number, right: number): boolean => {
  switch (how) {
    case '=':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
  }
};

const entryIs = (entry: Entry, state: EntryState): boolean => {
  switch (state) {
    case 'writable':
      return entryWritable(entry);
    case 'dirty':
      return ptePresent(entry) && pteDirty(entry);
    case 'accessed':
      return ptePresent(entry) && pteYoung(entry);
    default:
      return entryKind(entry) === state;
  }
};

const FLAG_BITS: Readonly<Record<PageFlag, number>> = {
  locked: flag.PG_locked,
  referenced: flag.PG_referenced,
  uptodate: flag.PG_uptodate,
  dirty: flag.PG_dirty,
  lru: flag.PG_lru,
  active: flag.PG_active,
  workingset: flag.PG_workingset,
  swapbacked: flag.PG_swapbacked,
  unevictable: flag.PG_unevictable,
  mlocked: flag.PG_mlocked,
  reserved: flag.PG_reserved,
  head: flag.PG_head,
  private: flag.PG_private,
  writeback: flag.PG_writeback,
  reclaim: flag.PG_reclaim,
  hwpoison: flag.PG_hwpoison,
  anon_exclusive: flag.PG_anon_exclusive,
  swapcache: flag.PG_swapcache,
};
/** Bits that mean something else on a page that is not anonymous. */
const OF_ANONYMOUS = flag.PG_anon_exclusive | flag.PG_swapcache;

const holds = (condition: FieldCondition | PteCondition, value: number | undefined): boolean => {
  if (value === undefined || condition.is === undefined) return false;
  if (condition.kind === 'pte') {
    const [how, state] = condition.is;
    return entryIs(value, state) === (how === '=');
  }
  const [how, wanted] = condition.is;
  return typeof wanted === 'number'
    ? compares(how, value, wanted)
    : ((value & FLAG_BITS[wanted]) !== 0) === (how === '=');
};

/** Whether going from one value to the other begins to fulfil a condition. */
const begins = (
  condition: FieldCondition | PteCondition,
  before: number | undefined,
  after: number | undefined,
): boolean =>
  condition.is === undefined ? before !== after : !holds(condition, before) && holds(condition, after);

const pageNow = (m: Machine, of: PageRef): { readonly pfn: number; readonly rows: readonly number[] } =>
  'pfn' in of ? { pfn: of.pfn, rows: [] } : entryNow(m, of);

const lookAt = (m: Machine, condition: FieldCondition | PteCondition, of: PageRef): Look => {
  if (condition.kind === 'pte') {
    if ('pfn' in of || placeNow(m, of) === undefined) return NOTHING;
    const { entry, rows } = entryNow(m, of);
    return { value: entry, entryRows: rows, pageRows: [] };
  }
  const { pfn, rows } = pageNow(m, of);
  if (pfn === NO_PFN) return { value: undefined, entryRows: rows, pageRows: [] };
  const wantsFlag = typeof condition.is?.[1] === 'string';
  const meant = wantsFlag && !pageAnon(m, pfn) ? ~OF_ANONYMOUS : -1;
  const field = fieldNow(m, condition.field, pfn);
  const value = wantsFlag && field !== undefined ? field & meant : field;
  return { value, entryRows: rows, pageRows: [pfn, compoundHead(m, pfn), backingPage(m, pfn)] };
};
const NOTHING: Look = { value: undefined, entryRows: [], pageRows: [] };

/** What a condition looks at, as it stands. */
export const valueNow = (m: Machine, condition: FieldCondition | PteCondition): number | undefined =>
  condition.of === undefined ? undefined : lookAt(m, condition, condition.of).value;

/**
 * Whether an event could change what is looked at. Those of big steps could: they stand where its state becomes that of
 * its next part.
 */
const touches = (
  m: Machine,
  log: EventLog,
  index: number,
  kind: EventKind,
  { entryRows, pageRows }: Look,
  pageColumns: ReadonlySet<number>,
): boolean => {
  switch (kind) {
    case EventKind.COLUMN: {
      const id = log.idAt(index);
      if (id === m.entries.id) return entryRows.includes(log.rowAt(index));
      return pageRows.length > 0 && pageColumns.has(id) && pageRows.includes(log.rowAt(index));
    }
    case EventKind.REF:
      return pageRows.includes(log.rowAt(index));
    case EventKind.CELL:
    case EventKind.PAGES:
    case EventKind.CALLS:
    case EventKind.DECISIONS:
      return true;
    default:
      return false;
  }
};

const columnsOf = (m: Machine): ReadonlySet<number> =>
  new Set(Object.values(m.pages).map((column) => column.id));

/**
 * A test of something that has one value at each position: looked up again behind each event that could change it.
 *
 * @param hits - by the values before and after an event; of the event itself, where it is a write of what was looked at
 */
const watching = (
  { machine: m, seek }: Timeline,
  direction: 1 | -1,
  look: () => Look,
  hits: (before: number | undefined, after: number | undefined, index: number) => boolean,
): EventTest => {
  const { log } = m.journal;
  const columns = columnsOf(m);
  let here = NOTHING;
  return {
    restart: (position) => {
      seek(position);
      here = look();
    },
    isHit: (index, kind) => {
      if (!touches(m, log, index, kind, here, columns)) return false;
      seek(direction === 1 ? index + 1 : index);
      const there = look();
      const [before, after] = direction === 1 ? [here, there] : [there, here];
      here = there;
      return hits(before.value, after.value, index);
    },
  };
};

const ofEvents = (isHit: EventTest['isHit']): EventTest => ({ isHit, restart: () => {} });

const isSpelled = (name: string): boolean => KERNEL_FUNCTIONS.some((fn) => fn.name === name);

const functionTest = (log: EventLog, fn: string): EventTest => {
  const name = presentName(fn);
  const id = isSpelled(name) ? KERNEL_FUNCTIONS.findIndex((known) => known.name === name) : -1;
  return ofEvents(
    (index, kind) => (kind === EventKind.SPAN_BEGIN || kind === EventKind.CALLS) && log.idAt(index) === id,
  );
};

const pageTest = (timeline: Timeline, of: PageRef, direction: 1 | -1): EventTest => {
  const m = timeline.machine;
  const { log } = m.journal;
  const columns = columnsOf(m);
  const isWrite = (index: number, pfn: number): boolean => {
    const kind = log.kindAt(index);
    const isPage = kind === EventKind.REF || (kind === EventKind.COLUMN && columns.has(log.idAt(index)));
    return isPage && log.rowAt(index) === pfn;
  };
  if ('pfn' in of) return ofEvents((index) => isWrite(index, of.pfn));
  const look = (): Look => {
    const { pfn, rows } = entryNow(m, of);
    return pfn === NO_PFN
      ? { value: undefined, entryRows: rows, pageRows: [] }
      : { value: pfn, entryRows: rows, pageRows: [pfn] };
  };
  return watching(
    timeline,
    direction,
    look,
    (before, after, index) => before !== after || (after !== undefined && isWrite(index, after)),
  );
};

/** Whether an entry points to a table, at a position at which that table is there. */
const isOfTable = ({ machine: m, seek }: Timeline, entry: Entry, position: number): boolean => {
  if (!ptePresent(entry) || pmdLeaf(entry)) return false;
  seek(position);
  return (m.pages.flags.get(entryPfn(entry)) & flag.PG_table) !== 0;
};

/** Any entry: a table that is hung in, or taken out, is none. */
const anyPteTest = (timeline: Timeline, condition: PteCondition): EventTest => {
  const m = timeline.machine;
  const { log } = m.journal;
  return ofEvents((index, kind) => {
    if (kind !== EventKind.COLUMN || log.idAt(index) !== m.entries.id) return false;
    const [before, after] = [log.oldAt(index), log.nowAt(index)];
    return (
      begins(condition, before, after) &&
      !isOfTable(timeline, before, index) &&
      !isOfTable(timeline, after, index + 1)
    );
  });
};

/** Any folio: a small one is pinned by its references, a large one by a count of its own. */
const anyPinsTest = ({ machine: m, seek }: Timeline, condition: FieldCondition): EventTest => {
  const { log } = m.journal;
  const pins = (refcount: number): number => Math.floor((refcount >>> 0) / GUP_PIN_COUNTING_BIAS);
  return ofEvents((index, kind) => {
    const isOfLarge = kind === EventKind.COLUMN && log.idAt(index) === m.pages.compoundPincount.id;
    if (!isOfLarge && kind !== EventKind.REF) return false;
    const [before, after] = [log.oldAt(index), log.nowAt(index)];
    if (isOfLarge) return begins(condition, before, after);
    if (!begins(condition, pins(before), pins(after))) return false;
    seek(index + 1);
    return !folioTestLarge(m, log.rowAt(index));
  });
};

/** Each event tells by itself what it changed. */
const anyTest = (timeline: Timeline, condition: FieldCondition | PteCondition): EventTest => {
  if (condition.kind === 'pte') return anyPteTest(timeline, condition);
  if (condition.field === 'pins') return anyPinsTest(timeline, condition);
  const m = timeline.machine;
  const { log } = m.journal;
  const isCount = condition.field === '_refcount';
  const wanted = isCount ? EventKind.REF : EventKind.COLUMN;
  const column = columnOf(m, condition.field);
  return ofEvents(
    (index, kind) =>
      kind === wanted &&
      (isCount || log.idAt(index) === column) &&
      begins(condition, log.oldAt(index), log.nowAt(index)),
  );
};

/** @param direction - in which the run goes over the events */
export const testOf = (timeline: Timeline, breakpoint: Breakpoint, direction: 1 | -1): EventTest => {
  const m = timeline.machine;
  switch (breakpoint.kind) {
    case 'function':
      return functionTest(m.journal.log, breakpoint.fn);
    case 'page':
      return pageTest(timeline, breakpoint.of, direction);
    case 'field':
    case 'pte': {
      const { of } = breakpoint;
      if (of === undefined) return anyTest(timeline, breakpoint);
      return watching(
        timeline,
        direction,
        () => lookAt(m, breakpoint, of),
        (before, after) => begins(breakpoint, before, after),
      );
    }
    case 'log':
      return ofEvents((_index, kind) => kind === EventKind.LOG);
  }
};

// One event of the log in words: an id with parameters.

import type { Column } from '../../core/machine/column.ts';
import type { Machine } from '../../core/machine/machine.ts';
import type { LogEvent } from '../../core/trace/log.ts';
import { DECISIONS, EventKind, HOLDER_KINDS, unpackPages, VMSTAT_COUNTERS } from '../../core/uapi/events.ts';
import { FREED_CONTENT } from '../../core/kernel/mm/page-alloc.ts';
import { KERNEL_MESSAGES } from '../../core/kernel/sched/bug.ts';
import {
  PG_buddy,
  PG_deferred_split,
  PG_double_map,
  PG_table,
  pageFlagNames,
} from '../../core/uapi/page-flags.ts';
import { entryKind, entryPfn, ptePresent } from '../../core/uapi/pte.ts';
import { spelling } from '../../core/uapi/patches.ts';
import { KERNEL_FUNCTIONS } from '../../core/uapi/source-refs.ts';
import type { Message } from '../protocol.ts';
import type { EventView } from '../protocol-moment.ts';
import {
  callArguments,
  DECISION_ARGUMENTS,
  frameName,
  hex,
  message,
  type Namer,
  placeOf,
} from './messages.ts';
import { resultText } from './results.ts';
import type { Tables } from './tables.ts';
import { namerOf } from './whose.ts';

const EVENT_NAMES: Readonly<Record<EventKind, string>> = {
  [EventKind.STEP]: 'step',
  [EventKind.SPAN_BEGIN]: 'call',
  [EventKind.SPAN_END]: 'return',
  [EventKind.DECISION]: 'decision',
  [EventKind.COLUMN]: 'write',
  [EventKind.MAP]: 'write',
  [EventKind.CELL]: 'write',
  [EventKind.REF]: 'reference',
  [EventKind.HOLDER]: 'holder',
  [EventKind.TASK]: 'task',
  [EventKind.LOG]: 'kernel log',
  [EventKind.PAGES]: 'pages',
  [EventKind.CALLS]: 'calls',
  [EventKind.DECISIONS]: 'decisions',
};

/** `present 0x3c0` */
export const entryText = (entry: number): string => {
  const kind = entryKind(entry);
  if (kind === 'none') return 'none';
  return `${kind} ${hex(entryPfn(entry))}`;
};

/** Page types and states that the recordings do not print. */
const UNPRINTED_FLAGS: readonly (readonly [number, string])[] = [
  [PG_buddy, 'buddy'],
  [PG_table, 'table'],
  [PG_deferred_split, 'deferred_split'],
  [PG_double_map, 'double_map'],
];

const allFlagNames = (flags: number): Set<string> => {
  const unprinted = UNPRINTED_FLAGS.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);
  return new Set([...pageFlagNames(flags >>> 0, true), ...unprinted]);
};

/** Flags that were set and cleared: `+locked -lru`. */
const flagChange = (old: number, now: number): string => {
  const before = allFlagNames(old);
  const after = allFlagNames(now);
  const set = [...after].filter((name) => !before.has(name) && name !== 'anon').map((name) => `+${name}`);
  const cleared = [...before].filter((name) => !after.has(name) && name !== 'anon').map((name) => `-${name}`);
  return [...set, ...cleared].join(' ');
};

const isPageColumn = (m: Machine, column: Column): boolean => Object.values(m.pages).includes(column);

const columnText = (namer: Namer, tables: Tables, event: LogEvent): Message => {
  const { m } = namer;
  const column = m.journal.columnById(event.id);
  const { row, old, now } = event;
  if (column === m.entries) {
    const table = tables.at(m, Math.floor(row / 512));
    const page =
      table === undefined
        ? ''
        : namer.places.nameOfVpn(table.process, table.vpn + (row % 512) * 512 ** table.level);
    const params = { page, level: table?.level ?? -1, old: entryText(old), now: entryText(now) };
    const target = ptePresent(now) ? entryPfn(now) : -1;
    return {
      id: table !== undefined && table.level > 0 ? 'event.table' : 'event.entry',
      params: { ...params, pfn: hex(target) },
    };
  }
  if (column === m.pages.flags) {
    const params = { page: frameName(namer, row), pfn: hex(row), change: flagChange(old, now) };
    return {
      id: params.change === '' ? 'event.column' : 'event.flags',
      params: { ...params, column: 'flags', old, now },
    };
  }
  if (column === m.vmstat) {
    return { id: 'event.vmstat', params: { counter: VMSTAT_COUNTERS[row] ?? '', old, now } };
  }
  if (!isPageColumn(m, column))
    return { id: 'event.internal', params: { column: column.name, row: hex(row), old, now } };
  const params = {
    page: frameName(namer, row),
    pfn: hex(row),
    place: placeOf(m, row),
    column: column.name,
    old,
    now,
  };
  if (column !== m.pages.content) return { id: 'event.column', params };
  return { id: now === FREED_CONTENT ? 'event.content-lost' : 'event.content', params };
};

export const eventText = (namer: Namer, tables: Tables, event: LogEvent): Message => {
  const { m } = namer;
  const { row, old, now, id } = event;
  switch (event.kind) {
    case EventKind.STEP:
      return { id: 'event.step', params: { step: id } };
    case EventKind.SPAN_BEGIN: {
      const fn = KERNEL_FUNCTIONS[id]?.name ?? 'handle_mm_fault';
      const args = callArguments(namerOf(namer, event.index), fn, [row, old, now]);
      return {
        id: 'event.call',
        params: {
          fn: spelling(m.kernel, fn),
          args: args.map(({ name, value }) => `${name} ${value}`).join(', '),
        },
      };
    }
    case EventKind.SPAN_END: {
      const name = KERNEL_FUNCTIONS[id]?.name ?? '';
      const fn = spelling(m.kernel, name);
      const result = resultText(name, row);
      if (result === '') return { id: 'event.return', params: { fn } };
      return { id: 'event.return-value', params: { fn, result } };
    }
    case EventKind.DECISION: {
      const decision = DECISIONS[id] ?? 'pinnable.ordinary';
      return message(namerOf(namer, event.index), decision, DECISION_ARGUMENTS[decision], [row, old, now]);
    }
    case EventKind.COLUMN:
      return columnText(namer, tables, event);
    case EventKind.MAP: {
      const map = m.journal.mapById(id).name;
      const value = (n: number): string => (Number.isNaN(n) ? 'none' : hex(n));
      return { id: 'event.map', params: { map, key: hex(row), old: value(old), now: value(now) } };
    }
    case EventKind.CELL:
      return { id: 'event.cell', params: {} };
    case EventKind.REF: {
      const params = { page: frameName(namer, row), pfn: hex(row), holder: HOLDER_KINDS[id] ?? '', old, now };
      return {
        id: now > old ? 'event.reference-taken' : 'event.reference-dropped',
        params: { ...params, by: Math.abs(now - old) },
      };
    }
    case EventKind.HOLDER: {
      const params = {
        page: frameName(namer, row),
        pfn: hex(row),
        to: HOLDER_KINDS[id] ?? '',
        from: HOLDER_KINDS[old] ?? '',
      };
      return { id: 'event.holder', params: { ...params, amount: now } };
    }
    case EventKind.TASK:
      return { id: 'event.task', params: { task: id, cpu: row } };
    case EventKind.LOG:
      return { id: `log.${KERNEL_MESSAGES[id] ?? 'other'}`, params: { a: row, b: old } };
    case EventKind.PAGES: {
      const { outcome, npages } = unpackPages(id);
      const params = { outcome, npages, vpn: hex(row), from: hex(old), to: hex(now) };
      return { id: Number.isNaN(row) ? 'event.pages-moved' : 'event.pages', params };
    }
    case EventKind.CALLS: {
      const fn = spelling(m.kernel, KERNEL_FUNCTIONS[id]?.name ?? '');
      return { id: 'event.calls', params: { fn, times: row } };
    }
    case EventKind.DECISIONS:
      return { id: 'event.decisions', params: { decision: DECISIONS[id] ?? '', times: row } };
  }
};

export const eventView = (namer: Namer, tables: Tables, event: LogEvent): EventView => ({
  index: event.index,
  kind: EVENT_NAMES[event.kind],
  provenance: event.provenance,
  text: eventText(namer, tables, event),
});

// Looks for the next event of the log that a breakpoint is about.

import type { Machine } from '../../core/machine/machine.ts';
import type { EventLog } from '../../core/trace/log.ts';
import { EventKind } from '../../core/uapi/events.ts';
import { KERNEL_FUNCTIONS, type KernelFunctionName } from '../../core/uapi/source-refs.ts';
import { presentName } from '../../core/uapi/patches.ts';
import type { Position } from '../protocol.ts';
import type { Breakpoint, BreakField } from '../protocol-debug.ts';

type Test = (log: EventLog, index: number, kind: EventKind) => boolean;

const columnOf = (m: Machine, field: BreakField): number => {
  switch (field) {
    case '_refcount':
      return m.pages.refcount.id;
    case '_mapcount':
      return m.pages.mapcount.id;
    case 'flags':
      return m.pages.flags.id;
    case 'mapping':
      return m.pages.mapping.id;
    case 'content':
      return m.pages.content.id;
  }
};

const isSpelled = (name: string): name is KernelFunctionName =>
  KERNEL_FUNCTIONS.some((fn) => fn.name === name);

const testOf = (m: Machine, breakpoint: Breakpoint): Test => {
  switch (breakpoint.kind) {
    case 'function': {
      const name = presentName(breakpoint.fn);
      const id = isSpelled(name) ? KERNEL_FUNCTIONS.findIndex((fn) => fn.name === name) : -1;
      return (log, index, kind) => kind === EventKind.SPAN_BEGIN && log.idAt(index) === id;
    }
    case 'page': {
      const { pfn } = breakpoint;
      const columns = new Set(Object.values(m.pages).map((column) => column.id));
      return (log, index, kind) =>
        (kind === EventKind.REF || (kind === EventKind.COLUMN && columns.has(log.idAt(index)))) &&
        log.rowAt(index) === pfn;
    }
    case 'field': {
      const { field, becomes, pfn } = breakpoint;
      const column = columnOf(m, field);
      const wanted = field === '_refcount' ? EventKind.REF : EventKind.COLUMN;
      return (log, index, kind) =>
        kind === wanted &&
        (wanted === EventKind.REF || log.idAt(index) === column) &&
        (becomes === undefined || log.nowAt(index) === becomes) &&
        (pfn === undefined || log.rowAt(index) === pfn);
    }
    case 'log':
      return (_log, _index, kind) => kind === EventKind.LOG;
  }
};

/** Where a run stops, and which of the breakpoints stopped it. */
export interface Hit {
  readonly position: Position;
  readonly breakpoint: number;
}

/**
 * The next position behind an event that one of the breakpoints is about.
 *
 * @param begin - first position that may be shown; a run back stops there at the latest
 */
export const nextHit = (
  m: Machine,
  breakpoints: readonly Breakpoint[],
  from: Position,
  direction: 1 | -1,
  begin: Position,
): Hit | undefined => {
  const { log } = m.journal;
  const tests = breakpoints.map((breakpoint) => testOf(m, breakpoint));
  // the event that led to `from` is the one before it
  for (let i = direction === 1 ? from : from - 2; i >= begin && i < log.length; i += direction) {
    const kind = log.kindAt(i);
    const breakpoint = tests.findIndex((test) => test(log, i, kind));
    if (breakpoint >= 0) return { position: i + 1, breakpoint };
  }
  return undefined;
};

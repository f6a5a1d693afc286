// Breakpoints, and which calls of the call tree are unfolded.

import type { Position, RunId } from '../worker/protocol.ts';
import { BREAK_FIELDS, type Breakpoint, type BreakField } from '../worker/protocol-debug.ts';
import { type Context, report, update } from './context.ts';

export type { Breakpoint } from '../worker/protocol-debug.ts';

/** One that is switched off is kept, and stops nothing. */
export interface BreakpointEntry {
  readonly breakpoint: Breakpoint;
  readonly on: boolean;
}

export interface DebugSlice {
  readonly runId: RunId;
  readonly breakpoints: readonly BreakpointEntry[];
  /** Index of the one that stopped the run last; -1: none. */
  readonly lastHit: number;
  /** Direction in which nothing was found to stop at; 0: something was. */
  readonly missed: 1 | -1 | 0;
  /** Where calls begin that somebody has unfolded. */
  readonly openCalls: readonly Position[];
}

export interface DebugActions {
  readonly addBreakpoint: (breakpoint: Breakpoint) => void;
  readonly removeBreakpoint: (index: number) => void;
  readonly switchBreakpoint: (index: number, on: boolean) => void;
  /** Stops at the next event that a breakpoint is about; `missed` says that there is none. */
  readonly runToBreakpoint: (direction: 1 | -1) => Promise<void>;
  readonly unfoldCall: (begin: Position, open: boolean) => void;
}

export const initialDebug: DebugSlice = { runId: '', breakpoints: [], lastHit: -1, missed: 0, openCalls: [] };

export const MAX_BREAKPOINTS = 20;

const NUMBER = /^(0x[\da-f]{1,10}|-?\d{1,12})$/i;
const NAME = /^\w{1,64}$/;
const hex = (n: number): string => `0x${n.toString(16)}`;

/** `fn:migrate_pages`, `page:0x100404`, `_refcount=0`, `_refcount=0@0x100404`, `log`: as addresses write it. */
export const breakpointText = (breakpoint: Breakpoint): string => {
  switch (breakpoint.kind) {
    case 'function':
      return `fn:${breakpoint.fn}`;
    case 'page':
      return `page:${hex(breakpoint.pfn)}`;
    case 'field': {
      const { field, becomes, pfn } = breakpoint;
      return `${field}${becomes === undefined ? '' : `=${becomes}`}${pfn === undefined ? '' : `@${hex(pfn)}`}`;
    }
    case 'log':
      return 'log';
  }
};

const isField = (text: string): text is BreakField => BREAK_FIELDS.some((field) => field === text);

/** Reads what breakpointText writes; undefined: nothing of the kind. */
export const parseBreakpoint = (text: string): Breakpoint | undefined => {
  const trimmed = text.trim();
  if (trimmed === 'log') return { kind: 'log' };
  const [kind = '', rest = ''] = trimmed.split(':');
  if (kind === 'fn') return NAME.test(rest) ? { kind: 'function', fn: rest } : undefined;
  if (kind === 'page') return NUMBER.test(rest) ? { kind: 'page', pfn: Number(rest) } : undefined;
  const found = /^(\w+)(?:=([^@]+))?(?:@(.+))?$/.exec(trimmed);
  const [, field = '', becomes, pfn] = found ?? [];
  if (!isField(field)) return undefined;
  if ([becomes, pfn].some((number) => number !== undefined && !NUMBER.test(number))) return undefined;
  return {
    kind: 'field',
    field,
    ...(becomes === undefined ? {} : { becomes: Number(becomes) }),
    ...(pfn === undefined ? {} : { pfn: Number(pfn) }),
  };
};

export const debugActions = (context: Context, show: (position: Position) => Promise<void>): DebugActions => {
  const slice = (): DebugSlice => context.store.getState().debug;
  return {
    addBreakpoint: (breakpoint) => {
      const { breakpoints } = slice();
      const text = breakpointText(breakpoint);
      if (breakpoints.some((known) => breakpointText(known.breakpoint) === text)) return;
      const kept = breakpoints.slice(-MAX_BREAKPOINTS + 1);
      update(context, 'debug', {
        breakpoints: [...kept, { breakpoint, on: true }],
        lastHit: -1,
        missed: 0,
      });
    },
    removeBreakpoint: (index) =>
      update(context, 'debug', {
        breakpoints: slice().breakpoints.filter((_, i) => i !== index),
        lastHit: -1,
      }),
    switchBreakpoint: (index, on) =>
      update(context, 'debug', {
        breakpoints: slice().breakpoints.map((entry, i) => (i === index ? { ...entry, on } : entry)),
      }),
    runToBreakpoint: async (direction) => {
      const { scenario, playback } = context.store.getState();
      const active = slice().breakpoints.flatMap((entry, index) => (entry.on ? [{ ...entry, index }] : []));
      if (scenario.run === undefined || active.length === 0) return;
      const { runId } = scenario;
      const answer = await context.link.ask({
        kind: 'navigate',
        runId,
        from: playback.position,
        grain: 'breakpoint',
        direction,
        breakpoints: active.map(({ breakpoint }) => breakpoint),
      });
      if (context.store.getState().scenario.runId !== runId) return;
      if (answer.kind === 'failed') {
        report(context, { about: 'query', place: answer.place, message: answer.message });
        return;
      }
      const hit = answer.breakpoint === undefined ? undefined : active[answer.breakpoint];
      update(context, 'debug', { lastHit: hit?.index ?? -1, missed: hit === undefined ? direction : 0 });
      if (hit !== undefined) await show(answer.position);
    },
    unfoldCall: (begin, open) => {
      const { openCalls } = slice();
      const others = openCalls.filter((each) => each !== begin);
      update(context, 'debug', { openCalls: open ? [...others, begin] : others });
    },
  };
};

// Breakpoints, and which calls of the call tree are unfolded.

import type { Navigated, Position, RunId } from '../worker/protocol.ts';
import { BREAK_FIELDS, type Breakpoint, type BreakField } from '../worker/protocol-debug.ts';
import type { AppState } from './app.ts';
import { type Context, report, update } from './context.ts';

export type { Breakpoint } from '../worker/protocol-debug.ts';

/** One that is switched off is kept, and stops nothing. */
export interface BreakpointEntry {
  readonly breakpoint: Breakpoint;
  readonly on: boolean;
}

/** A call that somebody has pointed at, focused or gone to; `step`: one of the scenario, by its operation. */
export interface CallHere {
  readonly kind: 'function' | 'step';
  readonly name: string;
  /** Position behind the event that begins it; of a step before its first event. */
  readonly begin: Position;
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
  /** Where `runToHere` goes; undefined: nowhere yet. */
  readonly here: CallHere | undefined;
  /** Somebody wants to write a condition. */
  readonly isAsked: boolean;
}

export interface DebugActions {
  readonly addBreakpoint: (breakpoint: Breakpoint) => void;
  readonly removeBreakpoint: (index: number) => void;
  readonly switchBreakpoint: (index: number, on: boolean) => void;
  /** Stops at the next event that a breakpoint is about; `missed` says that there is none. */
  readonly runToBreakpoint: (direction: 1 | -1) => Promise<void>;
  readonly chooseCall: (call: CallHere) => void;
  /**
   * Runs on to the call that was chosen last, or to its next occurrence where it lies behind; a breakpoint on the way stops
   * it. @param call - chooses this one first
   */
  readonly runToHere: (call?: CallHere) => Promise<void>;
  /** Asks for a condition: its field gets the focus. `false`: it has it. */
  readonly askBreakpoint: (isAsked: boolean) => void;
  readonly unfoldCall: (begin: Position, open: boolean) => void;
}

export const initialDebug: DebugSlice = {
  runId: '',
  breakpoints: [],
  lastHit: -1,
  missed: 0,
  openCalls: [],
  here: undefined,
  isAsked: false,
};

/** What `runToHere` would do now; undefined: nothing. */
export const runToHereText = ({ debug: { here }, playback }: AppState): string | undefined => {
  if (here === undefined) return undefined;
  return here.begin > playback.position ? `Run to here: ${here.name}` : `Run to the next ${here.name}`;
};

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
  const active = () => slice().breakpoints.flatMap((entry, index) => (entry.on ? [{ ...entry, index }] : []));
  const find = async (
    direction: 1 | -1,
    breakpoints: readonly Breakpoint[],
  ): Promise<Navigated | undefined> => {
    const { scenario, playback } = context.store.getState();
    const { runId } = scenario;
    const from = playback.position;
    const answer = await context.link.ask({
      kind: 'navigate',
      runId,
      from,
      grain: 'breakpoint',
      direction,
      breakpoints,
    });
    if (context.store.getState().scenario.runId !== runId) return undefined;
    if (answer.kind !== 'failed') return answer;
    report(context, { about: 'query', place: answer.place, message: answer.message });
    return undefined;
  };
  const runTo = async (here: CallHere): Promise<void> => {
    const { scenario, playback } = context.store.getState();
    const { kind, name } = here;
    if (scenario.run === undefined) return;
    const again = scenario.run.steps.find(
      ({ step, begin }) => begin > playback.position && step['op'] === name,
    );
    const known = here.begin > playback.position ? here.begin : kind === 'step' ? again?.begin : undefined;
    const stops = active();
    const wanted: readonly Breakpoint[] =
      known === undefined && kind === 'function' ? [{ kind: 'function', fn: name }] : [];
    const all = [...stops.map(({ breakpoint }) => breakpoint), ...wanted];
    const answer = all.length === 0 ? undefined : await find(1, all);
    // another run is shown, or the question failed
    if (all.length > 0 && answer === undefined) return;
    const hit = answer?.breakpoint === undefined ? Number.POSITIVE_INFINITY : answer.position;
    const to = Math.min(hit, known ?? Number.POSITIVE_INFINITY);
    const stop = hit === to ? stops[answer?.breakpoint ?? -1] : undefined;
    update(context, 'debug', { lastHit: stop?.index ?? -1, missed: 0 });
    if (to < Number.POSITIVE_INFINITY) await show(to);
    else
      report(context, {
        about: 'query',
        place: '',
        message: { id: 'problem.no-later-call', params: { name } },
      });
  };
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
      const stops = active();
      if (context.store.getState().scenario.run === undefined || stops.length === 0) return;
      const answer = await find(
        direction,
        stops.map(({ breakpoint }) => breakpoint),
      );
      if (answer === undefined) return;
      const hit = answer.breakpoint === undefined ? undefined : stops[answer.breakpoint];
      update(context, 'debug', { lastHit: hit?.index ?? -1, missed: hit === undefined ? direction : 0 });
      if (hit !== undefined) await show(answer.position);
    },
    chooseCall: (call) => {
      const { here } = slice();
      if (here?.begin !== call.begin || here.name !== call.name) update(context, 'debug', { here: call });
    },
    runToHere: async (call) => {
      const here = call ?? slice().here;
      if (here === undefined) return;
      update(context, 'debug', { here });
      await context.idle.during(runTo(here));
    },
    askBreakpoint: (isAsked) => update(context, 'debug', { isAsked }),
    unfoldCall: (begin, open) => {
      const { openCalls } = slice();
      const others = openCalls.filter((each) => each !== begin);
      update(context, 'debug', { openCalls: open ? [...others, begin] : others });
    },
  };
};

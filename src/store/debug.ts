// Breakpoints, and which calls of the call tree are unfolded.

import type { Navigated, Position, RunId } from '../worker/protocol.ts';
import {
  BREAK_FIELDS,
  type Breakpoint,
  COMPARISONS,
  ENTRY_STATES,
  type Hit,
  PAGE_FLAGS,
  type PageRef,
  type Place,
} from '../worker/protocol-debug.ts';
import type { AppState } from './app.ts';
import { type Context, report, update } from './context.ts';

export type { Breakpoint, Comparison, EntryState, PageRef } from '../worker/protocol-debug.ts';

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
  /** What it was, where it happened inside of a big step. */
  readonly inside: Hit['inside'];
  /** Big steps that the last run passed without a look at every page. */
  readonly unseen: readonly number[];
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

/** Of the last run to a breakpoint. */
const NOTHING_FOUND = { lastHit: -1, inside: undefined, unseen: [], missed: 0 } as const;

export const initialDebug: DebugSlice = {
  runId: '',
  breakpoints: [],
  ...NOTHING_FOUND,
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
/** `buf+2`, `A buf+2`, `0x7f0000001000`, `A 0x7f0000001000` */
const PLACE = /^(?:([\w.-]{1,64}) )?(?:0x([\da-f]{4,12})|([\w.-]{1,64})\+(\d{1,9}))$/i;
const CONDITION = /^(\w+)(?:([!<>]?=|[<>])([^@]+))?(?:@(.+))?$/;
const hex = (n: number): string => `0x${n.toString(16)}`;

/** As panels write a place, and as addresses do. */
export const placeText = (of: PageRef): string =>
  'pfn' in of
    ? hex(of.pfn)
    : `${of.process === undefined ? '' : `${of.process} `}${'area' in of ? `${of.area}+${of.page}` : hex(of.vpn * 4096)}`;

/** Reads what placeText writes of places; a bare number is an address. */
export const parsePlace = (text: string): Place | undefined => {
  const [found, process, address, area = '', page] = PLACE.exec(text) ?? [];
  if (found === undefined) return undefined;
  const whose = process === undefined ? {} : { process };
  return address === undefined
    ? { ...whose, area, page: Number(page) }
    : { ...whose, vpn: Math.floor(Number.parseInt(address, 16) / 4096) };
};

const parsePage = (text: string): PageRef | undefined =>
  NUMBER.test(text) ? { pfn: Number(text) } : parsePlace(text);

/** `fn:migrate_pages`, `page:A buf+1`, `_refcount>1024`, `pte=migration@buf+1`, `log`: as addresses write it. */
export const breakpointText = (breakpoint: Breakpoint): string => {
  switch (breakpoint.kind) {
    case 'function':
      return `fn:${breakpoint.fn}`;
    case 'page':
      return `page:${placeText(breakpoint.of)}`;
    case 'field':
    case 'pte': {
      const { is = [], of } = breakpoint;
      const what = breakpoint.kind === 'pte' ? 'pte' : breakpoint.field;
      return `${what}${is.join('')}${of === undefined ? '' : `@${placeText(of)}`}`;
    }
    case 'log':
      return 'log';
  }
};

/** Which of the names a text is. */
export const oneOf = <Name extends string>(names: readonly Name[], text: string | undefined) =>
  names.find((name) => name === text);

/** Reads what breakpointText writes; undefined: nothing of the kind. */
export const parseBreakpoint = (text: string): Breakpoint | undefined => {
  const trimmed = text.trim();
  if (trimmed === 'log') return { kind: 'log' };
  const [kind = '', rest = ''] = trimmed.split(':');
  if (kind === 'fn') return NAME.test(rest) ? { kind: 'function', fn: rest } : undefined;
  const page = parsePage(rest);
  if (kind === 'page') return page && { kind, of: page };
  const [, what, sign, value = '', place] = CONDITION.exec(trimmed) ?? [];
  const how = oneOf(COMPARISONS, sign);
  if (what === 'pte') {
    const of = place === undefined ? undefined : parsePlace(place);
    const state = oneOf(ENTRY_STATES, value);
    const is = state !== undefined && (how === '=' || how === '!=') ? ([how, state] as const) : undefined;
    if ((place && !of) || (sign && !is)) return undefined;
    return { kind: what, ...(of && { of }), ...(is && { is }) };
  }
  const field = oneOf(BREAK_FIELDS, what);
  const of = place === undefined ? undefined : parsePage(place);
  const flag = field === 'flags' ? oneOf(PAGE_FLAGS, value) : undefined;
  const isFlag = flag !== undefined && (how === '=' || how === '!=');
  if (field === undefined || (place && !of) || (sign && !isFlag && !NUMBER.test(value))) return undefined;
  const is = isFlag ? ([how, flag] as const) : how && ([how, Number(value)] as const);
  return { kind: 'field', field, ...(of && { of }), ...(is && { is }) };
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
    const question = { kind: 'navigate', runId, from, grain: 'breakpoint', direction, breakpoints } as const;
    const answer = await context.link.ask(question);
    update(context, 'scenario', { working: undefined });
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
    const { hit, unseen = [] } = answer?.search ?? {};
    const at = hit?.position ?? Number.POSITIVE_INFINITY;
    const to = Math.min(at, known ?? Number.POSITIVE_INFINITY);
    const stop = at === to ? stops[hit?.breakpoint ?? -1] : undefined;
    update(context, 'debug', {
      lastHit: stop?.index ?? -1,
      inside: stop === undefined ? undefined : hit?.inside,
      unseen,
      missed: 0,
    });
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
        ...NOTHING_FOUND,
      });
    },
    removeBreakpoint: (index) =>
      update(context, 'debug', {
        breakpoints: slice().breakpoints.filter((_, i) => i !== index),
        ...NOTHING_FOUND,
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
      const { hit, unseen = [] } = answer.search ?? {};
      const lastHit = stops[hit?.breakpoint ?? -1]?.index ?? -1;
      update(context, 'debug', {
        lastHit,
        inside: hit?.inside,
        unseen,
        missed: hit === undefined ? direction : 0,
      });
      if (hit !== undefined) await show(hit.position);
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

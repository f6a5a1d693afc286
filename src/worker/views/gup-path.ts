// The way of one GUP call, station by station, read off the decisions and spans that the call left in the log.

import type { EventLog } from '../../core/trace/log.ts';
import { EFAULT, errnoName } from '../../core/uapi/errno.ts';
import { type DecisionId, DECISIONS, EventKind } from '../../core/uapi/events.ts';
import { FOLL_LONGTERM, follFlagNames } from '../../core/uapi/gup-flags.ts';
import { spelling } from '../../core/uapi/patches.ts';
import { KERNEL_FUNCTIONS, type KernelFunctionName, kernelFunctionId } from '../../core/uapi/source-refs.ts';
import type { Message, Position } from '../protocol.ts';
import {
  GUP_BRANCHES,
  GUP_STATIONS,
  type GupBranch,
  type GupCallView,
  type GupPathView,
  type GupStation,
  type GupStationView,
} from '../protocol-views.ts';
import type { Run } from '../run.ts';
import { frameName, type Namer, vpnName } from './messages.ts';
import { sceneAt } from './scene.ts';
import { enclosing, innermost } from './spans.ts';

const functionIds = (...names: KernelFunctionName[]): ReadonlySet<number> =>
  new Set(names.map(kernelFunctionId));

const ENTRIES = functionIds(
  'get_user_pages',
  'get_user_pages_fast',
  'get_user_pages_fast_only',
  'get_user_pages_remote',
  'get_user_pages_unlocked',
  'pin_user_pages',
  'pin_user_pages_fast',
  'pin_user_pages_fast_only',
  'pin_user_pages_remote',
  'pin_user_pages_unlocked',
);
/** Drivers may enter here without one of the calls above. */
const FAST = kernelFunctionId('internal_get_user_pages_fast');
const WALK = kernelFunctionId('__get_user_pages');
const CHECKS = functionIds('check_and_migrate_movable_pages');
const FAULTIN = kernelFunctionId('faultin_page');

/** The station that a function belongs to. */
const STATION_OF: ReadonlyMap<number, GupStation> = new Map(
  (
    [
      ['internal_get_user_pages_fast', 'fast'],
      ['lockless_pages_from_mm', 'fast'],
      ['__gup_longterm_locked', 'slow'],
      ['__get_user_pages', 'slow'],
      ['follow_page_mask', 'follow'],
      ['follow_page_pte', 'follow'],
      ['faultin_page', 'fault'],
      ['check_and_migrate_movable_pages', 'check'],
      ['collect_longterm_unpinnable_pages', 'collect'],
      ['migrate_longterm_unpinnable_pages', 'migrate'],
    ] as const
  ).map(([name, station]) => [kernelFunctionId(name), station]),
);

const isEntry = (fn: number): boolean => ENTRIES.has(fn) || fn === FAST;

/** Event that begins the last outermost GUP call before a position, within the steps up to it; -1: none. */
const lastCall = (run: Run, log: EventLog, position: Position): number => {
  for (let at = innermost(log, position), found = -1; ; at = log.parentAt(at)) {
    if (at < 0) {
      if (found >= 0) return found;
      break;
    }
    if (isEntry(log.idAt(at))) found = at;
  }
  const { steps } = run.sim;
  for (let i = run.stepAt(position).index; i >= 0; i--) {
    const step = steps[i];
    if (step === undefined || !mayCallGup(step.step)) continue;
    for (let at = Math.min(step.end, position) - 1; at >= step.begin; at--) {
      if (log.kindAt(at) !== EventKind.SPAN_BEGIN || !isEntry(log.idAt(at))) continue;
      const parent = log.parentAt(at);
      if (parent < 0 || !isEntry(log.idAt(parent))) return at;
    }
  }
  return -1;
};

const mayCallGup = (step: {
  readonly op: string;
  readonly steps?: readonly { readonly op: string }[];
}): boolean => (step.op === 'concurrent' ? step.steps?.some(mayCallGup) === true : step.op.includes('gup'));

/** What a walk over the events of one call counts. */
class Tally {
  readonly stations = new Map<GupStation, Position>();
  readonly branches = new Map<GupBranch, number>();
  readonly facts = new Map<GupStation, Map<string, { params: Message['params']; count: number }>>();
  failed: GupStation | undefined;

  reach(station: GupStation, position: Position): void {
    this.stations.set(station, position);
  }

  branch(branch: GupBranch, by = 1): void {
    this.branches.set(branch, (this.branches.get(branch) ?? 0) + by);
  }

  /** Facts of one kind at one station are one line with a count. */
  fact(station: GupStation, id: string, params: Message['params'] = {}, by = 1): void {
    const facts = this.facts.get(station) ?? new Map<string, { params: Message['params']; count: number }>();
    this.facts.set(station, facts);
    const known = facts.get(id);
    facts.set(id, { params: known?.params ?? params, count: (known?.count ?? 0) + by });
  }

  factsOf(station: GupStation): Message[] {
    return [...(this.facts.get(station) ?? [])].map(([id, { params, count }]) => ({
      id: `gup-path.${id}`,
      params: { ...params, count },
    }));
  }
}

/** Names pages as they were called when the call began, or as they are called now. */
interface CallNamer {
  readonly before: Namer;
  readonly now: Namer;
}

const nameOf = ({ before, now }: CallNamer, pfn: number): string => {
  const name = frameName(before, pfn);
  return name.startsWith('pfn') ? frameName(now, pfn) : name;
};

const onDecision = (tally: Tally, namer: CallNamer, id: DecisionId, log: EventLog, index: number): void => {
  const at = index + 1;
  const [a, b, c] = [log.rowAt(index), log.oldAt(index), log.nowAt(index)];
  if (id === 'gup.fast.grabbed') {
    const pages = Number.isNaN(c) ? 1 : c;
    tally.reach('fast', at);
    tally.branch('grabbed', pages);
    tally.fact('fast', 'grabbed', {}, pages);
  } else if (id.startsWith('gup.fast.refused.')) {
    const page = id === 'gup.fast.refused.longterm' ? nameOf(namer, a) : vpnName(namer.now, a);
    tally.reach('fast', at);
    tally.fact('fast', id.slice('gup.'.length), { page });
  } else if (id === 'gup.slow.needs-fault' || id === 'gup.slow.needs-unshare') {
    tally.reach('follow', at);
    tally.branch('not-there');
    tally.fact('follow', id.slice('gup.slow.'.length), { page: vpnName(namer.now, a) });
  } else if (id === 'gup.no-vma' || id === 'gup.vma-refused') {
    tally.reach('slow', at);
    tally.failed = 'slow';
    tally.fact('slow', id.slice('gup.'.length), { errno: errnoName(id === 'gup.vma-refused' ? c : -EFAULT) });
  } else if (id.startsWith('pinnable.')) {
    // the fast path asks as well; what it refuses stands there
    if (enclosing(log, index, CHECKS) < 0) return;
    tally.reach('check', at);
    tally.fact('check', id, { page: nameOf(namer, a) });
  } else if (id === 'longterm.all-pinnable') {
    tally.branch('all-pinnable', a);
  } else if (id === 'longterm.unpinnable-count') {
    tally.reach('collect', at);
    if (a > 0) {
      tally.branch('unpinnable', a);
      tally.fact('collect', 'unpinnable', { of: b }, a);
    }
  } else if (id === 'migrate.isolation-failed') {
    tally.fact('collect', 'isolation-failed', { page: nameOf(namer, a) });
  } else if (id === 'longterm.pin-becomes-reference') {
    tally.reach('migrate', at);
    tally.branch('to-migrate');
    tally.fact('migrate', 'pin-becomes-reference');
  } else if (id === 'migrate.moved' || id === 'migrate.restored') {
    tally.reach('migrate', at);
    tally.fact('migrate', id.slice('migrate.'.length), { page: nameOf(namer, a) });
  } else if (id === 'migrate.check-page.extra-references' || (id === 'migrate.expected-count' && b !== c)) {
    tally.fact('migrate', 'extra-references', { refcount: b, expected: c });
  } else if (id === 'migrate.no-destination') {
    tally.fact('migrate', 'no-destination', { page: nameOf(namer, a) });
  } else if (id === 'longterm.second-pass') {
    tally.branch('retry');
  } else if (id === 'longterm.failed') {
    tally.reach('migrate', at);
    tally.failed = 'migrate';
    tally.branch('gave-up');
    tally.fact('migrate', 'failed', { errno: errnoName(a) });
  }
};

const onBegin = (tally: Tally, fn: number, at: Position): void => {
  const station = STATION_OF.get(fn);
  if (station !== undefined) tally.reach(station, at);
  if (fn === WALK) tally.fact('slow', 'pass');
};

const onEnd = (tally: Tally, log: EventLog, index: number): void => {
  const fn = log.idAt(index);
  const result = log.rowAt(index);
  if (fn === WALK && result > 0) {
    tally.branch('found', result);
    tally.fact('follow', 'found', {}, result);
  } else if (fn === FAULTIN) {
    if (result === 0) tally.branch('faulted');
    else tally.failed = 'fault';
    tally.fact('fault', result === 0 ? 'faulted' : 'fault-failed', { errno: errnoName(result) });
  }
};

/** Reads the events of a call up to a position. */
const tallyOf = (namer: CallNamer, log: EventLog, begin: number, until: Position): Tally => {
  const tally = new Tally();
  tally.reach('call', begin + 1);
  for (let i = begin; i < until; i++) {
    switch (log.kindAt(i)) {
      case EventKind.SPAN_BEGIN:
        onBegin(tally, log.idAt(i), i + 1);
        break;
      case EventKind.SPAN_END:
        onEnd(tally, log, i);
        break;
      case EventKind.DECISION: {
        const id = DECISIONS[log.idAt(i)];
        if (id !== undefined) onDecision(tally, namer, id, log, i);
        break;
      }
      default:
    }
  }
  return tally;
};

/** Position behind the end of a span; the position asked about while it runs. */
const endOf = (log: EventLog, begin: number, limit: Position): Position => {
  for (let i = begin + 1; i < limit; i++) {
    if (log.kindAt(i) === EventKind.SPAN_END && log.oldAt(i) === begin) return i + 1;
  }
  return limit;
};

/** Branches that follow from how far the call has come. */
const follow = (tally: Tally, call: GupCallView): void => {
  const { stations, branches } = tally;
  if (stations.has('fast')) tally.branch('asked');
  const slow = stations.has('slow');
  if (slow && stations.has('fast')) tally.branch('refused', call.npages - (branches.get('grabbed') ?? 0));
  const looked = (branches.get('found') ?? 0) + (branches.get('not-there') ?? 0);
  if (stations.has('follow')) tally.branch('looked-up', Math.max(looked, 1));
  if (slow && !call.longterm && branches.has('found')) tally.branch('short-pin', branches.get('found'));
  if (call.result !== undefined) {
    tally.reach('done', call.end);
    if (call.result < 0) {
      tally.failed ??= slow ? 'slow' : 'fast';
      tally.fact('done', 'error', { errno: errnoName(call.result) });
    } else
      tally.fact('done', call.result < call.npages ? 'partial' : 'held', { of: call.npages }, call.result);
  }
};

/** Which station the running function belongs to. */
const currentStation = (log: EventLog, position: Position, call: GupCallView): GupStation | undefined => {
  if (position >= call.end && call.result !== undefined) return 'done';
  for (let at = innermost(log, position); at >= 0; at = log.parentAt(at)) {
    const station = STATION_OF.get(log.idAt(at));
    if (station !== undefined) return station;
    if (isEntry(log.idAt(at))) return 'call';
  }
  return undefined;
};

const NOTHING: GupPathView = {
  call: undefined,
  stations: GUP_STATIONS.map((station) => ({ station, state: 'unused', facts: [], position: -1 })),
  branches: GUP_BRANCHES.map((branch) => ({ branch, count: 0 })),
};

export const gupPathAt = (run: Run, position: Position): GupPathView => {
  const { namer } = sceneAt(run, position);
  const { log } = run.sim.machine.journal;
  const begin = lastCall(run, log, position);
  if (begin < 0) return NOTHING;
  const fn = KERNEL_FUNCTIONS[log.idAt(begin)];
  if (fn === undefined) return NOTHING;
  const end = endOf(log, begin, position);
  const ended = end > begin + 1 && log.kindAt(end - 1) === EventKind.SPAN_END && log.oldAt(end - 1) === begin;
  const flags = log.nowAt(begin);
  const step = run.stepAt(begin + 1);
  const call: GupCallView = {
    fn: spelling(namer.m.kernel, fn.name),
    step: step.index,
    process: run.processAt(begin + 1),
    first: vpnName({ ...namer, process: run.processAt(begin + 1) }, log.rowAt(begin)),
    npages: log.oldAt(begin),
    flags: follFlagNames(flags),
    longterm: (flags & FOLL_LONGTERM) !== 0,
    result: ended ? log.rowAt(end - 1) : undefined,
    begin: begin + 1,
    end,
  };
  const before = sceneAt(run, begin).namer;
  const { namer: now } = sceneAt(run, position);
  const tally = tallyOf({ before, now: { ...now, process: call.process } }, log, begin, end);
  follow(tally, call);
  const here = currentStation(log, position, call);
  const stations = GUP_STATIONS.map((station): GupStationView => {
    const reached = tally.stations.get(station);
    const state =
      station === here && tally.failed !== station
        ? 'here'
        : tally.failed === station
          ? 'failed'
          : reached === undefined
            ? 'unused'
            : 'passed';
    return { station, state, facts: tally.factsOf(station), position: reached ?? -1 };
  });
  return {
    call,
    stations,
    branches: GUP_BRANCHES.map((branch) => ({ branch, count: tally.branches.get(branch) ?? 0 })),
  };
};

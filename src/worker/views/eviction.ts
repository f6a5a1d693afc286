// The eviction that a step brings about, station by station, as the panel lists it: what TTM, the fence and the kernel
// thread decided, in order. Read off the log once for each step.

import { type DecisionId, DECISIONS, EventKind } from '../../core/uapi/events.ts';
import type { EvictionStation } from '../../core/uapi/eviction.ts';
import { kernelFunctionId } from '../../core/uapi/source-refs.ts';
import type { Position } from '../protocol.ts';
import type { EvictionView } from '../protocol-gpu.ts';
import type { Run } from '../run.ts';
import type { Scene } from './scene.ts';
import { holdersOf, stayedIn } from './stayed.ts';

/** A longer step is a big one, which counts and tells no story. */
const MAX_EVENTS = 400_000;
/** A step that empties all of VRAM has as many evictions as there are objects. */
const MAX_STATIONS = 60;

const DECIDED: Partial<Record<DecisionId, EvictionStation>> = {
  'ttm.no-space': 'no-space',
  'ttm.skipped-pinned': 'skipped',
  'ttm.victim': 'victim',
  'ttm.waits-for-fence': 'waits',
  'migrate.moved': 'home',
  'svm.pages-left': 'left',
  'svm.vram-in-use': 'in-use',
  'kfd.process-evicted': 'process-stopped',
  'ttm.fence-signaled': 'signaled',
  'ttm.timed-out': 'timed-out',
  'ttm.gutted': 'gutted',
  'ttm.moved-to-tt': 'moved',
  'ttm.swapped-out': 'swapped',
  'ttm.allocated': 'allocated',
  'ttm.aliased': 'aliased',
  'ttm.spilled': 'spilled',
  'svm.queues-stopped': 'queues-stopped',
  'svm.queues-resumed': 'queues-resumed',
  'kfd.process-restored': 'restored',
};
const WORKER = kernelFunctionId('svm_range_evict_svm_bo_worker');
/** Of which each page has an event of its own. */
const COUNTED: ReadonlySet<EvictionStation> = new Set(['home', 'aliased']);

const STAYED: ReadonlySet<EvictionStation> = new Set(['left', 'in-use']);

interface Station extends Omit<EvictionView['stations'][number], 'isDone' | 'holders'> {
  /** Frames of pages that could not leave. */
  readonly stayed: readonly number[];
}

const stationsIn = (run: Run, begin: Position, end: Position): Station[] => {
  const { log } = run.sim.machine.journal;
  const found: Station[] = [];
  for (let i = begin; i < Math.min(end, begin + MAX_EVENTS); i++) {
    const kind = log.kindAt(i);
    if (kind === EventKind.SPAN_BEGIN && log.idAt(i) === WORKER)
      found.push({ station: 'worker', npages: 0, position: i + 1, stayed: [] });
    if (kind !== EventKind.DECISION) continue;
    const id = DECISIONS[log.idAt(i)];
    const station = id && DECIDED[id];
    if (station === undefined) continue;
    const before = found.at(-1);
    // pages that move before a kernel thread brings them home are no part of it
    if (station === 'home' && before?.station !== 'worker' && before?.station !== 'home') continue;
    const isCounted = COUNTED.has(station);
    if (isCounted && before !== undefined && before.station === station)
      found[found.length - 1] = { station, npages: before.npages + 1, position: i + 1, stayed: [] };
    else {
      const worker = found.findLast((each) => each.station === 'worker')?.position ?? i;
      const stayed = STAYED.has(station) ? stayedIn(log, worker, i) : [];
      found.push({ station, npages: isCounted ? 1 : log.rowAt(i), position: i + 1, stayed });
    }
  }
  return found.some(({ station }) => station === 'victim' || station === 'skipped') ? found : [];
};

const known = new WeakMap<
  Run,
  { readonly begin: Position; readonly end: Position; readonly all: Station[] }
>();

/** The stations of the step at a position; none where nobody had to go. */
export const evictionAt = (run: Run, { m, places }: Scene, position: Position): EvictionView => {
  const { begin, index } = run.stepAt(position);
  const end = run.sim.steps[index]?.end ?? begin;
  let read = known.get(run);
  if (read?.begin !== begin || read.end !== end) {
    read = { begin, end, all: stationsIn(run, begin, end) };
    known.set(run, read);
  }
  const stations = read.all.map(({ stayed, ...station }) => ({
    ...station,
    holders: stayed.length === 0 ? undefined : holdersOf(m, places, stayed),
    isDone: station.position <= position,
  }));
  return { stations: stations.slice(0, MAX_STATIONS), more: Math.max(0, stations.length - MAX_STATIONS) };
};

// Pages that migrated, by where from and where to: read off the log once, summed up to any position.

import type { EventLog } from '../../core/trace/log.ts';
import type { MachineConfig } from '../../core/uapi/config.ts';
import { decisionIndex, EventKind, unpackPages } from '../../core/uapi/events.ts';
import type { StepRecord } from '../../core/index.ts';
import type { Position } from '../protocol.ts';
import type { TrafficPlace, TrafficView } from '../protocol-views.ts';

const MOVED = decisionIndex('migrate.moved');

/** System memory of each node, then each device. */
const placesOf = ({ ranges, devices }: MachineConfig): TrafficPlace[] => {
  const nodes = [...new Set(ranges.filter(({ kind }) => kind === 'ram').map(({ node }) => node))].toSorted(
    (a, b) => a - b,
  );
  return [
    ...nodes.map((number) => ({ number, kind: 'system' as const })),
    ...devices.map(({ id, kind }) => ({ number: id, kind })),
  ].map((place, id) => ({ id, ...place }));
};

/** One record of the log: so many pages went from one place to another. */
interface Record {
  readonly position: Position;
  readonly from: number;
  readonly to: number;
  readonly pages: number;
}

export class TrafficIndex {
  private readonly places: readonly TrafficPlace[];
  private readonly config: MachineConfig;
  private readonly records: Record[] = [];

  constructor(config: MachineConfig) {
    this.config = config;
    this.places = placesOf(config);
  }

  feed(log: EventLog, index: number): void {
    if (log.kindAt(index) === EventKind.PAGES) {
      const { outcome, npages } = unpackPages(log.idAt(index));
      // a run lies on one side of a border of banks: frames of a run are neighbours
      if (outcome === 'migrated') this.add(index + 1, log.oldAt(index), log.nowAt(index), npages);
    } else if (log.idAt(index) === MOVED && log.rowAt(index) >= 0) {
      this.add(index + 1, log.rowAt(index), log.oldAt(index), 1);
    }
  }

  /**
   * Sums up to a position.
   *
   * @param step - index of the step that runs or has run at the position; -1 before step 0
   */
  at(steps: readonly StepRecord[], step: number, position: Position): TrafficView {
    const flows = new Map<number, { from: number; to: number; pages: number; pagesInStep: number }>();
    const perStep = steps.slice(0, step + 1).map(({ index }) => ({ step: index, toDevice: 0, toSystem: 0 }));
    let at = 0;
    for (const { position: when, from, to, pages } of this.records) {
      if (when > position) break;
      while (at < step && when > (steps[at]?.end ?? 0)) at++;
      const pair = from * this.places.length + to;
      const flow = flows.get(pair) ?? { from, to, pages: 0, pagesInStep: 0 };
      flows.set(pair, flow);
      flow.pages += pages;
      if (at === step) flow.pagesInStep += pages;
      const ofStep = perStep[at];
      if (ofStep === undefined) continue;
      if (this.places[to]?.kind === 'system') ofStep.toSystem += pages;
      else ofStep.toDevice += pages;
    }
    return { places: this.places, flows: [...flows.values()], steps: perStep };
  }

  private add(position: Position, fromPfn: number, toPfn: number, pages: number): void {
    const [from, to] = [this.placeOf(fromPfn), this.placeOf(toPfn)];
    if (from >= 0 && to >= 0) this.records.push({ position, from, to, pages });
  }

  private placeOf(pfn: number): number {
    const { devices, ranges } = this.config;
    const device = devices.find(({ start, pages }) => pfn >= start && pfn < start + pages);
    if (device !== undefined)
      return this.places.findIndex(({ kind, number }) => kind !== 'system' && number === device.id);
    const node = ranges.find(({ kind, start, end }) => kind === 'ram' && pfn >= start && pfn < end)?.node;
    return this.places.findIndex(({ kind, number }) => kind === 'system' && number === node);
  }
}

// Detail on demand: a big step is run again from the state before it, in full detail where that is asked for. The
// simulation is deterministic, so that it is the same step.

import { adoptAmdgpu } from '../kernel/drivers/amdgpu-device.ts';
import { mappedFrame } from '../kernel/mm/page-table.ts';
import { Machine } from '../machine/machine.ts';
import { NO_PFN, type Vpn } from '../uapi/units.ts';
import { Simulation, type StepRecord } from './simulation.ts';

/**
 * So many points without a sign of the page at which the step could stop, and this part of it is over. More than the
 * pages of an LRU batch: the page leaves it when the batch is full.
 */
const QUIET_LOOKS = 20;
/** The same in a loop at which the step cannot stop, in questions whether pages could be done in chunks: a few a page. */
const QUIET_PAGES = 200;

/** A big step, run again for one of its pages. */
export interface PageDetail {
  /** The step is its only one, and its position 0 is that before the step. */
  readonly sim: Simulation;
  /** The page's address and the frames that it had. */
  readonly numbers: ReadonlySet<number>;
}

/** A simulation that stands before one of the steps of another one; its own timeline begins there. */
const standBefore = (sim: Simulation, record: StepRecord, bigStepPages: number): Simulation => {
  const { journal, config, kernel } = sim.machine;
  const { position } = journal;
  sim.seek(record.begin);
  const machine = new Machine(config, kernel);
  machine.adopt(sim.machine, record.before);
  adoptAmdgpu(machine, sim.machine);
  sim.seek(position);
  return new Simulation(sim.scenario, { bigStepPages }, machine);
};

/**
 * A step again, in full detail: all its events. For a million pages that is more than memory holds.
 *
 * @returns a simulation whose only step it is, and whose position 0 is that before the step
 */
export const stepInDetail = (sim: Simulation, record: StepRecord): Simulation => {
  const again = standBefore(sim, record, Number.POSITIVE_INFINITY);
  again.runStep(record.step);
  return again;
};

/** The same in slices: nothing is counted, so there is no telling how many pages are done. @param mayGoOn - false ends the slice */
export function* wholeInDetail(
  sim: Simulation,
  record: StepRecord,
  mayGoOn: () => boolean,
): Generator<number, Simulation, void> {
  const again = standBefore(sim, record, Number.POSITIVE_INFINITY);
  for (const _slice of again.runStepInSlices(record.step, mayGoOn)) yield 0;
  return again;
}

/** Ours: the numbers by which an address and its frame are followed through a step. @param mm - process of the address */
const numbersOfAddress = (before: Machine, mm: number, vpn: Vpn): number[] => {
  const pfn = mappedFrame(before, before.mms.get(mm), vpn);
  return pfn === NO_PFN ? [vpn] : [vpn, pfn];
};

/** All about one address: see followed. @param mm - process of the page */
export function* pageInDetail(
  sim: Simulation,
  record: StepRecord,
  mm: number,
  vpn: Vpn,
  mayGoOn: () => boolean,
): Generator<number, PageDetail, void> {
  return yield* followed(sim, record, (before) => numbersOfAddress(before, mm, vpn), mayGoOn);
}

/**
 * A big step again, in detail where it is about one page: from the first call about it until nothing is any more, as
 * often as the step comes back to it. In between it stays counted. In slices, each of which gives the pages worked on so
 * far; meanwhile the first simulation may go anywhere.
 *
 * @param numbersIn - virtual pages and frames to follow, of the machine before the step
 * @param mayGoOn - asked between chunks of pages; false ends the slice
 */
export function* followed(
  sim: Simulation,
  record: StepRecord,
  numbersIn: (before: Machine) => Iterable<number>,
  mayGoOn: () => boolean,
): Generator<number, PageDetail, void> {
  const again = standBefore(sim, record, 0);
  const { journal, trace } = again.machine;
  let quiet = 0;
  let quietPages = 0;
  const numbers = new Set(numbersIn(again.machine));
  trace.watch = {
    numbers,
    meet: () => {
      quiet = 0;
      quietPages = 0;
      journal.endBulk();
    },
    rest: () => {
      if (!journal.isBulk && ++quietPages > QUIET_PAGES) journal.beginBulk();
      return journal.isBulk;
    },
  };
  const look = (midway = false): boolean => {
    // the next phase comes back to the page
    if (!midway && !journal.isBulk && ++quiet > QUIET_LOOKS) journal.beginBulk();
    return mayGoOn();
  };
  let pages = 0;
  for (const _slice of again.runStepInSlices(record.step, look)) {
    // what is detailed is not counted
    pages = Math.max(pages, again.pagesSoFar);
    yield pages;
  }
  trace.watch = undefined;
  return { sim: again, numbers };
}

// The invariants of the reference's table (gup-and-faults.md §8), checked on a running simulation.
//
// After every step, by a survey of the whole machine that does not believe any counter: I1–I9, I12–I16, I19 (the zero
// page's count is a page's count), I20, I23–I25, I29, and the rules without a number (see violation.ts).
// After every step, from its result and the state before: I10, I11, I17, I18, I22, I26, I27, I28, I31, I32.
// I21 follows: a pin that an error leaves behind has no handle, so I1 fails.
// After every event (events.ts): I1, I3–I9, I12, I14–I16, I23, I29, I30, on what the event touched.
// Not checked per event: I2 and I24, since a count and its entry change in two events that one lock covers.
// I28 is checked as two passes whenever the pin succeeded; a failed one may have met foreign references.

import { Ledger } from '../machine/holders.ts';
import type { Simulation, StepRecord } from '../scenario/simulation.ts';
import { RestChecker } from './at-rest.ts';
import { ContentModel } from './content.ts';
import { StepChecker } from './steps.ts';
import type { Violation } from './violation.ts';

/** Watches one simulation from its boot on. */
export class Invariants {
  private readonly rest: RestChecker;
  private readonly steps: StepChecker;
  private readonly content: ContentModel;

  /**
   * @param ledger - of the machine; one that has read the boot already need not read it again
   * @param begin - pages that were last written before are believed to be free if nothing refers to them
   */
  constructor({ machine }: Simulation, ledger = new Ledger(machine.journal), begin = 0) {
    this.rest = new RestChecker(machine, ledger, begin);
    this.steps = new StepChecker(machine);
    this.content = new ContentModel(this.rest.survey);
  }

  /** Checks the machine after boot. */
  afterBoot(): Violation[] {
    return this.rest.check();
  }

  /** Checks the machine after a step that has just run. */
  afterStep(record: StepRecord): Violation[] {
    const compared: Violation[] = [];
    const found = this.rest.check((seen) => {
      compared.push(...this.steps.check(record, seen));
      compared.push(...this.content.afterStep(record.step, record.result, seen));
    });
    return [...found, ...compared];
  }

  /** Checks everything from scratch: what no event touched as well. */
  atEnd(begin = 0): Violation[] {
    return [...this.rest.checkFromScratch(begin), ...this.content.compareAll()];
  }
}

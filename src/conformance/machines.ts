// Machines for one program after the other: one that forgets its steps is cheaper than a new one.

import { createSimulation, type Scenario, type Simulation } from '../core/index.ts';
import { Ledger } from '../core/machine/holders.ts';

/** Programs that a machine runs before another one is booted: what it remembers of them is never forgotten. */
const PROGRAMS_PER_MACHINE = 64;

interface Booted {
  /** What it was booted for. */
  readonly key: string;
  readonly sim: Simulation;
  /** Has read the boot. */
  readonly ledger: Ledger;
  readonly programs: number;
}

/** Machines that stand as they booted. */
export class Machines {
  /** Only the newest: each has arrays of its own. */
  private booted: Booted | undefined;
  /** Kinds whose boot was looked at as a whole; it is always the same. */
  private readonly checked = new Set<string>();

  /** A machine for a program, which has it until the next one asks. */
  take({ name: _name, title: _title, steps: _steps, ...kind }: Scenario): Booted & { checked: boolean } {
    const key = JSON.stringify(kind);
    const { booted } = this;
    if (booted === undefined || booted.key !== key || booted.programs === PROGRAMS_PER_MACHINE) {
      const sim = createSimulation(
        { ...kind, name: '', title: '', steps: [] },
        // what is checked from step to step is read off the events of single pages
        { bigStepPages: Number.POSITIVE_INFINITY },
      );
      this.booted = { key, sim, ledger: new Ledger(sim.machine.journal), programs: 1 };
    } else {
      booted.ledger.seek(booted.sim.bootEnd);
      booted.sim.restart();
      this.booted = { ...booted, programs: booted.programs + 1 };
    }
    const checked = this.checked.has(key);
    this.checked.add(key);
    return { ...this.booted, checked };
  }
}

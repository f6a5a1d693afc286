// The costs of a run, step by step and together.

import { costsOf, type CostReport, type Stretch } from '../timeline/costs.ts';
import type { CostModel } from '../uapi/cost-model.ts';
import type { Step } from '../uapi/scenario.ts';
import type { Simulation } from './simulation.ts';

/** Who does a step: one thread for each area of a process, and one for all that names none. */
const laneOf = (step: Step): string => `${step.proc} ${'vma' in step ? step.vma : ''}`.trim();

const stretchesOf = (sim: Simulation): Stretch[] =>
  sim.steps.map(({ step, begin, operationEnd }) => ({ begin, end: operationEnd, lane: laneOf(step) }));

export interface StepCosts {
  readonly index: number;
  readonly report: CostReport;
}

/** What all steps of a run took, together. */
export const runCosts = (sim: Simulation, model: CostModel): CostReport =>
  costsOf(sim.machine, stretchesOf(sim), model);

/** What each step took. */
export const stepCosts = (sim: Simulation, model: CostModel): StepCosts[] =>
  stretchesOf(sim).map((stretch, index) => ({ index, report: costsOf(sim.machine, [stretch], model) }));

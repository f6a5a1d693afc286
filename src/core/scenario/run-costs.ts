// The costs of a run, step by step and together.

import { costsOf, type CostReport, type Stretch } from '../timeline/costs.ts';
import { ACCESS_KINDS, type Accesses, type AccessKind } from '../uapi/accesses.ts';
import type { CostModel } from '../uapi/cost-model.ts';
import type { Step } from '../uapi/scenario.ts';
import type { Simulation } from './simulation.ts';
import type { StepResult } from './step-result.ts';

/** Who does a step: one thread for each area of a process, and one for all that names none. */
const laneOf = (step: Step): string => `${step.proc} ${'vma' in step ? step.vma : ''}`.trim();

/** Of several operations at once, all together. */
const accessesOf = ({ accesses, results }: StepResult): Accesses => {
  const sum: Partial<Record<AccessKind, number>> = { ...accesses };
  for (const result of results ?? []) {
    const part = accessesOf(result);
    for (const kind of ACCESS_KINDS) sum[kind] = (sum[kind] ?? 0) + (part[kind] ?? 0);
  }
  return sum;
};

const stretchesOf = (sim: Simulation): Stretch[] =>
  sim.steps.map(({ step, begin, operationEnd, result }) => ({
    begin,
    end: operationEnd,
    lane: laneOf(step),
    accesses: accessesOf(result),
  }));

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

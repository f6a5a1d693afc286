// What a run took under a cost model, and what it would have taken if long-term pins stayed in VRAM.

import { runCosts, stepCosts } from '../../core/scenario/run-costs.ts';
import { type CostReport, pinQuestion } from '../../core/timeline/costs.ts';
import { type CostOverrides, DEFAULT_COSTS, withOverrides } from '../../core/uapi/cost-model.ts';
import type { CostsView, CostTotals } from '../protocol-gpu.ts';
import type { Run } from '../run.ts';

const totals = ({
  nsByKind,
  serialNs,
  overlappedNs,
  bytesByLink,
  ddrBytes,
  accesses,
  pin,
}: CostReport): CostTotals => ({
  nsByKind,
  serialNs,
  overlappedNs,
  bytesByLink,
  ddrBytes,
  accesses,
  pin,
});

interface Counted {
  readonly key: string;
  readonly report: CostReport;
  readonly view: CostsView;
}
/** The last answer for each run: a panel asks at every position, and the position makes no difference. */
const COUNTED = new WeakMap<Run, Counted>();

const countedOf = (run: Run, overrides: CostOverrides): Counted => {
  const { sim } = run;
  const key = `${sim.length} ${JSON.stringify(overrides)}`;
  const known = COUNTED.get(run);
  if (known?.key === key) return known;
  const model = withOverrides(DEFAULT_COSTS, overrides);
  run.seek(sim.length);
  const report = runCosts(sim, model);
  const steps = stepCosts(sim, model).map((each) => ({ step: each.index, ...totals(each.report) }));
  const counted = { key, report, view: { model, total: totals(report), steps } };
  COUNTED.set(run, counted);
  return counted;
};

/**
 * What the whole run took, whatever the position is.
 *
 * @param staying - the same steps in a world in which long-term pins stay in VRAM
 */
export const costsOfRun = (run: Run, overrides: CostOverrides = {}, staying?: Run): CostsView => {
  const { report, view } = countedOf(run, overrides);
  return staying === undefined
    ? view
    : { ...view, question: pinQuestion(report, countedOf(staying, overrides).report) };
};

// The views of single panels: which question is answered by what.

import type { Position, RunId } from '../protocol.ts';
import type { ViewQuery, ViewResult } from '../protocol-views.ts';
import type { Run } from '../run.ts';
import { callTreeAt } from './call-tree.ts';
import { compareAt } from './compare.ts';
import { costsOfRun, gpuStateAt, iomemAt } from './gpu-state.ts';
import { gupPathAt } from './gup-path.ts';
import { pageWalkAt } from './page-walk.ts';

/** @param runOf - finds another open run. @throws when there is none of that name */
export const viewAt = (
  run: Run,
  position: Position,
  query: ViewQuery,
  runOf: (runId: RunId) => Run,
): ViewResult => {
  switch (query.view) {
    case 'gup-path':
      return { view: query.view, data: gupPathAt(run, position) };
    case 'compare':
      return { view: query.view, data: compareAt(run, position, runOf(query.other)) };
    case 'page-walk':
      return { view: query.view, data: pageWalkAt(run, position, query.process, query.vpn) };
    case 'call-tree':
      return { view: query.view, data: callTreeAt(run, position, query.open) };
    case 'traffic':
      return { view: query.view, data: run.traffic.at(run.sim.steps, run.stepAt(position).index, position) };
    case 'iomem':
      return { view: query.view, data: iomemAt(run, position) };
    case 'gpu':
      return { view: query.view, data: gpuStateAt(run, position) };
    case 'costs':
      return { view: query.view, data: costsOfRun(run, query.overrides) };
  }
};

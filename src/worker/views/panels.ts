// The views of single panels: which question is answered by what.

import type { Position, RunId } from '../protocol.ts';
import type { ViewQuery, ViewResult } from '../protocol-views.ts';
import type { Run } from '../run.ts';
import { callTreeAt } from './call-tree.ts';
import { compareAt } from './compare.ts';
import { costsOfRun } from './costs.ts';
import { gpuStateAt, iomemAt } from './gpu-state.ts';
import { forkAt } from './fork.ts';
import { gupPathAt } from './gup-path.ts';
import { pageDetailAt } from './page-detail.ts';
import { pageWalkAt } from './page-walk.ts';
import { pinDetailAt } from './pin-detail.ts';
import { zonesAt } from './zones.ts';

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
      return {
        view: query.view,
        data: {
          ...compareAt(run, position, runOf(query.other)),
          ...(query.beside === undefined ? {} : { beside: compareAt(run, position, runOf(query.beside)) }),
        },
      };
    case 'page-walk':
      return { view: query.view, data: pageWalkAt(run, position, query.process, query.vpn, query.open) };
    case 'page-detail':
      return { view: query.view, data: pageDetailAt(run, position, query.pfn) };
    case 'pin-detail':
      return { view: query.view, data: pinDetailAt(run, position, query.name) };
    case 'fork':
      return { view: query.view, data: forkAt(run, position, query.child) };
    case 'zones':
      return { view: query.view, data: zonesAt(run, position) };
    case 'call-tree':
      return { view: query.view, data: callTreeAt(run, position, query.open) };
    case 'traffic':
      return { view: query.view, data: run.traffic.at(run.sim.steps, run.stepAt(position).index, position) };
    case 'iomem':
      return { view: query.view, data: iomemAt(run, position) };
    case 'gpu':
      return { view: query.view, data: gpuStateAt(run, position) };
    case 'costs':
      return {
        view: query.view,
        data: costsOfRun(
          run,
          query.overrides,
          query.staying === undefined ? undefined : runOf(query.staying),
        ),
      };
  }
};

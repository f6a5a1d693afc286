// The views of single panels: which question is answered by what.

import type { Position } from '../protocol.ts';
import type { ViewQuery, ViewResult } from '../protocol-views.ts';
import type { Run } from '../run.ts';
import { callTreeAt } from './call-tree.ts';
import { gupPathAt } from './gup-path.ts';
import { pageWalkAt } from './page-walk.ts';

export const viewAt = (run: Run, position: Position, query: ViewQuery): ViewResult => {
  switch (query.view) {
    case 'gup-path':
      return { view: query.view, data: gupPathAt(run, position) };
    case 'page-walk':
      return { view: query.view, data: pageWalkAt(run, position, query.process, query.vpn) };
    case 'call-tree':
      return { view: query.view, data: callTreeAt(run, position, query.open) };
  }
};

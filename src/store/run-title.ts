import { scenarioTitle } from '../words/index.ts';
import type { AppState } from './app.ts';

/** What the run is called on screen; undefined before one is open. A file of one's own keeps the title that it has. */
export const runTitle = ({ scenario: { run, origin } }: Pick<AppState, 'scenario'>): string | undefined =>
  run === undefined || origin?.kind !== 'catalogue' ? run?.title : scenarioTitle(run.name, run.title);

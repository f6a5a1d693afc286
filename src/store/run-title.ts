import { scenarioTitle } from '../words/index.ts';
import type { AppState } from './app.ts';

/** A scenario of one's own that says nothing of itself. */
const OWN = 'Scenario of your own';

/** What the run is called on screen; undefined before one is open. A file of one's own keeps the title that it has. */
export const runTitle = ({ scenario: { run, origin } }: Pick<AppState, 'scenario'>): string | undefined => {
  if (run === undefined) return undefined;
  if (origin?.kind === 'catalogue') return scenarioTitle(run.name, run.title);
  return [run.title, run.name].find((name) => name.trim() !== '') ?? OWN;
};

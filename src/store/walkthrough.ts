// The first visit: what this is, and one button to watch a page come home.

import type { Position, RunId } from '../worker/protocol.ts';
import type { ResidenceCount } from '../worker/protocol-moment.ts';
import { type Context, update } from './context.ts';
import type { PlaybackActions } from './playback.ts';
import type { ScenarioActions } from './scenario.ts';

export interface WalkthroughSlice {
  readonly runId: RunId;
  /** The introduction is shown: at the first load without a link, until something is opened or it is closed. */
  readonly introduction: boolean;
  /** Where pages were when the first run began to play; undefined: it was not asked for, or its summary was closed. */
  readonly homecoming: readonly ResidenceCount[] | undefined;
  /** Where it ends; -1: nowhere. */
  readonly homeAt: Position;
  /** The tour of the page is on. */
  readonly tour: boolean;
}

export interface WalkthroughActions {
  /** Opens the long-term pin, goes to before it, and plays until the pages are home. */
  readonly watchAPageComeHome: () => Promise<void>;
  readonly closeIntroduction: () => void;
  readonly openIntroduction: () => void;
  /** Puts away what the first run came to. */
  readonly closeHomecoming: () => void;
  readonly startTour: () => void;
  readonly endTour: () => void;
}

export const initialWalkthrough: WalkthroughSlice = {
  runId: '',
  introduction: false,
  homecoming: undefined,
  homeAt: -1,
  tour: false,
};

/** The scene of the button "Watch a page come home": the real kernel was recorded doing it. */
export const HOME_SCENARIO = 'coherent-longterm-pin-fast';
const HOME_STEP = 3;

export const walkthroughActions = (
  context: Context,
  scenario: ScenarioActions,
  playback: PlaybackActions,
): WalkthroughActions => ({
  watchAPageComeHome: async () => {
    if (!(await scenario.openByName(HOME_SCENARIO, { beforeStep: HOME_STEP }))) return;
    playback.setSpeed('readable');
    const { trace, scenario: now } = context.store.getState();
    const homeAt = now.run?.steps[HOME_STEP]?.end ?? -1;
    update(context, 'walkthrough', { homecoming: trace.moment?.residence, homeAt });
    playback.play(homeAt);
  },
  closeIntroduction: () => update(context, 'walkthrough', { introduction: false }),
  openIntroduction: () => update(context, 'walkthrough', { introduction: true }),
  closeHomecoming: () => update(context, 'walkthrough', { homecoming: undefined, homeAt: -1 }),
  startTour: () => update(context, 'walkthrough', { tour: true, introduction: false }),
  endTour: () => update(context, 'walkthrough', { tour: false }),
});

// The first visit: what this is, and one button to watch a page come home.

import type { RunId } from '../worker/protocol.ts';
import { type Context, update } from './context.ts';
import type { PlaybackActions } from './playback.ts';
import type { ScenarioActions } from './scenario.ts';

export interface WalkthroughSlice {
  readonly runId: RunId;
  /** The introduction is shown: at the first load without a link, until something is opened or it is closed. */
  readonly introduction: boolean;
}

export interface WalkthroughActions {
  /** Opens the long-term pin, goes to before it, and plays until the pages are home. */
  readonly watchAPageComeHome: () => Promise<void>;
  readonly closeIntroduction: () => void;
  readonly openIntroduction: () => void;
}

export const initialWalkthrough: WalkthroughSlice = { runId: '', introduction: false };

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
    playback.play(context.store.getState().scenario.run?.steps[HOME_STEP]?.end);
  },
  closeIntroduction: () => update(context, 'walkthrough', { introduction: false }),
  openIntroduction: () => update(context, 'walkthrough', { introduction: true }),
});

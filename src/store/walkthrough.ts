// The first visit: what this is, and one button to watch a page come home.

import type { RunId } from '../worker/protocol.ts';

export interface WalkthroughSlice {
  readonly runId: RunId;
  /** The introduction is shown: at the first load without a link, until something is opened or it is closed. */
  readonly introduction: boolean;
}

export interface WalkthroughActions {
  /** Opens the long-term pin, goes to before it, and plays. */
  readonly watchAPageComeHome: () => Promise<void>;
  readonly closeIntroduction: () => void;
  readonly openIntroduction: () => void;
}

export const initialWalkthrough: WalkthroughSlice = { runId: '', introduction: false };

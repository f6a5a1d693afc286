// The presentation clock: where the cursor stands, and how far the picture is between two moments.

import type { Grain, Moment, Position, RunId } from '../worker/protocol.ts';

/** `readable`: the length of the sentence sets the pace. */
export type Speed = 'readable' | 0.25 | 0.5 | 1 | 2 | 4 | 8;
export const SPEEDS: readonly Speed[] = ['readable', 0.25, 0.5, 1, 2, 4, 8];

/**
 * What is to be painted: `paint(before, after, t)`. `before.position <= after.position` always, also when going back.
 * At rest both are the same moment and `t` is 1.
 */
export interface Stage {
  readonly before: Moment;
  readonly after: Moment;
  /** 0: exactly `before`; 1: exactly `after`. */
  readonly t: number;
}

export interface PlaybackSlice {
  readonly runId: RunId;
  /** Where the cursor stands: the position of the moment that the panels show. */
  readonly position: Position;
  readonly playing: boolean;
  readonly speed: Speed;
  readonly stage: Stage | undefined;
  /** A transition is on its way (playing, or one step that is being shown). */
  readonly moving: boolean;
}

export interface PlaybackActions {
  /** Plays from beat to beat; from the end it starts over. */
  readonly play: () => void;
  readonly pause: () => void;
  readonly togglePlay: () => void;
  /** One event, function, beat or scenario step forward or back; pauses. */
  readonly stepBy: (grain: Grain, direction: 1 | -1) => Promise<void>;
  /** Goes to a position at once; pauses. Calls while one is under way are merged, so it can be called while scrubbing. */
  readonly seek: (position: Position) => Promise<void>;
  /** Before or after a step of the scenario. */
  readonly seekStep: (step: number, edge: 'begin' | 'end') => Promise<void>;
  /** Before step 0. */
  readonly toStart: () => Promise<void>;
  readonly toEnd: () => Promise<void>;
  readonly setSpeed: (speed: Speed) => void;
  readonly slower: () => void;
  readonly faster: () => void;
}

export const initialPlayback: PlaybackSlice = {
  runId: '',
  position: 0,
  playing: false,
  speed: 'readable',
  stage: undefined,
  moving: false,
};

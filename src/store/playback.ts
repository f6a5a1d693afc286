// The presentation clock: where the cursor stands, and how far the picture is between two moments.

import type { Motion, Position, RunId, RunInfo } from '../worker/protocol.ts';
import type { Moment } from '../worker/protocol-moment.ts';
import type { AppState } from './app.ts';
import { type Context, report, update } from './context.ts';
import type { Player } from './player.ts';

/** `readable`: the words to be read set the pace, and phases that a reader can do without are passed over. */
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
  /** The step that was chosen, as long as its end is shown: playing shows it first. */
  readonly chosen: number | undefined;
}

export interface PlaybackActions {
  /**
   * Plays from beat to beat, up to a position if one is given. From the end it starts over; a step that was chosen is
   * played from its beginning.
   */
  readonly play: (until?: Position) => void;
  readonly pause: () => void;
  readonly togglePlay: () => void;
  /** One event, function, beat or scenario step forward or back, over or out of a call; pauses. */
  readonly stepBy: (grain: Motion, direction: 1 | -1) => Promise<void>;
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
  speed: 1,
  stage: undefined,
  moving: false,
  chosen: undefined,
};

/** The first run ends where its summary stands, also when it was halted on the way. */
const homeAhead = ({ walkthrough, playback }: AppState): Position | undefined =>
  walkthrough.homecoming !== undefined && playback.position < walkthrough.homeAt
    ? walkthrough.homeAt
    : undefined;

/** Asks for the moment at a position; undefined if the run is not shown any more or the question failed. */
const fetchMoment = async (context: Context, position: Position): Promise<Moment | undefined> => {
  const { runId } = context.store.getState().scenario;
  const answer = await context.link.ask({ kind: 'moment', runId, position });
  if (context.store.getState().scenario.runId !== runId) return undefined;
  if (answer.kind === 'failed') {
    report(context, { about: 'query', place: answer.place, message: answer.message });
    return undefined;
  }
  return answer.moment;
};

const fetchStop = async (
  context: Context,
  from: Position,
  grain: Motion,
  direction: 1 | -1,
): Promise<Moment | undefined> => {
  const { runId } = context.store.getState().scenario;
  const answer = await context.link.ask({ kind: 'navigate', runId, from, grain, direction });
  if (context.store.getState().scenario.runId !== runId) return undefined;
  if (answer.kind === 'failed' || answer.position === from) return undefined;
  return await fetchMoment(context, answer.position);
};

/** Where playing has to go first; undefined: it goes on from where it is. */
const playsFrom = (
  { chosen, position }: PlaybackSlice,
  { steps, length, bootEnd }: RunInfo,
): Position | undefined => {
  const step = chosen === undefined ? undefined : steps[chosen];
  if (step !== undefined) return step.begin;
  return position >= length ? bootEnd : undefined;
};

/** Plays beat after beat until the end (or `until`), or until somebody wants something else. */
const playOn = async (context: Context, player: Player, until = Infinity): Promise<void> => {
  const wish = player.newWish();
  const { run } = context.store.getState().scenario;
  if (run === undefined) return;
  update(context, 'playback', { playing: true });
  player.thaw();
  const from = playsFrom(context.store.getState().playback, run);
  if (from !== undefined) {
    const start = await fetchMoment(context, from);
    if (!player.isWanted(wish)) return;
    if (start !== undefined) player.show(start);
  }
  const nextFrom = (position: Position) =>
    fetchStop(context, position, context.store.getState().playback.speed === 'readable' ? 'gist' : 'beat', 1);
  let next = nextFrom(context.store.getState().playback.position);
  await player.arrived();
  while (player.isWanted(wish)) {
    const moment = await next;
    if (!player.isWanted(wish)) return;
    if (moment === undefined || moment.position > until) break;
    next = nextFrom(moment.position);
    await player.travelTo(moment, 'play');
  }
  if (player.isWanted(wish)) update(context, 'playback', { playing: false });
};

export const playbackActions = (context: Context, player: Player): PlaybackActions => {
  const halt = (): number => {
    const wish = player.newWish();
    if (context.store.getState().playback.playing) update(context, 'playback', { playing: false });
    return wish;
  };

  /** Where the last call of seek wants to go; at most one question is under way. */
  let wanted: { readonly position: Position; readonly wish: number } | undefined;
  let seeking: Promise<void> | undefined;
  const seekOn = async (): Promise<void> => {
    while (wanted !== undefined) {
      const asked = wanted;
      const moment = await fetchMoment(context, asked.position);
      // while scrubbing a newer wish to seek is there already; what has come is shown on the way
      if (moment !== undefined && player.isWanted(wanted.wish)) player.show(moment);
      if (wanted === asked) wanted = undefined;
    }
  };
  const seek = async (position: Position): Promise<void> => {
    wanted = { position, wish: halt() };
    seeking ??= seekOn().finally(() => {
      seeking = undefined;
    });
    await context.idle.during(seeking);
  };

  /** Steps wait for each other, so that three presses of a key go three steps; any other wish ends the row. */
  let lastStep: Promise<void> = Promise.resolve();
  let stepsWaiting = 0;
  let rowWish = 0;
  const oneStep = async (grain: Motion, direction: 1 | -1, wish: number): Promise<void> => {
    if (!player.isWanted(wish)) return;
    player.snap();
    const moment = await fetchStop(context, context.store.getState().playback.position, grain, direction);
    if (moment !== undefined && player.isWanted(wish))
      void player.travelTo(moment, grain === 'gist' ? 'told' : 'step');
  };
  const stepBy = async (grain: Motion, direction: 1 | -1): Promise<void> => {
    if (stepsWaiting === 0 || !player.isWanted(rowWish)) rowWish = halt();
    const wish = rowWish;
    stepsWaiting += 1;
    lastStep = lastStep
      .then(() => oneStep(grain, direction, wish))
      .finally(() => {
        stepsWaiting -= 1;
      });
    await context.idle.during(lastStep);
  };

  const setSpeed = (speed: Speed): void => update(context, 'playback', { speed });
  const shiftSpeed = (by: 1 | -1): void => {
    const numbers = SPEEDS.filter((speed) => speed !== 'readable');
    const { speed } = context.store.getState().playback;
    const at = numbers.indexOf(speed === 'readable' ? 1 : speed);
    const wanted = numbers[Math.max(0, Math.min(numbers.length - 1, at + by))];
    if (wanted !== undefined) setSpeed(wanted);
  };

  const play = (until?: Position): void => void context.idle.during(playOn(context, player, until));
  const pause = (): void => {
    halt();
    player.freeze();
  };

  return {
    play,
    pause,
    togglePlay: () => {
      const state = context.store.getState();
      if (state.playback.playing) pause();
      else play(homeAhead(state));
    },
    stepBy,
    seek,
    seekStep: async (step, edge) => {
      const found = context.store.getState().scenario.run?.steps[step];
      if (found === undefined) return;
      await seek(found[edge]);
      const isThere = context.store.getState().playback.position === found.end;
      if (edge === 'end' && isThere) update(context, 'playback', { chosen: step });
    },
    toStart: async () => {
      const { run } = context.store.getState().scenario;
      if (run !== undefined) await seek(run.bootEnd);
    },
    toEnd: async () => {
      const { run } = context.store.getState().scenario;
      if (run !== undefined) await seek(run.length);
    },
    setSpeed,
    slower: () => shiftSpeed(-1),
    faster: () => shiftSpeed(1),
  };
};

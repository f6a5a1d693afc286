// Moves the picture from one moment to another on the presentation clock, and plays from beat to beat.

import { say } from '../words/index.ts';
import type { Position } from '../worker/protocol.ts';
import type { Moment } from '../worker/protocol-moment.ts';
import { type Context, update } from './context.ts';
import type { Speed, Stage } from './playback.ts';
import { reducedMotion } from './settings.ts';

/** Longest frame that counts: a tab that comes back does not jump. */
const MAX_FRAME_MS = 100;
const PLAY_TRAVEL_MS = 900;
const PLAY_HOLD_MS = 700;
/** Of a step by hand; `told`: before people who are to see what moves. */
const STEP_TRAVELS_MS = { step: 350, told: PLAY_TRAVEL_MS } as const;
/** While a new sentence is read there is time to watch what moves. */
const READ_TRAVEL_MS = 1800;
/** Of a sentence that was read before, for another page: what it shows is seen at a glance. */
const REPEAT_TRAVEL_MS = 700;
const REPEAT_HOLD_MS = 500;
/** Of somebody who reads 230 words a minute. */
const WORD_MS = 60_000 / 230;

/** How long a new sentence and its reason stay at the speed `readable`. A name of the kernel counts as a word. */
const readingMs = ({ caption, why }: Moment): number =>
  `${say(caption)} ${say(why)}`.split(' ').length * WORD_MS;

interface Transition {
  readonly before: Moment;
  readonly after: Moment;
  readonly forward: boolean;
  readonly travelMs: number;
  /** At rest behind the travel, before `done`. */
  readonly holdMs: number;
  elapsedMs: number;
  /** Called when it has arrived, is halted or is dropped. */
  waiting: (() => void)[];
}

const rateOf = (speed: Speed): number => (speed === 'readable' ? 1 : speed);

export class Player {
  private transition: Transition | undefined;
  private lastFrameMs = 0;
  private cancelFrame: (() => void) | undefined;
  private endMoving: (() => void) | undefined;
  /** Raised by every new wish of the user: what was under way for an older one stops. */
  private wish = 0;

  private readonly context: Context;

  constructor(context: Context) {
    this.context = context;
  }

  newWish(): number {
    this.wish += 1;
    return this.wish;
  }

  isWanted(wish: number): boolean {
    return wish === this.wish;
  }

  /** Shows a moment at once. */
  show(moment: Moment): void {
    this.drop();
    this.present(moment, { before: moment, after: moment, t: 1 });
  }

  /** Travels to a moment; resolves when it has arrived, or when something else took its place. */
  async travelTo(moment: Moment, kind: 'step' | 'told' | 'play'): Promise<void> {
    this.snap();
    const from = this.context.store.getState().trace.moment;
    if (from === undefined || from.position === moment.position) {
      this.show(moment);
      return;
    }
    const forward = moment.position >= from.position;
    const reduced = reducedMotion(this.context);
    const pace = kind === 'play' ? this.playPace(moment) : { travelMs: STEP_TRAVELS_MS[kind], holdMs: 0 };
    const travelMs = reduced ? 0 : pace.travelMs;
    const { holdMs } = pace;
    const [before, after] = forward ? [from, moment] : [moment, from];
    this.present(moment, { before, after, t: forward ? (reduced ? 1 : 0) : reduced ? 0 : 1 });
    await new Promise<void>((resolve) => {
      this.transition = { before, after, forward, travelMs, holdMs, elapsedMs: 0, waiting: [resolve] };
      this.run();
    });
  }

  /** Ends a transition at its destination. */
  snap(): void {
    const transition = this.transition;
    if (transition === undefined) return;
    const destination = transition.forward ? transition.after : transition.before;
    this.show(destination);
  }

  /** Halts between two moments. */
  freeze(): void {
    this.halt();
    this.release(this.transition);
  }

  /** Resolves when the transition under way has arrived; at once if there is none. */
  async arrived(): Promise<void> {
    const transition = this.transition;
    if (transition !== undefined) await new Promise<void>((resolve) => transition.waiting.push(resolve));
  }

  /** Goes on with a transition that was halted. */
  thaw(): void {
    if (this.transition !== undefined) this.run();
  }

  /** How long playing takes to get to a moment, and how long it rests there. */
  private playPace(moment: Moment): { readonly travelMs: number; readonly holdMs: number } {
    const { speed } = this.context.store.getState().playback;
    if (speed !== 'readable') return { travelMs: PLAY_TRAVEL_MS, holdMs: PLAY_HOLD_MS };
    if (moment.occurrence > 1) return { travelMs: REPEAT_TRAVEL_MS, holdMs: REPEAT_HOLD_MS };
    return {
      travelMs: READ_TRAVEL_MS,
      holdMs: Math.max(PLAY_HOLD_MS, readingMs(moment) - READ_TRAVEL_MS),
    };
  }

  private present(moment: Moment, stage: Stage): void {
    update(this.context, 'trace', { moment });
    update(this.context, 'playback', { position: moment.position, stage, chosen: undefined });
  }

  private run(): void {
    if (this.cancelFrame !== undefined) return;
    this.endMoving ??= this.context.idle.begin();
    update(this.context, 'playback', { moving: true });
    this.lastFrameMs = this.context.environment.clock.nowMs();
    this.nextFrame();
  }

  private nextFrame(): void {
    this.cancelFrame = this.context.environment.clock.frame((nowMs) => this.frame(nowMs));
  }

  private frame(nowMs: number): void {
    this.cancelFrame = undefined;
    const transition = this.transition;
    if (transition === undefined) return;
    const sinceMs = Math.min(MAX_FRAME_MS, Math.max(0, nowMs - this.lastFrameMs));
    this.lastFrameMs = nowMs;
    transition.elapsedMs += sinceMs * rateOf(this.context.store.getState().playback.speed);
    const { before, after, forward, travelMs, holdMs, elapsedMs } = transition;
    const travelled = travelMs === 0 ? 1 : Math.min(1, elapsedMs / travelMs);
    const t = forward ? travelled : 1 - travelled;
    if (this.context.store.getState().playback.stage?.t !== t) {
      update(this.context, 'playback', { stage: { before, after, t } });
    }
    if (elapsedMs < travelMs + holdMs) {
      this.nextFrame();
      return;
    }
    const destination = forward ? after : before;
    this.drop();
    update(this.context, 'playback', { stage: { before: destination, after: destination, t: 1 } });
  }

  private drop(): void {
    const transition = this.transition;
    this.transition = undefined;
    this.halt();
    this.release(transition);
  }

  private release(transition: Transition | undefined): void {
    const waiting = transition?.waiting ?? [];
    if (transition !== undefined) transition.waiting = [];
    for (const resolve of waiting) resolve();
  }

  private halt(): void {
    this.cancelFrame?.();
    this.cancelFrame = undefined;
    this.endMoving?.();
    this.endMoving = undefined;
    if (this.context.store.getState().playback.moving) update(this.context, 'playback', { moving: false });
  }
}

/** Where a position lies: the step, and how many events into it. */
export const stepOf = (
  steps: readonly { readonly begin: Position; readonly end: Position }[],
  position: Position,
): { readonly step: number; readonly offset: number } => {
  const step = steps.findLastIndex(({ begin }) => begin <= position);
  const found = steps[step];
  return found === undefined ? { step: -1, offset: 0 } : { step, offset: position - found.begin };
};

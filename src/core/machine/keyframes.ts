// Keyframes of the timeline. A keyframe copies nothing: it shares the sections of all columns with the state, and who
// writes one of them later writes a copy. Going to a keyframe puts shared sections in place, only those that differ.

import type { Column } from './column.ts';

/** Half of this is replayed at most, about 5 ms; more keyframes would hold more copies of sections. */
const EVENTS_BETWEEN = 131_072;
/** What a jump costs beside its replay, in replayed events: sections are copied when the replay writes them. */
const JUMP_COST_EVENTS = 4096;
/** So many keyframes further it is cheaper to look at every section than at the lists of changes. */
const MANY_FRAMES = 32;

interface Keyframe {
  /** Events that have happened at it. */
  readonly position: number;
  /** By column: sections that may have changed since the keyframe before. */
  readonly changed: readonly (readonly number[])[];
}

export class Keyframes {
  private readonly frames: Keyframe[] = [];
  /** The keyframe from which the state differs in the columns' dirty sections only; -1: the empty machine. */
  private base = -1;

  constructor(private readonly columns: readonly Column[]) {}

  /** Index of the event after which the next keyframe is due. */
  get next(): number {
    return (this.frames.at(-1)?.position ?? 0) + EVENTS_BETWEEN;
  }

  /**
   * Keeps the state, which is that after `position` events: the end of the timeline.
   *
   * @param sweep - whether to give sections back that hold nothing any more
   */
  take(position: number, sweep = false): void {
    const at = this.frames.length;
    this.frames.push({ position, changed: this.columns.map((column) => column.freeze(at, sweep)) });
    this.base = at;
  }

  /** Position of the last keyframe at or before a position; 0: none. */
  lastBefore(position: number): number {
    return this.positionOf(this.countUpTo(position) - 1);
  }

  /** The keyframe from which a position is reached with the least replay; -1: the empty machine at position 0. */
  nearest(position: number): { readonly at: number; readonly position: number } {
    const before = this.countUpTo(position) - 1;
    const after = this.frames[before + 1];
    const distance = position - this.positionOf(before);
    if (after !== undefined && after.position - position < distance)
      return { at: before + 1, position: after.position };
    return { at: before, position: this.positionOf(before) };
  }

  /** Whether a jump to a keyframe and the way on from there is less work than the way that it saves. */
  worthJumping(way: number, wayFromKeyframe: number): boolean {
    return wayFromKeyframe + JUMP_COST_EVENTS < way;
  }

  /** Brings all columns to the state at a keyframe. */
  restore(at: number): void {
    const low = Math.min(at, this.base);
    const high = Math.max(at, this.base);
    const far = high - low > MANY_FRAMES;
    this.columns.forEach((column, id) => {
      if (far) {
        column.restore(at, undefined);
        return;
      }
      for (let i = low + 1; i <= high; i++) {
        for (const no of this.frames[i]?.changed[id] ?? []) column.restoreSection(no, at);
      }
      column.restore(at, []);
    });
    this.base = at;
  }

  /** Drops keyframes after `position`. Requires: the state is that at or before `position`, reached from a keyframe that stays. */
  forgetAfter(position: number): void {
    const kept = this.countUpTo(position);
    while (this.frames.length > kept) this.dropLast();
  }

  /** Drops the last keyframe; the state stays as it is. */
  dropLast(): void {
    const kept = this.frames.length - 1;
    const frame = this.frames.pop();
    frame?.changed.forEach((sections, id) => this.columns[id]?.forget(kept, sections));
    this.base = Math.min(this.base, kept - 1);
  }

  private positionOf(at: number): number {
    return this.frames[at]?.position ?? 0;
  }

  /** How many keyframes lie at or before a position. */
  private countUpTo(position: number): number {
    let low = 0;
    let high = this.frames.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.positionOf(middle) <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

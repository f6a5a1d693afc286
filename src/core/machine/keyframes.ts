// Keyframes of the timeline: copies of what changed, every so many events, so that a long seek does not replay them.

import type { Column, Elements } from './journal.ts';

const EVENTS_BETWEEN = 262_144;
/** What copying a keyframe's sections costs, in replayed events. */
const JUMP_COST_EVENTS = 80_000;

/** State of the sections that were written since the keyframe before. */
interface Keyframe {
  /** Events applied when it was taken. */
  readonly position: number;
  /** By column: copies by section number. */
  readonly sections: readonly ReadonlyMap<number, Elements>[];
}

export class Keyframes {
  private readonly frames: Keyframe[] = [];

  constructor(private readonly columns: readonly Column[]) {}

  /** Index of the event after which the next keyframe is due. */
  get next(): number {
    return (this.frames.at(-1)?.position ?? 0) + EVENTS_BETWEEN;
  }

  take(position: number): void {
    this.frames.push({ position, sections: this.columns.map((column) => column.takeWritten()) });
  }

  /** The keyframe from which `target` is reached with clearly less work than from `position`; undefined: none. */
  worthJumping(position: number, target: number): Keyframe | undefined {
    let best: Keyframe | undefined;
    let bestDistance = Math.abs(position - target) - JUMP_COST_EVENTS;
    for (const frame of this.frames) {
      const distance = Math.abs(frame.position - target);
      if (distance >= bestDistance) continue;
      best = frame;
      bestDistance = distance;
    }
    return best;
  }

  /** Brings all columns from their state at `position` to that of a keyframe. */
  restore(frame: Keyframe, position: number): void {
    const at = this.frames.indexOf(frame);
    this.columns.forEach((column, id) => {
      for (const no of this.changedBetween(id, frame.position, position)) {
        column.restoreSection(no, this.contentAt(id, no, at));
      }
    });
  }

  /** Drops keyframes after `position`; their sections count as written again. */
  forgetFrom(position: number): void {
    while ((this.frames.at(-1)?.position ?? 0) > position) {
      const frame = this.frames.pop();
      frame?.sections.forEach((sections, id) => this.columns[id].addWritten(sections.keys()));
    }
  }

  bytes(): number {
    let bytes = 0;
    for (const frame of this.frames) {
      for (const sections of frame.sections)
        for (const elements of sections.values()) bytes += elements.byteLength;
    }
    return bytes;
  }

  /** Sections of a column that may differ between two positions. */
  private changedBetween(id: number, a: number, b: number): Set<number> {
    const low = Math.min(a, b);
    const high = Math.max(a, b);
    const changed = new Set<number>();
    for (const frame of this.frames) {
      if (frame.position <= low) continue;
      for (const no of frame.sections[id].keys()) changed.add(no);
      // the keyframe at or behind the later position covers the stretch that it ends
      if (frame.position >= high) return changed;
    }
    for (const no of this.columns[id].writtenSections()) changed.add(no);
    return changed;
  }

  private contentAt(id: number, no: number, at: number): Elements | undefined {
    for (let i = at; i >= 0; i--) {
      const elements = this.frames[i].sections[id].get(no);
      if (elements !== undefined) return elements;
    }
    return undefined;
  }
}

// A journalled map from number to number, in the sections of a column, so that a million entries cost 8 bytes each.

import { EventKind } from '../uapi/events.ts';
import { Column } from './column.ts';
import { writeRun } from './column-runs.ts';
import type { Elements } from './elements.ts';
import type { Recorder } from './recorder.ts';

/** Rows of a section: entries come in runs of neighbouring keys, mostly of one page table. */
export const MAP_ROWS = 1024;
const values = new Float64Array(MAP_ROWS);

/** Xarrays (page cache, device page tables), deposits. Values are not negative. */
export class NumberMap {
  /** Value + 1; 0: absent. Has no events of its own. */
  readonly column: Column;

  constructor(
    private readonly recorder: Recorder,
    readonly id: number,
    readonly name: string,
  ) {
    this.column = new Column(recorder, -1, name, 'f64', MAP_ROWS);
  }

  get(key: number): number | undefined {
    const kept = this.column.get(key);
    return kept === 0 ? undefined : kept - 1;
  }

  has(key: number): boolean {
    return this.column.get(key) !== 0;
  }

  /** How many entries there are. Counts them. */
  get size(): number {
    let size = 0;
    for (const no of this.column.sectionNumbers())
      for (let row = no * MAP_ROWS; row < (no + 1) * MAP_ROWS; ) {
        const { value, step, n } = this.column.progression(row, (no + 1) * MAP_ROWS - row);
        const blank = step === 0 ? -1 : -value / step;
        if (step !== 0) size += Number.isInteger(blank) && blank >= 0 && blank < n ? n - 1 : n;
        else if (value !== 0) size += n;
        row += n;
      }
    return size;
  }

  set(key: number, value: number): void {
    const old = this.column.get(key);
    if (old === value + 1) return;
    this.column.poke(key, value + 1);
    this.recorder.record(EventKind.MAP, this.id, key, old === 0 ? Number.NaN : old - 1, value);
  }

  delete(key: number): void {
    const old = this.column.get(key);
    if (old === 0) return;
    this.column.poke(key, 0);
    this.recorder.record(EventKind.MAP, this.id, key, old - 1, Number.NaN);
  }

  /** Keys in ascending order, at most `limit` of them. */
  keys(limit = Number.POSITIVE_INFINITY): number[] {
    return this.keysBetween(0, Number.POSITIVE_INFINITY, limit);
  }

  /** Like keys(), only those in [start, end). */
  keysBetween(start: number, end: number, limit = Number.POSITIVE_INFINITY): number[] {
    const keys: number[] = [];
    if (end - start < MAP_ROWS) {
      for (let key = start; key < end && keys.length < limit; key++) if (this.has(key)) keys.push(key);
      return keys;
    }
    for (const no of this.sectionsBetween(start, end)) {
      const base = no * MAP_ROWS;
      const elements = this.elementsOf(no);
      for (let i = 0; i < MAP_ROWS; i++) {
        if (elements[i] === 0 || base + i < start || base + i >= end) continue;
        if (keys.length >= limit) return keys;
        keys.push(base + i);
      }
    }
    return keys;
  }

  /** First keys of the stretches of MAP_ROWS keys in which entries may be, ascending: for who takes them part by part. */
  partStarts(): number[] {
    return this.column.sectionNumbers().map((no) => no * MAP_ROWS);
  }

  poke(key: number, value: number): void {
    this.column.poke(key, Number.isNaN(value) ? 0 : value + 1);
  }

  /** Values + 1 of the section that holds a key, to read; 0: absent. undefined: nothing there is present. */
  section(key: number): Elements | undefined {
    return this.column.section(Math.floor(key / MAP_ROWS));
  }

  /** Sets neighbouring keys without events; for big steps. */
  pokeRun(start: number, n: number, valueOf: (i: number) => number): void {
    for (let at = 0; at < n; ) {
      const length = Math.min(n - at, MAP_ROWS - ((start + at) % MAP_ROWS));
      for (let i = 0; i < length; i++) values[i] = valueOf(at + i) + 1;
      writeRun(this.column, start + at, false, values, 0, length);
      at += length;
    }
  }

  /** Sets neighbouring keys to values that go up or down evenly, without events; for big steps. */
  pokeLine(start: number, n: number, value: number, step: number): void {
    this.column.writeLine(start, n, value + 1, step);
  }

  /** Deletes the keys of [start, start + n) without events; for big steps. The range may be a whole address space. */
  dropRun(start: number, n: number): void {
    for (const no of this.sectionsBetween(start, start + n)) {
      const base = no * MAP_ROWS;
      const from = Math.max(start - base, 0);
      const to = Math.min(start + n - base, MAP_ROWS);
      // what was never there needs no section
      if (!this.column.isConstant(base + from, to - from, 0))
        this.column.writeLine(base + from, to - from, 0, 0);
    }
  }

  /** Numbers of sections in which keys of [start, end) can be, ascending. */
  private sectionsBetween(start: number, end: number): number[] {
    const first = Math.floor(start / MAP_ROWS);
    const count = Math.ceil(end / MAP_ROWS) - first;
    if (count <= this.column.sectionCount) return Array.from({ length: count }, (_, i) => first + i);
    return this.column.sectionNumbers().filter((no) => first <= no && no < first + count);
  }

  private elementsOf(no: number): Elements {
    return this.column.readable(no * MAP_ROWS);
  }
}

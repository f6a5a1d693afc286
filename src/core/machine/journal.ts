// The only writer of state. Every change is an event in the log, with the value before and after,
// so undo, redo, diff and "who last wrote this" are one mechanism each.

import { EventLog } from '../trace/log.ts';
import { Trace } from '../trace/trace.ts';
import { EventKind } from '../uapi/events.ts';
import { Keyframes } from './keyframes.ts';

const SECTION_ROWS = 32768;
const SECTION_MASK = 32767;
/** Rows by which changes are told apart: the pages of a pageblock, the entries of a page table. */
export const BLOCK_ROWS = 512;

export type ElementType = 'i32' | 'u32' | 'f64';
export type Elements = Int32Array | Uint32Array | Float64Array;

const newElements = (type: ElementType): Elements => {
  if (type === 'i32') return new Int32Array(SECTION_ROWS);
  if (type === 'u32') return new Uint32Array(SECTION_ROWS);
  return new Float64Array(SECTION_ROWS);
};

/**
 * A column of numbers over a huge sparse index (page frames, page-table entries).
 * A section of 32,768 rows exists once one of them is written; absent rows read 0.
 */
export class Column {
  private readonly sections = new Map<number, Elements>();
  private lastNo = -1;
  private last: Elements | undefined;
  /** Sections written since the last keyframe. */
  private written = new Set<number>();
  private lastWritten = -1;
  /** Blocks whose content changed since somebody last asked, by writing, undo, redo or a keyframe; undefined: nobody asks. */
  private touched: Set<number> | undefined;
  private lastTouched = -1;

  constructor(
    private readonly journal: Journal,
    readonly id: number,
    readonly name: string,
    private readonly type: ElementType,
  ) {}

  get(row: number): number {
    const no = Math.floor(row / SECTION_ROWS);
    if (no !== this.lastNo) {
      this.last = this.sections.get(no);
      this.lastNo = no;
    }
    return this.last === undefined ? 0 : this.last[row & SECTION_MASK];
  }

  set(row: number, value: number): void {
    const elements = this.writable(row);
    const i = row & SECTION_MASK;
    const old = elements[i];
    if (old === value) return;
    this.markWritten(row);
    elements[i] = value;
    this.journal.record(EventKind.COLUMN, this.id, row, old, elements[i]);
  }

  /** Writes without an event; for the journal itself, which undoes and redoes events, and for refcounts. */
  poke(row: number, value: number): void {
    this.writable(row)[row & SECTION_MASK] = value;
  }

  /** Notes that a row changes for the first time, not by undo or redo. */
  markWritten(row: number): void {
    const no = Math.floor(row / SECTION_ROWS);
    if (no === this.lastWritten) return;
    this.lastWritten = no;
    this.written.add(no);
  }

  /** Copies of the sections written since the last call. */
  takeWritten(): Map<number, Elements> {
    const copies = new Map<number, Elements>();
    for (const no of this.written) {
      const section = this.sections.get(no);
      if (section !== undefined) copies.set(no, section.slice());
    }
    this.written = new Set();
    this.lastWritten = -1;
    return copies;
  }

  /** Sections written since the last keyframe. */
  writtenSections(): ReadonlySet<number> {
    return this.written;
  }

  /** Counts sections as written again whose keyframe was forgotten. */
  addWritten(sections: Iterable<number>): void {
    for (const no of sections) this.written.add(no);
    this.lastWritten = -1;
  }

  /** Overwrites one section; undefined: as it was before anything was written. */
  restoreSection(no: number, elements: Elements | undefined): void {
    const live = this.sections.get(no);
    if (live === undefined) return;
    if (elements === undefined) live.fill(0);
    else live.set(elements);
    if (this.touched === undefined) return;
    for (let row = no * SECTION_ROWS; row < (no + 1) * SECTION_ROWS; row += BLOCK_ROWS)
      this.touched.add(row / BLOCK_ROWS);
  }

  /** One section to read; undefined: all its rows are 0. Whoever keeps it sees it change. */
  section(no: number): Elements | undefined {
    return this.sections.get(no);
  }

  /**
   * Blocks of BLOCK_ROWS rows whose content changed since the last call, in whatever way: for one who keeps an aggregate.
   * undefined at the first call: all that there are.
   */
  takeTouched(): ReadonlySet<number> | undefined {
    const { touched } = this;
    this.touched = new Set();
    this.lastTouched = -1;
    return touched;
  }

  /** Numbers of the sections that exist, ascending. */
  sectionNumbers(): number[] {
    return [...this.sections.keys()].sort((a, b) => a - b);
  }

  bytes(): number {
    return this.sections.size * SECTION_ROWS * (this.type === 'f64' ? 8 : 4);
  }

  private writable(row: number): Elements {
    const no = Math.floor(row / SECTION_ROWS);
    if (this.touched !== undefined) {
      const block = Math.floor(row / BLOCK_ROWS);
      if (block !== this.lastTouched) {
        this.lastTouched = block;
        this.touched.add(block);
      }
    }
    if (no === this.lastNo && this.last !== undefined) return this.last;
    let elements = this.sections.get(no);
    if (elements === undefined) {
      elements = newElements(this.type);
      this.sections.set(no, elements);
    }
    this.lastNo = no;
    this.last = elements;
    return elements;
  }
}

/** A journalled map from number to number: xarrays (page cache, device page tables), deposits. */
export class NumberMap {
  private readonly entries = new Map<number, number>();

  constructor(
    private readonly journal: Journal,
    readonly id: number,
    readonly name: string,
  ) {}

  get(key: number): number | undefined {
    return this.entries.get(key);
  }

  has(key: number): boolean {
    return this.entries.has(key);
  }

  get size(): number {
    return this.entries.size;
  }

  set(key: number, value: number): void {
    const old = this.entries.get(key);
    if (old === value) return;
    this.entries.set(key, value);
    this.journal.record(EventKind.MAP, this.id, key, old ?? Number.NaN, value);
  }

  delete(key: number): void {
    const old = this.entries.get(key);
    if (old === undefined) return;
    this.entries.delete(key);
    this.journal.record(EventKind.MAP, this.id, key, old, Number.NaN);
  }

  /** Keys in ascending order, whatever the order of insertion was. */
  keys(): number[] {
    return [...this.entries.keys()].sort((a, b) => a - b);
  }

  /** Like keys(), only those in [start, end). */
  keysBetween(start: number, end: number): number[] {
    if (end - start < this.entries.size) {
      const keys: number[] = [];
      for (let key = start; key < end; key++) if (this.entries.has(key)) keys.push(key);
      return keys;
    }
    return this.keys().filter((key) => key >= start && key < end);
  }

  poke(key: number, value: number): void {
    if (Number.isNaN(value)) this.entries.delete(key);
    else this.entries.set(key, value);
  }
}

/** A journalled place for one immutable value (a VMA, a process, a pin handle). */
export class Cell<T> {
  constructor(
    private readonly journal: Journal,
    readonly id: number,
  ) {}

  get(): T | undefined {
    return this.journal.cellValue(this.id) as T | undefined;
  }

  set(value: T | undefined): void {
    this.journal.setCell(this.id, value);
  }
}

/** Entities with an id of their own, from 1 up. Their values are immutable objects. */
export class Pool<T> {
  private readonly cells: Cell<T>[] = [];
  private readonly count: Cell<number>;

  constructor(
    private readonly journal: Journal,
    readonly name: string,
  ) {
    this.count = journal.cell<number>();
  }

  /** Makes an entity; `make` gets its id. */
  add(make: (id: number) => T): number {
    const id = (this.count.get() ?? 0) + 1;
    this.count.set(id);
    this.cellOf(id).set(make(id));
    return id;
  }

  get(id: number): T {
    const value = this.find(id);
    if (value === undefined) throw new Error(`${this.name} ${id} does not exist`);
    return value;
  }

  find(id: number): T | undefined {
    return id >= 1 && id <= this.cells.length ? this.cells[id - 1].get() : undefined;
  }

  set(id: number, value: T | undefined): void {
    this.cellOf(id).set(value);
  }

  update(id: number, change: Partial<T>): T {
    const value = { ...this.get(id), ...change };
    this.set(id, value);
    return value;
  }

  /** Ids of the entities that exist, in order of creation. */
  ids(): number[] {
    const ids: number[] = [];
    const count = this.count.get() ?? 0;
    for (let id = 1; id <= count; id++) if (this.find(id) !== undefined) ids.push(id);
    return ids;
  }

  values(): T[] {
    return this.ids().map((id) => this.get(id));
  }

  private cellOf(id: number): Cell<T> {
    while (this.cells.length < id) this.cells.push(this.journal.cell<T>());
    return this.cells[id - 1];
  }
}

/** Owner of the log and of everything that is journalled. */
export class Journal {
  readonly log = new EventLog();
  readonly trace = new Trace(this.log);
  private readonly columns: Column[] = [];
  private readonly maps: NumberMap[] = [];
  /** Object index by cell; -1: empty. */
  private readonly cells: number[] = [];
  private readonly objects: unknown[] = [];
  private refcounts: Column | undefined;
  private readonly keyframes = new Keyframes(this.columns);
  /** Indices of the events that changed a map or a cell: keyframes do not hold those. */
  private readonly sparse: number[] = [];
  /** How many events are applied: the cursor. */
  private applied = 0;

  column(name: string, type: ElementType): Column {
    const column = new Column(this, this.columns.length, name, type);
    this.columns.push(column);
    return column;
  }

  /** The column of reference counts, whose changes name a holder. */
  refcountColumn(name: string): Column {
    const column = this.column(name, 'i32');
    this.refcounts = column;
    return column;
  }

  map(name: string): NumberMap {
    const map = new NumberMap(this, this.maps.length, name);
    this.maps.push(map);
    return map;
  }

  cell<T>(): Cell<T> {
    const cell = new Cell<T>(this, this.cells.length);
    this.cells.push(-1);
    return cell;
  }

  columnById(id: number): Column {
    return this.columns[id];
  }

  mapById(id: number): NumberMap {
    return this.maps[id];
  }

  get position(): number {
    return this.applied;
  }

  record(kind: EventKind, id: number, row: number, old: number, now: number): void {
    const index = this.log.append(kind, id, this.trace.current, row, old, now);
    if (kind === EventKind.MAP || kind === EventKind.CELL) this.sparse.push(index);
    if (index >= this.keyframes.next) this.keyframes.take(index + 1);
  }

  setRefcount(row: number, now: number, holder: number): void {
    const column = this.refcounts;
    if (column === undefined) throw new Error('no refcount column');
    const old = column.get(row);
    column.markWritten(row);
    column.poke(row, now);
    this.record(EventKind.REF, holder, row, old, now);
  }

  cellValue(cellId: number): unknown {
    const index = this.cells[cellId];
    return index < 0 ? undefined : this.objects[index];
  }

  setCell(cellId: number, value: unknown): void {
    const old = this.cells[cellId];
    let now = -1;
    if (value !== undefined) {
      now = this.objects.length;
      this.objects.push(value);
    }
    if (old === now) return;
    this.cells[cellId] = now;
    this.record(EventKind.CELL, cellId, Number.NaN, old, now);
  }

  objectAt(index: number): unknown {
    return index < 0 ? undefined : this.objects[index];
  }

  /** Marks everything written so far as applied; called when a step has run. */
  commit(): void {
    this.applied = this.log.length;
  }

  /** Moves the state to the moment after `position` events. */
  seek(position: number): void {
    const target = Math.max(0, Math.min(position, this.log.length));
    const keyframe = this.keyframes.worthJumping(this.applied, target);
    if (keyframe !== undefined) {
      this.keyframes.restore(keyframe, this.applied);
      this.replaySparse(this.applied, keyframe.position);
      this.applied = keyframe.position;
    }
    if (target < this.applied) this.log.revert(this.applied, target, this.write);
    else this.log.replay(this.applied, target, this.write);
    this.applied = target;
  }

  /** Takes back all events from `position` on and forgets them: a step that was refused leaves nothing. */
  rollback(position: number): void {
    this.commit();
    this.seek(position);
    this.log.truncate(position);
    while (this.sparse.length > 0 && this.sparse[this.sparse.length - 1] >= position) this.sparse.pop();
    this.keyframes.forgetFrom(position);
    this.trace.current = -1;
  }

  /** State and history, for the figures of the benchmark. */
  bytes(): { readonly stateBytes: number; readonly historyBytes: number } {
    const stateBytes = this.columns.reduce((sum, column) => sum + column.bytes(), 0);
    return { stateBytes, historyBytes: this.log.bytes() + this.keyframes.bytes() };
  }

  /** Brings maps and cells from one position to another. */
  private replaySparse(from: number, to: number): void {
    if (to < from)
      for (let i = this.sparseBefore(from) - 1; i >= 0 && this.sparse[i] >= to; i--)
        this.undo(this.sparse[i]);
    else
      for (let i = this.sparseBefore(from); i < this.sparse.length && this.sparse[i] < to; i++)
        this.redo(this.sparse[i]);
  }

  /** How many map and cell events lie before a position. */
  private sparseBefore(position: number): number {
    let low = 0;
    let high = this.sparse.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.sparse[middle] < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private undo(index: number): void {
    const { kind, id, row, old } = this.log.at(index);
    this.write(kind, id, row, old);
  }

  private redo(index: number): void {
    const { kind, id, row, now } = this.log.at(index);
    this.write(kind, id, row, now);
  }

  private readonly write = (kind: EventKind, id: number, row: number, value: number): void => {
    switch (kind) {
      case EventKind.COLUMN:
        this.columns[id].poke(row, value);
        return;
      case EventKind.REF:
        this.refcounts?.poke(row, value);
        return;
      case EventKind.MAP:
        this.maps[id].poke(row, value);
        return;
      case EventKind.CELL:
        this.cells[id] = value;
        return;
      default:
        return; // spans, decisions and the like change no state
    }
  };
}

// Small structures (processes, areas, pins): immutable values in journalled places.

import type { Journal } from './journal.ts';

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

  /** Makes places for the entities of another machine's pool, whose cells this machine's journal has taken over. */
  adopt(other: Pool<T>): void {
    this.cells.length = 0;
    for (const cell of other.cells) this.cells.push(new Cell<T>(this.journal, cell.id));
  }

  private cellOf(id: number): Cell<T> {
    while (this.cells.length < id) this.cells.push(this.journal.cell<T>());
    return this.cells[id - 1];
  }
}

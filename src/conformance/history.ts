// Going back and forth: whatever the journal reaches by undo and redo must be what the run itself left there.

import type { Journal } from '../core/machine/journal.ts';
import type { Machine } from '../core/machine/machine.ts';
import { EventKind } from '../core/uapi/events.ts';

/** One place of the state that some event has written. */
interface Place {
  readonly kind: number;
  readonly id: number;
  readonly row: number;
  /** Value before its first event; a cell's is the index of an object. */
  readonly initial: unknown;
}

/** The state at the end of a step. */
interface Moment {
  readonly position: number;
  /** Of all places written until then. */
  readonly values: readonly unknown[];
}

/** Remembers the state at the ends of steps while the run goes forward, and compares when it goes back. */
export class HistoryChecker {
  private readonly places: Place[] = [];
  private readonly known = new Set<string>();
  private scanned = 0;
  private readonly moments: Moment[] = [];

  private readonly m: Machine;
  private readonly journal: Journal;

  constructor(m: Machine) {
    this.m = m;
    this.journal = m.journal;
  }

  /** Call at the end of the log, after every step. */
  remember(): void {
    const { log, position } = this.journal;
    for (; this.scanned < log.length; this.scanned++) this.learn(this.scanned);
    this.moments.push({ position, values: this.places.map((place) => this.read(place)) });
  }

  /** Goes to all remembered moments, to the very beginning, and forward again. */
  check(problems: string[]): void {
    const { journal, moments } = this;
    const end = journal.log.length;
    // not in order, and by way of somewhere in the middle of a step
    const jumping = moments.map((moment, i) => ({ moment, place: (i * 7919) % moments.length }));
    for (const { moment } of jumping.toSorted((a, b) => a.place - b.place)) {
      journal.seek((moment.position * 13 + 101) % (end + 1));
      this.compareMoment(problems, moment);
    }
    journal.seek(0);
    this.compare(problems, [], 'at the beginning');
    for (const moment of moments) this.compareMoment(problems, moment);
    if (journal.position !== end || journal.log.length !== end)
      problems.push('back and forth: the log changed');
  }

  private compareMoment(problems: string[], { position, values }: Moment): void {
    this.journal.seek(position);
    this.compare(problems, values, `at position ${position}`);
  }

  /** Places that were first written later than the moment have their initial values. */
  private compare(problems: string[], values: readonly unknown[], where: string): void {
    for (const [i, place] of this.places.entries()) {
      const wanted = i < values.length ? values[i] : place.initial;
      const value = this.read(place);
      if (Object.is(value, wanted)) continue;
      problems.push(
        `back and forth: ${where}, ${this.placeText(place)} is ${JSON.stringify(value)}, was ${JSON.stringify(wanted)}`,
      );
      return;
    }
  }

  private learn(index: number): void {
    const event = this.journal.log.at(index);
    const { kind, row } = event;
    if (
      kind !== EventKind.COLUMN &&
      kind !== EventKind.REF &&
      kind !== EventKind.MAP &&
      kind !== EventKind.CELL
    )
      return;
    const id = kind === EventKind.REF ? 0 : event.id;
    const key = `${kind} ${id} ${row}`;
    if (this.known.has(key)) return;
    this.known.add(key);
    const initial = kind === EventKind.CELL ? this.text(this.journal.objectAt(event.old)) : event.old;
    this.places.push({ kind, id, row, initial });
  }

  private read({ kind, id, row }: Place): unknown {
    switch (kind) {
      case EventKind.REF:
        return this.m.pages.refcount.get(row);
      case EventKind.COLUMN:
        return this.journal.columnById(id).get(row);
      case EventKind.MAP:
        return this.journal.mapById(id).get(row) ?? Number.NaN;
      default:
        return this.text(this.journal.cellValue(id));
    }
  }

  /** Objects as text, so that one that was changed in place shows. */
  private text(value: unknown): string {
    return value === undefined ? 'nothing' : JSON.stringify(value);
  }

  private placeText({ kind, id, row }: Place): string {
    if (kind === EventKind.REF) return `_refcount of 0x${row.toString(16)}`;
    if (kind === EventKind.COLUMN) return `${this.journal.columnById(id).name} ${row}`;
    return kind === EventKind.MAP ? `${this.journal.mapById(id).name} ${row}` : `cell ${id}`;
  }
}

// The event log: everything that happened, one fixed-size record an event, in columns.
// 32 bytes an event; panels, undo, captions and "who last wrote this" all read this one log.

import { EventKind, PROVENANCES, type Provenance } from '../uapi/events.ts';

const CHUNK_SHIFT = 16;
const CHUNK_EVENTS = 1 << CHUNK_SHIFT;
const CHUNK_MASK = CHUNK_EVENTS - 1;

const ID_BITS = 24;
const ID_MASK = (1 << ID_BITS) - 1;

interface Chunk {
  /** kind << 26 | provenance << 24 | id */
  readonly what: Uint32Array;
  /** 1 + index of the SPAN_BEGIN of the innermost span around the event; 0 outside of all spans. */
  readonly parent: Uint32Array;
  readonly row: Float64Array;
  readonly old: Float64Array;
  readonly now: Float64Array;
}

/** One event, read out of the log. */
export interface LogEvent {
  readonly index: number;
  readonly kind: EventKind;
  readonly id: number;
  readonly provenance: Provenance;
  /** Index of the innermost enclosing SPAN_BEGIN; -1 outside of all spans. */
  readonly parent: number;
  readonly row: number;
  readonly old: number;
  readonly now: number;
}

/** Whether an event changed the state; spans, decisions and the like do not. */
const isChange = (kind: number): kind is EventKind => kind >= EventKind.COLUMN && kind <= EventKind.REF;

const newChunk = (): Chunk => ({
  what: new Uint32Array(CHUNK_EVENTS),
  parent: new Uint32Array(CHUNK_EVENTS),
  row: new Float64Array(CHUNK_EVENTS),
  old: new Float64Array(CHUNK_EVENTS),
  now: new Float64Array(CHUNK_EVENTS),
});

export class EventLog {
  length = 0;
  private readonly chunks: Chunk[] = [];
  private tail: Chunk | undefined;

  append(
    kind: EventKind,
    id: number,
    parent: number,
    row: number,
    old: number,
    now: number,
    provenance = 0,
  ): number {
    const index = this.length;
    const slot = index & CHUNK_MASK;
    if (slot === 0 || this.tail === undefined) this.tail = this.chunkAt(index >>> CHUNK_SHIFT);
    const chunk = this.tail;
    chunk.what[slot] = (kind << 26) | (provenance << ID_BITS) | id;
    chunk.parent[slot] = parent + 1;
    chunk.row[slot] = row;
    chunk.old[slot] = old;
    chunk.now[slot] = now;
    this.length = index + 1;
    return index;
  }

  private chunkAt(chunkNo: number): Chunk {
    let chunk = this.chunks[chunkNo];
    if (chunk === undefined) {
      chunk = newChunk();
      this.chunks[chunkNo] = chunk;
    }
    return chunk;
  }

  kindAt(index: number): EventKind {
    return (this.chunkOf(index).what[index & CHUNK_MASK] >>> 26) as EventKind;
  }

  idAt(index: number): number {
    return this.chunkOf(index).what[index & CHUNK_MASK] & ID_MASK;
  }

  parentAt(index: number): number {
    return this.chunkOf(index).parent[index & CHUNK_MASK] - 1;
  }

  rowAt(index: number): number {
    return this.chunkOf(index).row[index & CHUNK_MASK];
  }

  oldAt(index: number): number {
    return this.chunkOf(index).old[index & CHUNK_MASK];
  }

  nowAt(index: number): number {
    return this.chunkOf(index).now[index & CHUNK_MASK];
  }

  at(index: number): LogEvent {
    const chunk = this.chunkOf(index);
    const slot = index & CHUNK_MASK;
    const what = chunk.what[slot];
    return {
      index,
      kind: (what >>> 26) as EventKind,
      id: what & ID_MASK,
      provenance: PROVENANCES[(what >>> ID_BITS) & 3],
      parent: chunk.parent[slot] - 1,
      row: chunk.row[slot],
      old: chunk.old[slot],
      now: chunk.now[slot],
    };
  }

  /** Hands the state changes of [from, to) on with their new values, oldest first. */
  replay(
    from: number,
    to: number,
    write: (kind: EventKind, id: number, row: number, value: number) => void,
  ): void {
    for (let index = from; index < to; ) {
      const chunk = this.chunkOf(index);
      const end = Math.min(to, ((index >>> CHUNK_SHIFT) + 1) * CHUNK_EVENTS);
      for (; index < end; index++) {
        const slot = index & CHUNK_MASK;
        const what = chunk.what[slot];
        const kind = what >>> 26;
        if (isChange(kind)) write(kind, what & ID_MASK, chunk.row[slot], chunk.now[slot]);
      }
    }
  }

  /** Hands the state changes of [to, from) on with their old values, newest first. */
  revert(
    from: number,
    to: number,
    write: (kind: EventKind, id: number, row: number, value: number) => void,
  ): void {
    for (let index = from; index > to; ) {
      const chunk = this.chunkOf(index - 1);
      const end = Math.max(to, ((index - 1) >>> CHUNK_SHIFT) * CHUNK_EVENTS);
      for (; index > end; index--) {
        const slot = (index - 1) & CHUNK_MASK;
        const what = chunk.what[slot];
        const kind = what >>> 26;
        if (isChange(kind)) write(kind, what & ID_MASK, chunk.row[slot], chunk.old[slot]);
      }
    }
  }

  /** Forgets all events from `length` on. Only for what never became visible: a step that was refused. */
  truncate(length: number): void {
    this.length = length;
    const lastChunk = length === 0 ? -1 : (length - 1) >>> CHUNK_SHIFT;
    this.chunks.length = lastChunk + 1;
    this.tail = lastChunk < 0 ? undefined : this.chunks[lastChunk];
  }

  /** Memory that the log occupies. */
  bytes(): number {
    return this.chunks.length * CHUNK_EVENTS * 32;
  }

  private chunkOf(index: number): Chunk {
    if (index < 0 || index >= this.length) throw new RangeError(`no event ${index} of ${this.length}`);
    return this.chunks[index >>> CHUNK_SHIFT];
  }
}

// Pages under way: from the moment their entry becomes a migration entry, or a frame stands ready for their copy, until an
// entry points to a page again.

import type { EventLog } from '../../core/trace/log.ts';
import { DECISIONS, EventKind } from '../../core/uapi/events.ts';
import { entryPfn, isMigrationEntry, ptePresent } from '../../core/uapi/pte.ts';
import type { Position } from '../protocol.ts';
import type { MoveView } from '../protocol-moment.ts';

const NEVER = Number.POSITIVE_INFINITY;

interface Move {
  readonly src: number;
  dst: number;
  unmapped: Position;
  /** From here on the destination is known. */
  allocated: Position;
  copied: Position;
  mapped: Position;
  failed: Position;
  ended: Position;
  /** Decision that kept it from moving. */
  because: string;
}

export class MoveIndex {
  private readonly moves: Move[] = [];
  /** Number of the move by source frame; only those under way. */
  private readonly running = new Map<number, Move>();
  /** Device page by the ordinary page that holds its bytes. */
  private readonly deviceOf = new Map<number, number>();
  private readonly backingOf = new Map<number, number>();
  /** Moves that failed in the step that is read. */
  private readonly failed = new Map<number, Move>();
  /** Why a page may not move, as far as that is known before its entry is one of migration. */
  private readonly obstacles = new Map<number, string>();
  private lastAllocated = -1;
  private readonly entriesId: number;
  private readonly driverDataId: number;

  constructor(entriesColumn: number, zoneDeviceDataColumn: number) {
    this.entriesId = entriesColumn;
    this.driverDataId = zoneDeviceDataColumn;
  }

  /** Whether changes of a column tell something about moves. */
  reads(column: number): boolean {
    return column === this.entriesId || column === this.driverDataId;
  }

  feed(log: EventLog, index: number): void {
    const kind = log.kindAt(index);
    if (kind === EventKind.COLUMN) {
      const id = log.idAt(index);
      if (id === this.entriesId) this.entryChanged(index + 1, log.oldAt(index), log.nowAt(index));
      else if (id === this.driverDataId && log.rowAt(index) === this.lastAllocated && log.nowAt(index) > 0) {
        this.deviceOf.set(log.nowAt(index) - 1, this.lastAllocated);
        this.backingOf.set(this.lastAllocated, log.nowAt(index) - 1);
      }
    } else if (kind === EventKind.DECISION) {
      this.decided(index + 1, DECISIONS[log.idAt(index)] ?? '', log.rowAt(index), log.oldAt(index));
    }
  }

  /** Moves under way at a position. */
  at(position: Position): MoveView[] {
    const views: MoveView[] = [];
    for (const move of this.moves) {
      const begun = Math.min(move.unmapped, move.allocated, move.failed);
      if (begun > position || move.ended <= position) continue;
      views.push({
        src: move.src,
        dst: move.allocated <= position ? move.dst : -1,
        phase: phaseAt(move, position),
        because: move.failed <= position ? move.because : '',
      });
    }
    return views;
  }

  private entryChanged(position: Position, old: number, now: number): void {
    if (isMigrationEntry(now)) {
      const src = entryPfn(now);
      const running = this.running.get(src) ?? this.begin(position, src);
      running.unmapped = Math.min(running.unmapped, position);
      return;
    }
    if (!isMigrationEntry(old)) return;
    const move = this.running.get(entryPfn(old));
    if (move === undefined || now === 0) return;
    const target = entryPfn(now);
    if (target === move.src) move.failed = Math.min(move.failed, position);
    else {
      if (move.dst < 0 || ptePresent(now)) move.dst = target;
      move.allocated = Math.min(move.allocated, position);
      move.mapped = Math.min(move.mapped, position);
    }
  }

  private begin(position: Position, src: number): Move {
    const move: Move = {
      src,
      dst: -1,
      unmapped: NEVER,
      allocated: NEVER,
      copied: NEVER,
      mapped: NEVER,
      failed: NEVER,
      ended: NEVER,
      because: this.obstacles.get(src) ?? '',
    };
    this.obstacles.delete(src);
    // another try
    const failed = this.failed.get(src);
    if (failed !== undefined) failed.ended = position;
    this.failed.delete(src);
    this.running.set(src, move);
    this.moves.push(move);
    return move;
  }

  private decided(position: Position, decision: string, a: number, b: number): void {
    if (OBSTACLES.has(decision)) this.stopped(a, decision);
    switch (decision) {
      case 'device.allocated':
        this.lastAllocated = a;
        return;
      case 'device.free':
        this.deviceOf.delete(this.backingOf.get(a) ?? -1);
        this.backingOf.delete(a);
        return;
      case 'migrate.destination':
        // of an address where nothing was there is no source
        if (a >= 0) this.destinationFound(position, a, b);
        return;
      case 'copy.page': {
        const src = this.deviceOf.get(a) ?? a;
        const dst = this.deviceOf.get(b) ?? b;
        const move = this.running.get(src);
        if (move === undefined) return;
        this.destinationKnown(position, move, dst);
        move.copied = Math.min(move.copied, position);
        return;
      }
      case 'migrate.not-selected':
        // without a page, nobody wanted the one that is there
        if (b >= 0) this.refused(position, b);
        return;
      case 'migrate.moved':
        this.end(position, a, false);
        return;
      case 'migrate.restored':
        this.end(position, a, true);
        return;
      default:
    }
  }

  private stopped(page: number, decision: string): void {
    const move = this.running.get(page);
    if (move === undefined) this.obstacles.set(page, decision);
    else move.because = decision;
  }

  /** Refused when the range was collected: its entry never became one of migration. */
  private refused(position: Position, page: number): void {
    if (this.running.has(page)) return;
    const move = this.begin(position, page);
    if (move.because === '') move.because = 'migrate.not-selected';
    this.end(position, page, true);
  }

  private destinationFound(position: Position, src: number, dst: number): void {
    let move = this.running.get(src);
    // the frame of a try that did not come to unmapping was given back
    if (move?.unmapped === NEVER) {
      move.ended = position;
      move = undefined;
    }
    this.destinationKnown(position, move ?? this.begin(position, src), dst);
  }

  private destinationKnown(position: Position, move: Move, dst: number): void {
    if (move.allocated === NEVER) move.dst = dst;
    move.allocated = Math.min(move.allocated, position);
  }

  private end(position: Position, src: number, failed: boolean): void {
    const move = this.running.get(src);
    if (move === undefined) return;
    this.running.delete(src);
    if (!failed) {
      move.ended = position;
      return;
    }
    move.failed = Math.min(move.failed, position);
    this.failed.set(src, move);
  }

  /** What has failed is told to the end of its step. @param end - behind its last event */
  endStep(end: Position): void {
    for (const move of this.failed.values()) move.ended = end + 1;
    this.failed.clear();
    this.obstacles.clear();
    for (const [src, move] of this.running) {
      if (move.unmapped !== NEVER) continue;
      move.ended = Math.min(move.ended, end);
      this.running.delete(src);
    }
  }
}

/** Decisions that keep a page where it is, if it does not move in the end. */
const OBSTACLES: ReadonlySet<string> = new Set([
  'migrate.expected-count',
  'migrate.no-destination',
  'migrate.file-refused',
  'migrate.isolation-failed',
  'migrate.trylock-failed',
  'migrate.maybe-pinned',
]);

const phaseAt = (move: Move, position: Position): MoveView['phase'] => {
  if (move.failed <= position) return 'failed';
  if (move.mapped <= position) return 'mapped';
  if (move.copied <= position) return 'copied';
  if (move.unmapped > position) return 'awaited';
  return move.allocated <= position ? 'allocated' : 'unmapped';
};

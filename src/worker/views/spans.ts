// Calls of kernel functions on the lanes of the timeline, and the call stack at a position.

import type { EventLog } from '../../core/trace/log.ts';
import { EventKind } from '../../core/uapi/events.ts';
import { KERNEL_FUNCTIONS, type KernelFunctionName } from '../../core/uapi/source-refs.ts';
import type { Position, SpanView } from '../protocol.ts';

/** Functions in which the device itself reads, writes or maps. */
const DEVICE_FUNCTIONS: ReadonlySet<KernelFunctionName> = new Set([
  'dmirror_do_read',
  'dmirror_do_write',
  'dmirror_do_fault',
  'dmirror_do_update',
  'dmirror_atomic_map',
]);

type Lane = Exclude<SpanView['lane'], 'task'>;

const LANES: readonly Lane[] = KERNEL_FUNCTIONS.map(({ name, file }) => {
  if (DEVICE_FUNCTIONS.has(name)) return 'device';
  return file.startsWith('lib/') || file.startsWith('drivers/') ? 'driver' : 'kernel';
});

/** Spans as columns: a long run has millions. */
class SpanColumns {
  length = 0;
  fn = new Uint16Array(1024);
  begin = new Uint32Array(1024);
  /** Position behind its end; 0 while it is open. */
  end = new Uint32Array(1024);
  /** How many spans of the same lane it lies in. */
  depth = new Uint8Array(1024);
  task = new Uint8Array(1024);

  add(fn: number, begin: number, depth: number, task: number): void {
    if (this.length === this.fn.length) this.grow();
    this.fn[this.length] = fn;
    this.begin[this.length] = begin;
    this.depth[this.length] = depth;
    this.task[this.length] = task;
    this.length += 1;
  }

  private grow(): void {
    const size = this.length * 2;
    const { fn, begin, end, depth, task } = this;
    this.fn = new Uint16Array(size);
    this.begin = new Uint32Array(size);
    this.end = new Uint32Array(size);
    this.depth = new Uint8Array(size);
    this.fn.set(fn);
    this.begin.set(begin);
    this.end.set(end);
    this.depth.set(depth);
    this.task = new Uint8Array(size);
    this.task.set(task);
  }
}

export class SpanIndex {
  private readonly spans = new SpanColumns();
  /** Number of the span by the event that begins it; only of those that are open. */
  private readonly open = new Map<number, number>();
  private task = 1;

  feed(log: EventLog, index: number): void {
    const kind = log.kindAt(index);
    if (kind === EventKind.SPAN_BEGIN) {
      const fn = log.idAt(index);
      const lane = LANES[fn];
      let depth = 0;
      for (let at = log.parentAt(index); at >= 0; at = log.parentAt(at))
        if (LANES[log.idAt(at)] === lane) depth++;
      this.open.set(index, this.spans.length);
      this.spans.add(fn, index, depth, this.task);
    } else if (kind === EventKind.SPAN_END) {
      const begin = log.oldAt(index);
      const span = this.open.get(begin);
      if (span !== undefined) this.spans.end[span] = index + 1;
      this.open.delete(begin);
    } else if (kind === EventKind.TASK) this.task = log.idAt(index);
    else if (kind === EventKind.STEP) this.task = 1;
  }

  /** Spans that touch [from, to); the longest ones, which are the outer ones, if there are more than `limit`. */
  between(from: Position, to: Position, limit: number, end: Position): SpanView[] {
    const { spans } = this;
    const lengthOf = (i: number): number => (spans.end[i] || end) - (spans.begin[i] ?? 0);
    const touches = (i: number): boolean => (spans.begin[i] ?? 0) < to && (spans.end[i] || end) > from;
    // how many there are of each magnitude, so that a window over millions need not be sorted
    const ofMagnitude = new Uint32Array(33);
    for (let i = 0; i < spans.length; i++) {
      const magnitude = 32 - Math.clz32(lengthOf(i));
      if (touches(i)) ofMagnitude[magnitude] = (ofMagnitude[magnitude] ?? 0) + 1;
    }
    let least = 32;
    for (let room = limit; least > 0; least--) {
      room -= ofMagnitude[least] ?? 0;
      if (room < 0) break;
    }
    const found: number[] = [];
    const atLeast: number[] = [];
    for (let i = 0; i < spans.length; i++) {
      if (!touches(i)) continue;
      const magnitude = 32 - Math.clz32(lengthOf(i));
      if (magnitude > least) found.push(i);
      else if (magnitude === least) atLeast.push(i);
    }
    atLeast.sort((a, b) => lengthOf(b) - lengthOf(a));
    found.push(...atLeast.slice(0, Math.max(0, limit - found.length)));
    return found
      .toSorted((a, b) => a - b)
      .map((i) => ({
        fn: KERNEL_FUNCTIONS[spans.fn[i] ?? -1]?.name ?? '',
        lane: LANES[spans.fn[i] ?? -1] ?? 'kernel',
        depth: spans.depth[i] ?? 0,
        task: spans.task[i] ?? 1,
        begin: spans.begin[i] ?? 0,
        end: spans.end[i] || end,
        label: '',
      }));
  }

  /** The next position at which a function has just been entered. */
  nextBegin(from: Position, direction: 1 | -1): Position | undefined {
    const found = direction === 1 ? this.lowerBound(from) : this.lowerBound(from - 1) - 1;
    if (found < 0 || found >= this.spans.length) return undefined;
    return (this.spans.begin[found] ?? 0) + 1;
  }

  /** Position behind the end of the span that an event begins; `limit` while it is open. */
  endOf(begin: number, limit: Position): Position {
    const found = this.lowerBound(begin);
    return this.spans.begin[found] === begin ? this.spans.end[found] || limit : limit;
  }

  /** First span whose position after its begin lies behind `position`. */
  private lowerBound(position: Position): number {
    let low = 0;
    let high = this.spans.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.spans.begin[middle] ?? 0) + 1 > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** The event that begins the innermost function running at a position; -1: none. */
export const innermost = (log: EventLog, position: Position): number => {
  const last = position - 1;
  if (last < 0) return -1;
  switch (log.kindAt(last)) {
    case EventKind.SPAN_BEGIN:
      return last;
    case EventKind.SPAN_END:
      return log.parentAt(log.oldAt(last));
    default:
      return log.parentAt(last);
  }
};

/** The nearest span of one of these functions around an event; -1: none. */
export const enclosing = (log: EventLog, index: number, fns: ReadonlySet<number>): number => {
  for (let at = log.parentAt(index); at >= 0; at = log.parentAt(at)) if (fns.has(log.idAt(at))) return at;
  return -1;
};

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

interface Span {
  readonly fn: number;
  readonly begin: Position;
  end: Position;
  /** How many spans of the same lane it lies in. */
  readonly depth: number;
}

export class SpanIndex {
  private readonly spans: Span[] = [];
  /** Number of the span by the event that begins it; only of those that are open. */
  private readonly open = new Map<number, number>();

  feed(log: EventLog, index: number): void {
    const kind = log.kindAt(index);
    if (kind === EventKind.SPAN_BEGIN) {
      const fn = log.idAt(index);
      const lane = LANES[fn];
      let depth = 0;
      for (let at = log.parentAt(index); at >= 0; at = log.parentAt(at))
        if (LANES[log.idAt(at)] === lane) depth++;
      this.open.set(index, this.spans.length);
      this.spans.push({ fn, begin: index, end: Number.POSITIVE_INFINITY, depth });
    } else if (kind === EventKind.SPAN_END) {
      const begin = log.oldAt(index);
      const span = this.spans[this.open.get(begin) ?? -1];
      if (span !== undefined) span.end = index + 1;
      this.open.delete(begin);
    }
  }

  /** Spans that touch [from, to); the longest ones, which are the outer ones, if there are more than `limit`. */
  between(from: Position, to: Position, limit: number, end: Position): SpanView[] {
    const found = this.spans.filter((span) => span.begin < to && span.end > from);
    if (found.length > limit) {
      found.sort((a, b) => b.end - b.begin - (a.end - a.begin));
      found.length = limit;
      found.sort((a, b) => a.begin - b.begin);
    }
    return found.map(({ fn, begin, end: spanEnd, depth }) => ({
      fn: KERNEL_FUNCTIONS[fn]?.name ?? '',
      lane: LANES[fn] ?? 'kernel',
      depth,
      begin,
      end: Math.min(spanEnd, end),
      label: '',
    }));
  }

  /** The next position at which a function has just been entered. */
  nextBegin(from: Position, direction: 1 | -1): Position | undefined {
    if (direction === 1) {
      const next = this.spans[this.lowerBound(from)];
      return next === undefined ? undefined : next.begin + 1;
    }
    const before = this.spans[this.lowerBound(from - 1) - 1];
    return before === undefined ? undefined : before.begin + 1;
  }

  /** First span whose position after its begin lies behind `position`. */
  private lowerBound(position: Position): number {
    let low = 0;
    let high = this.spans.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.spans[middle]?.begin ?? 0) + 1 > position) high = middle;
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

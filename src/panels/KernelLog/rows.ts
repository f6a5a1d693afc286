// The kernel log up to the cursor, and what is still to come. Pure.

import type { KernelLogLine, Position } from '../../store/views.ts';

export interface LogRow extends KernelLogLine {
  readonly key: string;
  readonly mark: string;
  /** What printed it, where no heading of dmesg says so. */
  readonly place: string;
}

export interface LogRows {
  readonly printed: readonly LogRow[];
  /** The first line that is not printed yet. */
  readonly next: KernelLogLine | undefined;
  readonly toCome: number;
}

const MARKS: Readonly<Record<KernelLogLine['kind'], string>> = {
  WARN: 'WARNING',
  printk: '',
  simulation: 'Simulation',
};

const placeOf = ({ fn, file, dmesg }: KernelLogLine): string =>
  fn === '' || dmesg.length > 0 ? '' : `${file}: ${fn}`;

export const logRows = (log: readonly KernelLogLine[], position: Position): LogRows => {
  const isPrinted = (line: KernelLogLine): boolean => line.position <= position;
  const printed = log.filter(isPrinted).map(
    (line): LogRow => ({
      ...line,
      key: String(line.position),
      mark: MARKS[line.kind],
      place: placeOf(line),
    }),
  );
  return { printed, next: log.find((line) => !isPrinted(line)), toCome: log.length - printed.length };
};

/** At most so many lines are read out at once; the log has them all. */
const MAX_SPOKEN = 3;

/** Lines between two positions, the last ones; none when the cursor goes back, or stands on the line. */
export const newlyPrinted = (
  log: readonly KernelLogLine[],
  from: Position,
  to: Position,
): readonly KernelLogLine[] =>
  log.filter(({ position }) => position > from && position < to).slice(-MAX_SPOKEN);

// Which part of the run the timeline shows.

import { useEffect, useState } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { useColors } from '../../ui/use-colors.ts';
import type { Extent } from '../../store/choices.ts';
import { extentOf } from './extent.ts';
import type { TimelineColors } from './paint.ts';
import type { TimeWindow } from './rows.ts';

/** Keeps the window on the run or on the current step. @returns how far it may go */
export const useWindow = (chosen: Extent | undefined): TimeWindow => {
  const run = useApp((state) => state.scenario.run);
  const current = useApp((state) => state.scenario.run?.steps[Math.max(0, state.trace.moment?.step ?? 0)]);
  const { showWindow } = useActions();
  const bootEnd = run?.bootEnd ?? 0;
  const length = run?.length ?? 0;
  const isStep = extentOf(chosen, length - bootEnd) === 'step';
  const shown = isStep && current !== undefined ? current : { begin: bootEnd, end: length };
  const margin = Math.max(1, (shown.end - shown.begin) * 0.01);
  const from = Math.floor(shown.begin - margin);
  const to = Math.ceil(shown.end + margin);
  useEffect(() => {
    if (to > 0) showWindow(from, to);
  }, [from, to, showWindow, run]);
  return { from: bootEnd, to: length };
};

/** Zooms around an event and moves sideways, within the run. */
export const zoomWindow = (
  { from, to }: TimeWindow,
  limits: TimeWindow,
  around: number,
  factor: number,
  shift: number,
): TimeWindow => {
  const longest = Math.max(10, limits.to - limits.from) * 1.04;
  const length = Math.max(10, Math.min(longest, (to - from) * factor));
  const part = (around - from) / (to - from);
  const start = around - part * length + shift;
  const margin = (limits.to - limits.from) * 0.02;
  const first = Math.max(limits.from - margin, Math.min(start, limits.to + margin - length));
  return { from: Math.floor(first), to: Math.ceil(first + length) };
};

const COLOR_KEYS = [
  'line',
  'ink',
  'ink-3',
  'span',
  'span-dim',
  'span-now',
  'span-ink',
  'span-now-ink',
  'current',
  'current-ink',
  'paper',
] as const;

export const useTimelineColors = (): TimelineColors | undefined => {
  const shown = useColors();
  const [colors, setColors] = useState<TimelineColors>();
  useEffect(() => {
    const read = (): void => {
      const style = getComputedStyle(document.documentElement);
      const entries = COLOR_KEYS.map((key) => [key, style.getPropertyValue(`--${key}`).trim()] as const);
      // Every key is there: the list they come from has all of them.
      setColors(Object.fromEntries(entries) as unknown as TimelineColors);
    };
    read();
    void document.fonts.ready.then(read);
  }, [shown]);
  return colors;
};

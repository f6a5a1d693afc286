// From a key to a frame.

import type { Moment } from '../store/views.ts';
import { type Bank, pfnAt, placeOf, rangeOf, type WorldPoint } from './layout.ts';

const STEPS: Readonly<Record<string, WorldPoint>> = {
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};
/** More than any gap between units. */
const FURTHEST = 8;

/** The next frame in the direction of an arrow key, across gaps; undefined: no such key, or the edge of memory. */
export const nextFrame = (bank: Bank, from: number, key: string): number | undefined => {
  const step = STEPS[key];
  const place = placeOf(bank, from);
  if (step === undefined || place === undefined) return undefined;
  for (let distance = 1; distance <= FURTHEST; distance += 0.5) {
    const at = { x: place.x + 0.5 + step.x * distance, y: place.y + 0.5 + step.y * distance };
    const found = pfnAt(bank, at);
    if (found !== undefined && found !== from) return found;
  }
  return undefined;
};

export const isArrow = (key: string): boolean => key in STEPS;

/** A frame of this bank to begin with: the given one, or the first that the moment shows here. */
export const startFrame = (bank: Bank, selected: number | undefined, moment: Moment): number | undefined => {
  if (selected !== undefined && rangeOf(bank, selected) !== undefined) return selected;
  return (
    moment.frames.find(({ pfn, refcount }) => refcount > 0 && rangeOf(bank, pfn) !== undefined)?.pfn ??
    bank.ranges[0]?.start
  );
};

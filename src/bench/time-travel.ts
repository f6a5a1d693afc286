// Going anywhere in ten million events, and one step back.

import { atMost, type Figure, figure } from './figures.ts';
import { percentile, timed } from './measure.ts';
import { manyEvents } from './scenarios.ts';

export const TIMELINE_EVENTS = 10_000_000;
const SEEKS = 400;

/** Integers below `limit`, the same in every run. */
export const sequence = (limit: number, count: number): number[] => {
  let state = 1;
  return Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return state % limit;
  });
};

/**
 * The times of seeks to random places. Each place is gone to twice, from another place, and its faster time counts:
 * what slows one of two equal seeks down is not the seek.
 */
export const seekTimes = (seek: (position: number) => void, limit: number, count: number): number[] => {
  const places = sequence(limit, count);
  const round = (): number[] => places.map((place) => timed(() => seek(place)).ms);
  const [first, second] = [round(), round()];
  return first.map((ms, i) => Math.min(ms, second[i] ?? ms));
};

export const timeTravel = (): Figure[] => {
  const sim = manyEvents(TIMELINE_EVENTS);
  const seeks = seekTimes((position) => sim.seek(position), TIMELINE_EVENTS, SEEKS);
  const back = sequence(TIMELINE_EVENTS - 1, SEEKS).map((position) => {
    sim.seek(position + 1);
    return timed(() => sim.seek(position)).ms;
  });
  sim.seek(sim.length);
  const { historyBytes } = sim.machine.journal.bytes();
  const bytes = (historyBytes * TIMELINE_EVENTS) / sim.length;
  return [
    figure('seek_10m_p50_ms', percentile(seeks, 0.5), 'ms'),
    figure('seek_10m_p95_ms', percentile(seeks, 0.95), 'ms', atMost(16)),
    figure('seek_10m_max_ms', Math.max(...seeks), 'ms', atMost(100)),
    figure('step_back_p95_ms', percentile(back, 0.95), 'ms', atMost(1)),
    figure('timeline_10m_bytes', bytes, 'bytes', atMost(512 * 2 ** 20)),
  ];
};

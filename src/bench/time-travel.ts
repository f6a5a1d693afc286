// Going anywhere in ten million events, and one step back.

import type { Simulation } from '../core/index.ts';
import { atMost, figure, type Measured } from './figures.ts';
import { exponent, LINEAR } from './growth.ts';
import { percentile, timed } from './measure.ts';
import { manyEvents } from './scenarios.ts';

const TIMELINE_EVENTS = 10_000_000;
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
const seekTimes = (seek: (position: number) => void, limit: number, count: number): number[] => {
  const places = sequence(limit, count);
  const round = (): number[] => places.map((place) => timed(() => seek(place)).ms);
  const [first, second] = [round(), round()];
  return first.map((ms, i) => Math.min(ms, second[i] ?? ms));
};

/** Logarithmic plus a constant: over four orders of magnitude less than any root that matters. */
const NEARLY_CONSTANT = 0.5;
/** Below a keyframe's distance a seek replays all that there is: only behind it does growth say anything. */
const BEHIND_KEYFRAMES = 100_000;

type Point = readonly [events: number, value: number];

/** Time of seeks and memory of the timeline, with so many events. */
const timelineAt = (sim: Simulation, count: number): { readonly seeks: number[]; readonly bytes: number } => {
  const limit = Math.min(sim.length, TIMELINE_EVENTS);
  const seeks = seekTimes((position) => sim.seek(position), limit, count);
  sim.seek(sim.length);
  return { seeks, bytes: sim.machine.journal.bytes().historyBytes };
};

export const timeTravel = (): Measured => {
  const times: Point[] = [];
  const sizes: Point[] = [];
  for (let events = 1000; events < TIMELINE_EVENTS; events *= 10) {
    const sim = manyEvents(events);
    const { seeks, bytes } = timelineAt(sim, SEEKS / 4);
    times.push([sim.length, percentile(seeks, 0.95)]);
    sizes.push([sim.length, bytes]);
  }
  const sim = manyEvents(TIMELINE_EVENTS);
  const { seeks, bytes } = timelineAt(sim, SEEKS);
  times.push([sim.length, percentile(seeks, 0.95)]);
  sizes.push([sim.length, bytes]);
  const back = sequence(TIMELINE_EVENTS - 1, SEEKS).map((position) => {
    sim.seek(position + 1);
    return timed(() => sim.seek(position)).ms;
  });
  const late = times.filter(([events]) => events > BEHIND_KEYFRAMES);
  return {
    figures: [
      figure('seek_10m_p50_ms', percentile(seeks, 0.5), 'ms'),
      figure('seek_10m_p95_ms', percentile(seeks, 0.95), 'ms', atMost(16)),
      figure('seek_10m_max_ms', Math.max(...seeks), 'ms', atMost(100)),
      figure('step_back_p95_ms', percentile(back, 0.95), 'ms', atMost(1)),
      figure('timeline_10m_bytes', (bytes * TIMELINE_EVENTS) / sim.length, 'bytes', atMost(512 * 2 ** 20)),
      figure('growth_events_seek_exponent', exponent(late), 'of events', atMost(NEARLY_CONSTANT)),
      figure('growth_events_bytes_exponent', exponent(sizes), 'of events', atMost(LINEAR)),
    ],
    series: [
      { name: 'growth_events_seek_p95', x: 'events', y: 'ms', points: times },
      { name: 'growth_events_bytes', x: 'events', y: 'bytes', points: sizes },
    ],
  };
};

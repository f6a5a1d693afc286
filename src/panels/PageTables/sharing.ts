// Which entries of several processes lead to one frame.

import type { AreaRows, EntryRow } from './rows.ts';

/** An entry of another process that leads to a frame of the row. */
export interface Sharer {
  readonly process: string;
  readonly vpn: number;
}

/** Frames of a row, from the lowest to the highest. */
interface Held {
  readonly process: string;
  readonly low: number;
  readonly high: number;
  /** Page of the frame `low`, and whether pages go up with frames. */
  readonly vpn: number;
  readonly step: number;
}

const heldBy = (process: string, { frame, vpn, npages, pfnStep }: EntryRow): Held | undefined => {
  if (frame === undefined) return undefined;
  const last = frame.pfn + pfnStep * (npages - 1);
  return last < frame.pfn
    ? { process, low: last, high: frame.pfn, vpn: vpn + npages - 1, step: -1 }
    : { process, low: frame.pfn, high: last, vpn, step: pfnStep === 0 ? 0 : 1 };
};

/** The other processes' entries for the frames of each row; of one process, the first that is found. */
export const withSharers = (areas: readonly AreaRows[]): AreaRows[] => {
  if (areas.every(({ process }) => process === areas[0]?.process)) return [...areas];
  const all = areas
    .flatMap(({ process, rows }) => rows.map((row) => heldBy(process, row)))
    .filter((held) => held !== undefined)
    .toSorted((a, b) => a.low - b.low);
  // how far the rows up to each reach: where none reaches the frame, none before it does
  let reach = -1;
  const reaches = all.map(({ high }) => (reach = Math.max(reach, high)));
  const sharersOf = (process: string, row: EntryRow): Sharer[] => {
    const own = heldBy(process, row);
    if (own === undefined) return [];
    const found = new Map<string, Sharer>();
    for (let i = reaches.findIndex((high) => high >= own.low); ; i++) {
      const held = all[i];
      if (held === undefined || held.low > own.high) break;
      if (held.process === process || held.high < own.low || found.has(held.process)) continue;
      const vpn = held.vpn + held.step * (Math.max(held.low, own.low) - held.low);
      found.set(held.process, { process: held.process, vpn });
    }
    return [...found.values()];
  };
  return areas.map((area) => ({
    ...area,
    rows: area.rows.map((row) => ({ ...row, sharers: sharersOf(area.process, row) })),
  }));
};

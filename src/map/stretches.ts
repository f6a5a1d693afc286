// What moved of long areas. Their pages come in rows of alike entries, so only the ends of a row have a frame of their
// own in a moment: a step over thousands of pages leaves nothing else between its two ends.

import type { PteRow } from '../store/views.ts';
import type { MapMoment } from './cells.ts';

/** Pages that lay one behind the other before, and do so after, elsewhere. */
export interface Stretch {
  /** Frame of the page in its middle, before and after. */
  readonly src: number;
  readonly dst: number;
  readonly pages: number;
  /** Where its pages lay: the lowest frame and the highest. */
  readonly low: number;
  readonly high: number;
  /** Name of the area. */
  readonly owner: string;
}

/** Entries that say where a page is; a migration entry says where one was. */
const hasPage = ({ entry, pfn, npages, pfnStep }: PteRow): boolean =>
  pfn >= 0 && entry !== 'migration' && (npages === 1 || pfnStep !== 0);

const frameAt = ({ pfn, pfnStep, vpn }: PteRow, at: number): number => pfn + pfnStep * (at - vpn);

const rowsOf = (moment: MapMoment, process: string): PteRow[] =>
  moment.processes
    .filter(({ name }) => name === process)
    .flatMap(({ areas }) => areas.flatMap(({ rows }) => rows.filter(hasPage)))
    .sort((a, b) => a.vpn - b.vpn);

/** Stretches of two pages and more. Pages that several processes map count for the first of them. */
export const stretchesThatMoved = (before: MapMoment, after: MapMoment): Stretch[] => {
  const stretches = new Map<number, Stretch>();
  for (const { name, areas } of before.processes) {
    if (!areas.some(({ rows }) => rows.some(({ npages }) => npages > 1))) continue;
    const now = rowsOf(after, name);
    let first = 0;
    for (const row of rowsOf(before, name)) {
      while ((now[first]?.vpn ?? Number.POSITIVE_INFINITY) + (now[first]?.npages ?? 0) <= row.vpn) first++;
      for (let i = first; i < now.length; i++) {
        const next = now[i];
        if (next === undefined || next.vpn >= row.vpn + row.npages) break;
        const begin = Math.max(row.vpn, next.vpn);
        const end = Math.min(row.vpn + row.npages, next.vpn + next.npages);
        const [from, to] = [frameAt(row, begin), frameAt(row, end - 1)];
        if (end - begin < 2 || from === frameAt(next, begin) || stretches.has(from)) continue;
        const middle = Math.floor((begin + end - 1) / 2);
        const owner = areas.find(
          ({ startVpn, npages }) => begin >= startVpn && begin < startVpn + npages,
        )?.name;
        stretches.set(from, {
          src: frameAt(row, middle),
          dst: frameAt(next, middle),
          pages: end - begin,
          low: Math.min(from, to),
          high: Math.max(from, to),
          owner: owner ?? '',
        });
      }
    }
  }
  return [...stretches.values()];
};

// What tiles say of a cell beyond its state, in words.

import { type MachineInfo, type MapMode, SHADES, type Tile } from '../store/views.ts';
import { formatCount } from '../ui/format.ts';
import type { MapCell } from './cells.ts';
import { looksOf, MODE_WORDS, shadeOfRange } from './coloring.ts';

/** More classes than this in one cell nobody reads. */
const MAX_CLASSES = 3;

export interface FactSource {
  readonly tiles: readonly Tile[];
  readonly mode: MapMode;
  readonly machine: MachineInfo | undefined;
  readonly processes: readonly string[];
}

/** Pages of a cell by class, the most first. */
const classesOf = (cell: MapCell, source: FactSource): (readonly [shade: number, pages: number])[] => {
  for (const { start, pagesPerCell, cells, shades } of source.tiles) {
    const at = (cell.start - start) / pagesPerCell;
    if (shades === undefined || pagesPerCell !== cell.npages || at < 0 || at >= cells) continue;
    const row = [...shades.subarray(at * SHADES, (at + 1) * SHADES)];
    if (row.every((pages) => pages === 0)) break;
    return row
      .map((pages, shade) => [shade, pages] as const)
      .filter(([, pages]) => pages > 0)
      .toSorted(([, a], [, b]) => b - a);
  }
  const range = source.machine?.ranges.find(
    ({ start, npages }) => cell.start >= start && cell.start < start + npages,
  );
  return range === undefined ? [] : [[shadeOfRange(source.mode, range), cell.npages]];
};

const modeFact = (cell: MapCell, source: FactSource): string[] => {
  const { mode } = source;
  if (mode === 'state') return [];
  if (mode === 'refcount' && cell.frame !== undefined)
    return [`_refcount ${formatCount(cell.frame.refcount)}`];
  const looks = looksOf(source, source.machine);
  const words = classesOf(cell, source)
    .slice(0, MAX_CLASSES)
    .flatMap(([shade, pages]) => {
      const found = looks.find((look) => look.shade === shade);
      if (found === undefined) return [];
      return [cell.npages === 1 ? found.label : `${found.label}: ${formatCount(pages)} pages`];
    });
  return words.length === 0 ? [] : [`${MODE_WORDS[mode].label}: ${words.join(', ')}`];
};

const freeBlockFact = ({ start: pfn, npages }: MapCell, { tiles }: FactSource): string[] => {
  if (npages > 1) return [];
  for (const { start, pagesPerCell, orders } of tiles) {
    const order = pagesPerCell === 1 ? (orders[pfn - start] ?? -1) : -1;
    if (order >= 0)
      return [
        `in a free block of order ${order}, ${formatCount(2 ** order)} ${order === 0 ? 'page' : 'pages'}`,
      ];
  }
  return [];
};

export const factsOf = (cell: MapCell, source: FactSource): string[] => [
  ...modeFact(cell, source),
  ...freeBlockFact(cell, source),
];

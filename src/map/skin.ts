// Colours of a mode, ready to paint with: a palette, a look for each shade, and what stands out.

import {
  type MachineInfo,
  PAGE_FREE,
  PAGE_KERNEL,
  PAGE_LONGTERM,
  PAGE_MIGRATING,
  PAGE_PINNED,
  PAGE_RESERVED,
  PAGE_USE_MASK,
  type Residence,
} from '../store/views.ts';
import type { MapCell } from './cells.ts';
import { lookOf, type Palette } from './color.ts';
import { type Coloring, looksOf, type ShadeLook, standsOut } from './coloring.ts';

export interface Skin {
  readonly palette: Palette;
  readonly coloring: Coloring;
  /** By shade; undefined: there is nothing to say of it. */
  readonly looks: readonly (ShadeLook | undefined)[];
}

/** How much is left of what does not stand out. */
export const DIMMED = 0.16;

export const skinOf = (palette: Palette, coloring: Coloring, machine: MachineInfo | undefined): Skin => {
  const looks: (ShadeLook | undefined)[] = [];
  for (const look of looksOf(coloring, machine)) looks[look.shade] = look;
  return { palette, coloring, looks };
};

/** Whether a page of a state stands out, by its byte. */
export const stateStandsOut = (coloring: Coloring, residence: Residence, byte: number): boolean => {
  if (coloring.only.length === 0) return true;
  const has = (id: string): boolean => coloring.only.includes(id);
  switch (byte & PAGE_USE_MASK) {
    case PAGE_FREE:
      return has('free');
    case PAGE_RESERVED:
    case PAGE_KERNEL:
      return has('kernel');
    default:
      return (
        has(residence) ||
        ((byte & PAGE_MIGRATING) !== 0 && has('moving')) ||
        ((byte & PAGE_LONGTERM) !== 0 ? has('longterm') : (byte & PAGE_PINNED) !== 0 && has('pin'))
      );
  }
};

/** The same of one page that is drawn with its form. */
export const cellStandsOut = (coloring: Coloring, cell: MapCell): boolean => {
  if (coloring.only.length === 0) return true;
  const has = (id: string): boolean => coloring.only.includes(id);
  const { usage, residence, hatch } = lookOf(cell);
  if (hatch !== undefined && has('moving')) return true;
  if (cell.pins > 0 && has(cell.longterm ? 'longterm' : 'pin')) return true;
  switch (usage) {
    case 'free':
    case 'unknown':
      return has('free');
    case 'kernel':
    case 'reserved':
      return has('kernel');
    case 'shown':
    case 'other':
      return has(residence);
  }
};

/** A shade's look, and whether it stands out. */
export const shadeIn = (
  { coloring, looks }: Skin,
  shade: number | undefined,
): { readonly look: ShadeLook; readonly vivid: boolean } | undefined => {
  const look = looks[shade ?? 0];
  return look === undefined ? undefined : { look, vivid: standsOut(coloring, look.id) };
};

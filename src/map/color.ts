// From what a cell is to how it looks. Names of colours only: the values stand in tokens.css.

import type { MoveView, Residence } from '../store/views.ts';
import { type Form, TONES } from '../ui/tones.ts';
import type { MapCell } from './cells.ts';

export const PALETTE_KEYS = [
  'paper',
  'ink',
  'ink-2',
  'ink-3',
  'line',
  'current',
  'system',
  'system-ink',
  'system-wash',
  'coherent',
  'coherent-ink',
  'coherent-wash',
  'private',
  'private-ink',
  'private-wash',
  'movable',
  'movable-ink',
  'movable-wash',
  'kernel',
  'kernel-ink',
  'absent',
  'cell-line',
  'hue-1',
  'hue-2',
  'hue-3',
  'hue-4',
  'hue-5',
  'hue-6',
  'hue-7',
  'hue-8',
  'ramp-1',
  'ramp-2',
  'ramp-3',
  'ramp-4',
  'ramp-5',
] as const;
export type PaletteKey = (typeof PALETTE_KEYS)[number];
export type Palette = Readonly<Record<PaletteKey, string>>;

/** Colours of a residence: full, on it, and quiet. */
export const hueOf = (residence: Residence): { fill: PaletteKey; ink: PaletteKey; wash: PaletteKey } => {
  switch (residence) {
    case 'system':
    case 'coherent':
    case 'private':
    case 'movable':
      return { fill: residence, ink: `${residence}-ink`, wash: `${residence}-wash` };
    case 'reserved':
      return { fill: 'kernel', ink: 'kernel-ink', wash: 'line' };
    case 'free':
      return { fill: 'paper', ink: 'ink-3', wash: 'paper' };
  }
};

/** What a cell of one page is in use for. */
export type Usage = 'free' | 'shown' | 'other' | 'kernel' | 'reserved' | 'unknown';

export interface CellLook {
  readonly usage: Usage;
  readonly residence: Residence;
  readonly form: Form;
  readonly glyph: string;
  /** Migration: the page that is left, or the one whose bytes have not come yet; undefined: neither. */
  readonly hatch: 'leaving' | 'arriving' | undefined;
  readonly locked: boolean;
  readonly dirty: boolean;
  readonly anonExclusive: boolean;
}

const usageOf = ({ frame, counts, mapped }: MapCell): Usage => {
  if (frame !== undefined) return frame.refcount > 0 || frame.residence === 'reserved' ? 'shown' : 'free';
  if (mapped) return 'shown';
  if (counts === undefined) return 'unknown';
  if (counts.reserved > 0) return 'reserved';
  if (counts.kernel > 0) return 'kernel';
  if (counts.mapped > 0) return 'shown';
  return counts.other > 0 ? 'other' : 'free';
};

/** How one page looks. */
export const lookOf = (cell: MapCell): CellLook => {
  const { frame, move } = cell;
  const usage = usageOf(cell);
  const residence = frame !== undefined && frame.residence !== 'free' ? frame.residence : cell.residence;
  const tone = TONES[residence];
  return {
    usage,
    residence,
    form: tone.form,
    glyph: usage === 'shown' ? tone.glyph : '',
    hatch: move === undefined ? undefined : hatchOf(move.role, move.view.phase),
    locked: frame?.locked ?? (cell.counts?.locked ?? 0) > 0,
    dirty: frame?.flags.includes('dirty') ?? false,
    anonExclusive: frame?.flags.includes('anon_exclusive') ?? false,
  };
};

const hatchOf = (role: 'src' | 'dst', phase: MoveView['phase']): CellLook['hatch'] => {
  switch (phase) {
    case 'awaited':
      return role === 'src' ? undefined : 'arriving';
    case 'unmapped':
    case 'allocated':
      return role === 'src' ? 'leaving' : 'arriving';
    case 'copied':
    case 'mapped':
      return role === 'src' ? 'leaving' : undefined;
    case 'failed':
      return undefined;
  }
};

/** What a group of pages is in use for, as parts of its cell; they add up to 1. */
export interface GroupParts {
  readonly kernel: number;
  readonly reserved: number;
  readonly mapped: number;
  readonly other: number;
  readonly free: number;
}

export const partsOf = ({ counts, npages }: MapCell): GroupParts => {
  const part = (count = 0): number => Math.min(1, count / npages);
  const { kernel, reserved, mapped, other } = {
    kernel: part(counts?.kernel),
    reserved: part(counts?.reserved),
    mapped: part(counts?.mapped),
    other: part(counts?.other),
  };
  return { kernel, reserved, mapped, other, free: Math.max(0, 1 - kernel - reserved - mapped - other) };
};

// Colours of maps that are made of pixels, as numbers: made once for a palette and a mode.

import {
  PAGE_FREE,
  PAGE_KERNEL,
  PAGE_LONGTERM,
  PAGE_MAPPED,
  PAGE_MIGRATING,
  PAGE_OTHER,
  PAGE_PINNED,
  PAGE_RESERVED,
  PAGE_USE_MASK,
  type Residence,
  SHADES,
} from '../store/views.ts';
import { hueOf, type PaletteKey } from './color.ts';
import { inkOn } from './coloring.ts';
import { DIMMED, type Skin, stateStandsOut } from './skin.ts';
import { type Texture, textureOf } from './textures.ts';

const OPAQUE = 0xff000000;

/** `#rrggbb` as a number whose bytes lie in memory as ImageData wants them. */
export const pixelOf = (color: string): number => {
  const rgb = Number.parseInt(color.slice(1, 7), 16);
  return (OPAQUE | ((rgb & 0xff) << 16) | (rgb & 0xff00) | ((rgb >>> 16) & 0xff)) >>> 0;
};

/** As much of the second as `part` says, between 0 and 1. */
export const mix = (a: number, b: number, part: number): number => {
  let mixed = 0;
  for (let shift = 0; shift < 24; shift += 8) {
    const from = (a >>> shift) & 0xff;
    const to = (b >>> shift) & 0xff;
    mixed |= Math.round(from + (to - from) * part) << shift;
  }
  return (OPAQUE | mixed) >>> 0;
};

export const RESIDENCES = [
  'system',
  'movable',
  'coherent',
  'private',
  'reserved',
] as const satisfies readonly Residence[];

export interface Colors {
  readonly paper: number;
  readonly ink: number;
  readonly absent: number;
  readonly kernel: number;
  readonly line: number;
  /** By place in RESIDENCES. */
  readonly fill: readonly number[];
  readonly wash: readonly number[];
  /** The colour of a page, by `residence * 256 + byte`. */
  readonly pages: Uint32Array;
  /** Colour of a shade; those without a look as free. Only in modes that have shades. */
  readonly shades: Uint32Array | undefined;
  /** By shade: the texture that tells its hue, and the colour of that. */
  readonly textures: readonly Texture[];
  readonly grains: Uint32Array;
  /** Entries of the legend that stand out; undefined: all. */
  readonly only: ReadonlySet<string> | undefined;
}

const known = new WeakMap<Skin, Colors>();

export const colorsOf = (skin: Skin): Colors => {
  const found = known.get(skin);
  const { palette, coloring } = skin;
  if (found !== undefined) return found;
  const of = (key: PaletteKey): number => pixelOf(palette[key]);
  const base = {
    paper: of('paper'),
    ink: of('ink'),
    absent: of('absent'),
    kernel: of('kernel'),
    line: of('cell-line'),
    fill: RESIDENCES.map((residence) => of(hueOf(residence).fill)),
    wash: RESIDENCES.map((residence) => of(hueOf(residence).wash)),
  };
  const pages = new Uint32Array(RESIDENCES.length * 256);
  for (let at = 0; at < pages.length; at++) {
    const residence = RESIDENCES[at >>> 8] ?? 'system';
    const color = pageColor(base, at >>> 8, at & 0xff);
    const vivid = stateStandsOut(coloring, residence, at & 0xff);
    pages[at] = vivid ? color : mix(base.paper, color, DIMMED);
  }
  const only = coloring.only.length === 0 ? undefined : new Set(coloring.only);
  const shades = coloring.mode === 'state' ? undefined : shadeColors(skin, base);
  const colors = { ...base, pages, shades, ...texturesOf(skin, shades), only };
  known.set(skin, colors);
  return colors;
};

const shadeColors = (
  { palette, looks, coloring }: Skin,
  { absent, line, paper }: BaseColors,
): Uint32Array => {
  const colors = new Uint32Array(SHADES).fill(mix(absent, line, 0.3));
  for (const look of looks) {
    if (look === undefined) continue;
    const vivid = coloring.only.length === 0 || coloring.only.includes(look.id);
    const color = pixelOf(palette[look.color]);
    colors[look.shade] = vivid ? color : mix(paper, color, DIMMED);
  }
  return colors;
};

const texturesOf = (
  { palette, looks }: Skin,
  shades: Uint32Array | undefined,
): Pick<Colors, 'textures' | 'grains'> => {
  const grains = new Uint32Array(SHADES);
  const textures = Array.from({ length: SHADES }, (_, shade): Texture => {
    const look = looks[shade];
    if (look === undefined) return 'plain';
    grains[shade] = mix(shades?.[shade] ?? 0, pixelOf(inkOn(palette[look.color])), 0.5);
    return textureOf(look.color);
  });
  return { textures, grains };
};

type BaseColors = Omit<Colors, 'pages' | 'shades' | 'textures' | 'grains' | 'only'>;

const pageColor = (colors: BaseColors, residence: number, byte: number): number => {
  const fill = colors.fill[residence] ?? 0;
  switch (byte & PAGE_USE_MASK) {
    case PAGE_FREE:
      return mix(colors.absent, colors.line, 0.3);
    case PAGE_RESERVED:
      return mix(colors.paper, colors.kernel, 0.55);
    case PAGE_KERNEL:
      return colors.kernel;
    case PAGE_OTHER:
      return colors.wash[residence] ?? 0;
    case PAGE_MAPPED:
      if ((byte & PAGE_MIGRATING) !== 0) return mix(fill, colors.paper, 0.5);
      if ((byte & PAGE_LONGTERM) !== 0) return mix(fill, colors.ink, 0.45);
      return (byte & PAGE_PINNED) === 0 ? fill : mix(fill, colors.ink, 0.25);
    default:
      return fill;
  }
};

// What tells classes apart beside their hue where a map is too small for signs: WCAG 1.4.1.

import type { PaletteKey } from './color.ts';

/** A texture for each hue, the first one without any. */
export const TEXTURES = ['plain', 'slash', 'dots', 'lines', 'bars', 'backslash', 'grid', 'checks'] as const;
export type Texture = (typeof TEXTURES)[number];

/** Of what has no hue of its own the lightness says it. */
export const textureOf = (color: PaletteKey): Texture => {
  const hue = /^hue-(\d)$/.exec(color)?.[1];
  return hue === undefined ? 'plain' : (TEXTURES[Number(hue) - 1] ?? 'plain');
};

/** Whether a pixel of a map belongs to the texture's lines. @param x, y - whole, not negative, in pixels of CSS */
export const isOnTexture = (texture: Texture, x: number, y: number): boolean => {
  switch (texture) {
    case 'plain':
      return false;
    case 'slash':
      return (x + y) % 4 === 0;
    case 'dots':
      return x % 3 === 0 && y % 3 === 0;
    case 'lines':
      return y % 3 === 0;
    case 'bars':
      return x % 3 === 0;
    case 'backslash':
      return (x + 3 * y) % 4 === 0;
    case 'grid':
      return x % 4 === 0 || y % 4 === 0;
    case 'checks':
      return ((x >> 1) + (y >> 1)) % 2 === 0;
  }
};

import { expect, test } from 'vitest';
import { PALETTE_KEYS } from './color.ts';
import { isOnTexture, TEXTURES, textureOf } from './textures.ts';

/** What a texture looks like on the smallest cell that has one. */
const pattern = (texture: (typeof TEXTURES)[number], x: number, y: number): string =>
  Array.from({ length: 64 }, (_, i) =>
    isOnTexture(texture, x + (i % 8), y + Math.floor(i / 8)) ? '#' : '.',
  ).join('');

test('no two textures look alike on a cell, wherever it begins', () => {
  for (let at = 0; at < 144; at++) {
    const [x, y] = [at % 12, Math.floor(at / 12)];
    const patterns = TEXTURES.map((texture) => pattern(texture, x, y));
    expect(new Set(patterns).size).toBe(TEXTURES.length);
    // something of the colour is left, and something of the texture is there
    for (const [i, one] of patterns.entries()) {
      const share = one.split('#').length - 1;
      expect(share).toBeLessThanOrEqual(36);
      if (i > 0) expect(share).toBeGreaterThanOrEqual(4);
    }
  }
});

test('each hue has a texture of its own, and nothing else has one', () => {
  const hues = PALETTE_KEYS.filter((key) => key.startsWith('hue-'));
  expect(new Set(hues.map(textureOf))).toEqual(new Set(TEXTURES));
  for (const key of PALETTE_KEYS) if (!key.startsWith('hue-')) expect(textureOf(key)).toBe('plain');
});

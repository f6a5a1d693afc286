import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { contrastOf, deltaE00, labOf, type Vision, VISIONS } from './color-distance.ts';

const css = readFileSync(new URL('../app/tokens.css', import.meta.url), 'utf8');
const [light = '', rest = ''] = css.split('@media not print');
const dark = rest.split('@media (forced-colors')[0] ?? '';

const token = (theme: string, name: string): string =>
  new RegExp(`--${name}: (#[0-9a-f]{6});`).exec(theme)?.[1] ?? expect.fail(`no --${name}`);

const SEEN = ['normal', 'protan', 'deutan', 'tritan'] as const satisfies readonly Vision[];

/** The two that are nearest to each other, in any vision: `hue-2 and hue-6, protan`, and how near. */
const nearest = (theme: string, names: readonly string[]): { pair: string; distance: number } => {
  let found = { pair: '', distance: Infinity };
  for (const vision of SEEN)
    for (const [i, one] of names.entries())
      for (const other of names.slice(i + 1)) {
        const distance = deltaE00(labOf(token(theme, one), vision), labOf(token(theme, other), vision));
        if (distance < found.distance) found = { pair: `${one} and ${other}, ${vision}`, distance };
      }
  return found;
};

const HUES = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => `hue-${number}`);
const FIRST_HUES = HUES.slice(0, 4);
const RESIDENCES = ['system', 'coherent', 'private', 'movable'];

describe('CIEDE2000', () => {
  // Sharma, Wu, Dalal 2005, table 1
  test.each([
    [[50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425],
    [[50, -1, 2], [50, 0, 0], 2.3669],
    [[50, 2.49, -0.001], [50, -2.49, 0.0011], 7.2195],
    [[50, 2.5, 0], [73, 25, -18], 27.1492],
    [[60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644],
    [[2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082],
  ] as const)('%o and %o', (one, other, expected) => {
    expect(deltaE00(one, other)).toBeCloseTo(expected, 4);
    expect(deltaE00(other, one)).toBeCloseTo(expected, 4);
  });

  test('every vision leaves grey as it is', () => {
    for (const matrix of Object.values(VISIONS))
      for (const [a, b, c] of matrix) expect(a + b + c).toBeCloseTo(1, 5);
  });
});

describe.each([
  ['light', light],
  ['dark', dark],
])('the colours of the %s theme can be told apart without red, green or blue cones', (_, theme) => {
  test.each([
    ['the first four nodes or processes', FIRST_HUES, 23],
    ['all eight', HUES, 13.5],
    ['where a page lives', RESIDENCES, 29.5],
    ['classes and what has none: kernel pages, several owners', [...HUES, 'kernel', 'ink-2'], 7.5],
  ])('%s', (_name, names, least) => {
    const { pair, distance } = nearest(theme, names);
    expect(distance, pair).toBeGreaterThanOrEqual(least);
  });

  test('each stands out from the paper, and its letters from it', () => {
    for (const name of HUES) {
      expect(contrastOf(token(theme, name), token(theme, 'paper')), name).toBeGreaterThanOrEqual(3);
      expect(contrastOf(token(theme, name), token(theme, `${name}-ink`)), name).toBeGreaterThanOrEqual(4.5);
    }
  });
});

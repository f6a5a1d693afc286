import { describe, expect, test } from 'vitest';
import {
  cameraOf,
  constrain,
  fitBank,
  fitRect,
  isInView,
  levelOf,
  lookOf,
  toScreen,
  toWorld,
  zoomBy,
} from './camera.ts';
import { layOutBanks, placeOf } from './layout.ts';

const [bank] = layOutBanks({
  preset: 'guest',
  title: 'drawn',
  cpus: 1,
  totalPages: 0x40000,
  distances: [10],
  links: [],
  ranges: [
    {
      id: 'ram',
      start: 0,
      npages: 0x40000,
      kind: 'ram',
      node: 0,
      zone: 'DMA32',
      cma: false,
      reserved: '',
      device: -1,
    },
  ],
});
if (bank === undefined) throw new Error('no bank');
const size = { width: 400, height: 300 };

describe('the camera', () => {
  test('fits the whole bank into the window', () => {
    const whole = { x: 0, y: 0, width: bank.width, height: bank.height };
    expect(isInView(fitBank(bank, size), size, whole)).toBe(true);
    expect(levelOf(fitBank(bank, size))).toBe('pageblock');
  });

  test('fits four pages as cells that can be read, in whole columns', () => {
    const place = placeOf(bank, 0x1234) ?? { x: 0, y: 0 };
    const camera = fitRect(bank, { ...place, width: 4, height: 1 }, size, 28);
    expect(levelOf(camera)).toBe('page');
    expect(camera.k).toBeLessThanOrEqual(28);
    expect(camera.k).toBeGreaterThan(24);
    expect((size.width - 20) / camera.k).toBeCloseTo(Math.round((size.width - 20) / camera.k));
    expect(isInView(camera, size, { ...place, width: 4, height: 1 })).toBe(true);
  });

  test('in a window of half a hundred pixels, cells can still be read', () => {
    const low = { width: 440, height: 56 };
    const rect = { x: 40, y: 30, width: 4, height: 1 };
    const camera = fitRect(bank, rect, low, 28);
    expect(camera.k).toBeGreaterThan(22);
    expect(isInView(camera, low, rect)).toBe(true);
  });

  test('of a window of two rows, a row behind a gap is wholly in it', () => {
    const low = { width: 600, height: 105 };
    for (let part = 0; part < 1; part += 0.1) {
      const rect = { x: 40 + part, y: 30 + part, width: 4, height: 1 };
      expect(isInView(fitRect(bank, rect, low, 42), low, rect), `${part}`).toBe(true);
    }
  });

  test('what is looked at stays in the middle of a window of another size, as large as it was', () => {
    const rect = { x: 40, y: 30, width: 4, height: 1 };
    const look = lookOf(fitRect(bank, rect, size, 30), size);
    const small = { width: 200, height: 160 };
    const camera = cameraOf(look, small);
    expect(camera.k).toBe(look.k);
    expect(toWorld(camera, { x: 100, y: 80 }).x).toBeCloseTo(look.x, 9);
    const again = lookOf(camera, small);
    expect([again.x, again.y]).toEqual([expect.closeTo(look.x, 9), expect.closeTo(look.y, 9)]);
  });

  test('a zoom keeps the point under the pointer', () => {
    const camera = fitRect(bank, { x: 100, y: 50, width: 10, height: 10 }, size, 20);
    const around = { x: 120, y: 80 };
    const zoomed = zoomBy(bank, camera, size, 2, around);
    expect(zoomed.k).toBeCloseTo(camera.k * 2);
    expect(toScreen(zoomed, toWorld(camera, around)).x).toBeCloseTo(around.x);
    expect(toScreen(zoomed, toWorld(camera, around)).y).toBeCloseTo(around.y);
  });

  test('a zoom ends at the whole bank and at one page', () => {
    const fit = fitBank(bank, size);
    expect(zoomBy(bank, fit, size, 0.1, { x: 0, y: 0 }).k).toBeCloseTo(fit.k);
    expect(zoomBy(bank, fit, size, 1e9, { x: 0, y: 0 }).k).toBe(72);
  });

  test('the bank cannot be pushed out of the window', () => {
    const camera = constrain(bank, { k: 20, x: 1e6, y: -1e9 }, size);
    expect(camera.x).toBe(10);
    expect(camera.y).toBeCloseTo(300 - 10 - bank.height * 20);
  });
});

import { describe, expect, test } from 'vitest';
import { isInView, levelOf, panBy } from './camera.ts';
import { drawFrame, drawMoment } from './fixture.ts';
import { cameraBetween, followCamera, resizedCamera } from './follow.ts';
import { layOutBanks, placeOf } from './layout.ts';

const range = { kind: 'ram', node: 0, zone: 'DMA32', cma: false, reserved: '', device: -1 } as const;
const [bank] = layOutBanks({
  preset: 'guest',
  title: 'drawn',
  cpus: 1,
  totalPages: 0x40000,
  distances: [10],
  links: [],
  ranges: [{ ...range, id: 'ram', start: 0, npages: 0x40000 }],
});
if (bank === undefined) throw new Error('no bank');
const size = { width: 400, height: 300 };
const near = drawMoment({ frames: [0x3001, 0x3002, 0x3003].map((pfn) => drawFrame(pfn)) });
const rectOf = (pfn: number) => ({ ...(placeOf(bank, pfn) ?? { x: 0, y: 0 }), width: 1, height: 1 });

describe('following', () => {
  test('without anything of interest the whole bank is shown', () => {
    expect(levelOf(followCamera(bank, [drawMoment({})], size, undefined, 28))).toBe('pageblock');
  });

  test('the frames of the moment are in the window, as readable pages', () => {
    const camera = followCamera(bank, [near], size, undefined, 28);
    expect(camera.k).toBeGreaterThan(20);
    for (const pfn of [0x3001, 0x3003]) expect(isInView(camera, size, rectOf(pfn))).toBe(true);
  });

  test('the window stays as long as it shows what matters', () => {
    const camera = panBy(bank, followCamera(bank, [near], size, undefined, 28), size, 20, 10);
    expect(followCamera(bank, [near], size, camera, 28)).toBe(camera);
  });

  test('where all is too far apart, what moves is shown', () => {
    const far = drawMoment({
      frames: [drawFrame(0x100), drawFrame(0x3fff0)],
      moves: [{ src: 0x100, dst: -1, phase: 'unmapped', because: '' }],
    });
    const camera = followCamera(bank, [far], size, undefined, 28);
    expect(levelOf(camera)).toBe('page');
    expect(isInView(camera, size, rectOf(0x100))).toBe(true);
  });

  test('a window that gets another size while nothing is left to follow shows the same part of memory', () => {
    const camera = followCamera(bank, [near], size, undefined, 28);
    const smaller = { width: 400, height: 120 };
    const rest = resizedCamera(bank, camera, size, smaller);
    const after = followCamera(bank, [drawMoment({})], smaller, undefined, 28, rest);
    expect(after.k).toBe(camera.k);
    expect(isInView(after, smaller, rectOf(0x3002))).toBe(true);
  });

  test('one that showed the whole bank goes on to do so', () => {
    const camera = followCamera(bank, [drawMoment({})], size, undefined, 28);
    expect(resizedCamera(bank, camera, size, { width: 400, height: 120 })).toBeUndefined();
  });

  test('a camera in between begins and ends where it should', () => {
    const from = followCamera(bank, [drawMoment({})], size, undefined, 28);
    const to = followCamera(bank, [near], size, undefined, 28);
    expect(cameraBetween(from, to, size, 0).k).toBeCloseTo(from.k);
    const end = cameraBetween(from, to, size, 1);
    expect([end.k, end.x, end.y].map((n) => n.toFixed(3))).toEqual(
      [to.k, to.x, to.y].map((n) => n.toFixed(3)),
    );
  });
});

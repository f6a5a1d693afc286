import { expect, test } from 'vitest';
import { isInView } from './camera.ts';
import { drawFrame, drawMoment, drawRow, drawRows } from './fixture.ts';
import { followCamera } from './follow.ts';
import { type Bank, layOutBanks, pfnAt, placeOf } from './layout.ts';
import { toWorld } from './camera.ts';
import { loupeAt, loupesOf, partsOf } from './loupes.ts';

const range = { kind: 'ram', node: 0, cma: false, reserved: '', device: -1 } as const;
const [bank] = layOutBanks({
  preset: 'guest',
  title: 'drawn',
  cpus: 1,
  totalPages: 0x4000,
  distances: [10],
  links: [],
  ranges: [
    { ...range, id: 'normal', zone: 'Normal', start: 0, npages: 0x3400 },
    { ...range, id: 'movable', zone: 'Movable', start: 0x3400, npages: 0xc00 },
  ],
});
if (bank === undefined) throw new Error('no bank');
const size = { width: 400, height: 400 };
const rectOf = (of: Bank, pfn: number) => ({ ...(placeOf(of, pfn) ?? { x: 0, y: 0 }), width: 1, height: 1 });

/** A page on its way out of the movable zone, and one that still lies there. */
const outOfMovable = drawMoment({
  frames: [drawFrame(0x3400), drawFrame(0x3401)],
  moves: [{ src: 0x3400, dst: 0x404, phase: 'allocated', because: '' }],
});
const loupesFor = (moment: typeof outOfMovable) =>
  loupesOf(bank, [moment], followCamera(bank, [moment], size, undefined, 28), size, 28);

test('a page that moves from zone to zone is shown large at both ends', () => {
  const loupes = loupesFor(outOfMovable);
  expect(loupes.map(({ title }) => title).toSorted()).toEqual(['Movable', 'Normal']);
  for (const [title, pfn] of [
    ['Movable', 0x3400],
    ['Normal', 0x404],
  ] as const) {
    const loupe = loupes.find((one) => one.title === title);
    expect(loupe && isInView(loupe.camera, loupe.size, rectOf(bank, pfn))).toBe(true);
    expect(loupe?.camera.k).toBeGreaterThan(20);
  }
});

test('loupes lie in their window, beside each other', () => {
  const [left, right] = loupesFor(outOfMovable);
  expect(left && right && left.x >= 0 && left.x + left.size.width < right.x).toBe(true);
  expect(right && right.x + right.size.width <= size.width).toBe(true);
  expect(left && left.y >= 0 && left.y + left.size.height <= size.height).toBe(true);
});

test('a point on a loupe is a frame of the loupe, not of the map below', () => {
  const loupe = loupesFor(outOfMovable).find(({ title }) => title === 'Movable');
  if (loupe === undefined) throw new Error('no loupe');
  const at = rectOf(bank, 0x3401);
  const inner = {
    x: (at.x + 0.5) * loupe.camera.k + loupe.camera.x,
    y: (at.y + 0.5) * loupe.camera.k + loupe.camera.y,
  };
  const point = { x: inner.x + loupe.x, y: inner.y + loupe.y };
  expect(loupeAt(loupesFor(outOfMovable), point)?.title).toBe('Movable');
  expect(pfnAt(bank, toWorld(loupe.camera, inner))).toBe(0x3401);
  expect(loupeAt(loupesFor(outOfMovable), { x: -1, y: 0 })).toBeUndefined();
});

test('where everything can be read on the map itself there are no loupes', () => {
  const near = drawMoment({ frames: [drawFrame(0x3400), drawFrame(0x3402)] });
  expect(loupesFor(near)).toEqual([]);
});

test('the two ends of an area that has every frame between them are no parts', () => {
  const ends = { frames: [drawFrame(0x3400), drawFrame(0x3bff)] };
  const area = (npages: number) => drawRows([drawRow({ npages, pfn: 0x3400, pfnStep: 1 })], ends);
  expect(loupesFor(area(0x800))).toEqual([]);
  expect(loupesFor(area(0x700))).toHaveLength(2);
});

test('three parts far from each other are too many, unless two of them are what moves', () => {
  const three = [0x100, 0x1500, 0x3400].map((pfn) => drawFrame(pfn));
  expect(loupesFor(drawMoment({ frames: three }))).toEqual([]);
  const moving = drawMoment({ frames: three, moves: outOfMovable.moves });
  expect(loupesFor(moving)).toHaveLength(2);
});

test('parts are frames that lie together', () => {
  expect(partsOf([0x3401, 5, 0x3400, 7, 5])).toEqual([
    [5, 7],
    [0x3400, 0x3401],
  ]);
});

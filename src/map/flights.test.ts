import { describe, expect, test } from 'vitest';
import { bundlesOf, flightsBetween, flyInBundles, nailsBetween } from './flights.ts';
import { drawFrame, drawMoment, drawRow, drawRows } from './fixture.ts';

const src = 0x5fffd;
const dst = 0x1234;

describe('flights', () => {
  test('a page flies when its bytes are copied, not when it is unmapped or its destination is allocated', () => {
    const frames = [drawFrame(src, { owner: 'A buf+2' }), drawFrame(dst)];
    const phases = ['unmapped', 'allocated', 'copied', 'mapped'] as const;
    const moments = phases.map((phase) => drawMoment({ frames, moves: [{ src, dst, phase, because: '' }] }));
    const flown = moments.slice(1).map((moment, i) => flightsBetween(moments[i] ?? moment, moment).length);
    expect(flown).toEqual([0, 1, 0]);
    expect(flightsBetween(moments[1] ?? drawMoment({}), moments[2] ?? drawMoment({}))).toEqual([
      { src, dst, owner: 'A buf+2' },
    ]);
  });

  test('the end of a migration is no second flight', () => {
    const copied = drawMoment({
      frames: [drawFrame(src, { owner: 'A buf+2' }), drawFrame(dst)],
      moves: [{ src, dst, phase: 'copied', because: '' }],
    });
    const done = drawMoment({ frames: [drawFrame(dst, { owner: 'A buf+2' })] });
    expect(flightsBetween(copied, done)).toEqual([]);
  });

  test('a frame that stands ready for a copy has no bytes yet: nothing flies', () => {
    const frames = [drawFrame(src, { owner: 'A buf+2' }), drawFrame(dst, { owner: 'A buf+2' })];
    const waits = drawMoment({ frames, moves: [{ src, dst, phase: 'awaited', because: '' }] });
    expect(flightsBetween(drawMoment({ frames: frames.slice(0, 1) }), waits)).toEqual([]);
  });

  test('a page whose bytes are copied and whose move ends between two moments has flown', () => {
    const waits = drawMoment({
      frames: [drawFrame(src, { owner: 'A buf+2' }), drawFrame(dst)],
      moves: [{ src, dst, phase: 'awaited', because: '' }],
    });
    const done = drawMoment({ frames: [drawFrame(dst, { owner: 'A buf+2' })] });
    expect(flightsBetween(waits, done)).toEqual([{ src, dst, owner: 'A buf+2' }]);
  });

  test('between two scenario steps a page that is in another frame has flown', () => {
    const before = drawMoment({ frames: [drawFrame(src, { owner: 'A buf+2' })] });
    const after = drawMoment({ frames: [drawFrame(dst, { owner: 'A buf+2' })] });
    expect(flightsBetween(before, after)).toEqual([{ src, dst, owner: 'A buf+2' }]);
  });
});

describe('a step over many pages', () => {
  const run = (vpn: number, npages: number, pfn: number, pfnStep: number) =>
    drawRow({ vpn, index: vpn - 1000, npages, pfn, pfnStep });
  const inRam = drawRows([run(1000, 90, 5000, 1), run(1090, 10, 7000, 1)]);

  test('flies as one bundle a way, with the number of its pages', () => {
    // the device hands its pages out downwards, and the last four found none
    const moved = drawRows([run(1000, 96, 9095, -1), run(1096, 4, 7006, 1)]);
    const flights = flightsBetween(inRam, moved);
    expect(flights).toEqual([
      { src: 5044, dst: 9051, pages: 90, owner: 'buf' },
      { src: 7002, dst: 9003, pages: 6, owner: 'buf' },
    ]);
    expect(flyInBundles(flights)).toBe(true);
    const bundles = bundlesOf(flights, (pfn) => (pfn < 8000 ? 'system' : 'vram'));
    expect(bundles).toEqual([{ src: 5044, dst: 9051, pages: 90, owner: 'buf', count: 96 }]);
  });

  test('and nothing flies where pages stay, are freed, or are under way', () => {
    expect(flightsBetween(inRam, drawRows([run(1000, 90, 5000, 1), run(1090, 10, 7000, 1)]))).toEqual([]);
    expect(flightsBetween(inRam, drawRows([]))).toEqual([]);
    const entry = 'migration' as const;
    const away = drawRows([{ ...run(1000, 90, 8000, 1), entry }, run(1090, 10, 7000, 1)]);
    expect(flightsBetween(inRam, away)).toEqual([]);
  });

  test('pages of two processes fly once', () => {
    const both = (moment: typeof inRam): typeof inRam => ({
      ...moment,
      processes: moment.processes.flatMap((process) => [process, { ...process, name: 'B' }]),
    });
    const moved = drawRows([run(1000, 90, 8000, 1), run(1090, 10, 7000, 1)]);
    expect(flightsBetween(both(inRam), both(moved)).map(({ pages }) => pages)).toEqual([90]);
  });
});

describe('nails', () => {
  test('a pin goes where it was and comes where it is taken anew; it never travels', () => {
    const pinned = drawMoment({ frames: [drawFrame(src, { pins: 1, longtermPinned: true })] });
    const plain = drawMoment({ frames: [drawFrame(src)] });
    expect(nailsBetween(pinned, plain, 0.25)).toEqual([
      { pfn: src, count: 1, longterm: true, presence: 0.75 },
    ]);
    expect(nailsBetween(plain, pinned, 0.25)).toEqual([
      { pfn: src, count: 1, longterm: true, presence: 0.25 },
    ]);
    expect(nailsBetween(pinned, pinned, 1)[0]?.presence).toBe(1);
  });
});

import { expect, test } from 'vitest';
import { distinctFrames, frameRuns, FrameRuns } from './frame-runs.ts';

test.each([
  [[]],
  [[7]],
  [[3, 4, 5, 9, 8, 7, 20, 20, 21]],
  [[10, 11, 12, 11, 10, 12, 5, 5]],
  [[512, 513, 514, 511, 510, 0, 1, 2, 600, 602, 604]],
])('runs of %j have the frames that the array has, as often', (pfns) => {
  const runs = new FrameRuns(pfns);
  expect(runs.runs.reduce((sum, { npages }) => sum + npages, 0)).toBe(pfns.length);
  for (let pfn = 0; pfn < 620; pfn++) {
    expect(runs.has(pfn), `${pfn}`).toBe(pfns.includes(pfn));
    expect(runs.countIn(pfn, pfn + 4)).toBe(pfns.filter((one) => one >= pfn && one < pfn + 4).length);
  }
});

test('neighbours are one run, upwards or downwards, and an array is looked through once', () => {
  const pfns = Array.from({ length: 1000 }, (_, i) => (i < 500 ? i : 2000 - i));
  expect(frameRuns(pfns).runs).toEqual([
    { first: 0, npages: 500 },
    { first: 1001, npages: 500 },
  ]);
  expect(frameRuns(pfns)).toBe(frameRuns(pfns));
  const others = [new FrameRuns([498, 499, 500, 501]), new FrameRuns([3, 3, 1500])];
  expect(distinctFrames([frameRuns(pfns), ...others])).toBe(1002);
});

import { expect, test } from 'vitest';
import type { FrameView } from '../../store/views.ts';
import { homeRows, pinnedFrames } from './rows.ts';

test('places of either side are listed, the devices first, with what they had and have', () => {
  expect(
    homeRows(
      [{ place: 'device 0', residence: 'coherent', pages: 4 }],
      [
        { place: 'system', residence: 'system', pages: 3 },
        { place: 'system', residence: 'movable', pages: 1 },
      ],
    ),
  ).toEqual([
    { place: 'VRAM of device 0', from: 4, to: 0 },
    { place: 'system memory', from: 0, to: 4 },
  ]);
});

test('frames with a pin are counted', () => {
  const frames = [{ pins: 1 }, { pins: 0 }, { pins: 2 }] as unknown as FrameView[];
  expect(pinnedFrames(frames)).toBe(2);
});

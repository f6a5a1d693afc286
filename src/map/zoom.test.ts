import { expect, test } from 'vitest';
import { isForMap } from './zoom.ts';

const touch = (fingers: number) => ({ type: 'touchstart', ctrlKey: false, touches: { length: fingers } });
const wheel = (ctrlKey: boolean) => ({ type: 'wheel', ctrlKey, button: 0 });
const press = (button: number) => ({ type: 'mousedown', ctrlKey: false, button });

test('in a frame of another page one finger and the wheel are for that page, two fingers for the map', () => {
  const meant = [touch(1), touch(2), wheel(false), wheel(true), press(0), press(2)];
  expect(meant.map((event) => isForMap(event, true))).toEqual([false, true, false, true, true, false]);
  expect(meant.map((event) => isForMap(event, false))).toEqual([true, true, true, true, true, false]);
});

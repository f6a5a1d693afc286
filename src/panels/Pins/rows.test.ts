import { expect, test } from 'vitest';
import { drawFrame, drawMoment } from '../../map/fixture.ts';
import { pinRows } from './rows.ts';

test('a frame of a handle has the tone that the moment knows, or that of where it lies', () => {
  const ram = {
    id: 'ram',
    start: 0,
    npages: 1024,
    kind: 'ram',
    node: 0,
    zone: 'Normal',
    cma: false,
    reserved: '',
    device: -1,
  } as const;
  const handle = {
    name: 'long',
    process: 'A',
    call: 'pin_user_pages_fast',
    flags: ['FOLL_LONGTERM'],
    pin: true,
    longterm: true,
    first: 'buf+0',
    pfns: [1, 2],
  };
  const moment = drawMoment({
    frames: [drawFrame(1, { residence: 'reserved', kind: 'zero' })],
    handles: [handle],
  });
  expect(pinRows(moment, [ram])[0]?.frames.map(({ tone }) => tone)).toEqual(['reserved', 'system']);
});

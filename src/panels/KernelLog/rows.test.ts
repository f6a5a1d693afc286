import { expect, test } from 'vitest';
import type { KernelLogLine } from '../../store/views.ts';
import { logRows, newlyPrinted } from './rows.ts';

const line = (position: number, kind: KernelLogLine['kind']): KernelLogLine => ({
  position,
  step: 2,
  fn: kind === 'printk' ? '' : 'try_grab_folio',
  file: kind === 'printk' ? '' : 'mm/gup.c',
  kind,
  text: { id: 'log.gup.warn.neither', params: {} },
  dmesg: [],
  again: false,
});
const LOG = [line(10, 'WARN'), line(20, 'printk'), line(30, 'simulation')];

test('a line is there from the moment that prints it', () => {
  expect(logRows(LOG, 9).printed).toEqual([]);
  expect(logRows(LOG, 10).printed).toHaveLength(1);
  expect(logRows(LOG, 29)).toMatchObject({ next: { position: 30 }, toCome: 1 });
  expect(logRows(LOG, 30)).toMatchObject({ next: undefined, toCome: 0 });
});

test('warnings and our own words are marked, and name their place', () => {
  expect(logRows(LOG, 99).printed.map(({ mark, place }) => [mark, place])).toEqual([
    ['WARNING', 'mm/gup.c: try_grab_folio'],
    ['', ''],
    ['Simulation', 'mm/gup.c: try_grab_folio'],
  ]);
});

test('what the cursor goes over is read out, not what it stands on, and nothing on the way back', () => {
  expect(newlyPrinted(LOG, 0, 25).map(({ position }) => position)).toEqual([10, 20]);
  expect(newlyPrinted(LOG, 20, 30)).toEqual([]);
  expect(newlyPrinted(LOG, 99, 0)).toEqual([]);
});

import { describe, expect, test } from 'vitest';
import type { SpanView } from '../../store/views.ts';
import { axisTicks, LANE_ROWS, rowsOfAll, spanBars } from './rows.ts';

const span = (fn: string, lane: SpanView['lane'], depth: number, begin: number, end: number): SpanView => ({
  fn,
  lane,
  task: 1,
  depth,
  begin,
  end,
  label: fn,
});

describe('bars of the timeline', () => {
  const spans = [
    span('pin_user_pages_fast', 'task', 0, 100, 200),
    span('__get_user_pages', 'kernel', 1, 110, 150),
    span('follow_page_mask', 'kernel', 2, 120, 130),
    span('try_grab_page', 'kernel', 5, 121, 125),
    span('dmirror_interval_invalidate', 'driver', 6, 160, 170),
    span('snapshot', 'task', 0, 200, 250),
  ];
  const bars = spanBars(spans, { from: 100, to: 300 }, 1000, 123, [
    { fn: 'follow_page_mask', file: 'mm/gup.c', begin: 121, args: [] },
    { fn: 'try_grab_page', file: 'mm/gup.c', begin: 122, args: [] },
  ]);

  test('a lane begins with its own outermost span, whatever is around it', () => {
    expect(bars.map(({ span: { fn }, row }) => `${fn} ${row}`)).toEqual([
      'pin_user_pages_fast 0',
      'snapshot 0',
      '__get_user_pages 0',
      'follow_page_mask 1',
      'try_grab_page 2',
      'dmirror_interval_invalidate 0',
    ]);
  });

  test('places are in proportion to events', () => {
    expect(bars[0]).toMatchObject({ leftPx: 0, widthPx: 500 });
    expect(bars[1]).toMatchObject({ leftPx: 500, widthPx: 250 });
  });

  test('what the cursor is in is running, the innermost is current', () => {
    expect(bars.map(({ state }) => state)).toEqual([
      'running',
      'next',
      'running',
      'running',
      'current',
      'next',
    ]);
  });
});

test('tasks that run at once have rows of their own', () => {
  const spans = [
    span('migrate_vma_setup', 'kernel', 1, 0, 100),
    { ...span('handle_mm_fault', 'kernel', 1, 50, 150), task: 2 },
    span('migrate_vma_pages', 'kernel', 1, 110, 140),
  ];
  const bars = spanBars(spans, { from: 0, to: 200 }, 1000, 60, []);
  expect(bars.map(({ span: { fn }, row }) => `${fn} ${row}`)).toEqual([
    'migrate_vma_setup 0',
    'handle_mm_fault 2',
    'migrate_vma_pages 0',
  ]);
});

test('the axis counts whole events from the beginning of the run', () => {
  expect(axisTicks({ from: 1000, to: 1100 }, 1000, 5)).toEqual([0, 20, 40, 60, 80, 100]);
  expect(axisTicks({ from: 1000, to: 1003 }, 1000, 10)).toEqual([0, 1, 2, 3]);
  expect(axisTicks({ from: 999, to: 1003 }, 1000, 10)).toEqual([0, 1, 2, 3]);
});

describe('the icicle', () => {
  const deep = Array.from({ length: 12 }, (_, depth) =>
    span(`fn${depth}`, 'kernel', depth, 10 + depth, 90 - depth),
  );
  const barsOf = (spans: SpanView[], rows = rowsOfAll(spans)) =>
    spanBars(spans, { from: 0, to: 100 }, 1000, 50, [{ fn: 'fn11', file: '', begin: 22, args: [] }], rows);

  test('has a row for each call, the innermost too; below the maps the outer ones stand alone', () => {
    expect(rowsOfAll(deep)).toEqual({ task: 1, kernel: 12, driver: 1, device: 1 });
    expect(barsOf(deep).map(({ row }) => row)).toEqual(deep.map((_, depth) => depth));
    expect(barsOf(deep).find(({ state }) => state === 'current')?.span.fn).toBe('fn11');
    expect(barsOf(deep, LANE_ROWS)).toHaveLength(5);
  });

  test('tasks that run at once have rows of their own there, and lose none', () => {
    const both = [...deep, ...deep.slice(0, 7).map((one) => ({ ...one, task: 2 }))];
    expect(rowsOfAll(both).kernel).toBe(24);
    const places = barsOf(both).map(({ row }) => row);
    expect(new Set(places).size).toBe(both.length);
  });
});

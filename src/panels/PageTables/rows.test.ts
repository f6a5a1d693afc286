import { describe, expect, test } from 'vitest';
import type { AreaView, FrameView, Moment, PteRow, RangeInfo } from '../../store/views.ts';
import { deviceCells, deviceColumns, idsText } from './device-rows.ts';
import { addressOf, areaRows, changedRows, entryRow, pathOf } from './rows.ts';

const row = (more: Partial<PteRow> = {}): PteRow => ({
  vpn: 0x7f8000002,
  index: 2,
  npages: 1,
  path: [255, 0, 0, 2],
  tables: [0x1a3, 0x1a4, 0x1a5],
  level: 'pte',
  entry: 'present',
  raw: '0x800000005fffd067',
  writable: true,
  dirty: true,
  young: true,
  special: false,
  pfn: 0x5fffd,
  pfnStep: 0,
  value: 102,
  mirrors: [],
  ...more,
});
const area: AreaView = {
  name: 'buf',
  kind: 'anon-private',
  startVpn: 0x7f8000000,
  npages: 4,
  vmas: [],
  rows: [],
};
const frame = (pfn: number, more: Partial<FrameView>): FrameView => ({
  pfn,
  residence: 'coherent',
  kind: 'device-coherent',
  node: 0,
  zone: 'Device',
  device: 0,
  refcount: 1,
  mapcount: 1,
  pins: 0,
  longtermPinned: false,
  longtermPinnable: false,
  flags: [],
  locked: false,
  owner: 'buf+2',
  ...more,
});
const frames = new Map([
  [0x5fffd, frame(0x5fffd, { flags: ['dirty', 'anon_exclusive'] })],
  [0x4806, frame(0x4806, { residence: 'system' })],
]);
const moment = (moves: Moment['moves'] = []) =>
  ({
    runId: 'run',
    position: 1,
    step: 0,
    inStep: true,
    caption: { id: '', params: {} },
    why: { id: '', params: {} },
    occurrence: 1,
    stack: [],
    event: undefined,
    processes: [],
    devices: [],
    handles: [],
    frames: [...frames.values()],
    longtermPinnedPages: 0,
    moves,
    residence: [],
    residenceBefore: [],
    vmstat: {},
  }) satisfies Moment;
const letters = (given: PteRow) =>
  entryRow(area, given, frames, moment(), [])
    .bits.map(({ letter, on }) => (on ? letter : '·'))
    .join('');

describe('an entry of the page table', () => {
  test('PTE bits and page flags are told apart', () => {
    expect(letters(row({ dirty: false }))).toBe('PW·A');
    expect(entryRow(area, row(), frames, moment(), [])).toMatchObject({
      page: 'buf+2',
      entry: 'present',
      pageFlags: ['AnonExclusive'],
      frame: { tone: 'coherent', toward: undefined, text: '0x5fffd' },
    });
  });

  test('entries that are not present say what they are; none has no bits', () => {
    expect(letters(row({ entry: 'device-private', dirty: false, young: false }))).toBe('·W··');
    expect(letters(row({ entry: 'none' }))).toBe('');
    expect(entryRow(area, row({ entry: 'device-exclusive' }), frames, moment(), []).entry).toBe(
      'device-exclusive',
    );
  });

  test('a migration entry shows where from and where to', () => {
    const moves = [{ src: 0x5fffd, dst: 0x4806, phase: 'allocated' as const, because: '' }];
    expect(entryRow(area, row({ entry: 'migration' }), frames, moment(moves), []).frame).toMatchObject({
      tone: 'coherent',
      toward: 'system',
      text: '0x5fffd → 0x4806',
    });
  });

  test('a run of alike entries names its ends', () => {
    const run = entryRow(area, row({ index: 0, npages: 64, pfnStep: -1 }), frames, moment(), []);
    expect([run.page, run.frame?.text, run.value]).toEqual(['buf+0…63', '0x5fffd…0x5ffbe', '102…']);
  });
});

test('an area is gone when it has neither a VMA nor an entry', () => {
  const isGone = (vmas: typeof area.vmas, rows: PteRow[]) =>
    areaRows({ name: 'A', alive: true, areas: [] }, { ...area, vmas, rows }, moment(), []).isGone;
  expect(isGone([], [row({ entry: 'none' })])).toBe(true);
  expect(isGone([], [row({ entry: 'none' }), row()])).toBe(false);
  const vma = { startVpn: area.startVpn, npages: 4, prot: 'rw', flags: [] };
  expect(isGone([vma], [row({ entry: 'none' })])).toBe(false);
});

describe('the walk', () => {
  test('goes from the PGD to the PTE, and ends at the PMD for a huge page', () => {
    expect(pathOf(row()).map(({ table, index, next }) => `${table} ${index} ${next}`)).toEqual([
      'PGD 255 0x1a3',
      'PUD 0 0x1a4',
      'PMD 0 0x1a5',
      'PTE 2 ',
    ]);
    expect(pathOf(row({ level: 'pmd', tables: [1, 2, -1] })).at(-1)).toEqual({
      table: 'PMD',
      index: 0,
      next: 'huge page',
    });
    expect(addressOf(row())).toBe('0x7f80_0000_2000');
  });
});

test('a row that is not what it was is marked, a new one is not', () => {
  const before = [entryRow(area, row(), frames, moment(), [])];
  const now = [
    entryRow(area, row({ entry: 'migration' }), frames, moment(), []),
    entryRow(area, row({ vpn: 0x7f8000003, index: 3 }), frames, moment(), []),
  ];
  expect([...changedRows(before, now)]).toEqual([String(0x7f8000002)]);
  expect(changedRows(undefined, now).size).toBe(0);
});

describe('devices beside the CPU', () => {
  const ranges: RangeInfo[] = [
    {
      id: 'device 0',
      kind: 'coherent',
      start: 0x5f000,
      npages: 0x1000,
      node: 0,
      zone: 'Device',
      cma: false,
      reserved: '',
      device: 0,
    },
  ];
  const opened = (...tables: (readonly [process: string, isEmpty: boolean])[]): Moment => ({
    ...moment(),
    devices: tables.map(([process, isEmpty], id) => ({
      id,
      kind: 'coherent',
      usedPages: 1,
      heldPages: undefined,
      freePages: 1,
      tables: [{ process, isEmpty }],
    })),
  });

  test('those that have opened the process have a column, of more than one only those with entries', () => {
    const two = deviceColumns(opened(['A', false], ['B', false], ['A', true]), 'A', ranges);
    expect(two.columns.map(({ title }) => title)).toEqual(['device 0']);
    expect(two.empty).toEqual([2]);
    expect([[3], [0, 2], [0, 1], [1, 2, 3], [1, 2, 4]].map(idsText)).toEqual([
      '3',
      '0 and 2',
      '0 and 1',
      '1 to 3',
      '1 and 2 and 4',
    ]);
    const one = deviceColumns(opened(['A', true], ['B', false]), 'A', ranges);
    expect(one.columns.map(({ title }) => title)).toEqual(['device 0']);
    const three = deviceColumns(opened(['A', false], ['A', true], ['A', true]), 'A', ranges);
    expect(three.columns.map(({ device }) => device)).toEqual([0]);
  });

  test('a cell is in the row of its page, and says whether the frame is the one of the CPU', () => {
    const { columns } = deviceColumns(opened(['A', false], ['A', false]), 'A', ranges);
    const mirrors = [{ device: 0, access: 'w' as const, pfn: 0x5fffd, isSame: false }];
    expect(deviceCells(columns, row({ mirrors }))).toEqual([
      {
        access: 'rw',
        accessWords: 'may read and write',
        pfn: 0x5fffd,
        frame: '0x5fffd',
        tone: 'coherent',
        isSame: false,
      },
      undefined,
    ]);
    const given = entryRow(area, row({ mirrors }), frames, moment(), columns);
    const gone = entryRow(area, row(), frames, moment(), columns);
    // what a device loses marks the row
    expect(changedRows([given], [gone]).size).toBe(1);
    // a column that comes and goes does not
    expect(changedRows([gone], [entryRow(area, row(), frames, moment(), [])]).size).toBe(0);
  });
});

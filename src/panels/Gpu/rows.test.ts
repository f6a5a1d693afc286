// What the GPU panel makes of a view.

import { expect, test } from 'vitest';
import type { GpuBoView, GpuStateView, SvmPageRow } from '../../store/views.ts';
import {
  cpuCell,
  gpuCell,
  granularityText,
  holdOf,
  foundRanges,
  gpuColumns,
  gpuList,
  objectRuns,
  objectsOf,
  orderedRanges,
  placeOf,
  rangeSums,
  stopReasons,
  userptrState,
  vramBar,
} from './rows.ts';

const gpu: GpuStateView['gpus'][number] = {
  device: 0,
  model: 'mi250x-gcd',
  coherent: true,
  hive: 1,
  vramStart: 1000,
  vramPages: 100,
  registered: true,
  freePages: 50,
  lru: [3, 1],
};
const pin = { pfn: 1055, page: 'buf+5', handle: 'mr', process: 'A', pin: true, longterm: true };
const bo = (part: Partial<GpuBoView>): GpuBoView => ({
  id: 1,
  device: 0,
  name: '',
  kind: 'svm',
  process: 'A',
  npages: 10,
  place: 'vram',
  pinned: false,
  fence: 'armed',
  blocks: [],
  pagesInUse: 0,
  seeking: false,
  swapped: false,
  evicting: false,
  held: [],
  ...part,
});

test('blocks that are neighbours are one piece of the bar; held pages have a nail', () => {
  const blocks = [
    { start: 1054, npages: 4 },
    { start: 1050, npages: 4 },
    { start: 1090, npages: 2 },
  ];
  const { segments, nails } = vramBar(gpu, [bo({ blocks, held: [pin] })]);
  expect(segments.map(({ left, width }) => [left, width])).toEqual([
    [50, 8],
    [90, 2],
  ]);
  expect(nails).toMatchObject([{ longterm: true }]);
  expect(nails[0]?.left).toBeCloseTo(55, 6);
});

test('objects stand in the order in which they are evicted, those without VRAM last', () => {
  const bos = [bo({ id: 1 }), bo({ id: 2, place: 'system' }), bo({ id: 3 }), bo({ id: 4, device: 1 })];
  expect(objectsOf(gpu, bos).map(({ id }) => id)).toEqual([3, 1, 2]);
});

test('a held page blocks an eviction, will block one, or lies in memory of somebody else', () => {
  expect(holdOf(bo({ fence: 'waiting' }), pin)).toBe('longterm');
  expect(holdOf(bo({}), pin)).toBe('restsLong');
  expect(holdOf(bo({ fence: 'waiting' }), { pin: true, longterm: false })).toBe('pin');
  expect(holdOf(bo({ evicting: true }), { pin: false, longterm: false })).toBe('get');
  expect(holdOf(bo({}), { pin: false, longterm: false })).toBe('rests');
  expect(holdOf(bo({ kind: 'kfd' }), pin)).toBe('aliased');
});

const row: SvmPageRow = {
  vpn: 5,
  name: 'buf+5',
  npages: 1,
  entry: 'present',
  writable: true,
  cpu: { pfn: 0x41f, place: 'coherent', device: 0 },
  gpus: [],
  aliased: false,
};

test('a GPU has the same entry, an old one, or none', () => {
  expect(cpuCell(row)).toEqual({ frame: '0x41f', tone: 'coherent', text: 'rw' });
  expect(gpuCell(row, { device: 0, pfn: 0x41f, write: false })).toMatchObject({
    tone: 'coherent',
    text: 'r',
  });
  expect(gpuCell(row, { device: 0, pfn: 0x20, write: true }).text).toBe('rw, out of date');
  expect(gpuCell(row, { device: 0, pfn: -1, write: false }).text).toBe('no entry');
  expect(cpuCell({ ...row, entry: 'migration' }).text).toBe('migration entry');
});

test('GPUs that follow each other are one piece; of more than two, those without an entry have no column', () => {
  expect([[], [1], [0, 1], [3, 0, 1, 2], [0, 2, 3, 4, 7]].map(gpuList)).toEqual([
    'none',
    'GPU 1',
    'GPU 0, GPU 1',
    'GPU 0 … 3',
    'GPU 0, GPU 2 … 4, GPU 7',
  ]);
  const gpus = (pfns: readonly number[]) => pfns.map((pfn, device) => ({ device, pfn, write: true }));
  const rowOf = (pfns: readonly number[]) => ({ ...row, gpus: gpus(pfns) });
  expect(gpuColumns([rowOf([-1, 0x10, -1]), rowOf([-1, -1, -1])])).toEqual({ shown: [1], empty: [0, 2] });
  expect(gpuColumns([rowOf([-1, -1])])).toEqual({ shown: [0, 1], empty: [] });
});

test('granularity 9 is 2 MiB', () => {
  expect(granularityText(9)).toBe('2 MiB');
});

test('each reason for which queues stand still has its sentence', () => {
  const process = {
    name: 'A',
    xnack: false,
    queues: 'stopped',
    evictedRanges: 0,
    restoreScheduled: false,
    evictedUserptrs: 0,
    restoreDue: false,
    counters: [],
  } as const;
  expect(stopReasons(process)).toEqual([]);
  const all = stopReasons({ ...process, evictedRanges: 2, evictedUserptrs: 1, restoreDue: true });
  expect(all.map((reason) => reason.split(':')[0])).toEqual([
    '2 ranges invalid',
    'user pointers invalidated 1 time',
    'evicted',
  ]);
});

test('a user pointer and an object say where their bytes are', () => {
  const states = [
    { invalid: 1, mapped: 4 },
    { invalid: 0, mapped: 4 },
    { invalid: 0, mapped: 0 },
  ].map(userptrState);
  expect(new Set(states).size).toBe(3);
  const places = [
    bo({}),
    bo({ place: 'tt' }),
    bo({ place: 'system' }),
    bo({ place: 'system', swapped: true }),
    bo({ place: 'system', seeking: true }),
  ].map(placeOf);
  expect(new Set(places).size).toBe(5);
});

test('of many objects: one by one those of which there is something to say, and runs of the others', () => {
  const many = Array.from({ length: 63 }, (_, i) => bo({ id: i + 1, ...(i === 40 ? { held: [pin] } : {}) }));
  const runs = objectRuns([...many, bo({ id: 64, kind: 'kfd' })]);
  expect(runs.map((run) => [run[0]?.id, run.length])).toEqual([
    [1, 1],
    [2, 39],
    [41, 1],
    [42, 22],
    [64, 1],
  ]);
  // a few are not worth a run, and those of two processes are two
  expect(objectRuns(many.slice(0, 4)).map((run) => run.length)).toEqual([1, 1, 1, 1]);
  const mixed = [...many.slice(0, 6), ...many.slice(6, 12).map((each) => ({ ...each, process: 'B' }))];
  expect(objectRuns(mixed).map((run) => run.length)).toEqual([1, 5, 6]);
});

test('ranges are found by a page of theirs, an address, their object, or a word', () => {
  const range = (process: string, first: string, startVpn: number, actual: string, object: number) => ({
    process,
    first,
    startVpn,
    npages: 16,
    preferred: 'undefined',
    prefetched: actual,
    actual,
    flags: ['GPU_RO'],
    work: '',
    bo: object,
  });
  const a = range('A', 'A part0+0', 0x100, 'GPU 0', 1);
  const b = range('A', 'A part0+16', 0x110, 'GPU 1', 2);
  const c = range('B', 'B part0+16', 0x110, 'system', 0);
  const names = (text: string): string[] => foundRanges([a, b, c], text).map(({ first }) => first);
  expect(names('')).toHaveLength(3);
  expect(names('part0+17')).toEqual(['A part0+16', 'B part0+16']);
  expect(names('A part0+31')).toEqual(['A part0+16']);
  expect(names('part0+32')).toEqual([]);
  expect(names('0x10f000')).toEqual(['A part0+0']);
  expect(names('#2')).toEqual(['A part0+16']);
  expect(names('gpu 0')).toEqual(['A part0+0']);
  expect(names('gpu_ro')).toHaveLength(3);
});

test('of many ranges: sums by place, and those first that differ from what they count as (§4.5, stickiness)', () => {
  const range = (process: string, actual: string, places: [string, number][], invalid = 0) => ({
    process,
    npages: 16,
    actual,
    places: places.map(([place, pages]) => ({ place, pages })),
    invalid,
    work: '',
  });
  const plain = range('A', 'GPU 0', [['GPU 0', 16]]);
  const sticky = range('A', 'GPU 0', [
    ['GPU 0', 12],
    ['system', 4],
  ]);
  const home = range('B', 'system', [['system', 16]]);
  const stale = range('B', 'system', [['system', 16]], 1);
  expect(rangeSums([plain, sticky, home])).toEqual([
    { process: 'A', actual: 'GPU 0', ranges: 2, pages: 32, elsewhere: 4 },
    { process: 'B', actual: 'system', ranges: 1, pages: 16, elsewhere: 0 },
  ]);
  expect(orderedRanges([plain, sticky, home, stale])).toEqual([sticky, stale, plain, home]);
});

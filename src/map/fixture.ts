// Moments drawn by hand, for tests of what is painted.

import type { FrameView, Moment, PteRow } from '../store/views.ts';

export const drawFrame = (pfn: number, more: Partial<FrameView> = {}): FrameView => ({
  pfn,
  residence: 'system',
  kind: 'anon',
  node: 0,
  zone: 'DMA32',
  device: -1,
  refcount: 1,
  mapcount: 1,
  pins: 0,
  longtermPinned: false,
  longtermPinnable: true,
  flags: [],
  locked: false,
  owner: '',
  ...more,
});

export const drawMoment = (more: Partial<Moment>): Moment => ({
  runId: 'run',
  position: 0,
  occurrence: 0,
  step: 0,
  inStep: true,
  caption: { id: 'caption', params: {} },
  why: { id: 'why', params: {} },
  stack: [],
  event: undefined,
  processes: [],
  devices: [],
  handles: [],
  frames: [],
  longtermPinnedPages: 0,
  moves: [],
  residence: [],
  residenceBefore: [],
  vmstat: {},
  ...more,
});

/** An entry, or entries that are alike. */
export const drawRow = (more: Partial<PteRow>): PteRow => ({
  vpn: 1000,
  index: 0,
  npages: 1,
  path: [0, 0, 0, 0],
  tables: [1, 2, 3],
  level: 'pte',
  entry: 'present',
  raw: '0x0',
  writable: true,
  dirty: true,
  young: true,
  special: false,
  pfn: -1,
  pfnStep: 0,
  value: undefined,
  mirrors: [],
  ...more,
});

/** A process with one area of them. */
export const drawRows = (rows: PteRow[], more: Partial<Moment> = {}): Moment =>
  drawMoment({
    processes: [
      {
        name: 'A',
        alive: true,
        areas: [{ name: 'buf', kind: 'anon-private', startVpn: 1000, npages: 100, vmas: [], rows }],
      },
    ],
    ...more,
  });

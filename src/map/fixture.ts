// Moments drawn by hand, for tests of what is painted.

import type { FrameView, Moment } from '../store/views.ts';

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
  moves: [],
  residence: [],
  residenceBefore: [],
  vmstat: {},
  ...more,
});

import { expect, test } from 'vitest';
import type { StepInfo } from '../store/views.ts';
import { drawMoment } from './fixture.ts';
import { layOutBanks } from './layout.ts';
import { busyBanks } from './rows.ts';

const VRAM_PAGES = 0x8000;
const nodeStart = (node: number): number => node * 0x1000000;
const vramOf = (device: number): number => (device + 1) * 0x10000;
const banksFor = (ndevices: number, nnodes = 1) => {
  const range = { zone: 'Device', node: 0, cma: false, reserved: '', npages: VRAM_PAGES } as const;
  return layOutBanks({
    preset: 'guest',
    title: 'drawn',
    cpus: 1,
    totalPages: VRAM_PAGES,
    distances: [10],
    links: [],
    ranges: [
      ...Array.from({ length: nnodes }, (_, node) => ({
        ...range,
        id: `ram ${node}`,
        kind: 'ram' as const,
        node,
        zone: 'Normal',
        device: -1,
        start: nodeStart(node),
      })),
      ...Array.from({ length: ndevices }, (_, device) => ({
        ...range,
        id: `vram ${device}`,
        kind: 'coherent' as const,
        device,
        start: vramOf(device),
      })),
    ],
  });
};
const stepsOf = (...steps: StepInfo['step'][]): StepInfo[] =>
  steps.map((step, index) => ({ index, step, begin: 0, end: 0, result: {}, failed: false, isBig: false }));
const onDevice = (device: number): StepInfo['step'] => ({
  op: 'svm_attr',
  proc: 'A',
  vma: `part${device}`,
  attrs: [{ type: 'PREFETCH_LOC', loc: device }],
});

test('the devices that a run is about are open, all through it', () => {
  const steps = stepsOf({ op: 'mmap' }, { op: 'migrate_to_dev', device: 0 }, onDevice(1));
  for (const step of [-1, 0, 2])
    expect([...busyBanks(banksFor(3), steps, drawMoment({ step }))]).toEqual([
      'node 0',
      'device 0',
      'device 1',
    ]);
});

test('what several tasks do at once names devices, too', () => {
  const steps = stepsOf({ op: 'concurrent', proc: 'A', steps: [2, 1, 0].map(onDevice) });
  const openAt = (devices: number) => [...busyBanks(banksFor(devices), steps, drawMoment({ step: 0 }))];
  expect(openAt(3)).toEqual(['node 0', 'device 1', 'device 2']);
});

test('of many devices the one is open that the step names, or the last one that a step named', () => {
  const steps = stepsOf({ op: 'mmap', proc: 'A', vma: 'x' }, ...[0, 1, 2, 3].map(onDevice), { op: 'exit' });
  const openAt = (step: number) => [...busyBanks(banksFor(4), steps, drawMoment({ step }))];
  expect(openAt(3)).toEqual(['node 0', 'device 2']);
  expect(openAt(5)).toEqual(['node 0', 'device 3']);
  expect(openAt(-1)).toEqual(['node 0']);
});

test('of many devices those are open from which pages of the step leave', () => {
  const steps = stepsOf(...[0, 1, 2, 3].map(onDevice), { op: 'gup', proc: 'A', vma: 'part1' });
  const moves = [{ src: vramOf(1) + 5, dst: 77, phase: 'copied' as const, because: '' }];
  expect([...busyBanks(banksFor(4), steps, drawMoment({ step: 4, moves }))]).toEqual(['node 0', 'device 1']);
});

test('a node is open while pages lie there or leave it, and the first one always', () => {
  const openWith = (more: Parameters<typeof drawMoment>[0]) => [
    ...busyBanks(
      banksFor(1, 4),
      stepsOf({ op: 'mbind', proc: 'A', vma: 'x' }),
      drawMoment({ step: 0, ...more }),
    ),
  ];
  const move = (src: number, dst: number) => ({ src, dst, phase: 'copied' as const, because: '' });
  expect(openWith({})).toEqual(['node 0']);
  expect(openWith({ moves: [move(5, nodeStart(1))] })).toEqual(['node 0', 'node 1']);
  expect(openWith({ moves: [move(nodeStart(3), nodeStart(1))] })).toEqual(['node 0', 'node 1', 'node 3']);
  const everywhere = [move(nodeStart(3), 5), move(nodeStart(2), 6), move(nodeStart(1), 7)];
  expect(openWith({ moves: everywhere })).toEqual(['node 0', 'node 2', 'node 3']);
});

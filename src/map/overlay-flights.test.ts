import { expect, test } from 'vitest';
import type { MachineInfo } from '../store/views.ts';
import { fitBank } from './camera.ts';
import type { Palette } from './color.ts';
import { drawFrame, drawMoment } from './fixture.ts';
import { layOutBanks } from './layout.ts';
import { linksToName, paintFlight } from './overlay-flights.ts';
import type { OverlayScene } from './overlay-place.ts';
import type { Pen } from './paint.ts';

const HOME = 0x100;
const VRAM = 0x900;
const range = { node: 0, cma: false, reserved: '' } as const;
const machine: MachineInfo = {
  preset: 'guest',
  title: 'drawn',
  cpus: 1,
  totalPages: 0x800,
  distances: [10],
  links: [{ from: 0, to: -1, link: 'pcie4x16' }],
  ranges: [
    { ...range, id: 'normal', zone: 'Normal', kind: 'ram', start: 0, npages: 0x400, device: -1 },
    { ...range, id: 'vram', zone: 'Device', kind: 'private', start: 0x800, npages: 0x400, device: 0 },
  ],
};
const CHAR_PX = 8;

/** What is written beside a bundle half way home. */
const writtenOf = (links: MachineInfo['links'], widthPx: number, count = 512): string[] => {
  const size = { width: widthPx, height: 400 };
  const written: string[] = [];
  const pen = new Proxy(
    {},
    {
      get: (_, name) => {
        if (name === 'measureText') return (text: string) => ({ width: text.length * CHAR_PX });
        if (name === 'fillText') return (text: string) => void written.push(text);
        return () => undefined;
      },
      set: () => true,
    },
  ) as Pen;
  const frames = [drawFrame(VRAM, { owner: 'buf+0' }), drawFrame(HOME, { owner: 'buf+0' })];
  const moment = drawMoment({ frames, moves: [] });
  const banks = layOutBanks(machine).map((bank) => ({
    bank,
    camera: fitBank(bank, size),
    size,
    leftPx: 0,
    topPx: 0,
    isLoupe: false,
  }));
  const scene: OverlayScene = {
    banks,
    countsOf: () => undefined,
    before: moment,
    after: moment,
    t: 0.5,
    selected: undefined,
    hovered: undefined,
    reducedMotion: false,
    copyingWord: 'copying',
    links,
    typeScale: 1,
  };
  const way = { src: VRAM, dst: HOME, owner: 'buf+0' };
  const [first, other, last = ''] = linksToName(scene, [way, { src: HOME, dst: HOME + 1, owner: '' }, way]);
  expect([first, other]).toEqual(['', 'over memory of the nodes']);
  paintFlight(pen, scene, way, 0.5, {} as Palette, count, last);
  // not the letter on the page itself
  return written.filter((text) => text.length > 3);
};

test('a bundle names the link that it goes over, where there is room for that', () => {
  expect(writtenOf(machine.links, 800)).toEqual(['512 pages over PCIe 4 x16']);
  expect(writtenOf(machine.links, 200)).toEqual(['512 pages']);
  expect(writtenOf([], 800)).toEqual(['512 pages by the CPU']);
  // of several pages, the last says it for all
  expect(writtenOf(machine.links, 800, 0)).toEqual(['over PCIe 4 x16']);
  expect(writtenOf(machine.links, 100, 0)).toEqual([]);
});

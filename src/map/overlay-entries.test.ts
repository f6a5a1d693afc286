import { expect, test } from 'vitest';
import type { FrameView, MoveView } from '../store/views.ts';
import { drawFrame, drawMoment } from './fixture.ts';
import { fitBank } from './camera.ts';
import type { Palette } from './color.ts';
import { bundlesOf } from './flights.ts';
import { layOutBanks } from './layout.ts';
import { entryAt, entryChanges, paintEntries } from './overlay-entries.ts';
import type { OverlayScene } from './overlay-place.ts';
import { paintStayed } from './overlay-stays.ts';
import type { Pen } from './paint.ts';

const SRC = 0x200;
const DST = 0x100;
const at = (phase: MoveView['phase'] | undefined) =>
  drawMoment({
    frames: [drawFrame(SRC, { owner: 'buf+1' })],
    moves: phase === undefined ? [] : [{ src: SRC, dst: DST, phase, because: '' }],
  });

test('an entry refers to the old page, to nothing that is present, then to the new page', () => {
  const phases = [undefined, 'unmapped', 'copied', 'mapped'] as const;
  const targets = phases.slice(1).map((phase, i) => entryChanges(at(phases[i]), at(phase))[0]);
  expect(targets.map((change) => [change?.from, change?.to])).toEqual([
    [
      { pfn: SRC, present: true },
      { pfn: SRC, present: false },
    ],
    [
      { pfn: SRC, present: false },
      { pfn: SRC, present: false },
    ],
    [
      { pfn: SRC, present: false },
      { pfn: DST, present: true },
    ],
  ]);
});

test('while the frame for its copy stands ready, the entry still refers to the page', () => {
  expect(entryChanges(at(undefined), at('awaited'))[0]?.to).toEqual({ pfn: SRC, present: true });
});

test('an entry turns to the new page where the move has ended when the picture gets there', () => {
  const home = drawMoment({ frames: [drawFrame(DST, { owner: 'buf+1' })], moves: [] });
  expect(entryChanges(at('copied'), home)[0]).toMatchObject({
    from: { pfn: SRC, present: false },
    to: { pfn: DST, present: true },
  });
});

test('in one transition the entry goes first, the bytes fly, and the new entry comes last', () => {
  const src = { pfn: SRC, present: true };
  const dst = { pfn: DST, present: true };
  const unmaps = { from: src, to: { pfn: SRC, present: false } };
  expect(entryAt(unmaps, 0.2, true).target.present).toBe(false);
  expect(entryAt(unmaps, 0.2, false).target.present).toBe(true);
  const moves = { from: src, to: dst };
  expect(entryAt(moves, 0, true)).toEqual({ target: src, reach: 1 });
  expect(entryAt(moves, 0.5, true).reach).toBe(0);
  expect(entryAt(moves, 1, true)).toEqual({ target: dst, reach: 1 });
});

test('the entry of a page that stays refers to it again', () => {
  expect(entryChanges(at('allocated'), at('failed'))[0]?.to).toEqual({ pfn: SRC, present: true });
});

test('when a move has ended the entry is an ordinary one, to where the page lies now', () => {
  const home = drawMoment({ frames: [drawFrame(DST, { owner: 'buf+1' })] });
  expect(entryChanges(at('copied'), home)[0]).toMatchObject({
    to: { pfn: DST, present: true },
    lasts: false,
  });
  expect(entryChanges(at('unmapped'), at(undefined))[0]).toMatchObject({
    to: { pfn: SRC, present: true },
    lasts: false,
  });
});

test('flights of the same way become one, with their number', () => {
  const flights = Array.from({ length: 20 }, (_, i) => ({
    src: 1000 + i,
    dst: i < 15 ? i : 5000,
    owner: '',
  }));
  const bundles = bundlesOf(flights, (pfn) => (pfn < 1000 ? 'node 0' : pfn < 5000 ? 'device 0' : 'node 1'));
  expect(bundles.map(({ count }) => count)).toEqual([15, 5]);
  expect(bundles[0]).toMatchObject({ src: 1007, dst: 7 });
});

const range = { kind: 'ram', node: 0, cma: false, reserved: '', device: -1 } as const;
const [bank] = layOutBanks({
  preset: 'guest',
  title: 'drawn',
  cpus: 1,
  totalPages: 0x400,
  distances: [10],
  links: [],
  ranges: [{ ...range, id: 'normal', zone: 'Normal', start: 0, npages: 0x400 }],
});
if (bank === undefined) throw new Error('no bank');
const size = { width: 800, height: 800 };

/** What is written and how many outlines with a cross are drawn, where cells are large enough. */
const paintedOn = (
  paint: (pen: Pen, scene: OverlayScene, palette: Palette) => void,
  moves: readonly MoveView[],
  frames: readonly FrameView[] = [drawFrame(SRC, { owner: 'buf+1' })],
) => {
  const written: string[] = [];
  let crosses = 0;
  const pen = new Proxy(
    {},
    {
      get: (_, name) => {
        if (name === 'measureText') return () => ({ width: 100 });
        if (name === 'fillText') return (text: string) => void written.push(text);
        if (name === 'arc') return () => void crosses++;
        return () => undefined;
      },
      set: () => true,
    },
  ) as Pen;
  const moment = drawMoment({ frames: [...frames], moves: [...moves] });
  const placed = {
    bank,
    camera: { ...fitBank(bank, size), k: 30 },
    size,
    leftPx: 0,
    topPx: 0,
    isLoupe: false,
  };
  paint(
    pen,
    {
      banks: [placed],
      countsOf: () => undefined,
      before: moment,
      after: moment,
      t: 1,
      selected: undefined,
      hovered: undefined,
      reducedMotion: false,
      copyingWord: '',
      links: [],
      typeScale: 1,
    },
    {} as Palette,
  );
  return { written, crosses };
};
const stayedOn = (moves: readonly MoveView[]) =>
  paintedOn((pen, scene, palette) => paintStayed(pen, scene, palette, []), moves);
const failed = (src: number, because: string): MoveView => ({ src, dst: -1, phase: 'failed', because });

test('a page that stays is crossed, and the first of those in sight says why', () => {
  expect(stayedOn([failed(1, 'migrate.maybe-pinned'), failed(2, 'migrate.trylock-failed')])).toEqual({
    written: ['stays: it is probably pinned'],
    crosses: 2,
  });
  // 0x3ff is far below the window; who is in sight tells
  expect(
    stayedOn([failed(0x3ff, 'migrate.maybe-pinned'), failed(1, 'migrate.trylock-failed')]).written,
  ).toEqual(['stays: somebody else holds its lock']);
  expect(stayedOn([{ ...failed(1, ''), phase: 'copied' }])).toEqual({ written: [], crosses: 0 });
});

test('of many entries three have a tag, and one of those says how many more there are', () => {
  const pages = Array.from({ length: 20 }, (_, i) => 160 + i);
  const tagsOf = (count: number): string[] =>
    paintedOn(
      (pen, scene, palette) => void paintEntries(pen, scene, [], palette),
      pages.slice(0, count).map((src) => ({ src, dst: -1, phase: 'unmapped', because: '' })),
      pages.map((pfn, i) => drawFrame(pfn, { owner: `buf+${i}` })),
    ).written.toSorted();
  expect(tagsOf(2)).toEqual(['migration entry buf+0', 'migration entry buf+1']);
  const many = tagsOf(20);
  expect(many).toHaveLength(3);
  expect(many.filter((text) => text.endsWith(', 17 more'))).toHaveLength(1);
});

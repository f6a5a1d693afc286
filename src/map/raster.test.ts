import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../core/index.ts';
import { machinePreset } from '../core/uapi/presets.ts';
import { PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION } from '../core/uapi/units.ts';
import {
  MAP_STATES,
  type MapPicture,
  PAGE_LONGTERM,
  PAGE_MAPPED,
  PAGE_MIGRATING,
  PAGE_PINNED,
} from '../store/views.ts';
import { MapFeed } from '../worker/map-feed.ts';
import { Run } from '../worker/run.ts';
import { machineInfo } from '../worker/run-info.ts';
import { tileOf } from '../worker/views/tiles.ts';
import { fitBank, fitRect, paintedLevel } from './camera.ts';
import { PALETTE_KEYS, type Palette } from './color.ts';
import { countsIn } from './tiles.ts';
import { layOutBanks, layOutWhole, placeOf } from './layout.ts';
import { type Pixels, rasterAll, rasterSections } from './raster.ts';
import { colorsOf, mix, pixelOf } from './raster-colors.ts';
import { STATE_COLORING } from './coloring.ts';
import { skinOf } from './skin.ts';
import { SectionStore } from './sections.ts';

/** Every colour another one. */
const palette = Object.fromEntries(
  PALETTE_KEYS.map((key, i) => [key, `#${(0x101010 * (i + 1)).toString(16).padStart(6, '0').slice(-6)}`]),
) as Palette;
const machine = machineInfo(machinePreset('lab-node'), new Set([0, 1, 2, 3]));
const skin = skinOf(palette, STATE_COLORING, machine);
const whole = layOutWhole(machine);
const size = { width: 350, height: 480 };

const pixelsOf = (): Pixels => ({ data: new Uint32Array(size.width * size.height), ...size });

/** A picture of one section with a state for some of its pages. */
const pictureOf = (
  section: number,
  bytes: Readonly<Record<number, number>>,
  withPages = true,
): MapPicture => {
  const pages = new Uint8Array(PAGES_PER_SECTION);
  const counts = new Uint16Array((PAGES_PER_SECTION / PAGEBLOCK_NR_PAGES) * MAP_STATES.length);
  for (const [at, byte] of Object.entries(bytes)) {
    pages[Number(at)] = byte;
    const row = Math.floor(Number(at) / PAGEBLOCK_NR_PAGES) * MAP_STATES.length;
    const add = (state: (typeof MAP_STATES)[number]): void => {
      const place = row + MAP_STATES.indexOf(state);
      counts[place] = (counts[place] ?? 0) + 1;
    };
    add('mapped');
    if ((byte & PAGE_PINNED) !== 0) add('pinned');
    if ((byte & PAGE_LONGTERM) !== 0) add('longterm');
    if ((byte & PAGE_MIGRATING) !== 0) add('migrating');
  }
  const nothing = { shadeCounts: undefined, shades: undefined, freeBlocks: undefined };
  const update = { section, counts, pages: withPages ? pages : undefined, ...nothing };
  const of = { number: 1, runId: 'run', place: 'live', mode: 'state' } as const;
  return { kind: 'picture', ...of, fresh: false, sections: [update] };
};

const frame = machine.ranges.find(({ kind }) => kind === 'coherent')?.start ?? 0;
const section = Math.floor(frame / PAGES_PER_SECTION);

const difference = (a: Uint32Array, b: Uint32Array): number =>
  a.reduce((sum, pixel, i) => sum + (pixel === b[i] ? 0 : 1), 0);

describe('pixels', () => {
  test('colours lie in memory as ImageData has them: red, green, blue, opaque', () => {
    const bytes = new Uint8Array(new Uint32Array([pixelOf('#123456')]).buffer);
    expect([...bytes]).toEqual([0x12, 0x34, 0x56, 0xff]);
    expect(mix(pixelOf('#000000'), pixelOf('#204060'), 0.5)).toBe(pixelOf('#102030'));
  });

  test('one page in use shows in a picture of 768 GiB', () => {
    const store = new SectionStore(machine.ranges);
    const before = pixelsOf();
    rasterAll(before, whole, fitBank(whole, size), 1, store, skin);
    store.apply(pictureOf(section, { 7: PAGE_MAPPED }, false));
    const after = pixelsOf();
    rasterAll(after, whole, fitBank(whole, size), 1, store, skin);
    expect(difference(before.data, after.data)).toBeGreaterThan(3);
    const colors = colorsOf(skin);
    expect(
      after.data.some((pixel) => pixel === mix(pixelOf(palette.absent), pixelOf(palette['cell-line']), 0.3)),
    ).toBe(true);
    expect(colors.fill).toContain(pixelOf(palette.coherent));
  });

  test('the last page of a section shows at every zoom, from all memory down to itself', {
    timeout: 30_000,
  }, () => {
    const last = PAGES_PER_SECTION - 1;
    const place = placeOf(whole, section * PAGES_PER_SECTION + last) ?? { x: 0, y: 0 };
    for (let k = fitBank(whole, size).k; k < 8; k *= 1.7) {
      const store = new SectionStore(machine.ranges);
      const camera = { k, x: 100 - place.x * k, y: 120 - place.y * k };
      store.apply(pictureOf(section, {}));
      const before = pixelsOf();
      rasterAll(before, whole, camera, 1, store, skin);
      store.apply(pictureOf(section, { [last]: PAGE_MAPPED }));
      const after = pixelsOf();
      rasterAll(after, whole, camera, 1, store, skin);
      expect(difference(before.data, after.data), `at ${k} pixels a page`).toBeGreaterThan(0);
    }
  });

  test('a page has the colour of where it lives, and another one while it moves or is pinned', () => {
    const store = new SectionStore(machine.ranges);
    const states = [PAGE_MAPPED, PAGE_MAPPED | PAGE_MIGRATING, PAGE_MAPPED | PAGE_PINNED | PAGE_LONGTERM, 0];
    store.apply(pictureOf(section, Object.fromEntries(states.map((byte, at) => [at, byte]))));
    const place = placeOf(whole, frame) ?? { x: 0, y: 0 };
    const camera = fitRect(whole, { ...place, width: 4, height: 1 }, size, 3);
    const pixels = pixelsOf();
    rasterAll(pixels, whole, camera, 1, store, skin);
    const colors = states.map((_, at) => {
      const x = Math.round((place.x + at) * camera.k + camera.x);
      const y = Math.round(place.y * camera.k + camera.y);
      return pixels.data[y * size.width + x];
    });
    expect(colors[0]).toBe(pixelOf(palette.coherent));
    expect(new Set(colors).size).toBe(4);
  });

  const update = fc.record({
    offset: fc.integer({ min: 0, max: 2 }),
    at: fc.array(fc.integer({ min: 0, max: PAGES_PER_SECTION - 1 }), { minLength: 1, maxLength: 400 }),
    byte: fc.constantFrom(
      PAGE_MAPPED,
      PAGE_MAPPED | PAGE_MIGRATING,
      PAGE_MAPPED | PAGE_PINNED | PAGE_LONGTERM,
    ),
  });

  test.each([0.006, 0.03, 0.07, 0.3, 0.95, 2.2, 5])(
    'at %d pixels a page, painting what is different gives the same as painting all',
    (k) => {
      const place = placeOf(whole, frame) ?? { x: 0, y: 0 };
      const camera = { k, x: 100 - place.x * k, y: 120 - place.y * k };
      fc.assert(
        fc.property(fc.array(update, { minLength: 1, maxLength: 4 }), (updates) => {
          const store = new SectionStore(machine.ranges);
          const kept = pixelsOf();
          rasterAll(kept, whole, camera, 1, store, skin);
          for (const { offset, at, byte } of updates) {
            const bytes = Object.fromEntries(at.map((page) => [page, byte]));
            const changed = store.apply(pictureOf(section + offset, bytes, paintedLevel(camera) === 'page'));
            rasterSections(kept, whole, camera, 1, store, skin, changed ?? []);
          }
          const anew = pixelsOf();
          rasterAll(anew, whole, camera, 1, store, skin);
          expect(difference(kept.data, anew.data)).toBe(0);
        }),
        { numRuns: 5 },
      );
    },
  );
});

test('what the painter knows of a run is what the worker answers to questions', () => {
  const steps = [
    { step: { op: 'mmap', proc: 'A', vma: 'buf', pages: 40, prot: 'rw', kind: 'anon-private' } },
    { step: { op: 'write', proc: 'A', vma: 'buf', value: 1 } },
    { step: { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 } },
  ];
  const devices = [{ id: 0, kind: 'coherent' }];
  const run = new Run('run', createSimulation(parseScenario({ steps, devices })));
  run.sim.runAll();
  const { config } = run.sim.machine;
  const store = new SectionStore(machineInfo(config, new Set([0])).ranges);
  const feed = new MapFeed(() => run);
  feed.connect((picture) => void store.apply(picture));
  const last = Math.max(...config.ranges.map(({ end }) => end));
  const all = Array.from({ length: Math.ceil(last / PAGES_PER_SECTION) }, (_, no) => no);
  feed.receive({
    kind: 'show',
    number: 1,
    runId: 'run',
    place: run.sim.length,
    pageSections: all,
    mode: 'state',
  });
  let inUse = 0;
  for (const bank of layOutBanks(machineInfo(config, new Set([0])))) {
    for (const range of bank.ranges) {
      for (const npages of [1, PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION]) {
        const start = Math.ceil(range.start / npages) * npages;
        const cells = Math.min(2048, Math.floor((range.start + range.npages - start) / npages));
        if (cells < 1) continue;
        const answer = countsIn([
          tileOf(run.pyramid, run.sim.machine, { start, cells, pagesPerCell: npages }, undefined),
        ]);
        for (let cell = 0; cell < cells; cell++) {
          const pfn = start + cell * npages;
          const ours = store.countsOf(pfn, npages);
          if (JSON.stringify(ours) !== JSON.stringify(answer(pfn, npages)))
            expect({ pfn, npages, ours }).toEqual({ pfn, npages, ours: answer(pfn, npages) });
          inUse += ours?.mapped ?? 0;
        }
      }
    }
  }
  expect(inUse).toBeGreaterThan(0);
});

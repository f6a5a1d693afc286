// Cells too small for forms and letters, as pixels: the cost follows the size of the window, not the number of cells.

import { PAGEBLOCK_NR_PAGES, PAGES_PER_SECTION } from '../core/uapi/units.ts';
import type { Camera } from '../store/viewport.ts';
import { PAGE_MIGRATING, SHADES, stateIndex } from '../store/views.ts';
import { hasPageLines, paintedLevel, type SizePx, visibleRect } from './camera.ts';
import { residenceOf } from './cells.ts';
import { COUNTS_A_CELL } from './counts.ts';
import {
  type Bank,
  BLOCK_COLS,
  BLOCK_GAP,
  BLOCK_PITCH_X,
  BLOCK_PITCH_Y,
  BLOCK_ROWS,
  hasMemory,
  LEVELS,
  type Level,
  placeOf,
  rangeOf,
  SECTION_BLOCK_COLS,
  SECTION_BLOCKS,
  SECTION_GAP,
  unitSize,
  unitsWithin,
  type WorldPoint,
} from './layout.ts';
import { type Colors, colorsOf, mix, RESIDENCES } from './raster-colors.ts';
import type { SectionStore, StoredSection } from './sections.ts';
import { DIMMED, type Skin } from './skin.ts';
import { isOnTexture } from './textures.ts';

/** The pixels of a window, one number each. */
export interface Pixels {
  readonly data: Uint32Array;
  readonly width: number;
  readonly height: number;
}

/** A part of the pixels, `[left, right) x [top, bottom)`. */
export interface PixelBox {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

// --- where cells lie on the pixels --------------------------------------------------------------------------------

const fillBox = ({ data, width }: Pixels, { left, top, right, bottom }: PixelBox, color: number): void => {
  for (let row = top; row < bottom; row++) data.fill(color, row * width + left, row * width + right);
};

/** Cells smaller than this lie side by side without a gap. */
const GAP_FROM_PX = 3;
/** From here on a group is told in layers, and framed. */
const LAYERS_FROM_PX = 5;
const FRAME_FROM_PX = 8;
/** From here on a page shows the texture of its class. */
const TEXTURE_FROM_PX = 5;

/** A gap in pixels: at least one, so that it is there everywhere. */
const gapOf = (worldGap: number, scale: number): number => Math.max(1, Math.round(worldGap * scale));

class Raster {
  private readonly pixels: Pixels;
  private readonly bank: Bank;
  private readonly store: SectionStore;
  private readonly colors: Colors;
  private readonly level: Level;
  private readonly scale: number;
  private readonly left: number;
  private readonly top: number;
  private readonly hasBlockGaps: boolean;
  private readonly hasUnitGaps: boolean;
  private readonly hasLayers: boolean;
  private readonly hasFrames: boolean;
  /** Pixels of a pixel of CSS. */
  private readonly grain: number;
  /** Pixels between pages: none where they are smaller than four. */
  private readonly gap: number;
  /** Where the columns and rows of a pageblock begin. */
  private readonly columns = new Int32Array(BLOCK_COLS + 1);
  private readonly rows = new Int32Array(BLOCK_ROWS + 1);

  constructor(pixels: Pixels, bank: Bank, camera: Camera, ratio: number, store: SectionStore, skin: Skin) {
    this.pixels = pixels;
    this.bank = bank;
    this.store = store;
    this.colors = colorsOf(skin);
    this.level = paintedLevel(camera);
    this.scale = camera.k * ratio;
    this.left = camera.x * ratio;
    this.top = camera.y * ratio;
    this.gap = hasPageLines(this.scale) ? 1 : 0;
    this.grain = Math.max(1, Math.round(ratio));
    const group = this.level === 'section' ? LEVELS.section.height : BLOCK_ROWS;
    // by the size that cells have by themselves: what rounding makes of it differs from cell to cell
    this.hasBlockGaps = BLOCK_ROWS * this.scale >= GAP_FROM_PX;
    this.hasUnitGaps = group * this.scale >= GAP_FROM_PX;
    this.hasLayers = group * this.scale >= LAYERS_FROM_PX;
    this.hasFrames = group * this.scale >= FRAME_FROM_PX;
  }

  /** A part of the world on the pixels, cut to the window; undefined if it lies outside. */
  private boxOf(x: number, y: number, width: number, height: number): PixelBox | undefined {
    const { scale, pixels } = this;
    const left = Math.round(x * scale + this.left);
    const top = Math.round(y * scale + this.top);
    const right = Math.round((x + width) * scale + this.left);
    const bottom = Math.round((y + height) * scale + this.top);
    if (right <= 0 || bottom <= 0 || left >= pixels.width || top >= pixels.height) return undefined;
    return { left, top, right: Math.max(right, left + 1), bottom: Math.max(bottom, top + 1) };
  }

  private fill(box: PixelBox, color: number): void {
    const { width, height } = this.pixels;
    const left = Math.max(0, box.left);
    const top = Math.max(0, box.top);
    const right = Math.min(width, box.right);
    const bottom = Math.min(height, box.bottom);
    if (left < right && top < bottom) fillBox(this.pixels, { left, top, right, bottom }, color);
  }

  /** A unit of the bank: a section, or a pageblock of a small bank. @returns the pixels that it lies on */
  unit(start: number): PixelBox | undefined {
    const place = placeOf(this.bank, start);
    if (place === undefined) return undefined;
    const { width, height } = unitSize(this.bank.unitPages);
    const box = this.boxOf(place.x, place.y, width, height);
    if (box === undefined) return undefined;
    const section = this.store.section(Math.floor(start / PAGES_PER_SECTION));
    if (this.bank.unitPages !== PAGES_PER_SECTION) this.block(section, start, place.x, place.y, 0, 0);
    else if (this.level === 'section') {
      const gap = this.hasUnitGaps ? gapOf(SECTION_GAP + BLOCK_GAP, this.scale) : 0;
      const inner = { ...box, right: box.right - gap, bottom: box.bottom - gap };
      if (this.colors.shades === undefined) this.group(section.sums, 0, PAGES_PER_SECTION, start, inner);
      else this.shadedGroup(this.sumShades(start), 0, PAGES_PER_SECTION, inner, this.colors.shades);
    } else this.blocks(section, start, place);
    return box;
  }

  private blocks(section: StoredSection, start: number, place: WorldPoint): void {
    for (let block = 0; block < SECTION_BLOCKS; block++) {
      const col = block % SECTION_BLOCK_COLS;
      const row = Math.floor(block / SECTION_BLOCK_COLS);
      const x = place.x + col * BLOCK_PITCH_X;
      const y = place.y + row * BLOCK_PITCH_Y;
      const moreX = col === SECTION_BLOCK_COLS - 1 ? SECTION_GAP : 0;
      const moreY = row === SECTION_BLOCKS / SECTION_BLOCK_COLS - 1 ? SECTION_GAP : 0;
      this.block(section, start + block * PAGEBLOCK_NR_PAGES, x, y, moreX, moreY);
    }
  }

  /** @param moreX - width of the gap behind the last block of a section */
  private block(
    section: StoredSection,
    start: number,
    x: number,
    y: number,
    moreX: number,
    moreY: number,
  ): void {
    const outer = this.boxOf(x, y, BLOCK_PITCH_X + moreX, BLOCK_PITCH_Y + moreY);
    if (outer === undefined || !hasMemory(this.bank, start, PAGEBLOCK_NR_PAGES)) return;
    const { scale, hasBlockGaps } = this;
    const gap = (more: number): number =>
      more > 0 ? gapOf(more + BLOCK_GAP, scale) : hasBlockGaps ? gapOf(BLOCK_GAP, scale) : 0;
    // a block at the edge of a section keeps a pixel: what is in it has to show
    const right = Math.max(outer.left + 1, outer.right - gap(moreX));
    const bottom = Math.max(outer.top + 1, outer.bottom - gap(moreY));
    const box = { ...outer, right, bottom };
    const row = Math.floor((start % PAGES_PER_SECTION) / PAGEBLOCK_NR_PAGES) * COUNTS_A_CELL;
    const { shades } = this.colors;
    if (shades !== undefined) {
      this.shadedBlock(start, x, y, box, shades);
      return;
    }
    const showsPages = this.level === 'page' && (section.pages !== undefined || !section.touched);
    if (showsPages) this.pages(section, start, x, y, box);
    else this.group(section.counts, row, PAGEBLOCK_NR_PAGES, start, box);
  }

  private pages({ pages }: StoredSection, start: number, x: number, y: number, box: PixelBox): void {
    const { bank, colors, store, scale } = this;
    const range = rangeOf(bank, start);
    const isWhole = range !== undefined && start + PAGEBLOCK_NR_PAGES <= range.start + range.npages;
    this.place(x, y, box);
    let residence = this.residence(start);
    let untouched = store.untouchedByte(start);
    for (let page = 0; page < PAGEBLOCK_NR_PAGES; page++) {
      const pfn = start + page;
      if (!isWhole) {
        if (rangeOf(bank, pfn) === undefined) continue;
        residence = this.residence(pfn);
        untouched = store.untouchedByte(pfn);
      }
      const byte = pages === undefined ? untouched : (pages[pfn % PAGES_PER_SECTION] ?? 0);
      this.page(page, colors.pages[residence * 256 + byte] ?? 0);
      if (scale >= 5 && (byte & PAGE_MIGRATING) !== 0)
        this.hatch(this.pageBox(page), colors.fill[residence] ?? 0);
    }
  }

  /** Where the pages of a block begin. */
  private place(x: number, y: number, box: PixelBox): void {
    const { scale, columns, rows } = this;
    for (let col = 0; col <= BLOCK_COLS; col++) columns[col] = Math.round((x + col) * scale + this.left);
    for (let row = 0; row <= BLOCK_ROWS; row++) rows[row] = Math.round((y + row) * scale + this.top);
    columns[BLOCK_COLS] = box.right + this.gap;
    rows[BLOCK_ROWS] = box.bottom + this.gap;
  }

  // --- modes that have shades ---------------------------------------------------------------------------------

  private shadedBlock(start: number, x: number, y: number, box: PixelBox, colors: Uint32Array): void {
    const { store, bank } = this;
    const section = store.section(Math.floor(start / PAGES_PER_SECTION));
    if (this.level !== 'page' || (section.shadeCounts !== undefined && section.shades === undefined)) {
      const row = Math.floor((start % PAGES_PER_SECTION) / PAGEBLOCK_NR_PAGES) * SHADES;
      this.shadedGroup(
        store.shadeCountsOf(Math.floor(start / PAGES_PER_SECTION)),
        row,
        PAGEBLOCK_NR_PAGES,
        box,
        colors,
      );
      return;
    }
    this.place(x, y, box);
    const range = rangeOf(bank, start);
    const isWhole = range !== undefined && start + PAGEBLOCK_NR_PAGES <= range.start + range.npages;
    const same = section.shades === undefined && isWhole ? store.shadeOf(start) : undefined;
    for (let page = 0; page < PAGEBLOCK_NR_PAGES; page++) {
      const pfn = start + page;
      if (!isWhole && rangeOf(bank, pfn) === undefined) continue;
      const shade = same ?? section.shades?.[pfn % PAGES_PER_SECTION] ?? store.shadeOf(pfn) ?? 0;
      this.page(page, colors[shade] ?? 0);
      if (this.scale >= TEXTURE_FROM_PX) this.texture(this.pageBox(page), shade);
    }
  }

  private sumShades(start: number): Uint32Array {
    const sums = new Uint32Array(SHADES);
    const counts = this.store.shadeCountsOf(Math.floor(start / PAGES_PER_SECTION));
    for (let at = 0; at < counts.length; at++) {
      const shade = at % SHADES;
      sums[shade] = (sums[shade] ?? 0) + (counts[at] ?? 0);
    }
    return sums;
  }

  /** Many pages: their shades as layers from the bottom up; where there is no room, the one that most have. */
  private shadedGroup(
    counts: Uint16Array | Uint32Array,
    row: number,
    npages: number,
    box: PixelBox,
    colors: Uint32Array,
  ): void {
    const { absent, line } = this.colors;
    const free = mix(absent, line, 0.3);
    const has = (shade: number): boolean => colors[shade] !== colors[0] && (counts[row + shade] ?? 0) > 0;
    if (!this.hasLayers) {
      let most = 0;
      for (let shade = 1; shade < SHADES; shade++)
        if (has(shade) && (most === 0 || (counts[row + shade] ?? 0) > (counts[row + most] ?? 0)))
          most = shade;
      const part = Math.min(1, (counts[row + most] ?? 0) / npages);
      // few pages that something can be said of show all the same
      this.fill(box, most === 0 ? free : mix(free, colors[most] ?? 0, Math.max(0.5, part)));
      return;
    }
    this.fill(box, absent);
    const height = box.bottom - box.top;
    let { bottom } = box;
    for (let shade = 1; shade < SHADES; shade++) {
      if (!has(shade)) continue;
      const share = (counts[row + shade] ?? 0) / npages;
      const rows = Math.min(bottom - box.top, Math.max(3, Math.round(share * height)));
      const layer = { ...box, top: bottom - rows, bottom };
      this.fill(layer, colors[shade] ?? 0);
      this.texture(layer, shade);
      bottom -= rows;
    }
    this.border(box);
  }

  /** One page of a block; the cost of a map lies here, so it makes no objects. */
  private page(page: number, color: number): void {
    const { pixels, columns, rows, gap } = this;
    const { data, width, height } = pixels;
    const col = page % BLOCK_COLS;
    const row = Math.floor(page / BLOCK_COLS);
    const left = Math.max(0, columns[col] ?? 0);
    const right = Math.min(width, (columns[col + 1] ?? 0) - gap);
    const bottom = Math.min(height, (rows[row + 1] ?? 0) - gap);
    for (let at = Math.max(0, rows[row] ?? 0); at < bottom; at++)
      for (let pixel = at * width + left; pixel < at * width + right; pixel++) data[pixel] = color;
  }

  private pageBox(page: number): PixelBox {
    const { columns, rows, gap } = this;
    const col = page % BLOCK_COLS;
    const row = Math.floor(page / BLOCK_COLS);
    const right = (columns[col + 1] ?? 0) - gap;
    const bottom = (rows[row + 1] ?? 0) - gap;
    return { left: columns[col] ?? 0, top: rows[row] ?? 0, right, bottom };
  }

  /** Over a shade's colour the texture of its hue. */
  private texture(box: PixelBox, shade: number): void {
    const { colors, grain, pixels } = this;
    const texture = colors.textures[shade] ?? 'plain';
    if (texture === 'plain') return;
    const { data, width, height } = pixels;
    const color = colors.grains[shade] ?? 0;
    for (let y = Math.max(0, box.top); y < Math.min(height, box.bottom); y++)
      for (let x = Math.max(0, box.left); x < Math.min(width, box.right); x++)
        if (isOnTexture(texture, Math.floor((x - box.left) / grain), Math.floor((y - box.top) / grain)))
          data[y * width + x] = color;
  }

  private residence(pfn: number): number {
    const found = residenceOf(this.bank, pfn);
    return Math.max(
      0,
      RESIDENCES.findIndex((residence) => residence === found),
    );
  }

  /** Many pages: their uses as layers from the bottom up; as one colour where there is no room for layers. */
  private group(
    counts: Uint16Array | Uint32Array,
    row: number,
    npages: number,
    start: number,
    box: PixelBox,
  ): void {
    const { colors } = this;

    const part = (state: number): number => Math.min(1, (counts[row + state] ?? 0) / npages);
    const residence = this.residence(start);
    const dim = (vivid: boolean, color: number): number => (vivid ? color : mix(colors.paper, color, DIMMED));
    const { only } = colors;
    const has = (id: string): boolean => only === undefined || only.has(id);
    const isVivid = has(RESIDENCES[residence] ?? '');
    const fill = dim(isVivid, colors.fill[residence] ?? 0);
    const wash = dim(isVivid, colors.wash[residence] ?? 0);
    const height = box.bottom - box.top;
    const kernel = part(RESERVED) + part(KERNEL);
    const mapped = part(MAPPED);
    if (!this.hasLayers) {
      this.fill(
        box,
        this.blend([kernel, part(OTHER), mapped, part(MIGRATING), part(LONGTERM), part(PINNED)], residence),
      );
      return;
    }
    this.fill(box, colors.absent);
    let bottom = box.bottom;
    const layer = (share: number, color: number, least = 1): PixelBox => {
      const rows = share <= 0 ? 0 : Math.min(bottom - box.top, Math.max(least, Math.round(share * height)));
      const layerBox = { ...box, top: bottom - rows, bottom };
      this.fill(layerBox, color);
      bottom -= rows;
      return layerBox;
    };
    layer(kernel, dim(has('kernel'), colors.kernel));
    layer(part(OTHER), wash);
    const migrating = Math.min(mapped, part(MIGRATING));
    const movingFill = has('moving') ? (colors.fill[residence] ?? 0) : fill;
    const moving = layer(migrating, mix(movingFill, colors.paper, 0.55), 3);
    this.hatch(moving, movingFill);
    layer(mapped - migrating, fill, 3);
    this.edge(box, has('pin') ? part(PINNED) : 0, has('longterm') || has('pin') ? part(LONGTERM) : 0);
    this.border(box);
  }

  /** Pins: a bar on the left, as high as the part that is pinned; solid for long-term pins. */
  private edge(box: PixelBox, pinned: number, longterm: number): void {
    const height = box.bottom - box.top;
    const right = box.left + Math.max(2, Math.round((box.right - box.left) * 0.09));
    const rows = (share: number): number =>
      share <= 0 ? 0 : Math.min(height, Math.max(3, Math.round(share * height)));
    const { ink, paper } = this.colors;
    this.fill({ ...box, top: box.bottom - rows(pinned), right }, mix(ink, paper, 0.5));
    this.fill({ ...box, top: box.bottom - rows(longterm), right }, ink);
  }

  private border(box: PixelBox): void {
    if (!this.hasFrames) return;
    const { line } = this.colors;
    this.fill({ ...box, bottom: box.top + 1 }, line);
    this.fill({ ...box, top: box.bottom - 1 }, line);
    this.fill({ ...box, right: box.left + 1 }, line);
    this.fill({ ...box, left: box.right - 1 }, line);
  }

  private hatch(box: PixelBox, color: number): void {
    const { data, width, height } = this.pixels;
    for (let y = Math.max(0, box.top); y < Math.min(height, box.bottom); y++) {
      for (let x = Math.max(0, box.left); x < Math.min(width, box.right); x++)
        if ((x + y) % 4 < 2) data[y * width + x] = color;
    }
  }

  /** One colour for a mixture; few pages that are mapped show all the same. */
  private blend(
    [kernel = 0, other = 0, mapped = 0, migrating = 0, longterm = 0, pinned = 0]: readonly number[],
    residence: number,
  ): number {
    const { colors } = this;
    const { only } = colors;
    const has = (id: string): boolean => only === undefined || only.has(id);
    const isVivid = has(RESIDENCES[residence] ?? '');
    const fill = colors.fill[residence] ?? 0;
    let color = mix(colors.absent, colors.line, 0.3);
    if (has('kernel')) color = mix(color, colors.kernel, kernel);
    if (isVivid) color = mix(color, colors.wash[residence] ?? 0, other);
    if (mapped > 0 && isVivid) color = mix(color, fill, Math.max(0.5, mapped));
    if (migrating > 0 && (isVivid || has('moving')))
      color = mix(color, colors.paper, 0.5 * Math.max(0.3, migrating));
    if (longterm > 0 && (isVivid || has('longterm')))
      return mix(color, colors.ink, 0.45 * Math.max(0.5, longterm));
    return pinned > 0 && (isVivid || has('pin'))
      ? mix(color, colors.ink, 0.25 * Math.max(0.5, pinned))
      : color;
  }
}

const RESERVED = stateIndex('reserved');
const KERNEL = stateIndex('kernel');
const OTHER = stateIndex('other');
const MAPPED = stateIndex('mapped');
const PINNED = stateIndex('pinned');
const LONGTERM = stateIndex('longterm');
const MIGRATING = stateIndex('migrating');

/** All that a window shows. */
export const rasterAll = (
  pixels: Pixels,
  bank: Bank,
  camera: Camera,
  ratio: number,
  store: SectionStore,
  skin: Skin,
): void => {
  pixels.data.fill(0);
  const raster = new Raster(pixels, bank, camera, ratio, store, skin);
  const size: SizePx = { width: pixels.width / ratio, height: pixels.height / ratio };
  for (const start of unitsWithin(bank, visibleRect(camera, size), bank.unitPages)) raster.unit(start);
};

/** Some sections anew, over what was there. @returns the pixels that may be different; undefined: none */
export const rasterSections = (
  pixels: Pixels,
  bank: Bank,
  camera: Camera,
  ratio: number,
  store: SectionStore,
  skin: Skin,
  sections: Iterable<number>,
): PixelBox | undefined => {
  const raster = new Raster(pixels, bank, camera, ratio, store, skin);
  let all: PixelBox | undefined;
  for (const no of sections) {
    const end = (no + 1) * PAGES_PER_SECTION;
    for (let start = no * PAGES_PER_SECTION; start < end; start += bank.unitPages) {
      const box = hasMemory(bank, start, bank.unitPages) ? raster.unit(start) : undefined;
      if (box !== undefined) all = all === undefined ? box : around(all, box);
    }
  }
  return all === undefined
    ? undefined
    : {
        left: Math.max(0, all.left),
        top: Math.max(0, all.top),
        right: Math.min(pixels.width, all.right),
        bottom: Math.min(pixels.height, all.bottom),
      };
};

const around = (a: PixelBox, b: PixelBox): PixelBox => ({
  left: Math.min(a.left, b.left),
  top: Math.min(a.top, b.top),
  right: Math.max(a.right, b.right),
  bottom: Math.max(a.bottom, b.bottom),
});

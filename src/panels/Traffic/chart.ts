// The picture of the traffic: banks in two columns, a band for each direction, as wide as what went there.

import { linkHorizontal, scaleSqrt } from 'd3';
import { linkBetween } from '../../store/link-between.ts';
import type { MachineInfo, TrafficPlace, TrafficView } from '../../store/views.ts';
import { formatCounted } from '../../ui/format.ts';
import { linkName } from '../../words/en/links.ts';

export const WIDTH = 420;
const ROW = 64;
const BOX_WIDTH = 124;
const BOX_HEIGHT = 44;

export interface Box {
  readonly place: TrafficPlace;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Band {
  readonly key: string;
  readonly path: string;
  readonly widthPx: number;
  readonly from: TrafficPlace;
  readonly to: TrafficPlace;
  readonly pages: number;
  readonly pagesInStep: number;
  /** `PCIe 4 x16` */
  readonly link: string;
  /** Where its number stands. */
  readonly labelX: number;
  readonly labelY: number;
  /** Which part of it stands there: of many, the ends, so that none reaches into a box. */
  readonly labelAnchor: 'middle' | 'end';
}

export interface Chart {
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly bands: readonly Band[];
}

const link = linkHorizontal<unknown, [number, number]>();

/** A band between two boxes of one column turns in the middle of the picture; the two ways lie beside each other. */
const turnOf = (a: Box, b: Box): Pick<Band, 'path' | 'labelX' | 'labelY'> => {
  const isLeft = a.x === 0;
  const isDown = a.y < b.y;
  const edge = isLeft ? a.x + a.width : a.x;
  const toward = isLeft ? 1 : -1;
  const out = edge + toward * (isDown ? 40 : 72);
  const inset = isDown ? 14 : -14;
  const [from, to] = [a.y + a.height / 2 + inset, b.y + b.height / 2 - inset];
  return {
    path: `M${edge},${from}C${out},${from} ${out},${to} ${edge},${to}`,
    // a curve goes three quarters of the way to what draws it
    labelX: edge + toward * (isDown ? 30 : 54) + toward * 26,
    labelY: (from + to) / 2 + (isDown ? -12 : 16),
  };
};

/** System memory left, devices right; what goes out runs above what comes home. */
export const chartOf = ({ places, flows }: TrafficView, links: MachineInfo['links']): Chart => {
  const left = places.filter(({ kind }) => kind === 'system');
  const right = places.filter(({ kind }) => kind !== 'system');
  const rows = Math.max(left.length, right.length);
  const boxes = places.map((place): Box => {
    const isLeft = place.kind === 'system';
    const column = isLeft ? left : right;
    const offset = ((rows - column.length) * ROW) / 2;
    return {
      place,
      x: isLeft ? 0 : WIDTH - BOX_WIDTH,
      y: offset + column.indexOf(place) * ROW + (ROW - BOX_HEIGHT) / 2,
      width: BOX_WIDTH,
      height: BOX_HEIGHT,
    };
  });
  // of many bands the numbers stand where each ends at its device, not where all of them cross
  const isCrowded = flows.length > 4;
  const most = Math.max(1, ...flows.map(({ pages }) => pages));
  const width = scaleSqrt([1, most], [2.5, 14]);
  const bands = flows.flatMap((flow): Band[] => {
    const [a, b] = [boxes[flow.from], boxes[flow.to]];
    if (a === undefined || b === undefined) return [];
    const out = a.x <= b.x;
    const shift = (out ? -1 : 1) * 10;
    const start: [number, number] = [out ? a.x + a.width : a.x, a.y + a.height / 2 + shift];
    const end: [number, number] = [out ? b.x : b.x + b.width, b.y + b.height / 2 + shift];
    const sameSide = a.x === b.x;
    const turn = turnOf(a, b);
    const path = sameSide ? turn.path : (link({ source: start, target: end }) ?? '');
    return [
      {
        key: `${flow.from}-${flow.to}`,
        path,
        widthPx: width(flow.pages),
        from: a.place,
        to: b.place,
        pages: flow.pages,
        pagesInStep: flow.pagesInStep,
        link: linkName(linkBetween(links, deviceOf(a.place), deviceOf(b.place))),
        ...(isCrowded && !sameSide
          ? {
              labelX: WIDTH - BOX_WIDTH - 8,
              labelY: out ? end[1] - 5 : start[1] + 13,
              labelAnchor: 'end',
            }
          : {
              labelAnchor: 'middle',
              labelX: sameSide ? turn.labelX : (start[0] + end[0]) / 2,
              labelY: sameSide
                ? turn.labelY
                : (start[1] + end[1]) / 2 + (b.place.kind === 'system' ? 26 : -16),
            }),
      },
    ];
  });
  return { height: rows * ROW, boxes, bands };
};

/** -1: system memory */
const deviceOf = ({ kind, number }: TrafficPlace): number => (kind === 'system' ? -1 : number);

export const placeName = ({ kind, number }: TrafficPlace): string =>
  kind === 'system' ? `System node ${number}` : `VRAM device ${number}`;

const KIB_PER_PAGE = 4;
const NBSP = '\u00a0';

/** `4 pages, 16 KiB` */
export const amountText = (pages: number): string => {
  const kib = pages * KIB_PER_PAGE;
  const size =
    kib < 1024
      ? `${kib} KiB`
      : kib < 1024 ** 2
        ? `${Number((kib / 1024).toFixed(1))} MiB`
        : `${Number((kib / 1024 ** 2).toFixed(1))} GiB`;
  // one line, or two
  return `${formatCounted(pages, 'page').replaceAll(' ', NBSP)}, ${size.replace(' ', NBSP)}`;
};

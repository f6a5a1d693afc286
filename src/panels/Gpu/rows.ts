// What the GPU panel shows, as rows and texts.

import { scaleLinear } from 'd3';
import { gpuPanel } from '../../words/index.ts';
import type { GpuBoView, GpuStateView, SvmPageRow, SvmRangeView } from '../../store/views.ts';
import { formatBytes, formatCount, formatCounted } from '../../ui/format.ts';
import type { Tone } from '../../ui/tones.ts';

type Gpu = GpuStateView['gpus'][number];

const PAGE_BYTES = 4096;
export const bytesText = (pages: number): string => formatBytes(pages * PAGE_BYTES);
export const pagesText = (pages: number): string => formatCounted(pages, 'page');

/** A stretch of VRAM that one object has, in per cent of the bar. */
export interface Segment {
  readonly key: string;
  readonly bo: number;
  readonly kind: GpuBoView['kind'];
  readonly left: number;
  readonly width: number;
}
/** A page in VRAM that somebody holds, on the bar. */
export interface Nail {
  readonly key: string;
  readonly left: number;
  readonly longterm: boolean;
}

/** Where on the bar of a GPU's VRAM its objects lie, and pages that are held. */
export const vramBar = (
  { vramStart, vramPages }: Gpu,
  bos: readonly GpuBoView[],
): { readonly segments: readonly Segment[]; readonly nails: readonly Nail[] } => {
  const share = scaleLinear([0, vramPages], [0, 100]);
  const segments = bos.flatMap(({ id, kind, blocks }) => {
    const merged: { start: number; npages: number }[] = [];
    for (const { start, npages } of blocks.toSorted((a, b) => a.start - b.start)) {
      const last = merged.at(-1);
      if (last !== undefined && last.start + last.npages === start) last.npages += npages;
      else merged.push({ start, npages });
    }
    return merged.map(({ start, npages }) => ({
      key: `${id} ${start}`,
      bo: id,
      kind,
      left: share(start - vramStart),
      width: share(npages),
    }));
  });
  const nails = bos.flatMap(({ held }) =>
    held.map(({ pfn, handle, longterm }) => ({
      key: `${handle} ${pfn}`,
      left: share(pfn - vramStart),
      longterm,
    })),
  );
  return { segments, nails };
};

/** Objects of a GPU: those in VRAM in the order in which they are evicted, then the others. */
export const objectsOf = ({ device, lru }: Gpu, bos: readonly GpuBoView[]): readonly GpuBoView[] => {
  const own = bos.filter((bo) => bo.device === device);
  const inVram = lru.flatMap((id) => own.filter((bo) => bo.id === id));
  return [...inVram, ...own.filter((bo) => !inVram.includes(bo))];
};

/** Why the queues of a process stand still, as long as they do. */
export const stopReasons = ({
  evictedRanges,
  restoreScheduled,
  evictedUserptrs,
  restoreDue,
}: GpuStateView['processes'][number]): readonly string[] => [
  ...(evictedRanges === 0
    ? []
    : [
        `${formatCounted(evictedRanges, 'range')} invalid: ${restoreScheduled ? gpuPanel.due : gpuPanel.restore}`,
      ]),
  ...(evictedUserptrs === 0
    ? []
    : [`user pointers invalidated ${formatCounted(evictedUserptrs, 'time')}: ${gpuPanel.userptrStale}`]),
  ...(restoreDue ? [`evicted: ${gpuPanel.restoreProcess}`] : []),
];

/** Where the GPU stands with a user pointer. */
export const userptrState = ({
  invalid,
  mapped,
}: Pick<GpuStateView['userptrs'][number], 'invalid' | 'mapped'>): string => {
  if (invalid > 0) return gpuPanel.userptrStale;
  return mapped > 0 ? gpuPanel.userptrFresh : gpuPanel.userptrGone;
};

/** Where an object has its bytes. */
export const placeOf = ({ seeking, swapped, place }: GpuBoView): string => {
  if (seeking) return gpuPanel.seeking;
  return swapped ? gpuPanel.swapped : gpuPanel.places[place];
};

/** So many plain objects behind each other are one row. */
const LEAST_RUN = 4;

/** Objects behind each other in the order of eviction; of more than one there is nothing to say but how many they are. */
export type ObjectRun = readonly GpuBoView[];

/** Objects of which there is something to say, one by one; runs of plain ones of a process together, but for the first. */
export const objectRuns = (objects: readonly GpuBoView[]): readonly ObjectRun[] => {
  const tells = ({ kind, place, evicting, fence, held, pinned }: GpuBoView): boolean =>
    kind !== 'svm' || place !== 'vram' || evicting || fence === 'waiting' || pinned || held.length > 0;
  const runs: GpuBoView[][] = [];
  objects.forEach((bo, i) => {
    const run = runs.at(-1);
    const before = run?.at(-1);
    const joins = i > 1 && before?.process === bo.process && !tells(bo) && !tells(before);
    if (joins) run?.push(bo);
    else runs.push([bo]);
  });
  return runs.flatMap((run) => (run.length < LEAST_RUN ? run.map((bo) => [bo]) : [run]));
};

/** Why a held page matters to its object. */
export type Hold = 'longterm' | 'pin' | 'get' | 'rests' | 'restsLong' | 'aliased';

export const holdOf = (
  { kind, fence, evicting }: Pick<GpuBoView, 'kind' | 'fence' | 'evicting'>,
  { pin, longterm }: Pick<GpuBoView['held'][number], 'pin' | 'longterm'>,
): Hold => {
  if (kind !== 'svm') return 'aliased';
  if (fence !== 'waiting' && !evicting) return longterm ? 'restsLong' : 'rests';
  if (longterm) return 'longterm';
  return pin ? 'pin' : 'get';
};

/** `2 MiB` */
export const granularityText = (granularity: number): string => bytesText(2 ** granularity);

/** `GPU 0, GPU 1`; `GPU 0 … 7` where three or more follow each other. */
export const gpuList = (devices: readonly number[]): string => {
  const runs: number[][] = [];
  for (const device of devices.toSorted((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && run.at(-1) === device - 1) run.push(device);
    else runs.push([device]);
  }
  const texts = runs.map((run) =>
    run.length > 2
      ? `GPU ${run[0] ?? ''} … ${run.at(-1) ?? ''}`
      : run.map((device) => `GPU ${device}`).join(', '),
  );
  return texts.length === 0 ? 'none' : texts.join(', ');
};

/** GPUs that have a column of their own in the table of a range; of more than two, those that have an entry. */
const FEW_GPUS = 2;

export const gpuColumns = (
  rows: readonly SvmPageRow[],
): { readonly shown: readonly number[]; readonly empty: readonly number[] } => {
  const all = (rows[0]?.gpus ?? []).map(({ device }) => device);
  const has = (device: number): boolean =>
    rows.some(({ gpus }) => gpus.some((entry) => entry.device === device && entry.pfn >= 0));
  const shown = all.length > FEW_GPUS ? all.filter(has) : all;
  return { shown, empty: all.filter((device) => !shown.includes(device)) };
};

export const placesText = ({ places }: Pick<SvmRangeView, 'places'>): string =>
  places.length === 0
    ? 'no page yet'
    : places
        .map(({ place, pages }) => `${formatCount(pages)} in ${place === 'system' ? 'system memory' : place}`)
        .join(', ');

const ENTRIES: Readonly<Record<SvmPageRow['entry'], string>> = {
  none: 'none',
  present: '',
  protnone: 'PROT_NONE',
  migration: 'migration entry',
  'device-private': 'device private',
  'device-exclusive': 'device exclusive',
  swap: 'swapped out',
  hwpoison: 'hwpoison',
  other: 'other entry',
};

export interface EntryCell {
  /** '' there is no frame to show. */
  readonly frame: string;
  readonly tone: Tone;
  readonly text: string;
}

const hex = (pfn: number): string => `0x${pfn.toString(16)}`;

/** `r` or `rw`, or what stands in the entry's place. */
export const cpuCell = ({ cpu, entry, writable }: SvmPageRow): EntryCell => ({
  frame: cpu.pfn < 0 ? '' : hex(cpu.pfn),
  tone: cpu.place === '' ? 'free' : cpu.place,
  text: ENTRIES[entry] === '' ? (writable ? 'rw' : 'r') : ENTRIES[entry],
});

/** A GPU's entry; one that names another frame than the CPU's is out of date. */
export const gpuCell = ({ cpu }: SvmPageRow, { pfn, write }: SvmPageRow['gpus'][number]): EntryCell => {
  if (pfn < 0) return { frame: '', tone: 'free', text: 'no entry' };
  const isSame = pfn === cpu.pfn;
  return {
    frame: hex(pfn),
    tone: isSame && cpu.place !== '' ? cpu.place : 'free',
    text: `${write ? 'rw' : 'r'}${isSame ? '' : ', out of date'}`,
  };
};

type RangePlaces = Pick<SvmRangeView, 'process' | 'npages' | 'actual' | 'places' | 'invalid' | 'work'>;

const pagesElsewhere = ({ actual, places }: Pick<SvmRangeView, 'actual' | 'places'>): number =>
  places.reduce((sum, { place, pages }) => sum + (place === actual ? 0 : pages), 0);

/** Of many ranges those first of which there is something to say: pages elsewhere, old entries, work that is due. */
export const orderedRanges = <Range extends RangePlaces>(ranges: readonly Range[]): readonly Range[] => {
  const rank = (range: Range): number =>
    pagesElsewhere(range) > 0 || range.invalid > 0 || range.work !== '' ? 0 : 1;
  return ranges.toSorted((a, b) => rank(a) - rank(b));
};

export interface RangeSum {
  readonly process: string;
  readonly actual: string;
  readonly ranges: number;
  readonly pages: number;
  readonly elsewhere: number;
}

/** Ranges of each process by where they count as being, in the order in which they are met. */
export const rangeSums = (ranges: readonly RangePlaces[]): readonly RangeSum[] => {
  const sums = new Map<string, RangeSum>();
  for (const range of ranges) {
    const { process, actual, npages } = range;
    const key = `${process} ${actual}`;
    const sum = sums.get(key) ?? { process, actual, ranges: 0, pages: 0, elsewhere: 0 };
    sums.set(key, {
      ...sum,
      ranges: sum.ranges + 1,
      pages: sum.pages + npages,
      elsewhere: sum.elsewhere + pagesElsewhere(range),
    });
  }
  return [...sums.values()];
};

const PAGE_NAME = /^(?:(\S+) )?([\w.-]+)\+(\d+)$/;

/** Whether a page, `buf+12` or `A buf+12`, is one of a range. */
const holdsPage = ({ first, npages, process }: RangeNames, page: string): boolean => {
  const [wanted, own] = [PAGE_NAME.exec(page), PAGE_NAME.exec(first)];
  if (wanted === null || own === null || wanted[2] !== own[2]) return false;
  const at = Number(wanted[3]) - Number(own[3]);
  return (wanted[1] === undefined || wanted[1] === process) && at >= 0 && at < npages;
};

type RangeNames = Pick<
  SvmRangeView,
  | 'process'
  | 'first'
  | 'startVpn'
  | 'npages'
  | 'preferred'
  | 'prefetched'
  | 'actual'
  | 'flags'
  | 'work'
  | 'bo'
>;

/** Ranges that somebody looks for: by a page, an address, an object (`#12`), or by a word of what is shown of them. */
export const foundRanges = <Range extends RangeNames>(
  ranges: readonly Range[],
  text: string,
): readonly Range[] => {
  const wanted = text.trim();
  if (wanted === '') return ranges;
  if (PAGE_NAME.test(wanted)) return ranges.filter((range) => holdsPage(range, wanted));
  if (/^0x[\da-f]+$/i.test(wanted)) {
    const vpn = Math.floor(Number(wanted) / PAGE_BYTES);
    return ranges.filter(({ startVpn, npages }) => vpn >= startVpn && vpn < startVpn + npages);
  }
  if (/^#\d+$/.test(wanted)) return ranges.filter(({ bo }) => bo === Number(wanted.slice(1)));
  const word = wanted.toLowerCase();
  return ranges.filter(({ process, first, preferred, prefetched, actual, flags, work }) =>
    [process, first, preferred, prefetched, actual, work, ...flags].some((name) =>
      name.toLowerCase().includes(word),
    ),
  );
};

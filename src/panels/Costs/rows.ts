// Costs as rows, bars and texts.

import { scaleLinear, stack } from 'd3';
import type { CostTotals, CostsView } from '../../store/views.ts';
import { ACCESS_KINDS, type AccessKind } from '../../core/uapi/accesses.ts';
import type { PinQuestion } from '../../store/views.ts';
import { formatBytes, formatCount } from '../../ui/format.ts';
import { costGroups, figureNames, type TermId } from '../../words/index.ts';

/** `31 µs`, `2.35 s` */
export const formatNs = (ns: number): string => {
  const of = (value: number, unit: string): string => {
    const short = Number(value.toPrecision(3));
    return `${Math.abs(short) < 1000 ? short : formatCount(short)} ${unit}`;
  };
  const size = Math.abs(ns);
  if (size >= 1e9) return of(ns / 1e9, 's');
  if (size >= 1e6) return of(ns / 1e6, 'ms');
  return size >= 1e3 ? of(ns / 1e3, 'µs') : of(ns, 'ns');
};

export type CostGroup = keyof typeof costGroups;
export const COST_GROUPS = Object.keys(costGroups) as readonly CostGroup[];

/** Kinds of the cost report in each group. Waiting for VRAM stands apart: it is 15 s at once. */
const KINDS: Readonly<Record<CostGroup, readonly string[]>> = {
  access: ['access by CPU', 'access by GPU'],
  faults: ['faults', 'faults of the GPU'],
  migration: ['migration', 'copies by DMA', 'copies by CPU'],
  tlb: ['TLB shootdowns'],
  pins: ['pins'],
  queues: ['stopped queues'],
};

export type Grouped = Readonly<Record<CostGroup, number>>;

export const groupedNs = ({ nsByKind }: Pick<CostTotals, 'nsByKind'>): Grouped => {
  const sum = (group: CostGroup): number =>
    KINDS[group].reduce((total, kind) => total + (nsByKind[kind] ?? 0), 0);
  return Object.fromEntries(COST_GROUPS.map((group) => [group, sum(group)])) as Record<CostGroup, number>;
};

export const waitingNs = ({ nsByKind }: Pick<CostTotals, 'nsByKind'>): number =>
  nsByKind['waiting for VRAM'] ?? 0;

/** What the glossary has of a kind of time or of a link. */
const KIND_TERMS: Readonly<Record<string, TermId>> = {
  faults: 'page-fault',
  'faults of the GPU': 'xnack',
  migration: 'migration',
  'copies by DMA': 'sdma',
  'TLB shootdowns': 'tlb-shootdown',
  pins: 'pin',
  'stopped queues': 'xnack',
  'waiting for VRAM': 'eviction-fence',
};
const LINK_TERMS: Readonly<Record<string, TermId>> = {
  hbm: 'vram',
  'if.cpu_gpu': 'xgmi',
  'if.gcd_pair': 'xgmi',
  'if.gcd_remote': 'xgmi',
  'ddr.socket': 'system-memory',
  'ddr.numa': 'node',
};

export interface KindRow {
  readonly kind: string;
  readonly term: TermId | undefined;
  readonly ns: number;
  readonly share: number;
}

/** What the time went into, the largest first. */
export const kindRows = ({ nsByKind }: CostTotals): KindRow[] => {
  const rows = Object.entries(nsByKind).filter(([, ns]) => ns > 0);
  const most = Math.max(1, ...rows.map(([, ns]) => ns));
  return rows
    .map(([kind, ns]) => ({ kind, term: KIND_TERMS[kind], ns, share: ns / most }))
    .toSorted((a, b) => b.ns - a.ns);
};

/** Time of the steps up to one, that one included. */
export const nsUpTo = ({ steps }: CostsView, step: number): number =>
  steps.reduce((sum, each) => sum + (each.step <= step ? each.serialNs : 0), 0);

export interface StackedBar<Key extends string> {
  readonly key: Key;
  readonly parts: readonly { readonly group: CostGroup; readonly x: number; readonly width: number }[];
  readonly end: number;
  readonly ns: number;
}

/** Bars of several totals on one scale, each cut by what the time went into. */
export const stackedBars = <Key extends string>(
  totals: readonly { readonly key: Key; readonly total: CostTotals }[],
  widthPx: number,
): StackedBar<Key>[] => {
  const rows = totals.map(({ key, total }) => ({ key, ...groupedNs(total) }));
  const sumOf = (row: Grouped): number => COST_GROUPS.reduce((sum, group) => sum + row[group], 0);
  const x = scaleLinear([0, Math.max(1, ...rows.map(sumOf))], [0, widthPx]);
  const series = stack<(typeof rows)[number], CostGroup>().keys(COST_GROUPS)(rows);
  return rows.map((row, i) => ({
    key: row.key,
    parts: series.map((each) => {
      const [from = 0, to = 0] = each[i] ?? [];
      return { group: each.key, x: x(from), width: x(to) - x(from) };
    }),
    end: x(sumOf(row)),
    ns: sumOf(row),
  }));
};

export interface LinkRow {
  readonly link: string;
  readonly name: string;
  readonly term: TermId | undefined;
  readonly bytes: string;
}

export const linkRows = ({ bytesByLink, ddrBytes }: CostTotals): LinkRow[] => [
  ...Object.entries(bytesByLink)
    .filter(([, bytes]) => bytes > 0)
    .map(([link, bytes]) => ({
      link,
      name: figureNames[link] ?? link,
      term: LINK_TERMS[link],
      bytes: formatBytes(bytes),
    })),
  ...(ddrBytes > 0
    ? [
        {
          link: 'ddr',
          name: 'through system memory in all',
          term: 'system-memory' as const,
          bytes: formatBytes(ddrBytes),
        },
      ]
    : []),
];

const ACCESS_NAMES: Readonly<Record<AccessKind, string>> = {
  'cpu system': 'accesses by CPUs to system memory',
  'cpu device': 'accesses by CPUs to VRAM',
  'gpu local': 'accesses by GPUs to their own VRAM',
  'gpu system': 'accesses by GPUs to system memory',
  'gpu package': 'accesses by GPUs to VRAM of the other in their package',
  'gpu peer': 'accesses by GPUs to VRAM of another',
};

/** Who went where, and how often. */
export const accessRows = ({ accesses }: CostTotals): { readonly name: string; readonly times: string }[] =>
  ACCESS_KINDS.flatMap((kind) => {
    const times = accesses[kind] ?? 0;
    return times === 0 ? [] : [{ name: ACCESS_NAMES[kind], times: formatCount(times) }];
  });

/** The question's numbers as the sentences want them. */
export const answerOf = (question: PinQuestion) => ({
  ...question,
  moving: formatNs(question.movingNs),
  farAccess: formatNs(Math.abs(question.farAccessNs)),
  farIsMore: question.farAccessNs > 0,
  farIsNothing: Math.abs(question.farAccessNs) < 0.5,
  waiting: formatNs(question.waitingNs),
});

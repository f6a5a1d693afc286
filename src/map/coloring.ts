// What the colours of a map say in each mode: a look for each class of pages, and which of them stand out. The legend,
// the painter and the words all read it.

import {
  AGE_BEFORE,
  AGE_NOW,
  AGE_OLD,
  AGE_RECENT,
  type FrameView,
  type MachineInfo,
  type MapMode,
  nodeShade,
  NO_SHADE,
  OWNER_FIRST,
  OWNER_NOBODY,
  OWNER_SEVERAL,
  SHADES,
  typeShade,
} from '../store/views.ts';
import type { PaletteKey } from './color.ts';
import { formatCount } from '../ui/format.ts';

/** How a class of pages looks. Hue is never the only sign: each has a glyph too. */
export interface ShadeLook {
  readonly shade: number;
  /** As the legend and links name it. */
  readonly id: string;
  readonly label: string;
  /** At most three letters. */
  readonly glyph: string;
  readonly color: PaletteKey;
  /** Under which the glossary knows it; '' if it does not. */
  readonly term: string;
}

/** What the painter has to know of the colours. */
export interface Coloring {
  readonly mode: MapMode;
  /** Entries of the legend that stand out; empty: all. */
  readonly only: readonly string[];
  /** Names of the processes, in order of creation. */
  readonly processes: readonly string[];
}

export const STATE_COLORING: Coloring = { mode: 'state', only: [], processes: [] };

export const MODE_WORDS: Readonly<Record<MapMode, { readonly label: string; readonly about: string }>> = {
  state: { label: 'state', about: 'What kind of memory a page is, and what it is in use for.' },
  owner: { label: 'owner', about: 'Which process has the page in its page table.' },
  age: { label: 'last change', about: 'How many steps ago the kernel last changed the page’s struct page.' },
  refcount: { label: 'refcount', about: 'How many references of the page are held: its _refcount.' },
  node: { label: 'node', about: 'The NUMA node of the page, and its distance from node 0.' },
  type: { label: 'migratetype', about: 'What the page allocator keeps the pageblock for.' },
};

const HUES = ['hue-1', 'hue-2', 'hue-3', 'hue-4', 'hue-5', 'hue-6', 'hue-7', 'hue-8'] as const;
const hue = (index: number): PaletteKey => HUES[index % HUES.length] ?? 'hue-1';

const look = (
  shade: number,
  id: string,
  label: string,
  glyph: string,
  color: PaletteKey,
  term = '',
): ShadeLook => ({ shade, id, label, glyph, color, term });

const owners = (processes: readonly string[]): ShadeLook[] => [
  ...processes.slice(0, SHADES - OWNER_FIRST).map((name, i, { length }) => {
    const isLast = OWNER_FIRST + i === SHADES - 1 && processes.length > length;
    return look(
      OWNER_FIRST + i,
      `process-${i}`,
      isLast ? `${name} and later ones` : name,
      name.slice(0, 2),
      hue(i),
    );
  }),
  look(OWNER_SEVERAL, 'several', 'several processes', '∗', 'ink-2'),
  look(OWNER_NOBODY, 'nobody', 'in use, not mapped', '–', 'kernel', 'kernel-memory'),
];

const AGES: readonly ShadeLook[] = [
  look(AGE_NOW, 'now', 'in this step', '0', 'ramp-5'),
  look(AGE_BEFORE, 'before', '1 step ago', '1', 'ramp-4'),
  look(AGE_RECENT, 'recent', '2 or 3 steps ago', '2+', 'ramp-3'),
  look(AGE_OLD, 'old', 'longer ago', '4+', 'ramp-2'),
];

const REFCOUNTS: readonly ShadeLook[] = [
  look(2, 'one', '1', '1', 'ramp-1', 'refcount'),
  look(3, 'two', '2', '2', 'ramp-2', 'refcount'),
  look(4, 'few', '3 to 9', '3+', 'ramp-3', 'refcount'),
  look(5, 'many', '10 to 1\u202f023', '10+', 'ramp-4', 'refcount'),
  look(6, 'pinned', '1 024 and more: pinned', '1k+', 'ramp-5', 'pin-bias'),
];

const TYPES: readonly ShadeLook[] = [
  look(typeShade(1), 'movable', 'Movable', 'M', 'hue-1', 'migratetype'),
  look(typeShade(0), 'unmovable', 'Unmovable', 'U', 'hue-2', 'migratetype'),
  look(typeShade(2), 'reclaimable', 'Reclaimable', 'R', 'hue-3', 'migratetype'),
  look(typeShade(3), 'highatomic', 'HighAtomic', 'H', 'hue-5', 'migratetype'),
  look(typeShade(4), 'cma', 'CMA', 'C', 'hue-4', 'cma'),
  look(typeShade(5), 'isolate', 'Isolate', 'I', 'hue-6', 'migratetype'),
];

/** Kernel: `include/linux/topology.h: node_distance`; the simulated firmware says nothing of its own. */
const nodes = (machine: MachineInfo | undefined): ShadeLook[] => {
  const found = [...new Set(machine?.ranges.map(({ node }) => node))].filter((node) => node >= 0);
  return found
    .toSorted((a, b) => a - b)
    .map((node) => {
      const distance = machine?.distances[node];
      const label = distance === undefined ? `node ${node}` : `node ${node}, distance ${distance}`;
      return look(nodeShade(node), `node-${node}`, label, String(node), hue(node), 'node');
    });
};

/** The classes of a mode, in the order of its legend; none where the states are shown. */
export const looksOf = (
  { mode, processes }: Pick<Coloring, 'mode' | 'processes'>,
  machine: MachineInfo | undefined,
): readonly ShadeLook[] => {
  switch (mode) {
    case 'state':
      return [];
    case 'owner':
      return owners(processes);
    case 'age':
      return AGES;
    case 'refcount':
      return REFCOUNTS;
    case 'node':
      return nodes(machine);
    case 'type':
      return TYPES;
  }
};

/** Whether a class stands out. */
export const standsOut = ({ only }: Coloring, id: string): boolean => only.length === 0 || only.includes(id);

/** What is written on a page: the number itself where it is known, or the sign of its class. */
export const shadeText = (mode: MapMode, found: ShadeLook, frame: FrameView | undefined): string =>
  mode === 'refcount' && frame !== undefined ? formatCount(frame.refcount) : found.glyph;

/** Black or white, whichever can be read on a colour `#rrggbb`. */
export const inkOn = (color: string): string => {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? '#000000' : '#ffffff';
};

/** What ranges say of a page in a mode, before anything was ever done to it. */
export const shadeOfRange = (
  mode: MapMode,
  { kind, node, cma, reserved }: Pick<MachineInfo['ranges'][number], 'kind' | 'node' | 'cma' | 'reserved'>,
): number => {
  switch (mode) {
    case 'state':
    case 'age':
      return NO_SHADE;
    case 'owner':
      return reserved === '' ? NO_SHADE : OWNER_NOBODY;
    case 'refcount':
      // never given to the page allocator: the one reference of a new struct page
      return reserved === '' ? NO_SHADE : 2;
    case 'node':
      return nodeShade(node);
    case 'type':
      return kind === 'ram' ? typeShade(cma ? 4 : 1) : NO_SHADE;
  }
};

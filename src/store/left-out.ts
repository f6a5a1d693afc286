// What a link names and the run does not have: it is left out, and said. Nothing else takes its place.

import type { Message, RunInfo, Selection } from '../worker/protocol.ts';
import type { TableBelow } from '../worker/protocol-views.ts';
import type { Moment } from '../worker/protocol-moment.ts';
import type { WalkInLink } from './choices.ts';
import { type Layout, PANEL_IDS, SPLITTERS } from './layout.ts';
import { legendIds } from './legend.ts';
import type { MapsSlice } from './maps.ts';
import type { LinkState } from './url-state.ts';
import type { WindowChoices } from './windows.ts';

/** A link without what cannot be shown, and a sentence for each part that was left out. */
export interface Sorted<Part> {
  readonly kept: Part;
  readonly leftOut: readonly Message[];
}

const said = (id: string, params: Message['params']): Message => ({ id, params });

const split = <Value>(
  record: Readonly<Record<string, Value>>,
  isKnown: (name: string, value: Value) => boolean,
): { readonly kept: Readonly<Record<string, Value>>; readonly unknown: readonly string[] } => {
  const all = Object.entries(record);
  return {
    kept: Object.fromEntries(all.filter(([name, value]) => isKnown(name, value))),
    unknown: all.filter(([name, value]) => !isKnown(name, value)).map(([name]) => name),
  };
};

/** Names of the maps of a machine, as windows have them; all memory in one map is a window, too. */
const banksOf = ({ machine }: RunInfo): ReadonlySet<string> =>
  new Set([
    'whole',
    ...machine.ranges
      .filter(({ kind }) => kind !== 'mmio')
      .map(({ kind, device, node }) => (kind === 'ram' ? `node ${node}` : `device ${device}`)),
  ]);

/** Maps that a link opens or moves. */
export const sortWindows = ({ banks, looks }: WindowChoices, run: RunInfo): Sorted<WindowChoices> => {
  const has = banksOf(run);
  const open = split(banks, (bank) => has.has(bank));
  const moved = split(looks, (bank) => has.has(bank));
  return {
    kept: { banks: open.kept, looks: moved.kept },
    leftOut: [...new Set([...open.unknown, ...moved.unknown])].map((bank) =>
      said('link.no-bank', {
        bank,
        banks: [...has]
          .filter((each) => each !== 'whole')
          .toSorted()
          .join(', '),
      }),
    ),
  };
};

/** Entries of the legend that a link lets stand out. */
const sortMaps = (maps: MapsSlice, run: RunInfo, moment: Moment | undefined): Sorted<MapsSlice> => {
  const entries = legendIds(maps.mode, run, moment);
  const unknown = maps.only.filter((entry) => !entries.includes(entry));
  return {
    kept: { ...maps, only: maps.only.filter((entry) => entries.includes(entry)) },
    leftOut: unknown.map((entry) =>
      said('link.no-entry', { entry, mode: maps.mode, entries: entries.join(', ') }),
    ),
  };
};

const isPanel = (name: string): boolean => PANEL_IDS.some((id) => id === name);

const isSplitter = (name: string): boolean => SPLITTERS.some((id) => id === name);

/** Panels and sides that a link moves, or has in front; `page` is the group that a narrow window shows. */
export const sortLayout = <Part extends Layout>(layout: Part): Sorted<Part> => {
  const places = split(layout.places, isPanel);
  const front = split(layout.front, (area, panel) => area === 'page' || isPanel(panel));
  const sizes = split(layout.sizes, isSplitter);
  const open = split(layout.open, isSplitter);
  const panels = [...places.unknown, ...front.unknown.map((area) => layout.front[area] ?? area)];
  return {
    kept: { ...layout, places: places.kept, front: front.kept, sizes: sizes.kept, open: open.kept },
    leftOut: [
      ...[...new Set(panels)].map((panel) => said('link.no-panel', { panel })),
      ...[...new Set([...sizes.unknown, ...open.unknown])].map((splitter) =>
        said('link.no-splitter', { splitter }),
      ),
    ],
  };
};

/** Whether any step of the run has this value in one of these fields, in single tasks of it, too. */
const isNamed = (value: unknown, name: string, fields: readonly string[]): boolean =>
  Array.isArray(value)
    ? value.some((each) => isNamed(each, name, fields))
    : typeof value === 'object' &&
      value !== null &&
      Object.entries(value).some(
        ([field, part]) => (fields.includes(field) && part === name) || isNamed(part, name, fields),
      );

/** A selection of what the run never has. What it has at another moment stays selected. */
export const sortSelection = (
  selection: Selection,
  run: RunInfo,
  moment: Moment | undefined,
): Sorted<Selection | undefined> => {
  const without = (id: string, params: Message['params']): Sorted<undefined> => ({
    kept: undefined,
    leftOut: [said(id, params)],
  });
  const steps = run.steps.map(({ step }) => step);
  switch (selection.kind) {
    case 'page': {
      const { pfn } = selection;
      const has = run.machine.ranges.some(({ start, npages }) => pfn >= start && pfn < start + npages);
      return has ? { kept: selection, leftOut: [] } : without('link.no-frame', { pfn });
    }
    case 'pte':
    case 'vma': {
      const { process } = selection;
      return hasProcess(run, moment, process)
        ? { kept: selection, leftOut: [] }
        : without('link.no-process', { process });
    }
    case 'handle': {
      const { name } = selection;
      const has =
        moment?.handles.some((handle) => handle.name === name) === true || isNamed(steps, name, ['handle']);
      return has ? { kept: selection, leftOut: [] } : without('link.no-handle', { name });
    }
  }
};

/** Whether a process is there now, or any step names it. */
export const hasProcess = (run: RunInfo, moment: Moment | undefined, process: string): boolean =>
  moment?.processes.some(({ name }) => name === process) === true ||
  isNamed(
    run.steps.map(({ step }) => step),
    process,
    ['proc', 'child', 'name'],
  );

/** Tables of the page-table tree that a link unfolds. */
const sortBranches = (
  branches: readonly TableBelow[],
  run: RunInfo,
  moment: Moment | undefined,
): Sorted<readonly TableBelow[]> => {
  const isThere = ({ process }: TableBelow): boolean => hasProcess(run, moment, process);
  const unknown = branches.filter((branch) => !isThere(branch)).map(({ process }) => process);
  return {
    kept: branches.filter(isThere),
    leftOut: [...new Set(unknown)].map((process) => said('link.no-table', { process })),
  };
};

/** The process whose page-table tree a link shows. */
const sortWalk = (walk: WalkInLink, run: RunInfo, moment: Moment | undefined): Sorted<WalkInLink> => {
  const { walkProcess: process, ...rest } = walk;
  return process === undefined || hasProcess(run, moment, process)
    ? { kept: walk, leftOut: [] }
    : { kept: { ...rest, walkProcess: undefined }, leftOut: [said('link.no-tree', { process })] };
};

/** Stops in places and processes that the run does not have. The words for them are fetched when a link has stops. */
export const sortBreakpoints = async (
  breakpoints: readonly string[],
  run: RunInfo,
): Promise<Sorted<readonly string[]>> => {
  if (breakpoints.length === 0) return { kept: [], leftOut: [] };
  const { namesOf, parseCondition } = await import('./condition.ts');
  const names = namesOf(run.steps);
  const read = breakpoints.map((text) => ({ text, reading: parseCondition(text, names) }));
  return {
    kept: read.filter(({ reading }) => 'breakpoint' in reading).map(({ text }) => text),
    leftOut: read.flatMap(({ text, reading }) =>
      'wrong' in reading ? [said('link.no-stop', { value: text, ...reading })] : [],
    ),
  };
};

/** What of a link the run that it opened has. */
export const sortLink = async (
  link: LinkState,
  run: RunInfo,
  moment: Moment | undefined,
): Promise<Sorted<LinkState>> => {
  const { windows, maps, walk, selected, branches = [], breakpoints = [], ...rest } = link;
  const banks = windows === undefined ? undefined : sortWindows(windows, run);
  const colors = maps === undefined ? undefined : sortMaps(maps, run, moment);
  const tree = walk === undefined ? undefined : sortWalk(walk, run, moment);
  const selection = selected === undefined ? undefined : sortSelection(selected, run, moment);
  const tables = sortBranches(branches, run, moment);
  const stops = await sortBreakpoints(breakpoints, run);
  return {
    kept: {
      ...rest,
      ...(banks === undefined ? {} : { windows: banks.kept }),
      ...(colors === undefined ? {} : { maps: colors.kept }),
      ...(tree === undefined ? {} : { walk: tree.kept }),
      ...(selection?.kept === undefined ? {} : { selected: selection.kept }),
      ...(tables.kept.length === 0 ? {} : { branches: tables.kept }),
      ...(stops.kept.length === 0 ? {} : { breakpoints: stops.kept }),
    },
    leftOut: [banks, colors, selection, tree, tables, stops].flatMap((part) => part?.leftOut ?? []),
  };
};

// What two runs of a scenario do not have in common, as text.

import { ACCESS_KINDS, type AccessKind } from '../../core/uapi/accesses.ts';
import type { ComparedSide, CompareView, ResidenceCount, RunInfo } from '../../store/views.ts';
import { resultText, stepText } from '../../words/step.ts';
import { formatCount, formatCounted, formatHex } from '../../ui/format.ts';

type Result = Readonly<Record<string, unknown>>;

/** Most items of a list that are printed. */
const MAX_ITEMS = 8;

/** A list that the worker did not send whole. */
const isLongList = (
  part: unknown,
): part is { readonly first: readonly unknown[]; readonly length: number; readonly digest: number } =>
  typeof part === 'object' && part !== null && 'first' in part && 'digest' in part;

/** `103 104`, `cpu vram 1`: a part of a result, without what is zero. */
const partText = (part: unknown): string => {
  if (Array.isArray(part)) {
    const items = part.slice(0, MAX_ITEMS).map(partText).join(' ');
    return part.length > MAX_ITEMS ? `${items} …` : items;
  }
  if (isLongList(part))
    return `${partText(part.first)} (${formatCounted(part.length, 'item')}, digest ${formatHex(part.digest)})`;
  if (typeof part === 'object' && part !== null)
    return Object.entries(part)
      .map(([name, inner]): readonly [string, string] => [name, partText(inner)])
      .filter(([, text]) => text !== '' && text !== '0')
      .map(([name, text]) => `${name} ${text}`)
      .join(', ');
  return typeof part === 'string' || typeof part === 'number' ? String(part) : '';
};

const ACCESS_TEXT: Readonly<Record<AccessKind, string>> = {
  'cpu system': 'the CPU accessed system memory',
  'cpu device': 'the CPU accessed VRAM',
  'gpu local': 'the GPU accessed its own VRAM',
  'gpu system': 'the GPU accessed system memory',
  'gpu package': 'the GPU accessed VRAM of the other in its package',
  'gpu peer': 'the GPU accessed VRAM of another',
};

/** `once`, `16 times` */
const timesText = (times: number): string =>
  times === 1 ? 'once' : times === 2 ? 'twice' : `${formatCount(times)} times`;

/** Who accessed which memory, and how often. */
const accessesText = (accesses: unknown): string => {
  const given: Result = typeof accesses === 'object' && accesses !== null ? { ...accesses } : {};
  const parts = ACCESS_KINDS.flatMap((kind) => {
    const times = given[kind];
    return typeof times === 'number' && times > 0 ? [`${ACCESS_TEXT[kind]} ${timesText(times)}`] : [];
  });
  return parts.length === 0 ? 'nobody accessed memory' : parts.join(', ');
};

/** What a step gave; where both gave the same in a word, the parts of the result that differ, too. */
const outcomeText = (result: Result | undefined, other: Result | undefined): string => {
  if (result === undefined) return 'was not run';
  const text = resultText(result);
  if (other === undefined || text !== resultText(other)) return text;
  const parts = Object.keys({ ...result, ...other })
    .filter((name) => JSON.stringify(result[name]) !== JSON.stringify(other[name]))
    .map((name) =>
      name === 'accesses' ? accessesText(result[name]) : `${name}: ${partText(result[name]) || 'none'}`,
    );
  return [/^[−\d]/.test(text) ? `returned ${text}` : text, ...parts].join('; ');
};

/** Why a world has not run all of the steps; '' where it has. */
export const notRunBecause = ({ leftOut }: Pick<RunInfo, 'leftOut'>): string => {
  const reason = leftOut.find((each) => each.reason !== '')?.reason ?? '';
  return reason === '' ? '' : `It cannot be run there: ${reason}`;
};

export interface StepRow {
  readonly index: number;
  readonly command: string;
  readonly here: string;
  /** By world; undefined: the same as here. */
  readonly others: readonly (string | undefined)[];
}

/** Steps whose results differ in one of the worlds, and steps that not every world could run. */
export const stepRows = (run: RunInfo, worlds: readonly RunInfo[]): StepRow[] => {
  const count = Math.max(...[run, ...worlds].map(({ steps }) => steps.length));
  const rows: StepRow[] = [];
  for (let index = 0; index < count; index++) {
    const mine = run.steps[index];
    const theirs = worlds.map(({ steps }) => steps[index]);
    const isSame = theirs.map((step) => JSON.stringify(step?.result) === JSON.stringify(mine?.result));
    const first = theirs.find((_, which) => isSame[which] === false);
    if (isSame.every(Boolean)) continue;
    const step = (mine ?? theirs.find((each) => each !== undefined))?.step ?? {};
    rows.push({
      index,
      command: stepText(step).command,
      here: outcomeText(mine?.result, first?.result),
      others: theirs.map((each, which) =>
        isSame[which] === true ? undefined : outcomeText(each?.result, mine?.result),
      ),
    });
  }
  return rows;
};

export interface PageRow {
  readonly name: string;
  readonly here: ComparedSide;
  /** By world; undefined: the same as here. */
  readonly others: readonly (ComparedSide | undefined)[];
}

/** Pages that are not the same in one of the worlds, each once. */
export const pageRows = (views: readonly Pick<CompareView, 'pages'>[]): PageRow[] => {
  const rows = new Map<
    string,
    { readonly here: ComparedSide; readonly others: (ComparedSide | undefined)[] }
  >();
  views.forEach(({ pages }, which) => {
    for (const { name, sides } of pages) {
      const row = rows.get(name) ?? { here: sides[0], others: views.map(() => undefined) };
      row.others[which] = sides[1];
      rows.set(name, row);
    }
  });
  return [...rows].map(([name, row]) => ({ name, ...row }));
};

const ENTRY_TEXT: Readonly<Record<ComparedSide['entry'], string>> = {
  none: 'not there',
  present: '',
  protnone: 'PROT_NONE',
  migration: 'on its way',
  'device-private': 'not reachable for the CPU',
  'device-exclusive': 'device-exclusive',
  swap: 'swapped out',
  hwpoison: 'hwpoison',
  other: 'other entry',
};

/** Whether two sides have nothing else to tell them apart than how many references there are. */
const differsInReferences = (a: ComparedSide, b: ComparedSide): boolean =>
  a.refcount !== b.refcount && a.device === b.device && a.entry === b.entry && a.pins === b.pins;

/** `pinned, value 103`; `2 references`, where nothing else differs. @param others - what it stands beside */
export const sideText = (side: ComparedSide, others: readonly (ComparedSide | undefined)[]): string => {
  const { entry, pins, refcount, value } = side;
  const counts = others.some((other) => other !== undefined && differsInReferences(side, other));
  return [
    ENTRY_TEXT[entry],
    pins === 0 ? '' : pins === 1 ? 'pinned' : `pinned ${pins} times`,
    counts ? formatCounted(refcount, 'reference') : '',
    value === undefined ? '' : `value ${value}`,
  ]
    .filter((text) => text !== '')
    .join(', ');
};

/** Where the page lies, next to the sign of its kind. */
export const placeText = ({ device }: ComparedSide): string => (device < 0 ? 'system' : `device ${device}`);

/** `system: 2 pages · ZONE_MOVABLE: 1 page`: two kinds of one place have names of their own. */
export const residenceText = (counts: readonly ResidenceCount[]): string =>
  counts.length === 0
    ? 'no pages'
    : counts
        .map(({ place, residence, pages }) => {
          const name = residence === 'movable' ? 'ZONE_MOVABLE' : place;
          return `${name}: ${formatCounted(pages, 'page')}`;
        })
        .join(' · ');

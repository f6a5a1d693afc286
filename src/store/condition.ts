// A condition to stop at as a person types it: in the words of the kernel, or in a sentence. What cannot be read is said
// by the words that are wrong, and by what could stand there.

import { presentName } from '../core/uapi/patches.ts';
import { KERNEL_FUNCTIONS } from '../core/uapi/source-refs.ts';
import {
  BREAK_FIELDS,
  type Breakpoint,
  type BreakField,
  type Comparison,
  ENTRY_STATES,
  type EntryState,
  PAGE_FLAGS,
  type PageFlag,
  type PageRef,
  type Place,
} from '../worker/protocol-debug.ts';
import { oneOf, parseBreakpoint } from './debug.ts';

export { ENTRY_STATES, PAGE_FLAGS } from '../worker/protocol-debug.ts';

/** Names of a run that a condition can use. */
export interface KnownNames {
  readonly processes: readonly string[];
  /** With their sizes in pages. */
  readonly areas: ReadonlyMap<string, number>;
}

/** What was read, or the words that are wrong and how to mend them. */
export type Reading = { readonly breakpoint: Breakpoint } | { readonly wrong: string; readonly mend: string };

class Unreadable extends Error {
  readonly wrong: string;

  constructor(wrong: string, mend: string) {
    super(mend);
    this.wrong = wrong;
  }
}

const NUMBER = /^(?:0x[\da-f]{1,13}|-?\d{1,13})$/i;
const OPENING =
  /^(?:please )?(?:stop|break|halt|run|wait)\b(?: (?:when|in|at|on|to|if|until|for|before))?[: ]*/i;
const LOG = /^(?:(?:the )?kernel (?:writes to its |writes to the )?log|dmesg|(?:a |any )?warn(?:ing)?)$/i;
const NAME = String.raw`[\w.-]{1,64}`;
const PLACE = new RegExp(
  `^(?:(?<process>${NAME})(?:['’]s)?[ :/])?(?:(?<area>${NAME})(?:\\+|\\[)(?<page>\\d{1,9})\\]?|(?<address>0x[\\da-f]{4,16}))$`,
  'i',
);
const OWNED = new RegExp(`^(?<what>.+?) (?:of|in) (?:process )?(?<process>${NAME})$`, 'i');
const ANY = /^(?:any|a|an|some|the|each|every)$/i;

/** How a comparison is said, longest first. */
const OF_ONE: readonly (readonly [words: string, how: Comparison])[] = [
  ['is no longer', '!='],
  ['is not', '!='],
  ['isn’t', '!='],
  ["isn't", '!='],
  ['stops being', '!='],
  ['has no', '!='],
  ['lacks', '!='],
  ['loses', '!='],
  ['is greater than', '>'],
  ['is more than', '>'],
  ['rises above', '>'],
  ['goes above', '>'],
  ['is above', '>'],
  ['exceeds', '>'],
  ['is less than', '<'],
  ['falls below', '<'],
  ['drops below', '<'],
  ['is below', '<'],
  ['is at least', '>='],
  ['is at most', '<='],
  ...['falls', 'drops', 'goes', 'rises', 'sinks', 'gets'].map((verb) => [`${verb} to`, '='] as const),
  ['turns into', '='],
  ['becomes', '='],
  ['reaches', '='],
  ['gets', '='],
  ['has', '='],
  ['is', '='],
];
/** Of several, such as pins, too. */
const SPOKEN = [
  ...OF_ONE,
  ...OF_ONE.map(
    ([words, how]) =>
      [
        words
          .replace(/^is\b/, 'are')
          .replace(/^has\b/, 'have')
          .replace(/^(fall|drop|go|rise|sink|get|turn|become|reach|exceed|lack|lose|stop)e?s\b/, '$1'),
        how,
      ] as const,
  ),
];
const SIGNS: Readonly<Record<string, Comparison>> = {
  '=': '=',
  '==': '=',
  '!=': '!=',
  '<>': '!=',
  '≠': '!=',
  '<': '<',
  '<=': '<=',
  '≤': '<=',
  '>': '>',
  '>=': '>=',
  '≥': '>=',
};
const VERB = new RegExp(
  `^(?<subject>.*?)(?:\\s*(?<sign>[!=<>≤≥≠]+)\\s*|\\s+(?<words>${SPOKEN.map(([words]) => words).join('|')})\\b\\s*)(?<value>.*)$`,
  'i',
);
const CHANGES = /^(?<subject>.*?)\s+(?:changes?|is written|moves)$/i;

/** Entries by the words that people have for them. */
const STATE_WORDS: Readonly<Record<string, EntryState>> = {
  empty: 'none',
  clear: 'none',
  zero: 'none',
  gone: 'none',
  private: 'device-private',
  exclusive: 'device-exclusive',
  young: 'accessed',
  swapped: 'swap',
  poisoned: 'hwpoison',
};

const listed = (names: readonly string[]): string => names.join(', ');

/** How many letters two words differ by. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
};

/** ` Did you mean refcount?` */
const nearest = (text: string, names: readonly string[]): string => {
  const most = text.length < 3 ? 1 : Math.max(2, Math.floor(text.length / 4));
  const near = names.map((name) => [distance(text, name), name] as const).filter(([far]) => far <= most);
  const best = near.toSorted(([a], [b]) => a - b)[0]?.[1];
  return best === undefined ? '' : ` Did you mean ${best}?`;
};

/** Without the underscore that the kernel's own name has. */
const spoken = (field: BreakField): string => field.replace(/^_/, '');
export const FIELD_NAMES: readonly string[] = BREAK_FIELDS.map(spoken);

/** What else people call them. */
const FIELD_WORDS: Readonly<Record<string, BreakField>> = {
  pin: 'pins',
  pincount: 'pins',
  pin_count: 'pins',
  _pincount: 'pins',
};

/** With or without the underscore. */
const fieldNamed = (text: string): BreakField | undefined =>
  FIELD_WORDS[text.toLowerCase()] ??
  BREAK_FIELDS.find((field) => field === text.toLowerCase() || spoken(field) === text.toLowerCase());

// --- places ---------------------------------------------------------------------------------------------------

const knownProcess = (name: string, { processes }: KnownNames): string => {
  if (processes.length === 0 || processes.includes(name)) return name;
  throw new Unreadable(name, `No process of this run is called so; there is ${listed(processes)}.`);
};

const readPlace = (text: string, known: KnownNames): Place | undefined => {
  const owned = OWNED.exec(text)?.groups;
  const inner = owned === undefined ? text : (owned['what'] ?? '');
  const { process = owned?.['process'], area, page = '', address } = PLACE.exec(inner)?.groups ?? {};
  const whose = process === undefined ? {} : { process: knownProcess(process, known) };
  if (address !== undefined) return { ...whose, vpn: Math.floor(Number(address) / 4096) };
  if (area === undefined) {
    const npages = known.areas.get(inner);
    if (npages === undefined) return undefined;
    throw new Unreadable(inner, `Which page of it? Write ${inner}+0 to ${inner}+${npages - 1}.`);
  }
  const npages = known.areas.get(area);
  if (npages === undefined && known.areas.size > 0) {
    const names = [...known.areas.keys()];
    const mend = `No area of this run is called so; there is ${listed(names)}.`;
    throw new Unreadable(area, `${mend}${nearest(area, names)}`);
  }
  if (npages !== undefined && Number(page) >= npages)
    throw new Unreadable(`${area}+${page}`, `${area} ends with ${area}+${npages - 1}.`);
  return { ...whose, area, page: Number(page) };
};

/** @returns undefined: any page */
const readPage = (text: string, known: KnownNames): PageRef | undefined => {
  const named = /^(?:(?:the )?(?:struct )?page|pfn|frame)(?: of| at)?\s+(.+)$/i.exec(text)?.[1] ?? text;
  if (/^(?:any|a|some|the|each|every) (?:page|frame|pfn)$/i.test(text) || ANY.test(named)) return undefined;
  if (NUMBER.test(named)) {
    const pfn = Number(named);
    if (pfn >= 0 && pfn < 2 ** 40) return { pfn };
    throw new Unreadable(
      named,
      'A page frame number has at most 40 bits. For an address write whose it is: A 0x7f0000001000.',
    );
  }
  const place = readPlace(named, known);
  if (place !== undefined) return place;
  throw new Unreadable(
    text,
    `Which page? Write a pfn (0x4804 or 18436), a place (${example(known)}), or “any page”.`,
  );
};

const example = ({ areas }: KnownNames): string => `${[...areas.keys()][0] ?? 'buf'}+1`;

// --- what is to hold ------------------------------------------------------------------------------------------

interface Wish {
  readonly subject: string;
  /** Undefined: it changes. */
  readonly is: readonly [how: Comparison, value: string] | undefined;
}

const wishOf = (text: string): Wish => {
  const changes = CHANGES.exec(text)?.groups?.['subject'];
  if (changes !== undefined) return { subject: changes.trim(), is: undefined };
  const { subject, sign, words = '', value = '' } = VERB.exec(text)?.groups ?? {};
  if (subject === undefined) return { subject: text, is: undefined };
  const said = SPOKEN.find(([spelled]) => spelled === words.toLowerCase())?.[1];
  const how = sign === undefined ? said : SIGNS[sign];
  if (how === undefined)
    throw new Unreadable(sign ?? words, `No comparison. Write ${listed(['=', '!=', '<', '<=', '>', '>='])}.`);
  return { subject: subject.trim(), is: [how, value.trim()] };
};

const valueOf = (text: string): number => {
  if (/^zero$/i.test(text)) return 0;
  if (NUMBER.test(text)) return Number(text);
  throw new Unreadable(text || 'the end', 'A number belongs here, such as 0, -1, 1024 or 0x400.');
};

const stateOf = (how: Comparison, text: string): readonly [how: '=' | '!=', state: EntryState] => {
  const plain = text
    .toLowerCase()
    .replace(/^(?:an?|the) /, '')
    .replace(/[ -](?:pte|entry|one)$/, '')
    .replaceAll(' ', '-');
  const state = oneOf(ENTRY_STATES, plain) ?? STATE_WORDS[plain];
  if (how !== '=' && how !== '!=')
    throw new Unreadable(how, `An entry is something, or is not. Write “is migration” or “is not present”.`);
  if (plain === 'read-only') return [how === '=' ? '!=' : '=', 'writable'];
  if (state !== undefined) return [how, state];
  const mend = `An entry can be ${listed(ENTRY_STATES)}.${nearest(plain, ENTRY_STATES)}`;
  throw new Unreadable(text || 'the end', mend);
};

/** `refcount` and `buf+1` of `refcount of buf+1` and of `buf+1’s refcount`; whose: undefined where it says nothing. */
const splitSubject = (subject: string): { readonly what: string; readonly whose: string | undefined } => {
  const plain = subject.replace(/^the (?!page\b)/i, '');
  const what = String.raw`pte|entry|page-table entry|struct page|page|\w+`;
  const behind = new RegExp(`^(?<what>${what}) (?:of|at|for) (?<whose>.+)$`, 'i').exec(plain)?.groups;
  if (behind !== undefined) return { what: behind['what'] ?? '', whose: behind['whose'] };
  const before = new RegExp(`^(?<whose>.+?)(?:['’]s?)? (?:the )?(?<what>pte|entry|\\w+)$`, 'i').exec(
    plain,
  )?.groups;
  if (before !== undefined && !/^(?:struct|the)$/i.test(before['whose'] ?? ''))
    return { what: before['what'] ?? '', whose: before['whose'] };
  const pte = /^pte (?<whose>.+)$/i.exec(plain)?.groups?.['whose'];
  return pte === undefined ? { what: plain, whose: undefined } : { what: 'pte', whose: pte };
};

const isPte = (what: string): boolean => /^(?:pte|entry|page-table entry)$/i.test(what);

const readPte = (whose: string | undefined, { is }: Wish, known: KnownNames): Breakpoint => {
  const state = is === undefined ? undefined : stateOf(...is);
  if (whose === undefined || ANY.test(whose))
    return { kind: 'pte', ...(state === undefined ? {} : { is: state }) };
  const of = readPlace(whose, known);
  if (of === undefined)
    throw new Unreadable(
      whose,
      `Whose entry? Write a place such as ${example(known)} or A ${example(known)}, or an address such as A 0x7f0000001000.`,
    );
  return { kind: 'pte', of, ...(state === undefined ? {} : { is: state }) };
};

/** `PG_dirty`, `Dirty`, `AnonExclusive`, `is set` behind them apart. */
const flagNamed = (text: string): PageFlag | undefined => {
  const plain = text.replace(/^PG_/i, '').replace(/(?<=[a-z])(?=[A-Z])/g, '_');
  return oneOf(PAGE_FLAGS, plain.toLowerCase().replaceAll(/[ -]/g, '_'));
};

/** Bits that mean something else on other pages: which of them a page is has to be looked up. */
const OF_ONE_PAGE: readonly PageFlag[] = ['anon_exclusive', 'swapcache'];

/** `buf+1 becomes dirty`, `PG_locked of buf+1 is set`, `any page is no longer lru`; undefined: about no flag. */
const readFlag = ({ subject, is }: Wish, known: KnownNames): Breakpoint | undefined => {
  const [how, value = ''] = is ?? [];
  if (how !== '=' && how !== '!=') return undefined;
  const { what, whose } = splitSubject(subject);
  const asked = flagNamed(what);
  const isClear = /^(?:clear|cleared|unset|gone|0)$/i.test(value);
  if (asked !== undefined && (isClear || /^(?:set|1)$/i.test(value)))
    return ofFlag(asked, isClear === (how === '=') ? '!=' : '=', whose ?? 'any page', known);
  const flag = flagNamed(value.replace(/^the /, '').replace(/ (?:flag|set)$/, ''));
  if (flag === undefined) return undefined;
  if (fieldNamed(what) === 'flags') return ofFlag(flag, how, whose ?? 'any page', known);
  return fieldNamed(what) === undefined && !isPte(what) ? ofFlag(flag, how, subject, known) : undefined;
};

const ofFlag = (flag: PageFlag, how: '=' | '!=', whose: string, known: KnownNames): Breakpoint => {
  const of = readPage(whose, known);
  if (of === undefined && OF_ONE_PAGE.includes(flag))
    throw new Unreadable(
      'any page',
      `${flag} is asked of one page, since its bit means something else on others. Write ${example(known)} becomes ${flag}.`,
    );
  return { kind: 'field', field: 'flags', ...(of === undefined ? {} : { of }), is: [how, flag] };
};

/** `buf+1 becomes pinned`, `any page is no longer pinned`; undefined: about no pin. */
const readPinned = ({ subject, is }: Wish, known: KnownNames): Breakpoint | undefined => {
  const [how, value = ''] = is ?? [];
  if ((how !== '=' && how !== '!=') || !/^(?:dma-?)?pinned$/i.test(value)) return undefined;
  const of = readPage(subject, known);
  return {
    kind: 'field',
    field: 'pins',
    ...(of === undefined ? {} : { of }),
    is: [how === '=' ? '>' : '=', 0],
  };
};

const readWish = (text: string, known: KnownNames): Breakpoint => {
  const wish = wishOf(text);
  const { subject, is } = wish;
  const ready = readPinned(wish, known) ?? readFlag(wish, known);
  if (ready !== undefined) return ready;
  const page = /^(?:the )?(?:(?:struct )?page|pfn)(?: of| at)? (?<whose>[^'’]+)$/i.exec(subject)?.groups;
  const isPage = page !== undefined && fieldNamed(/\w+$/.exec(subject)?.[0] ?? '') === undefined;
  const { what, whose } = splitSubject(subject);
  if (isPte(what)) return readPte(whose, wish, known);
  if (isPage) {
    const of = readPage(page['whose'] ?? '', known);
    if (of === undefined || is !== undefined)
      throw new Unreadable(text, `Say which field: refcount of ${page['whose'] ?? 'any page'} > 1.`);
    return { kind: 'page', of };
  }
  if (/^(?:struct )?page$/i.test(what))
    throw new Unreadable('any page', 'Say which field: refcount of any page > 1.');
  const field = fieldNamed(what);
  if (field === undefined) {
    const mend = `No field, function or entry. Fields: ${listed(FIELD_NAMES)}; or pte of ${example(known)}.`;
    const functions = KERNEL_FUNCTIONS.map(({ name }) => name);
    throw new Unreadable(what, `${mend}${nearest(what, [...FIELD_NAMES, 'pte', ...functions])}`);
  }
  const of = whose === undefined ? undefined : readPage(whose, known);
  return {
    kind: 'field',
    field,
    ...(of === undefined ? {} : { of }),
    ...(is === undefined ? {} : { is: [is[0], valueOf(is[1])] }),
  };
};

const NO_NAMES: KnownNames = { processes: [], areas: new Map() };

/**
 * `stop in migrate_device_coherent_page`, `any page's refcount falls to 0`, `refcount of buf+1 > 1024`,
 * `pte of A buf+1 is a migration entry`, `page 0x4804 changes`, `kernel log`; and what addresses have.
 */
export const parseCondition = (text: string, known: KnownNames = NO_NAMES): Reading => {
  const wish = text
    .trim()
    .replaceAll(/\s+/g, ' ')
    .replace(OPENING, '')
    .replace(/\.$/, '')
    .replace(/\bpin[ _]count\b/i, 'pins')
    .trim();
  const typed = parseBreakpoint(text) ?? parseBreakpoint(wish);
  const name = wish.replace(/\(\)$| is (?:entered|called)$/, '').replace(/^fn:/, '');
  const present = presentName(name);
  if (KERNEL_FUNCTIONS.some((fn) => fn.name === present))
    return { breakpoint: { kind: 'function', fn: name } };
  if (LOG.test(wish)) return { breakpoint: { kind: 'log' } };
  try {
    if (wish === '') throw new Unreadable('Nothing', 'Write what is to happen, such as refcount > 1024.');
    if (typed !== undefined) return { breakpoint: checked(typed, known) };
    return { breakpoint: readWish(wish, known) };
  } catch (error) {
    if (error instanceof Unreadable) return { wrong: error.wrong, mend: error.message };
    throw error;
  }
};

/** What was written as addresses write it: its names are those of the run as well. */
const checked = (breakpoint: Breakpoint, known: KnownNames): Breakpoint => {
  if (breakpoint.kind === 'function') {
    const names = KERNEL_FUNCTIONS.map(({ name }) => name);
    throw new Unreadable(
      breakpoint.fn,
      `No kernel function of the simulation.${nearest(breakpoint.fn, names)}`,
    );
  }
  const name = breakpoint.kind === 'field' ? oneOf(OF_ONE_PAGE, String(breakpoint.is?.[1])) : undefined;
  if (name !== undefined && breakpoint.kind === 'field' && breakpoint.of === undefined)
    return ofFlag(name, '=', 'any page', known);
  if (breakpoint.kind === 'log' || breakpoint.of === undefined || 'pfn' in breakpoint.of) return breakpoint;
  const { of } = breakpoint;
  if ('area' in of)
    readPlace(`${of.process === undefined ? '' : `${of.process} `}${of.area}+${of.page}`, known);
  return breakpoint;
};

/** The condition that a text is; undefined: none. */
export const readCondition = (text: string, known?: KnownNames): Breakpoint | undefined => {
  const reading = parseCondition(text, known);
  return 'breakpoint' in reading ? reading.breakpoint : undefined;
};

const namesIn = (
  step: Readonly<Record<string, unknown>>,
  processes: Set<string>,
  areas: Map<string, number>,
): void => {
  const { op, proc, child, vma, pages, to, steps } = step;
  for (const name of [proc, child]) if (typeof name === 'string') processes.add(name);
  if (op === 'mmap' && typeof vma === 'string' && typeof pages === 'number')
    areas.set(vma, Math.max(areas.get(vma) ?? 0, pages));
  if (op === 'mremap' && typeof vma === 'string' && typeof to === 'string')
    areas.set(to, areas.get(vma) ?? 1);
  if (Array.isArray(steps))
    for (const one of steps as readonly Readonly<Record<string, unknown>>[]) namesIn(one, processes, areas);
};

/** Processes and areas of all steps of a run. */
export const namesOf = (
  steps: readonly { readonly step: Readonly<Record<string, unknown>> }[],
): KnownNames => {
  const processes = new Set<string>();
  const areas = new Map<string, number>();
  for (const { step } of steps) namesIn(step, processes, areas);
  return { processes: [...processes], areas };
};

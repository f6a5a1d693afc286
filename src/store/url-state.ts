// The address: what it says, and how it is read back. `?scenario=…&machine=…&patches=1-5,7-14&config=CMA:n&theme=…&layout=…&
// t=3.47&sel=page:0x5fffd` can be typed; `#v1.` + base64url of deflated JSON holds all of it and the commands. It never holds simulated state.
// Whatever comes in is untrusted: it is capped in size and checked against a schema before anything acts on it.

import * as v from 'valibot';
import type { MachinePresetName } from '../core/uapi/config.ts';
import { MACHINE_PRESETS } from '../core/uapi/presets.ts';
import type { Grain, Message, Selection } from '../worker/protocol.ts';
import { type Contrast, isContrast } from './compare.ts';
import { type Extent, EXTENTS, formText, parseExtent, parseForm, parseGrain } from './choices.ts';
import { branchesText, MAX_BRANCHES_CHARS, parseBranches } from './choices.ts';
import { MAX_WALK_CHARS, parseWalk, type WalkInLink, walkText } from './choices.ts';
import type { TableBelow } from '../worker/protocol-views.ts';
import { breakpointText, MAX_BREAKPOINTS, parseBreakpoint } from './debug.ts';
import { type Controls, isControls, parseEmbed } from './embed.ts';
import { type KernelChoice, type KernelTexts, kernelTexts, readKernelTexts } from './kernel-choice.ts';
import { isPreset, type Layout, layoutSchema, type Preset } from './layout.ts';
import { type MapsSlice, mapsText, parseMaps } from './maps.ts';
import type { Theme } from './settings.ts';
import { MAX_WINDOWS_CHARS, parseWindows, type WindowChoices, windowsText } from './windows.ts';

export const LINK_VERSION = 'v1';
const MAX_HASH_CHARS = 100_000;
const MAX_JSON_BYTES = 1_000_000;
const MAX_ADDED_STEPS = 1000;

/** A place in a run that survives a change of how many events a step has: 47 events into step 3. */
export interface Place {
  readonly step: number;
  readonly offset: number;
}

/** What can stand in the readable part of an address, in the order in which it is explained. */
export const PARAMETERS = [
  ...(['scenario', 't', 'sel', 'machine', 'patches', 'config'] as const),
  ...(['follow_page', 'longterm_check', 'longterm_policy', 'compare', 'stop'] as const),
  ...(['layout', 'map', 'windows', 'walk', 'branches', 'as', 'grain', 'extent', 'page'] as const),
  ...(['theme', 'motion', 'embed', 'controls', 'lang'] as const),
] as const;
export type ParameterName = (typeof PARAMETERS)[number];

/** What a link means. All of it is commands and view. */
export interface LinkState {
  /** Name in the catalogue. */
  readonly scenario?: string;
  /** The scenario itself, if it is none of the catalogue's. */
  readonly own?: unknown;
  readonly machine?: MachinePresetName;
  /** Of the kernel, what is not as the scenario asks. */
  readonly kernel?: KernelChoice;
  /** Steps behind those of the scenario. */
  readonly added?: readonly unknown[];
  readonly at?: Place;
  readonly selected?: Selection;
  readonly theme?: Theme;
  /** The document that lies open, and its section. */
  readonly page?: PagePlace;
  /** The arrangement of the panels: a preset as it comes, or with what was changed by hand. */
  readonly layout?: Layout | Preset;
  /** What the maps are coloured by, and which entries of their legend stand out. */
  readonly maps?: MapsSlice;
  /** Which windows on memory are open, and what those show that follow nothing. */
  readonly windows?: WindowChoices;
  /** Maps and timeline as text. */
  readonly asText?: boolean;
  /** By what the buttons of the playback go. */
  readonly grain?: Grain;
  /** How the page-table tree is read, and whose it is. */
  readonly walk?: WalkInLink;
  /** Tables of the tree that are unfolded beside the way. */
  readonly branches?: readonly TableBelow[];
  /** How much of the run the timeline shows, if somebody chose. */
  readonly extent?: Extent;
  /** Where the run stops, as a person would type it: `fn:…`, `_refcount=0`. */
  readonly breakpoints?: readonly string[];
  /** What the run is compared with. */
  readonly compare?: Contrast;
  /** In a frame of another page: the stage and the transport only. */
  readonly embed?: boolean;
  /** How many controls an embedded page has. */
  readonly controls?: Controls;
  /** Nothing travels, whatever the reader's system has. */
  readonly calm?: boolean;
}

/** `page=model/gup`: the section `gup` of the page `model`. */
export interface PagePlace {
  readonly page: string;
  readonly section: string;
}

/** What could be read of an address, and what could not. */
export interface ReadLink {
  readonly link: LinkState;
  readonly problems: readonly { readonly place: string; readonly message: Message }[];
}

const problem = (place: string, id: string, params: Message['params'] = {}) => ({
  place,
  message: { id, params },
});

// --- single fields -------------------------------------------------------------------------------------------

const hex = (n: number): string => `0x${n.toString(16)}`;

export const selectionText = (selection: Selection): string => {
  switch (selection.kind) {
    case 'page':
      return `page:${hex(selection.pfn)}`;
    case 'pte':
    case 'vma':
      return `${selection.kind}:${selection.process}:${hex(selection.vpn)}`;
    case 'handle':
      return `handle:${selection.name}`;
  }
};

const NUMBER = /^(0x[\da-f]{1,10}|\d{1,12})$/i;
const NAME = /^[\w.-]{1,64}$/;

export const parseSelection = (text: string): Selection | undefined => {
  const [kind, first = '', second = '', ...rest] = text.split(':');
  if (rest.length > 0) return undefined;
  if (kind === 'page' && second === '' && NUMBER.test(first)) return { kind, pfn: Number(first) };
  if (kind === 'handle' && second === '' && NAME.test(first)) return { kind, name: first };
  if ((kind === 'pte' || kind === 'vma') && NAME.test(first) && NUMBER.test(second)) {
    return { kind, process: first, vpn: Number(second) };
  }
  return undefined;
};

export const placeText = ({ step, offset }: Place): string =>
  offset === 0 ? `${step}` : `${step}.${offset}`;

export const parsePlace = (text: string): Place | undefined => {
  const found = /^(-1|\d{1,6})(?:\.(\d{1,9}))?$/.exec(text);
  return found === null ? undefined : { step: Number(found[1]), offset: Number(found[2] ?? 0) };
};

const PAGE = /^([\w-]{1,40})(?:\/([\w-]{1,60}))?$/;

export const pageText = ({ page, section }: PagePlace): string =>
  section === '' ? page : `${page}/${section}`;

export const parsePage = (text: string): PagePlace | undefined => {
  const [, page, section = ''] = PAGE.exec(text) ?? [];
  return page === undefined ? undefined : { page, section };
};

const isMachine = (text: string): text is MachinePresetName =>
  MACHINE_PRESETS.some((preset) => preset === text);
const THEMES: readonly Theme[] = ['system', 'light', 'dark'];
const isTheme = (text: string): text is Theme => THEMES.some((theme) => theme === text);

// --- the packed part -----------------------------------------------------------------------------------------

const packedSchema = v.object({
  scenario: v.optional(v.pipe(v.string(), v.regex(NAME))),
  own: v.optional(v.record(v.string(), v.unknown())),
  machine: v.optional(v.picklist(MACHINE_PRESETS)),
  patches: v.optional(v.pipe(v.string(), v.maxLength(100))),
  config: v.optional(v.pipe(v.string(), v.maxLength(200))),
  follow_page: v.optional(v.pipe(v.string(), v.maxLength(20))),
  longterm_check: v.optional(v.pipe(v.string(), v.maxLength(20))),
  longterm_policy: v.optional(v.pipe(v.string(), v.maxLength(20))),
  added: v.optional(v.pipe(v.array(v.record(v.string(), v.unknown())), v.maxLength(MAX_ADDED_STEPS))),
  at: v.optional(v.pipe(v.string(), v.maxLength(20))),
  sel: v.optional(v.pipe(v.string(), v.maxLength(100))),
  theme: v.optional(v.picklist(THEMES)),
  layout: v.optional(layoutSchema),
  map: v.optional(v.pipe(v.string(), v.maxLength(200))),
  windows: v.optional(v.pipe(v.string(), v.maxLength(MAX_WINDOWS_CHARS))),
  as: v.optional(v.pipe(v.string(), v.maxLength(20))),
  grain: v.optional(v.pipe(v.string(), v.maxLength(20))),
  walk: v.optional(v.pipe(v.string(), v.maxLength(MAX_WALK_CHARS))),
  branches: v.optional(v.pipe(v.string(), v.maxLength(MAX_BRANCHES_CHARS))),
  extent: v.optional(v.picklist(EXTENTS)),
  compare: v.optional(v.pipe(v.string(), v.maxLength(60))),
  stop: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(100))), v.maxLength(MAX_BREAKPOINTS))),
});
type Packed = v.InferOutput<typeof packedSchema>;

const toBase64Url = (bytes: Uint8Array): string => {
  let binary = '';
  for (const byte of bytes) binary += String.fromCodePoint(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
};

const fromBase64Url = (text: string): Uint8Array<ArrayBuffer> => {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (char) => char.codePointAt(0) ?? 0);
};

const readAll = async (
  stream: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> => {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel();
      throw new RangeError('too long');
    }
    chunks.push(value);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
};

const through = (
  bytes: Uint8Array<ArrayBuffer>,
  transform: GenericTransformStream,
): ReadableStream<Uint8Array> =>
  new Blob([bytes])
    .stream()
    .pipeThrough(transform as ReadableWritablePair<Uint8Array, Uint8Array<ArrayBuffer>>);

const pack = async (packed: Packed): Promise<string> => {
  const json = new TextEncoder().encode(JSON.stringify(packed));
  const deflated = await readAll(through(json, new CompressionStream('deflate-raw')), MAX_JSON_BYTES * 2);
  return toBase64Url(deflated);
};

/** What is packed, and the names of what only a newer version knows. */
interface Unpacked {
  readonly packed: Packed;
  readonly unknown: readonly string[];
}

const unpack = async (
  text: string,
): Promise<Unpacked | { readonly place: string; readonly message: Message }> => {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = fromBase64Url(text);
  } catch {
    return problem('', 'link.damaged');
  }
  let json: string;
  try {
    const inflated = await readAll(through(bytes, new DecompressionStream('deflate-raw')), MAX_JSON_BYTES);
    json = new TextDecoder('utf-8', { fatal: true }).decode(inflated);
  } catch (error) {
    return error instanceof RangeError ? problem('', 'link.too-long') : problem('', 'link.damaged');
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return problem('', 'link.damaged');
  }
  // an array has properties of its own that an object schema would read
  if (Array.isArray(parsed)) return problem('', 'link.damaged');
  const result = v.safeParse(packedSchema, parsed);
  if (result.success) {
    const unknown = Object.keys(parsed ?? {}).filter((name) => !Object.hasOwn(packedSchema.entries, name));
    return { packed: result.output, unknown };
  }
  const issue = result.issues[0];
  return problem(v.getDotPath(issue) ?? '', 'link.unfit', { what: issue.message });
};

// --- whole addresses -----------------------------------------------------------------------------------------

/** Search and hash of a link: `?scenario=…&t=3#v1.…` */
export const writeLink = async (link: LinkState): Promise<string> => {
  const search = new URLSearchParams();
  if (link.page !== undefined) search.set('page', pageText(link.page));
  if (link.scenario !== undefined) search.set('scenario', link.scenario);
  if (link.machine !== undefined) search.set('machine', link.machine);
  const kernel = link.kernel === undefined ? {} : kernelTexts(link.kernel);
  for (const [name, text] of Object.entries(kernel)) search.set(name, text);
  if (link.embed === true) search.set('embed', '1');
  if (link.controls !== undefined && link.controls !== 'all') search.set('controls', link.controls);
  if (link.calm === true) search.set('motion', 'reduce');
  if (link.theme !== undefined && link.theme !== 'system') search.set('theme', link.theme);
  const { layout } = link;
  if (layout !== undefined) search.set('layout', typeof layout === 'string' ? layout : layout.preset);
  const maps = link.maps === undefined ? undefined : mapsText(link.maps);
  if (maps !== undefined) search.set('map', maps);
  const shown = {
    ...(link.windows === undefined ? {} : { windows: windowsText(link.windows) }),
    ...(link.asText === undefined ? {} : { as: formText(link.asText) }),
    ...(link.grain === undefined ? {} : { grain: link.grain }),
  };
  for (const [name, text] of Object.entries(shown)) search.set(name, text);
  const walk = link.walk === undefined ? undefined : walkText(link.walk);
  if (walk !== undefined) search.set('walk', walk);
  const { branches = [] } = link;
  if (branches.length > 0) search.set('branches', branchesText(branches));
  if (link.extent !== undefined) search.set('extent', link.extent);
  if (link.compare !== undefined) search.set('compare', link.compare);
  for (const breakpoint of link.breakpoints ?? []) search.append('stop', breakpoint);
  if (link.at !== undefined) search.set('t', placeText(link.at));
  if (link.selected !== undefined) search.set('sel', selectionText(link.selected));
  const added = link.added?.filter((step) => typeof step === 'object' && step !== null) ?? [];
  const packed = {
    ...(link.scenario === undefined ? {} : { scenario: link.scenario }),
    ...(link.own === undefined ? {} : { own: link.own }),
    ...(link.machine === undefined ? {} : { machine: link.machine }),
    ...kernel,
    ...(added.length === 0 ? {} : { added }),
    ...(link.at === undefined ? {} : { at: placeText(link.at) }),
    ...(link.selected === undefined ? {} : { sel: selectionText(link.selected) }),
    ...(typeof layout === 'object' ? { layout } : {}),
    ...(maps === undefined ? {} : { map: maps }),
    ...shown,
    ...(walk === undefined ? {} : { walk }),
    ...(branches.length === 0 ? {} : { branches: branchesText(branches) }),
    ...(link.extent === undefined ? {} : { extent: link.extent }),
    ...(link.compare === undefined ? {} : { compare: link.compare }),
    ...(link.breakpoints === undefined ? {} : { stop: link.breakpoints }),
  } as Packed;
  const readable = search
    .toString()
    .replaceAll('%3A', ':')
    .replaceAll('%2C', ',')
    .replaceAll('%3D', '=')
    .replaceAll('%40', '@')
    .replaceAll('%2F', '/');
  const hash = Object.keys(packed).length === 0 ? '' : `#${LINK_VERSION}.${await pack(packed)}`;
  return `${readable === '' ? '' : `?${readable}`}${hash}`;
};

/** Whether the readable part says all of it: what has no readable form stands only in the packed part. */
export const isAllReadable = ({ own, added = [], layout }: LinkState): boolean =>
  own === undefined && added.length === 0 && typeof layout !== 'object';

const isParameter = (name: string): name is ParameterName => PARAMETERS.some((each) => each === name);

/** The readable part of an address, name by name. */
export const readableOf = (address: string): [ParameterName, string][] =>
  [...new URLSearchParams(address.replace(/#.*$/, ''))].flatMap(([name, value]): [ParameterName, string][] =>
    isParameter(name) ? [[name, value]] : [],
  );

const unknownPart = (name: string) => problem('', 'link.unknown', { name: name.slice(0, 40) });

/** Reads an address. What is typed in the search part outranks what is packed. Never throws. */
export const readLink = async (search: string, hash: string): Promise<ReadLink> => {
  const problems: { place: string; message: Message }[] = [];
  let packed: Packed = {};
  const version = /^#(v\d+)\./.exec(hash)?.[1];
  if (hash.length > MAX_HASH_CHARS) problems.push(problem('', 'link.too-long'));
  else if (version !== undefined && version !== LINK_VERSION)
    problems.push(problem('', 'link.newer', { version }));
  else if (version !== undefined) {
    const unpacked = await unpack(hash.slice(version.length + 2));
    if ('message' in unpacked) problems.push(unpacked);
    else {
      packed = unpacked.packed;
      problems.push(...unpacked.unknown.map(unknownPart));
    }
  } else if (hash.length > 1) problems.push(problem('', 'link.damaged'));

  const typed = new URLSearchParams(search);
  const field = <T>(
    name: string,
    text: string | undefined,
    parse: (text: string) => T | undefined,
    maxChars = 200,
  ): T | undefined => {
    if (text === undefined) return undefined;
    const value = text.length > maxChars ? undefined : parse(text);
    if (value === undefined) problems.push(problem(name, `link.${name}`, { value: text.slice(0, 60) }));
    return value;
  };
  const text = (name: ParameterName): string | undefined => typed.get(name) ?? undefined;
  problems.push(...[...new Set(typed.keys())].filter((name) => !isParameter(name)).map(unknownPart));
  field('lang', text('lang'), (s) => (/^en\b/i.test(s) ? s : undefined));
  const scenario = field('scenario', text('scenario') ?? packed.scenario, (s) =>
    NAME.test(s) ? s : undefined,
  );
  const machine = field('machine', text('machine') ?? packed.machine, (s) => (isMachine(s) ? s : undefined));
  const theme = field('theme', text('theme') ?? packed.theme, (s) => (isTheme(s) ? s : undefined));
  const embed = field('embed', text('embed'), parseEmbed);
  const controls = field('controls', text('controls'), (s) => (isControls(s) ? s : undefined));
  const calm = field('motion', text('motion'), (s) => (s === 'reduce' ? true : undefined));
  const page = field('page', text('page'), parsePage);
  const at = field('t', text('t') ?? packed.at, parsePlace);
  const selected = field('sel', text('sel') ?? packed.sel, parseSelection);
  const maps = field('map', text('map') ?? packed.map, parseMaps);
  const windows = field('windows', text('windows') ?? packed.windows, parseWindows, MAX_WINDOWS_CHARS);
  const asText = field('as', text('as') ?? packed.as, parseForm);
  const grain = field('grain', text('grain') ?? packed.grain, parseGrain);
  const walk = field('walk', text('walk') ?? packed.walk, parseWalk);
  const branches = field('branches', text('branches') ?? packed.branches, parseBranches, MAX_BRANCHES_CHARS);
  const extent = field('extent', text('extent') ?? packed.extent, parseExtent);
  const preset = field('layout', text('layout'), (s) => (isPreset(s) ? s : undefined));
  const layout =
    preset === undefined || preset === packed.layout?.preset ? (packed.layout ?? preset) : preset;
  // a scenario typed into the address replaces the one that is packed, and the kernel that was chosen for it
  const isPacked = text('scenario') === undefined || text('scenario') === packed.scenario;
  const compare = field('compare', text('compare') ?? (isPacked ? packed.compare : undefined), (s) =>
    isContrast(s) ? s : undefined,
  );
  const stops = typed.has('stop') ? typed.getAll('stop') : isPacked ? (packed.stop ?? []) : [];
  const breakpoints = stops.slice(0, MAX_BREAKPOINTS).flatMap((stop) => {
    const found = field('stop', stop, parseBreakpoint);
    return found === undefined ? [] : [breakpointText(found)];
  });
  const ofKernel = (name: keyof KernelTexts) => {
    const value = text(name) ?? (isPacked ? packed[name] : undefined);
    return value === undefined ? {} : { [name]: value };
  };
  const kernel = readKernelTexts({
    ...ofKernel('patches'),
    ...ofKernel('config'),
    ...ofKernel('follow_page'),
    ...ofKernel('longterm_check'),
    ...ofKernel('longterm_policy'),
  });
  return {
    link: {
      ...(scenario === undefined ? {} : { scenario }),
      ...(packed.own === undefined || !isPacked ? {} : { own: packed.own }),
      ...(machine === undefined ? {} : { machine }),
      ...(kernel.choice === undefined ? {} : { kernel: kernel.choice }),
      ...(packed.added === undefined || !isPacked ? {} : { added: packed.added }),
      ...(at === undefined ? {} : { at }),
      ...(selected === undefined ? {} : { selected }),
      ...(embed === true ? { embed } : {}),
      ...(controls === undefined || controls === 'all' ? {} : { controls }),
      ...(calm === undefined ? {} : { calm }),
      ...(theme === undefined ? {} : { theme }),
      ...(page === undefined ? {} : { page }),
      ...(layout === undefined ? {} : { layout }),
      ...(maps === undefined ? {} : { maps }),
      ...(windows === undefined ? {} : { windows }),
      ...(asText === undefined ? {} : { asText }),
      ...(grain === undefined ? {} : { grain }),
      ...(walk === undefined ? {} : { walk }),
      ...(branches === undefined ? {} : { branches }),
      ...(extent === undefined ? {} : { extent }),
      ...(compare === undefined ? {} : { compare }),
      ...(breakpoints.length === 0 ? {} : { breakpoints }),
    },
    problems: [...problems, ...kernel.problems],
  };
};

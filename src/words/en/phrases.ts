// Small pieces that sentences are made of.

export type Params = Readonly<Record<string, string | number>>;
export type Sentence = string | ((p: Params) => string);
export type Sentences = Readonly<Record<string, Sentence>>;

export const num = (p: Params, key: string): number => {
  const value = p[key];
  return typeof value === 'number' ? value : Number(value ?? Number.NaN);
};

/** `1 048 576`, as the panels spell it; a browser's own formatter takes tens of milliseconds at its first use. */
export const grouped = (n: number): string => n.toString().replace(/\B(?=(\d{3})+$)/g, '\u202f');

export const txt = (p: Params, key: string): string => String(p[key] ?? '');

/** A value that may be a number or a word: `1 025`, `none`, `0x5fffd`. */
export const figure = (p: Params, key: string): string =>
  /^\d+$/.test(txt(p, key)) ? grouped(num(p, key)) : txt(p, key);

export const has = (p: Params, key: string): boolean => p[key] !== undefined && p[key] !== '';

/** `4 096 pages`, `1 page` */
export const count = (n: number, noun: string, plural = `${noun}s`): string =>
  `${grouped(n)} ${n === 1 ? noun : plural}`;

export const pages = (p: Params, key = 'count'): string => count(num(p, key), 'page');

/** `buf+2` in the mono face. */
export const page = (p: Params): string => `\`${txt(p, 'page')}\``;

export const code = (p: Params, key: string): string => `\`${txt(p, key)}\``;

/** `buf+2 (pfn 0x5fffd)`; a frame without a name is its number already. */
export const pageAndPfn = (p: Params): string =>
  txt(p, 'page').startsWith('pfn') || !has(p, 'pfn') ? page(p) : `${page(p)} (pfn ${code(p, 'pfn')})`;

const PLACES: Readonly<Record<string, (device: string) => string>> = {
  coherent: (device) => `the memory of device ${device}`,
  private: (device) => `the private memory of device ${device}`,
  movable: () => 'movable system memory',
  system: () => 'system memory',
};

/** From `coherent:0` to `the memory of device 0`. */
export const place = (p: Params, key = 'place'): string => {
  const [kind = '', device = ''] = txt(p, key).split(':');
  return PLACES[kind]?.(device) ?? 'memory';
};

export const errno = (p: Params): string => `\`-${txt(p, 'errno')}\``;

/** What the flags ask for, in the kernel's spelling; without what every such call carries. */
export const flags = (p: Params): string => {
  const names = txt(p, 'flags')
    .split(' | ')
    .filter((name) => name !== '' && name !== 'FOLL_PIN' && name !== 'FOLL_GET' && name !== 'FOLL_TOUCH');
  return names.length === 0 ? '' : ` with \`${names.join(' | ')}\``;
};

export const isLongterm = (p: Params): boolean => txt(p, 'flags').includes('FOLL_LONGTERM');
export const isPin = (p: Params): boolean => txt(p, 'flags').includes('FOLL_PIN');

/** `the page`, `both pages`, `all 4 pages` */
export const allPages = (p: Params): string => {
  const n = num(p, 'count');
  if (n === 1) return 'the page';
  return n === 2 ? 'both pages' : `all ${pages(p)}`;
};

/** Begins a sentence with a word of ours; a kernel name keeps its spelling, there too. */
export const cap = (text: string): string =>
  /^\w*_/.test(text) ? text : text.charAt(0).toUpperCase() + text.slice(1);

const handles = (p: Params, key: string): readonly string[] =>
  txt(p, key)
    .split(', ')
    .filter((name) => name !== '')
    .map((name) => `\`${name}\``);

/** Who holds pages: `h1 pins them`, `g holds a reference on it`. */
export const holdersText = (p: Params, it: string): string => {
  const [pins, references] = [handles(p, 'pinnedBy'), handles(p, 'heldBy')];
  const all = [
    pins.length === 0 ? '' : `${pins.join(' and ')} ${pins.length === 1 ? 'pins' : 'pin'} ${it}`,
    references.length === 0
      ? ''
      : `${references.join(' and ')} ${references.length === 1 ? 'holds' : 'hold'} a reference on ${it}`,
  ].filter((text) => text !== '');
  return all.length === 0 ? `somebody else holds a reference on ${it}` : all.join(', and ');
};

/** `4 pages stayed: h1 pins them`, with another verb where it is one's own. */
export const stayedText = (p: Params, verb: string): string => {
  const n = num(p, 'stayed');
  const one = has(p, 'stayedPage') ? code(p, 'stayedPage') : 'it';
  return `${n === 1 ? 'One page' : pages(p, 'stayed')} ${verb}: ${holdersText(p, n === 1 ? one : 'them')}`;
};

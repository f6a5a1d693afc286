// A typed step, as people write it, in the vocabulary of the recordings: `B: migrate_to_dev buf+0..3 0`.
// Only the shape is read here; whether the step makes sense is for the worker to say.

import { GPU_EXAMPLES, GPU_MOST_WORDS, gpuFieldsOf, KERNEL_COMMANDS } from './gpu-command.ts';

export type ParsedCommand =
  | { readonly kind: 'step'; readonly step: Readonly<Record<string, unknown>> }
  | { readonly kind: 'problem'; readonly text: string };

type Fields = Readonly<Record<string, unknown>>;

const GUP_CALLS: ReadonlySet<string> = new Set([
  'get_user_pages',
  'get_user_pages_fast',
  'pin_user_pages',
  'pin_user_pages_fast',
  'pin_user_pages_remote',
]);

/** How each step is written; also what the field suggests. */
export const EXAMPLES: readonly string[] = [
  'mmap buf2 4',
  'write buf 100',
  'read buf+0',
  'migrate_to_dev buf 0',
  'migrate_to_sys buf 0',
  'pin_user_pages_fast buf FOLL_WRITE FOLL_LONGTERM as h2',
  'pin_user_pages buf+0..1 FOLL_WRITE as h2',
  'get_user_pages buf FOLL_WRITE as h2',
  'unpin h1',
  'put h1',
  'fork B',
  'exit',
  'dev_read buf 0',
  'dev_write buf 0 200',
  'dev_exclusive buf 0',
  'snapshot buf 0',
  'munmap buf',
  'mprotect buf r',
  'madvise buf DONTNEED',
  'mlock buf',
  'munlock buf',
  'mremap buf buf2',
  ...GPU_EXAMPLES,
];

const number = (word: string | undefined): number | undefined =>
  word !== undefined && /^\d{1,15}$/.test(word) ? Number(word) : undefined;

/** The most words that a step may have behind it; what is not here reads a list. Nothing is passed over in silence. */
const MOST_WORDS: Readonly<Record<string, number>> = {
  ...Object.fromEntries(['read', 'munmap', 'mlock', 'munlock', 'fork', 'unpin', 'put'].map((op) => [op, 1])),
  ...Object.fromEntries(['mremap', 'mprotect', 'madvise', 'write', 'dev_read'].map((op) => [op, 2])),
  ...Object.fromEntries(
    ['dev_exclusive', 'snapshot', 'migrate_to_dev', 'migrate_to_sys'].map((op) => [op, 2]),
  ),
  exit: 0,
  mmap: 3,
  dev_write: 3,
  ...GPU_MOST_WORDS,
};

/** `buf`, `buf+2`, `buf+0..3`, and `buf+0…3` as the list of steps writes it */
const rangeOf = (word: string | undefined): Fields | undefined => {
  const found = /^([\w.-]+?)(?:\+(\d+)(?:(?:\.\.|…)(\d+))?)?$/.exec(word ?? '');
  if (found === null) return undefined;
  const [, vma, first, last] = found;
  if (first === undefined) return { vma };
  return { vma, page: Number(first), count: last === undefined ? 1 : Number(last) - Number(first) + 1 };
};

/** What is written, 0 if nothing is said; a word that is no number does not fit. */
const valueOf = (fields: Fields, word: string | undefined): Fields | undefined => {
  const value = word === undefined ? 0 : number(word);
  return value === undefined ? undefined : { ...fields, value };
};

/** The words behind the operation as fields of a step; undefined if they do not fit. */
const fieldsOf = (op: string, words: readonly string[]): Fields | undefined => {
  const [first, second, third] = words;
  const range = rangeOf(first);
  switch (op) {
    case 'mmap':
      return number(second) === undefined
        ? undefined
        : { vma: first, pages: number(second), prot: 'rw', kind: third ?? 'anon-private' };
    case 'mremap':
      return second === undefined ? undefined : { vma: first, to: second };
    case 'mprotect':
      return range && { ...range, prot: second ?? '' };
    case 'madvise':
      return range && second !== undefined ? { ...range, advice: second.replace(/^MADV_/, '') } : undefined;
    case 'write':
      return range && valueOf(range, second);
    case 'read':
    case 'munmap':
    case 'mlock':
    case 'munlock':
      return range;
    case 'dev_write':
    case 'dev_read':
    case 'dev_exclusive':
    case 'snapshot':
    case 'migrate_to_dev':
    case 'migrate_to_sys': {
      const device = number(second);
      if (range === undefined || device === undefined) return undefined;
      return op === 'dev_write' ? valueOf({ ...range, device }, third) : { ...range, device };
    }
    case 'fork':
      return first === undefined ? undefined : { child: first };
    case 'exit':
      return {};
    case 'unpin':
    case 'put':
      return first === undefined ? undefined : { handle: first };
    default:
      return gpuFieldsOf(op, words, range);
  }
};

/** `buf FOLL_WRITE|FOLL_LONGTERM as h2` */
const gupFields = (call: string, words: readonly string[]): Fields | undefined => {
  const range = rangeOf(words[0]);
  const as = words.indexOf('as');
  const handle = as < 0 ? undefined : words[as + 1];
  if (range === undefined || handle === undefined || words.length > as + 2) return undefined;
  const flags = words.slice(1, as).flatMap((word) => word.split('|').filter((flag) => flag !== ''));
  return { ...range, call, flags, as: handle };
};

const parseJson = (text: string): ParsedCommand => {
  try {
    const step: unknown = JSON.parse(text);
    if (typeof step === 'object' && step !== null && !Array.isArray(step))
      return { kind: 'step', step: { ...step } };
  } catch {
    // not JSON: said below
  }
  return { kind: 'problem', text: 'This is no JSON object.' };
};

/** `unbind 0 ∥ munmap buf`, as the list of steps writes it, or with `||`: tasks that run at once. */
const parseTogether = (parts: readonly string[]): ParsedCommand => {
  const parsed = parts.map(parseCommand);
  const problem = parsed.find((part) => part.kind === 'problem');
  if (problem !== undefined) return problem;
  const steps = parsed.flatMap((part) => (part.kind === 'step' ? [part.step] : []));
  // who starts them: the first process among them
  const proc = steps.map((step) => step['proc']).find((name) => name !== 'kernel') ?? 'A';
  return { kind: 'step', step: { op: 'concurrent', proc, seed: 1, steps } };
};

export const parseCommand = (text: string): ParsedCommand => {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) return parseJson(trimmed);
  const parts = trimmed.split(/∥|\|\|/);
  if (parts.length > 1) return parseTogether(parts);
  const found = /^(?:([\w.-]+):\s*)?(\S+)\s*(.*)$/.exec(trimmed);
  if (found === null) return { kind: 'problem', text: 'Write a step, such as: read buf' };
  const [, named, op = '', rest = ''] = found;
  const proc = named ?? (KERNEL_COMMANDS.has(op) ? 'kernel' : 'A');
  const words = rest.split(/\s+/).filter((word) => word !== '');
  const isGup = GUP_CALLS.has(op);
  const tooMany = words.length > (MOST_WORDS[op] ?? Number.POSITIVE_INFINITY);
  const fields = tooMany ? undefined : isGup ? gupFields(op, words) : fieldsOf(op, words);
  if (fields !== undefined) return { kind: 'step', step: { op: isGup ? 'gup' : op, proc, ...fields } };
  const example = EXAMPLES.find((each) => each === op || each.startsWith(`${op} `));
  if (tooMany && words.length === 1 && example === op)
    return { kind: 'problem', text: `${op} has nothing behind it. Of another process: ${words[0]}: ${op}` };
  return {
    kind: 'problem',
    text: example === undefined ? `There is no step ${op}.` : `Write it like this: ${example}`,
  };
};

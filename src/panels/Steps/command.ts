// A typed step, as people write it, in the vocabulary of the recordings: `B: migrate_to_dev buf+0..3 0`.
// Only the shape is read here; whether the step makes sense is for the worker to say.

import { GPU_EXAMPLES, gpuFieldsOf, KERNEL_COMMANDS } from './gpu-command.ts';

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

/** `buf`, `buf+2`, `buf+0..3` */
const rangeOf = (word: string | undefined): Fields | undefined => {
  const found = /^([\w.-]+?)(?:\+(\d+)(?:\.\.(\d+))?)?$/.exec(word ?? '');
  if (found === null) return undefined;
  const [, vma, first, last] = found;
  if (first === undefined) return { vma };
  return { vma, page: Number(first), count: last === undefined ? 1 : Number(last) - Number(first) + 1 };
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
      return range && { ...range, value: number(second) ?? 0 };
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
      return op === 'dev_write' ? { ...range, device, value: number(third) ?? 0 } : { ...range, device };
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
  if (range === undefined || handle === undefined) return undefined;
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

export const parseCommand = (text: string): ParsedCommand => {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) return parseJson(trimmed);
  const found = /^(?:([\w.-]+):\s*)?(\S+)\s*(.*)$/.exec(trimmed);
  if (found === null) return { kind: 'problem', text: 'Write a step, such as: read buf' };
  const [, named, op = '', rest = ''] = found;
  const proc = named ?? (KERNEL_COMMANDS.has(op) ? 'kernel' : 'A');
  const words = rest.split(/\s+/).filter((word) => word !== '');
  const isGup = GUP_CALLS.has(op);
  const fields = isGup ? gupFields(op, words) : fieldsOf(op, words);
  if (fields !== undefined) return { kind: 'step', step: { op: isGup ? 'gup' : op, proc, ...fields } };
  const example = EXAMPLES.find((each) => each.startsWith(`${op} `));
  return {
    kind: 'problem',
    text: example === undefined ? `There is no step ${op}.` : `Write it like this: ${example}`,
  };
};

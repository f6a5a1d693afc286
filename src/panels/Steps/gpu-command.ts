// Typed steps of machines with GPUs: `svm_attr buf PREFETCH_LOC GPU 0, GRANULARITY 4`. Written as the list of steps
// writes them; only the shape is read here.

type Fields = Readonly<Record<string, unknown>>;

/** How each step is written; also what the field suggests. */
export const GPU_EXAMPLES: readonly string[] = [
  'svm_attr buf PREFETCH_LOC GPU 0',
  'svm_attr buf PREFERRED_LOC system, ACCESS_IN_PLACE GPU 1',
  'svm_get_attr buf PREFERRED_LOC, ACCESS GPU 0',
  'set_xnack off',
  'gpu_read buf+0 0',
  'gpu_write buf 0 500',
  'bo_alloc big 4096 0 kfd',
  'bo_alloc scanout 4096 0 gem pin',
  'bo_alloc own 4 0 userptr buf',
  'bo_write big 7',
  'bo_free big',
  'boot efi',
  'probe 0',
  'probe 1 start 0x200000 pages 4096',
  'unbind 0',
  'unbind 0 ∥ munmap buf',
];

/** The most words that a step may have behind it. */
export const GPU_MOST_WORDS: Readonly<Record<string, number>> = {
  set_xnack: 1,
  gpu_read: 3,
  gpu_write: 4,
  bo_alloc: 5,
  bo_write: 2,
  bo_free: 1,
  boot: 1,
  probe: 5,
  unbind: 1,
};

/** Steps that the kernel takes, not a process. */
export const KERNEL_COMMANDS: ReadonlySet<string> = new Set(['boot', 'probe', 'unbind']);

const number = (word: string | undefined): number | undefined =>
  word !== undefined && /^(\d{1,15}|0x[\da-f]{1,12})$/i.test(word) ? Number(word) : undefined;

/** `GPU 0`, `0`, or a word such as `system` */
const placeOf = (words: readonly string[]): number | string | undefined => {
  const [first, second] = words;
  return first === 'GPU' ? number(second) : (number(first) ?? first);
};

const attributeOf = (text: string): Fields => {
  const [type = '', ...words] = text.split(/\s+/).filter((word) => word !== '');
  if (type === 'PREFERRED_LOC' || type === 'PREFETCH_LOC') return { type, loc: placeOf(words) };
  if (type === 'SET_FLAGS' || type === 'CLR_FLAGS')
    return { type, flags: words.flatMap((word) => word.split('|')).filter((flag) => flag !== '') };
  if (type === 'GRANULARITY') return { type, value: number(words[0]) };
  return { type, device: placeOf(words) };
};

/** What is asked has no value, but for the GPU whose access it is. */
const questionOf = (text: string): Fields => {
  const [type = '', ...words] = text.split(/\s+/).filter((word) => word !== '');
  return words.length === 0 ? { type } : { type, device: placeOf(words) };
};

const listOf = (words: readonly string[], read: (text: string) => Fields): Fields[] | undefined =>
  words.length === 0 ? undefined : words.join(' ').split(',').map(read);

/** `start 0x200000 pages 4096`, in any order; undefined: another word, or no number behind one */
const apertureOf = (words: readonly string[]): Fields | undefined => {
  const fields: Record<string, number> = {};
  for (let at = 0; at < words.length; at += 2) {
    const [name = '', value] = [words[at], number(words[at + 1])];
    if ((name !== 'start' && name !== 'pages') || value === undefined) return undefined;
    fields[name] = value;
  }
  return fields;
};

/** `big 4096 0 kfd`, `scanout 4096 0 gem pin`, `own 4 0 userptr buf` */
const objectOf = ([bo, pages, device, kind = 'gem', more]: readonly string[]): Fields | undefined => {
  const fields = { bo, pages: number(pages), device: number(device), kind };
  if (kind === 'userptr' && more !== undefined) return { ...fields, vma: more };
  if (more === 'pin') return { ...fields, pin: true };
  return more === undefined && device !== undefined ? fields : undefined;
};

/**
 * The words behind the operation as fields of a step.
 *
 * @param range - what the first word is as a range of an area
 * @returns undefined: it is no step of a GPU, or the words do not fit
 */
export const gpuFieldsOf = (
  op: string,
  words: readonly string[],
  range: Fields | undefined,
): Fields | undefined => {
  const [first, second] = words;
  switch (op) {
    case 'svm_attr':
    case 'svm_get_attr': {
      const attrs = listOf(words.slice(1), op === 'svm_attr' ? attributeOf : questionOf);
      return range && attrs && { ...range, attrs };
    }
    case 'set_xnack':
      return first === 'on' || first === 'off' ? { enabled: first === 'on' } : undefined;
    case 'gpu_read':
    case 'gpu_write': {
      // `0`, or `GPU 0` as the list of steps says it
      const rest = (second === 'GPU' ? words.slice(2) : words.slice(1)).map(number);
      const [device, value = 0] = rest;
      const most = op === 'gpu_read' ? 1 : 2;
      if (range === undefined || device === undefined || rest.length > most || rest.includes(undefined))
        return undefined;
      return op === 'gpu_read' ? { ...range, device } : { ...range, device, value };
    }
    case 'bo_alloc':
      return objectOf(words);
    case 'bo_write':
      return number(second) === undefined ? undefined : { bo: first, value: number(second) };
    case 'bo_free':
      return first === undefined ? undefined : { bo: first };
    case 'boot':
      return first === undefined ? undefined : { stage: first };
    case 'probe': {
      const aperture = apertureOf(words.slice(1));
      return number(first) === undefined ? undefined : aperture && { device: number(first), ...aperture };
    }
    case 'unbind':
      return first === undefined ? undefined : { device: number(first) };
    default:
      return undefined;
  }
};

// The 14 patches of "Add MEMORY_DEVICE_COHERENT for coherent device memory mapping" (v9), as a configuration.
// Mechanisms ask for a patch where it changed a line; a set that could not be built is refused.

import { ALL_PATCHES, type KernelConfig, type PatchNumber } from './config.ts';

/** What a patch is to the simulation. */
export type PatchRole = 'names' | 'headers' | 'behaviour' | 'driver' | 'tests';

export interface Patch {
  readonly number: PatchNumber;
  readonly subject: string;
  readonly role: PatchRole;
  /** Patches whose declarations or commands this one uses. */
  readonly needs: readonly PatchNumber[];
}

export const PATCHES: readonly Patch[] = [
  {
    number: 1,
    subject: 'mm: rename is_pinnable_page() to is_longterm_pinnable_page()',
    role: 'names',
    needs: [],
  },
  { number: 2, subject: 'mm: move page zone helpers from mm.h to mmzone.h', role: 'headers', needs: [] },
  { number: 3, subject: 'mm: add zone device coherent type memory support', role: 'behaviour', needs: [2] },
  {
    number: 4,
    subject: 'mm: handling Non-LRU pages returned by vm_normal_pages',
    role: 'behaviour',
    needs: [],
  },
  {
    number: 5,
    subject: 'mm: add device coherent vma selection for memory migration',
    role: 'behaviour',
    needs: [3],
  },
  {
    number: 6,
    subject: 'mm/gup: migrate device coherent pages when pinning instead of failing',
    role: 'behaviour',
    needs: [3],
  },
  { number: 7, subject: 'drm/amdkfd: add SPM support for SVM', role: 'driver', needs: [3, 5] },
  { number: 8, subject: 'lib: test_hmm add ioctl to get zone device type', role: 'driver', needs: [] },
  { number: 9, subject: 'lib: test_hmm add module param for zone device type', role: 'driver', needs: [8] },
  {
    number: 10,
    subject: 'lib: add support for device coherent type in test_hmm',
    role: 'driver',
    needs: [3, 5, 8, 9],
  },
  {
    number: 11,
    subject: 'tools: update hmm-test to support device coherent type',
    role: 'tests',
    needs: [8],
  },
  { number: 12, subject: 'tools: update test_hmm script to support SP config', role: 'tests', needs: [9] },
  { number: 13, subject: 'tools: add hmm gup tests for device coherent type', role: 'tests', needs: [11] },
  { number: 14, subject: 'tools: add selftests to hmm for COW in device memory', role: 'tests', needs: [11] },
];

/** A set of patches that cannot be built. */
export class PatchSetError extends Error {
  override readonly name = 'PatchSetError';
}

/** A patch of a set, and one that it is built on and that the set lacks. */
export interface MissingPatch {
  readonly patch: Patch;
  readonly missing: Patch;
}

/** What each patch of a set lacks; empty: the set can be built. */
export const missingPatches = (patches: readonly PatchNumber[]): MissingPatch[] =>
  PATCHES.filter(({ number }) => patches.includes(number)).flatMap((patch) =>
    patch.needs
      .filter((needed) => !patches.includes(needed))
      .map((needed) => ({ patch, missing: PATCHES[needed - 1] })),
  );

/** The set without the patches that lack something, and without what is built on those. */
export const buildablePatches = (patches: readonly PatchNumber[]): PatchNumber[] => {
  const left = new Set(patches);
  // a patch needs only patches before it
  for (const { number, needs } of PATCHES) if (needs.some((needed) => !left.has(needed))) left.delete(number);
  return ALL_PATCHES.filter((number) => left.has(number));
};

/**
 * Refuses a set in which a patch lacks what it builds on.
 *
 * @throws PatchSetError naming the patch and the missing one
 */
export const checkPatches = (patches: readonly PatchNumber[]): void => {
  const [first] = missingPatches(patches);
  if (first === undefined) return;
  const { patch, missing } = first;
  throw new PatchSetError(
    `patch ${patch.number} ("${patch.subject}") cannot be built without patch ${missing.number} ("${missing.subject}")`,
  );
};

/**
 * Reads a set as people write it: `all`, `none`, or `1,3-6`.
 *
 * @throws PatchSetError when it cannot be read or built
 */
export const parsePatches = (text: string): PatchNumber[] => {
  if (text === 'all') return [...ALL_PATCHES];
  if (text === 'none' || text === '') return [];
  const wanted = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    const from = Number(match?.[1]);
    const to = Number(match?.[2] ?? match?.[1]);
    if (match === null || from < 1 || to > ALL_PATCHES.length || from > to) {
      throw new PatchSetError(
        `"${part}" is no patch of the series: write all, none, or numbers such as 1,3-6`,
      );
    }
    for (let number = from; number <= to; number++) wanted.add(number);
  }
  const patches = ALL_PATCHES.filter((number) => wanted.has(number));
  checkPatches(patches);
  return patches;
};

/** A set as people write it, so that `parsePatches` reads it: `all`, `none`, or `1,3-6`. */
export const patchesText = (patches: readonly PatchNumber[]): string => {
  const numbers = ALL_PATCHES.filter((number) => patches.includes(number));
  if (numbers.length === ALL_PATCHES.length) return 'all';
  if (numbers.length === 0) return 'none';
  const runs: [from: number, to: number][] = [];
  for (const number of numbers) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
};

export const hasPatch = (kernel: KernelConfig, number: PatchNumber): boolean =>
  kernel.patches.includes(number);

/** Names that patch 1 gave; without it everything that names them says the old ones. */
const OLD_NAMES: ReadonlyMap<string, string> = new Map([
  ['is_longterm_pinnable_page', 'is_pinnable_page'],
  ['folio_is_longterm_pinnable', 'folio_is_pinnable'],
]);
const NEW_NAMES: ReadonlyMap<string, string> = new Map([...OLD_NAMES].map(([now, old]) => [old, now]));
const RENAMED = new RegExp(`\\b(${[...OLD_NAMES.keys()].join('|')})\\b`, 'g');

/** A kernel function's name, or a text with such names, as the configured kernel spells it. */
export const spelling = (kernel: KernelConfig, text: string): string =>
  hasPatch(kernel, 1) ? text : text.replaceAll(RENAMED, (name) => OLD_NAMES.get(name) ?? name);

/** The name that a function has with the whole series. */
export const presentName = (name: string): string => NEW_NAMES.get(name) ?? name;

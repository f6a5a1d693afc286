// The kernel configuration as it is shown and changed, before anything runs on it.

import {
  ALL_PATCHES,
  type KernelConfig,
  type KernelSwitch,
  type LongtermCheck,
  type LongtermPolicy,
  type PatchNumber,
} from '../../core/uapi/config.ts';
import {
  buildablePatches,
  missingPatches,
  type Patch,
  PATCHES,
  patchesText,
} from '../../core/uapi/patches.ts';
import type { KernelChoice } from '../../store/kernel-choice.ts';
import type { CatalogueEntry } from '../../store/scenario.ts';
import { kconfigNotes, listed, patchRoles, type PinnableReason, withoutPatch } from '../../words/index.ts';

type Patches = readonly PatchNumber[];

const ordered = (patches: ReadonlySet<PatchNumber>): Patches =>
  ALL_PATCHES.filter((number) => patches.has(number));

/** The set without one patch and without what is built on it. */
export const without = (patches: Patches, gone: PatchNumber): Patches =>
  buildablePatches(patches.filter((number) => number !== gone));

/** The set with all that its patches are built on. */
export const completed = (patches: Patches): Patches => {
  const all = new Set(patches);
  for (const { number, needs } of PATCHES.toReversed())
    if (all.has(number)) for (const needed of needs) all.add(needed);
  return ordered(all);
};

export const toggled = (patches: Patches, number: PatchNumber): Patches =>
  patches.includes(number)
    ? patches.filter((other) => other !== number)
    : ordered(new Set([...patches, number]));

// --- patches -------------------------------------------------------------------------------------------------

export interface PatchRow {
  readonly number: PatchNumber;
  readonly subject: string;
  readonly role: string;
  /** What goes wrong without it. */
  readonly without: string;
  readonly isOn: boolean;
  /** Why the set cannot be built with this patch as it is; '' if it can. */
  readonly lacks: string;
  /** Where one sees what goes wrong: a scene, or a selftest on a kernel without the patch. */
  readonly see: See | undefined;
  /** The scene with the same steps on a kernel that has it. */
  readonly withIt: See | undefined;
}

/** A scenario that shows something, and on which kernel, where it is not the scenario's own. */
export interface See {
  readonly scenario: string;
  readonly kernel?: KernelChoice;
}

/** What shows the want of a patch that has no scene of its own: the selftests that it brought, and what it renamed. */
const SEE_OF_PATCH: Partial<Record<PatchNumber, string>> = {
  1: 'longterm-pin',
  8: 'patch-10-without',
  9: 'patch-10-without',
  11: 'hmm.hmm_device_coherent.migrate',
  13: 'hmm.hmm_device_coherent.hmm_gup_test',
  14: 'hmm.hmm_device_coherent.hmm_cow_in_device',
};

const sceneWithout = (number: PatchNumber): string => `patch-${number}-without`;

const seeOf = (number: PatchNumber, names: ReadonlySet<string>): PatchRow['see'] => {
  if (names.has(sceneWithout(number))) return { scenario: sceneWithout(number) };
  const scenario = SEE_OF_PATCH[number];
  return scenario === undefined ? undefined : { scenario, kernel: { patches: without(ALL_PATCHES, number) } };
};

/** What shows a switch that is off. */
export const SEE_OF_SWITCH: Readonly<Record<KernelSwitch, See>> = {
  CONFIG_MIGRATION: { scenario: 'pinnable-without-migration' },
  CONFIG_CMA: { scenario: 'pinnable-cma', kernel: { CONFIG_CMA: false } },
  CONFIG_DEVICE_PRIVATE: { scenario: 'type-private', kernel: { CONFIG_DEVICE_PRIVATE: false } },
  CONFIG_TRANSPARENT_HUGEPAGE: {
    scenario: 'around-huge-split',
    kernel: { CONFIG_TRANSPARENT_HUGEPAGE: false },
  },
};

/** The scene for each answer to the question whether a page may stay pinned for long. */
export const SEE_OF_REASON: Readonly<Record<PinnableReason, See>> = {
  cma: { scenario: 'pinnable-cma' },
  isolate: { scenario: 'pinnable-isolate' },
  zero: { scenario: 'pinnable-zero-page' },
  coherent: { scenario: 'longterm-pin' },
  movable: { scenario: 'movable-zone' },
};

/** A range of which one page cannot move, by the check of each version. */
export const SEE_OF_CHECK: Readonly<Record<LongtermCheck, See>> = {
  'v6.1': { scenario: 'pinnable-not-all' },
  'v6.0': { scenario: 'pinnable-not-all', kernel: { longtermCheck: 'v6.0' } },
};

/** One scene, an eviction that meets a long-term pin, in each of the worlds. */
export const SEE_OF_POLICY: Readonly<Record<LongtermPolicy, See>> = {
  on: { scenario: 'ttm-evicts' },
  intent: { scenario: 'ttm-intent' },
  'as-coded': { scenario: 'ttm-as-coded' },
};

export const patchRows = (patches: Patches, catalogue: readonly CatalogueEntry[]): PatchRow[] => {
  const names = new Set(catalogue.map(({ name }) => name));
  const missing = missingPatches(patches);
  return PATCHES.map(({ number, subject, role }: Patch) => {
    const lacking = missing.filter(({ patch }) => patch.number === number).map((each) => each.missing.number);
    return {
      number,
      subject,
      role: patchRoles[role],
      without: withoutPatch[number],
      isOn: patches.includes(number),
      lacks: lacking.length === 0 ? '' : `cannot be built without ${listed(lacking)}`,
      see: seeOf(number, names),
      withIt: names.has(`patch-${number}`) ? { scenario: `patch-${number}` } : undefined,
    };
  });
};

/** What makes a set impossible, in a sentence for each missing patch; empty: it can be built. */
export const objections = (patches: Patches): string[] => {
  const missing = missingPatches(patches);
  const absent = [...new Set(missing.map((each) => each.missing))];
  return absent.map((patch) => {
    const users = missing.filter((each) => each.missing === patch).map((each) => each.patch.number);
    return `${users.length === 1 ? 'Patch' : 'Patches'} ${listed(users)} cannot be built without patch ${patch.number}, \u201C${patch.subject}\u201D.`;
  });
};

// --- presets -------------------------------------------------------------------------------------------------

export interface Preset {
  readonly label: string;
  readonly patches: Patches;
  readonly isChosen: boolean;
}

/** All, none, and without each patch of which a scene shows the want. */
export const presets = (patches: Patches, catalogue: readonly CatalogueEntry[]): Preset[] => {
  const names = new Set(catalogue.map(({ name }) => name));
  const chosen = patchesText(patches);
  return [
    { label: 'All 14', patches: ALL_PATCHES },
    { label: 'None', patches: [] },
    ...ALL_PATCHES.filter((number) => names.has(sceneWithout(number))).map((number) => ({
      label: `Without ${number}`,
      patches: without(ALL_PATCHES, number),
    })),
  ].map((preset) => ({ ...preset, isChosen: patchesText(preset.patches) === chosen }));
};

/** What Kconfig would say to the switches; a text of the catalogue each. */
export const kconfigObjections = (kernel: KernelConfig): string[] => [
  ...(kernel.CONFIG_MIGRATION ||
  !(kernel.CONFIG_CMA || kernel.CONFIG_TRANSPARENT_HUGEPAGE || kernel.CONFIG_DEVICE_PRIVATE)
    ? []
    : [kconfigNotes.migration]),
  ...(kernel.CONFIG_DEVICE_PRIVATE && kernel.CONFIG_TRANSPARENT_HUGEPAGE ? [] : [kconfigNotes.driver]),
];

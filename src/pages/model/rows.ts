// The mechanisms that a filter leaves, and how many there are of each state. Pure.

import { MECHANISMS } from './mechanisms.ts';
import { FAMILIES, type Family, type Mechanism, type ModelState } from './mechanisms/mechanism.ts';

export const MODEL_STATES: readonly ModelState[] = ['exact', 'simplified', 'absent'];
export const FAMILY_IDS = Object.keys(FAMILIES) as readonly Family[];

/** All that a mechanism says, as one text. */
const textOf = ({
  family,
  title,
  kernel,
  how,
  simplified,
  recordings,
  selftests,
  tests,
  scene,
  patches,
}: Mechanism) =>
  [
    FAMILIES[family],
    title,
    kernel,
    how,
    ...Object.entries(simplified ?? {}).flat(),
    ...(recordings ?? []),
    ...(selftests ?? []),
    ...(tests ?? []),
    scene ?? '',
    ...(patches ?? []).map((patch) => `patch ${patch}`),
  ]
    .join(' ')
    .toLowerCase();

/** @param filter - words that all must occur */
export const filtered = (filter: string, state: ModelState | 'all'): readonly Mechanism[] => {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return MECHANISMS.filter(
    (mechanism) =>
      (state === 'all' || mechanism.state === state) &&
      words.every((word) => textOf(mechanism).includes(word)),
  );
};

export const countOf = (mechanisms: readonly Mechanism[], state: ModelState): number =>
  mechanisms.filter((mechanism) => mechanism.state === state).length;

/** `mm/gup.ts: gupLongtermLocked`, in the kernel's spelling: `gup_longterm_locked`. */
export const functionOf = (place: string): string =>
  (place.split(': ')[1] ?? '').replaceAll(/(?<=[a-z\d])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

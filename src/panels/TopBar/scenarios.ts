// The list of scenarios as it is shown.

import type { CatalogueEntry } from '../../store/scenario.ts';

export interface ScenarioEntry {
  readonly name: string;
  readonly title: string;
  /** What there is to see; '' where the title says it. */
  readonly about: string;
  /** `7 steps` */
  readonly size: string;
}

export interface ScenarioGroup {
  readonly group: string;
  readonly entries: readonly ScenarioEntry[];
}

const capitalised = (title: string): string => title.charAt(0).toUpperCase() + title.slice(1);

/** Kernel functions keep their spelling. */
const titleOf = (title: string): string => (/^[a-z]+[_(]/.test(title) ? title : capitalised(title));

/** Entries that have every word of the filter in their name, title or group; groups in the order of the catalogue. */
export const groupEntries = (entries: readonly CatalogueEntry[], filter: string): ScenarioGroup[] => {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, ScenarioEntry[]>();
  for (const { name, title, about, group, steps } of entries) {
    const haystack = `${name} ${title} ${about} ${group}`.toLowerCase();
    if (!words.every((word) => haystack.includes(word))) continue;
    const size = `${steps} ${steps === 1 ? 'step' : 'steps'}`;
    groups.set(group, [...(groups.get(group) ?? []), { name, title: titleOf(title), about, size }]);
  }
  return [...groups].map(([group, found]) => ({ group, entries: found }));
};

// The list of scenarios as it is shown.

import type { CatalogueEntry } from '../../store/scenario.ts';
import { soughtWords, withMost } from '../../words/index.ts';

export interface ScenarioEntry {
  readonly name: string;
  readonly title: string;
  /** What there is to see; '' where the title says it. */
  readonly about: string;
  /** `7 steps`; '' where it is not known yet. */
  readonly size: string;
}

export interface ScenarioGroup {
  readonly key: string;
  readonly group: string;
  readonly entries: readonly ScenarioEntry[];
}

/** Where scenarios come from, and so what can be said of them. */
export interface ScenarioSection {
  readonly heading: string;
  readonly groups: readonly ScenarioGroup[];
}

const HEADINGS: Readonly<Record<CatalogueEntry['source'], string>> = {
  scene: 'Made by hand',
  recording: 'Recorded on Linux 6.1.192',
  selftest: 'The kernel’s selftests',
};

const sizeOf = (steps: number | undefined): string =>
  steps === undefined ? '' : `${steps} ${steps === 1 ? 'step' : 'steps'}`;

const haystackOf = ({ name, title, about, group, source }: CatalogueEntry): string =>
  `${name} ${title} ${about} ${group} ${HEADINGS[source]}`.toLowerCase();

/** Entries that have every word of the filter, else those that have the most; sections and groups in the order of the catalogue. */
export const scenarioSections = (entries: readonly CatalogueEntry[], filter: string): ScenarioSection[] => {
  const sections = new Map<string, Map<string, ScenarioEntry[]>>();
  for (const entry of withMost(entries, soughtWords(filter), haystackOf)) {
    const heading = HEADINGS[entry.source];
    const groups = sections.get(heading) ?? new Map<string, ScenarioEntry[]>();
    sections.set(heading, groups);
    const { name, title, about, group, source, steps } = entry;
    const shown = groups.get(group) ?? [];
    groups.set(group, shown);
    shown.push({
      name,
      title,
      about: source === 'selftest' || about.toLowerCase() === title.toLowerCase() ? '' : about,
      size: sizeOf(steps),
    });
  }
  return [...sections].map(([heading, groups]) => ({
    heading,
    groups: [...groups].map(([group, found]) => ({ key: `${heading} ${group}`, group, entries: found })),
  }));
};

export const countEntries = (sections: readonly ScenarioSection[]): number =>
  sections.flatMap(({ groups }) => groups).reduce((sum, { entries }) => sum + entries.length, 0);

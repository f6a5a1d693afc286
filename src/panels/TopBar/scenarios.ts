// The list of scenarios as it is shown.

import type { CatalogueEntry } from '../../store/scenario.ts';
import { isQuestion, sought } from '../../words/sought.ts';

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

const nameOf = ({ name, title }: CatalogueEntry): string => `${name} ${title}`;
const haystackOf = ({ about, group, source }: CatalogueEntry): string =>
  `${about} ${group} ${HEADINGS[source]}`;

/** Entries that fit the filter; sections and groups in the order of the catalogue, or of what answers a question best. */
export const scenarioSections = (entries: readonly CatalogueEntry[], filter: string): ScenarioSection[] => {
  const sections = new Map<string, Map<string, ScenarioEntry[]>>();
  const found = sought(entries, filter, nameOf, haystackOf);
  const ordered = isQuestion(filter) ? found.toSorted((a, b) => b.score - a.score) : found;
  for (const { thing: entry } of ordered) {
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

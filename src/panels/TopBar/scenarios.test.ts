import { expect, test } from 'vitest';
import type { CatalogueEntry } from '../../store/scenario.ts';
import { countEntries, scenarioSections } from './scenarios.ts';

const entry = (
  name: string,
  title: string,
  group: string,
  source: CatalogueEntry['source'] = 'recording',
): CatalogueEntry => ({
  name,
  title,
  group,
  about: {
    scene: 'What there is to see.',
    recording: 'madvise and fork',
    selftest: 'Not shown in the list.',
  }[source],
  source,
  boot: 'default',
  devices: [],
  steps: source === 'selftest' ? undefined : 7,
});

const ENTRIES = [
  entry('longterm-pin', 'a long-term pin', 'Scenes', 'scene'),
  entry('coherent-cow', 'fork with pages on a coherent device', 'Device-coherent memory'),
  entry('private-cow', 'fork with pages on a private device', 'Device-private memory'),
  entry('thp-fork', 'Madvise and fork', 'Huge pages'),
  entry('hmm.hmm_device_private.migrate', 'Anonymous memory moves', 'Private devices', 'selftest'),
];

const namesOf = (filter: string): string[] =>
  scenarioSections(ENTRIES, filter).flatMap(({ groups }) =>
    groups.flatMap(({ entries }) => entries.map(({ name }) => name)),
  );

test('scenarios stand in groups, and groups under where they come from', () => {
  const sections = scenarioSections(ENTRIES, '');
  expect(sections.map(({ heading, groups }) => [heading, groups.length])).toEqual([
    ['Made by hand', 1],
    ['Recorded on Linux 6.1.192', 3],
    ['The kernel\u2019s selftests', 1],
  ]);
  expect(countEntries(sections)).toBe(5);
});

test('a filter finds scenarios by every word, in name, title, group or origin', () => {
  expect(namesOf('FORK private')).toEqual(['private-cow']);
  expect(namesOf('selftests')).toEqual(['hmm.hmm_device_private.migrate']);
  expect(namesOf('private')).toEqual(['private-cow', 'hmm.hmm_device_private.migrate']);
  expect(namesOf('nothing like this')).toEqual([]);
});

test('the second line says what there is to see, and nothing that the title has said', () => {
  const entries = scenarioSections(ENTRIES, '').flatMap(({ groups }) => groups.flatMap((g) => g.entries));
  expect(entries.map(({ size }) => size)).toEqual(['7 steps', '7 steps', '7 steps', '7 steps', '']);
  expect(entries.map(({ about }) => about)).toEqual([
    'What there is to see.',
    'madvise and fork',
    'madvise and fork',
    '',
    '',
  ]);
});

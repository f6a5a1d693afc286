// Questions in the palette and in the list of scenarios, over all that the page has.

import { expect, test } from 'vitest';
import { scenarioSections } from '../../panels/TopBar/scenarios.ts';
import { opened } from '../../store/page-fixture.ts';
import { loadGlossary } from '../../words/index.ts';
import { PANELS } from '../frame/panels.ts';
import { actEntries } from './acts.ts';
import {
  actionEntries,
  choiceEntries,
  matching,
  ordered,
  placeEntries,
  scenarioEntries,
  termEntries,
} from './entries.ts';
import { typedEntries } from './typed.ts';

const page = await opened('?scenario=longterm-pin&t=3');
const catalogue = page.state().scenario.catalogue.entries;
const all = [
  ...actionEntries({}),
  ...actEntries(page.state(), PANELS),
  ...placeEntries(PANELS),
  ...choiceEntries(),
  ...scenarioEntries(catalogue),
  ...termEntries(await loadGlossary()),
];
const found = (text: string) => matching(all, text, 12);
const picked = (text: string): string[] =>
  scenarioSections(catalogue, text).flatMap(({ groups }) =>
    groups.flatMap(({ entries }) => entries.map(({ name }) => name)),
  );

const scenarios = (text: string): string[] =>
  found(text).flatMap(({ deed }) => (deed.kind === 'scenario' ? [deed.name] : []));

test.each([
  ['why does my RDMA registration move my GPU pages?', 1, ['pins-rdma']],
  ['what happens when VRAM is full?', 3, ['ttm-evicts', 'vram-full']],
  ['what happens if VRAM runs out?', 3, ['ttm-evicts', 'vram-full']],
  ['VRAM is full', 3, ['ttm-evicts', 'vram-full']],
  ['who blocks eviction?', 1, ['ttm-intent']],
  ['what happens to a pinned page at fork?', 2, ['fork-pinned-system', 'fork-and-pin']],
  ['does O_DIRECT move the page too?', 1, ['pins-o-direct']],
  ['why did my page move?', 1, ['longterm-pin']],
  ['what if a process dies with a pin?', 3, ['around-exit']],
] as const)('“%s”: of the first %i scenarios some are %j', (text, count, wanted) => {
  expect(found(text)[0]?.group).toBe('Scenarios');
  expect(scenarios(text).slice(0, count)).toEqual(expect.arrayContaining([...wanted]));
  expect(picked(text).slice(0, 12)).toEqual(expect.arrayContaining([...wanted]));
});

test('the next best are there, too: a scene that says a rare word only, a word of the glossary', () => {
  expect(scenarios('what happens when VRAM is full?')).toContain('device-full');
  expect(found('who blocks eviction?').map(({ id }) => id)).toContain('term evictable');
  expect(found('what is a migration entry?')[0]?.id).toBe('term migration-entry');
  expect(found('what is a pin?')[0]?.id).toBe('term pin');
});

test('a question brings no other kernel before an answer, and no word that only contains one of its own', () => {
  for (const text of ['who blocks eviction?', 'what happens if VRAM runs out?', 'why did my page move?']) {
    const groups = [...new Set(found(text).map(({ group }) => group))];
    expect(groups.indexOf('Scenarios')).toBe(0);
  }
  // it is about pageblocks
  expect(found('who blocks eviction?').map(({ id }) => id)).not.toContain('color type');
});

test.each([
  ['dark', 'theme dark'],
  ['theme dark', 'theme dark'],
  ['zoom', 'do zoomIn'],
  ['run to the call', 'do runToHere'],
  ['copy a link', 'act link'],
  ['motion: reduced', 'act motion reduce'],
  ['add a breakpoint', 'do addBreakpoint'],
  ['how do I add a breakpoint?', 'do addBreakpoint'],
  ['colour maps refcount', 'color refcount'],
  ['compare without patch 6', 'compare without-patch-6'],
  ['costs change TLB shootdown', 'act figure tlb.shootdown'],
  ['kernel patches configuration', 'dialog kernel'],
  ['step over', 'do over'],
  ['step into', 'do functionForward'],
  ['into the next call', 'do functionForward'],
  ['step out', 'do out'],
  ['run to here', 'do runToHere'],
  ['run to cursor', 'do runToHere'],
  ['restart', 'do toStart'],
  ['reset layout', 'do resetLayout'],
  ['read as text', 'do text'],
  ['dmesg', 'panel kernel-log'],
  ['Does this run agree with the recorded kernel?', 'dialog agreement'],
])('what is to be done is found by its name: %s', (text, id) => {
  expect(found(text)[0]?.id).toBe(id);
});

test('a panel that is called just so stands before a condition that the text is, too', () => {
  const first = (text: string) => ordered(text, typedEntries(text, page.state()), found(text))[0]?.id;
  expect(first('dmesg')).toBe('panel kernel-log');
  expect(first('read buf')).toBe('act run');
  expect(first('read as text')).toBe('do text');
  expect(first('log')).toBe('act add');
});

test('the picker keeps to what has all words that were typed', () => {
  expect(picked('selftest coherent gup')).toHaveLength(1);
});

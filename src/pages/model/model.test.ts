// Holds the page "What is modelled" against the sources.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { SCENES } from '../../scenarios/index.ts';
import { SELFTESTS } from '../../scenarios/selftests/index.ts';
import { ALL_PATCHES } from '../../core/uapi/config.ts';
import { MECHANISMS } from './mechanisms.ts';
import { countOf, FAMILY_IDS, filtered, functionOf, MODEL_STATES } from './rows.ts';

const SRC = new URL('../../', import.meta.url);
const CORE = new URL('core/', SRC);
const KERNEL = 'kernel/';

const coreFiles = readdirSync(CORE, { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.ts') && !path.endsWith('.test.ts'),
);

/** Where each `Simplified:` stands: `mm/gup.ts: checkVmaFlags`, the declaration that follows the comment. */
const simplifiedIn = (path: string): string[] => {
  const lines = readFileSync(new URL(path, CORE), 'utf8').split('\n');
  return lines.flatMap((line, at) => {
    if (!/(?:\*|\/\/|Kernel:.*) ?Simplified: /.test(line)) return [];
    const declared = lines.slice(at).find((later) => DECLARATION.test(later)) ?? '';
    const place = path.startsWith(KERNEL) ? path.slice(KERNEL.length) : path;
    // inside of a function the departure belongs to the function around it
    const around = /^\s*\/\/|^ {2,}\*/.test(line)
      ? lines.slice(0, at).findLast((l) => DECLARATION.test(l))
      : undefined;
    return [`${place}: ${DECLARATION.exec(around ?? declared)?.[1] ?? '?'}`];
  });
};
const DECLARATION = /^(?:export )?(?:const|function\*?|class) (\w+)/;

const departures = MECHANISMS.flatMap(({ simplified = {} }) => Object.keys(simplified));

describe('what is modelled', () => {
  test('names every Simplified: of the core at its function, and none that is not there', () => {
    const found = coreFiles.flatMap(simplifiedIn);
    const written = coreFiles.flatMap(
      (path) => readFileSync(new URL(path, CORE), 'utf8').match(/Simplified: /g) ?? [],
    );
    expect(found).toHaveLength(written.length);
    expect(departures.toSorted()).toEqual([...new Set(found)].toSorted());
  });

  test('calls exact what has no departure, and simplified what has one', () => {
    for (const { title, state, simplified = {} } of MECHANISMS)
      if (Object.keys(simplified).length > 0) expect([title, state]).toEqual([title, 'simplified']);
  });

  test('names recordings, selftests, tests and scenes that exist', () => {
    const missing = MECHANISMS.flatMap(({ recordings = [], selftests = [], tests = [], scene }) => [
      ...recordings.filter((name) => !existsSync(new URL(`../public/recordings/${name}.json`, SRC))),
      ...selftests.filter((name) => !SELFTESTS.some((selftest) => selftest.test === name)),
      ...tests.filter((path) => !/\.test\.tsx?$/.test(path) || !existsSync(new URL(path, SRC))),
      ...(scene === undefined || SCENES.some(({ name }) => name === scene) ? [] : [scene]),
    ]);
    expect(missing).toEqual([]);
  });

  test('says for everything that is there what checks it', () => {
    const unchecked = MECHANISMS.filter(
      ({ state, recordings = [], selftests = [], tests = [] }) =>
        state !== 'absent' && recordings.length + selftests.length + tests.length === 0,
    );
    expect(unchecked.map(({ title }) => title)).toEqual([]);
  });

  test('has all 14 patches, and none under "not modelled"', () => {
    const patchesIn = (isAbsent: boolean) =>
      new Set(
        MECHANISMS.filter(({ state }) => (state === 'absent') === isAbsent).flatMap(
          ({ patches = [] }) => patches,
        ),
      );
    expect([...patchesIn(false)].toSorted((a, b) => a - b)).toEqual(ALL_PATCHES);
    expect([...patchesIn(true)]).toEqual([]);
  });

  test('names mechanisms once, each in a family', () => {
    expect(new Set(MECHANISMS.map(({ title }) => title)).size).toBe(MECHANISMS.length);
    expect(new Set(MECHANISMS.map(({ family }) => family))).toEqual(new Set(FAMILY_IDS));
  });
});

describe('the filter', () => {
  test('wants all words, in anything that a mechanism says, and counts by state', () => {
    expect(filtered('', 'all')).toHaveLength(MECHANISMS.length);
    expect(filtered('PATCH 5 owner', 'all').map(({ title }) => title)).toEqual([
      'migrate_vma: setup, pages, finalize',
    ]);
    expect(filtered('gupLongtermLocked', 'exact')).toEqual([]);
    const sum = MODEL_STATES.reduce((all, state) => all + countOf(MECHANISMS, state), 0);
    expect(sum).toBe(MECHANISMS.length);
  });

  test('spells functions as the kernel does', () => {
    expect(functionOf('mm/gup.ts: checkVmaFlags')).toBe('check_vma_flags');
    expect(functionOf('mm/page-alloc.ts: MAX_RECLAIM_RETRIES')).toBe('MAX_RECLAIM_RETRIES');
  });
});

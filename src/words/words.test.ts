import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { describe, expect, test } from 'vitest';
import { DECISIONS } from '../core/uapi/events.ts';
import { errnoName } from '../core/uapi/errno.ts';
import { FOLL_FLAGS } from '../core/uapi/gup-flags.ts';
import { pageFlagNames } from '../core/uapi/page-flags.ts';
import { KERNEL_FUNCTIONS } from '../core/uapi/source-refs.ts';
import { CAPTION_IDS } from '../worker/views/captions.ts';
import { parseStep, ScenarioError, type Step } from '../core/uapi/scenario.ts';
import { functions } from './en/functions.ts';
import { glossary } from './en/glossary.ts';
import { operationsWithWords } from './en/steps.ts';
import {
  aboutFunction,
  hasWords,
  loadGlossary,
  loadTerm,
  pieces,
  say,
  scenarioTitle,
  termOf,
  textPieces,
} from './index.ts';

/** All operations of the vocabulary: the compiler misses none and accepts no other. */
const OPERATIONS = Object.keys({
  mmap: 0,
  munmap: 0,
  mremap: 0,
  mprotect: 0,
  madvise: 0,
  mlock: 0,
  munlock: 0,
  read: 0,
  write: 0,
  fork: 0,
  exit: 0,
  file_create: 0,
  file_read: 0,
  dev_open: 0,
  dev_close: 0,
  dev_evict: 0,
  dev_check_exclusive: 0,
  dev_read: 0,
  dev_write: 0,
  migrate_to_dev: 0,
  migrate_to_sys: 0,
  dev_exclusive: 0,
  snapshot: 0,
  gup: 0,
  gup_test: 0,
  numa_scan: 0,
  mbind: 0,
  ksm_scan: 0,
  move_pages: 0,
  isolate: 0,
  unpin: 0,
  put: 0,
  concurrent: 0,
  boot: 0,
  probe: 0,
  unbind: 0,
  svm_attr: 0,
  svm_get_attr: 0,
  set_xnack: 0,
  gpu_read: 0,
  gpu_write: 0,
  bo_alloc: 0,
  bo_write: 0,
  bo_free: 0,
} satisfies Record<Step['op'], 0>);

test('every stop of playback and every decision has a sentence and a reason', () => {
  const missing = CAPTION_IDS.flatMap((id) => [id, `why.${id}`]).filter((id) => !hasWords(id));
  expect(missing).toEqual([]);
});

test('every decision of the kernel is among the captions', () => {
  expect(DECISIONS.filter((id) => !CAPTION_IDS.includes(id))).toEqual([]);
});

test('every traced function has one line, and no line is for a function that is not traced', () => {
  expect(KERNEL_FUNCTIONS.filter(({ name }) => aboutFunction(name) === '')).toEqual([]);
  expect(Object.keys(functions)).toHaveLength(KERNEL_FUNCTIONS.length);
});

test('kernel words come as pieces of their own', () => {
  const message = { id: 'longterm.failed', params: { errno: 'EBUSY' } };
  expect(pieces(message)).toContainEqual({ kind: 'code', text: '-EBUSY', term: 'ebusy' });
  expect(say(message)).not.toContain('`');
});

test('backticks come in pairs', () => {
  const texts = [...Object.values(functions), ...Object.values(glossary).map(({ text }) => text)];
  expect(texts.filter((text) => text.split('`').length % 2 === 0)).toEqual([]);
});

test('every operation of a scenario has a sentence and a reason', () => {
  const issue = (op: string): string => {
    try {
      parseStep({ op });
      return '';
    } catch (error) {
      return error instanceof ScenarioError ? error.place : '';
    }
  };
  // an operation that is in the vocabulary is refused for its fields, an unknown one for its name
  expect(operationsWithWords.filter((op) => issue(op) === 'op')).toEqual([]);
  expect(operationsWithWords).toEqual(expect.arrayContaining(OPERATIONS));
});

describe('the glossary', () => {
  test('has every flag, every entry and every function that panels show', async () => {
    const shown = [
      ...Object.keys(FOLL_FLAGS),
      ...pageFlagNames(-1, true),
      ...pageFlagNames(-1, false),
      'present',
      'migration',
      'device-private',
      'device-exclusive',
      'swap',
      'protnone',
      '_refcount',
      '_mapcount',
      'pins',
      'evictable',
      'is_longterm_pinnable_page',
      ...KERNEL_FUNCTIONS.map(({ name }) => name),
    ];
    // the inspector knows which of two things this word means
    const unknown = shown.filter(
      (word) => !['private', 'reclaim'].includes(word) && termOf(word) === undefined,
    );
    expect(unknown).toEqual([]);
    for (const word of shown.slice(0, 40)) {
      const term = await loadTerm(termOf(word) ?? 'PG-private');
      expect(term?.text).toMatch(/\.$/);
    }
  });

  test('has every error number that a call can return, and what machines are described with', async () => {
    const names = Array.from({ length: 200 }, (_, errno) => errnoName(errno)).filter(
      (name) => !/^E\d/.test(name),
    );
    expect(names.length).toBeGreaterThan(15);
    for (const name of names) {
      expect(termOf(`-${name}`), name).toBe(name.toLowerCase());
      expect((await loadTerm(name.toLowerCase()))?.source).toContain(`: ${name}`);
    }
    const terms = new Set((await loadGlossary()).map(({ term }) => term));
    for (const term of [
      'XNACK',
      'hive',
      'SDMA',
      'TTM',
      'eviction fence',
      'TLB shootdown',
      'NUMA distance',
      'e820',
      'Soft Reserved',
      'ZONE_DMA',
      'buddy allocator',
      'migratetype',
      'watermark',
    ])
      expect(terms, term).toContain(term);
  });

  test('says where in the kernel one reads on, but for words of ours', async () => {
    for (const { id, group, source } of await loadGlossary())
      expect(source === undefined, id).toBe(group === 'words of ours' || id === 'vram');
  });

  test('finds terms in prose, each where it stands first', () => {
    const found = textPieces(
      'A migration entry stands there; `try_grab_page` takes long-term pins of pfn `7`. Pfns with a migration entry stay.',
    );
    expect(
      found.filter(({ term }) => term !== undefined).map(({ text, term }) => `${text}: ${term}`),
    ).toEqual([
      'migration entry: migration-entry',
      'try_grab_page: fn:try_grab_page',
      'long-term pins: longterm-pin',
      'pfn: pfn',
    ]);
    expect(found.map(({ text }) => text).join('')).toBe(
      'A migration entry stands there; try_grab_page takes long-term pins of pfn 7. Pfns with a migration entry stay.',
    );
    expect(textPieces('pfn_valid and reclaimed').some(({ term }) => term !== undefined)).toBe(false);
  });

  test('knows nothing of other words', async () => {
    expect(termOf('buf+2')).toBeUndefined();
    expect(await loadTerm('fn:no_such_function')).toBeUndefined();
  });
});

describe('titles of scenarios', () => {
  const recordings = v.parse(
    v.array(v.object({ name: v.string(), title: v.string() })),
    JSON.parse(readFileSync(new URL('../../public/recordings/index.json', import.meta.url), 'utf8')),
  );

  test('every recording that was made by hand has one in plain words, and no two have the same', () => {
    const titles = recordings
      .filter(({ name }) => !/^r\d+$/.test(name))
      .map(({ name, title }) => ({ name, shown: scenarioTitle(name, title), title }));
    expect(titles.filter(({ shown, title }) => shown.toLowerCase() === title.toLowerCase())).toEqual([]);
    expect(titles.filter(({ shown }) => /@|FOLL_|_user_pages/.test(shown))).toEqual([]);
    expect(new Set(titles.map(({ shown }) => shown)).size).toBe(titles.length);
  });

  test('one that nobody knows begins with a capital, but for a kernel function', () => {
    expect(scenarioTitle('r0004', 'random program 4')).toBe('Random program 4');
    expect(scenarioTitle('mine', 'mlock marks system pages')).toBe('mlock marks system pages');
    expect(scenarioTitle('mine', 'pin_user_pages of a THP')).toBe('pin_user_pages of a THP');
  });
});

test('an errno has the reason of the call that gave it', () => {
  const why = (op: string, errno: string): string =>
    say({ id: 'why.step.end', params: { step: 0, op, ret: -1, errno } });
  // `mm/mprotect.c: do_mprotect_pkey`, `mm/madvise.c: madvise_walk_vmas`, `mm/mremap.c: vma_to_resize`
  expect(why('mprotect', 'ENOMEM')).toContain('not mapped');
  expect(why('madvise', 'ENOMEM')).toContain('not mapped');
  expect(why('mremap', 'EFAULT')).toContain('more than one area');
  // `mm/gup.c: migrate_longterm_unpinnable_pages`
  expect(why('gup', 'ENOMEM')).toContain('could not be moved');
  expect(why('gup', 'EAGAIN')).toContain('for ever');
  expect(why('dev_open', 'ENOENT')).toContain('no such device');
  expect(why('bo_alloc', 'ENOMEM')).not.toContain('moved');
});

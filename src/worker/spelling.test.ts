// Without patch 1 everything says the old names, and nothing else differs.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DEFAULT_KERNEL } from '../core/uapi/config.ts';
import { parsePatches } from '../core/uapi/patches.ts';
import { KERNEL_FUNCTIONS } from '../core/uapi/source-refs.ts';
import { SELFTESTS } from '../scenarios/selftests/index.ts';
import { wordsFor } from '../words/index.ts';
import type { RunInfo } from './protocol.ts';
import { Session } from './session.ts';
import { CAPTION_IDS } from './views/captions.ts';

const NEW = /is_longterm_pinnable_page|folio_is_longterm_pinnable/;
const OLD = /is_pinnable_page|folio_is_pinnable/;
const renamed = (text: string): string =>
  text
    .replaceAll('folio_is_pinnable', 'folio_is_longterm_pinnable')
    .replaceAll('is_pinnable_page', 'is_longterm_pinnable_page');

/** All that a page could show of a run: every moment, event, span, mark and inspection, as data and as sentences. */
const everything = (scenario: unknown, patches: string): string[] => {
  const session = new Session();
  const kernel = { patches: parsePatches(patches) };
  const opened = session.handle({ kind: 'open', id: 1, runId: 'r', scenario, kernel });
  if (opened?.kind !== 'opened') throw new Error(JSON.stringify(opened));
  const { kernel: _own, ownKernel: _asked, agreement: _why, ...info }: RunInfo = opened.run;
  const words = wordsFor(opened.run.kernel);
  const lines = [JSON.stringify(info)];
  const spans = session.handle({
    kind: 'spans',
    id: 2,
    runId: 'r',
    from: 0,
    to: info.length,
    limit: 1e6,
  });
  if (spans?.kind !== 'spans') throw new Error('no spans');
  lines.push(JSON.stringify(spans.spans), ...spans.marks.map(({ text }) => words.say(text)));
  for (let position = info.bootEnd; position <= info.length; position++) {
    const answer = session.handle({ kind: 'moment', id: 3, runId: 'r', position });
    if (answer?.kind !== 'moment') throw new Error('no moment');
    const { caption, why, event, stack, handles, frames } = answer.moment;
    lines.push(
      JSON.stringify({ stack, handles, frames }),
      words.say(caption),
      words.say(why),
      ...(event === undefined ? [] : [words.say(event.text)]),
      ...stack.map(({ fn }) => `${fn} ${words.aboutFunction(fn)}`),
    );
  }
  for (const { pfn } of lastFrames(session, info.length)) {
    const target = { kind: 'page', pfn } as const;
    const answer = session.handle({ kind: 'inspect', id: 4, runId: 'r', position: info.length, target });
    if (answer?.kind !== 'inspected') throw new Error('no inspection');
    lines.push(JSON.stringify(answer.inspection.fields));
    lines.push(...answer.inspection.history.map(({ text }) => words.say(text)));
  }
  return lines;
};

const lastFrames = (session: Session, position: number) => {
  const answer = session.handle({ kind: 'moment', id: 5, runId: 'r', position });
  return answer?.kind === 'moment' ? answer.moment.frames : [];
};

const recording = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../public/recordings/${name}.json`, import.meta.url), 'utf8'));

describe.each([
  ['a long-term pin', () => recording('coherent-longterm-pin-fast')],
  ['a long-term pin of a page of the pool', () => recording('hugetlb-longterm-pin')],
  [
    'the selftest of the series',
    () =>
      SELFTESTS.find(
        ({ test: name, variant }) => name === 'hmm_gup_test' && variant === 'coherent',
      )?.scenario(),
  ],
])('%s', (_name, load) => {
  test('says the old names without patch 1, and nothing else differs', { timeout: 60_000 }, async () => {
    const scenario = await load();
    const before = everything(scenario, '2-14');
    const now = everything(scenario, 'all');
    expect(before.filter((line) => NEW.test(line))).toEqual([]);
    expect(now.filter((line) => OLD.test(line))).toEqual([]);
    expect(before.some((line) => OLD.test(line))).toBe(true);
    expect(before.map(renamed)).toEqual(now);
  });
});

describe('the words', () => {
  const before = wordsFor({ ...DEFAULT_KERNEL, patches: parsePatches('2-14') });

  test('have the old names in every sentence of the catalogue', () => {
    const sentences = CAPTION_IDS.flatMap((id) => [id, `why.${id}`]).map((id) =>
      before.say({ id, params: { place: 'coherent:0', page: 'buf+0' } }),
    );
    expect(sentences.filter((text) => NEW.test(text))).toEqual([]);
    expect(sentences.filter((text) => OLD.test(text)).length).toBeGreaterThan(0);
  });

  test('know a function by either name', () => {
    for (const { name } of KERNEL_FUNCTIONS) expect(before.aboutFunction(name)).not.toBe('');
    expect(before.aboutFunction('is_pinnable_page')).toBe(before.aboutFunction('is_longterm_pinnable_page'));
  });
});

test('no panel spells the names by itself, past the words and the worker', () => {
  const src = new URL('../', import.meta.url);
  const rooms = ['app', 'map', 'panels', 'store', 'ui'];
  const spelled = rooms.flatMap((room) =>
    readdirSync(new URL(`${room}/`, src), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.tsx?$/.test(file) && !/\.test\.tsx?$/.test(file))
      .map((file) => `${room}/${file}`)
      .filter((file) => NEW.test(readFileSync(new URL(file, src), 'utf8'))),
  );
  expect(spelled).toEqual([]);
});

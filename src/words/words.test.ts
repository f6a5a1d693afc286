import { expect, test } from 'vitest';
import { DECISIONS } from '../core/uapi/events.ts';
import { KERNEL_FUNCTIONS } from '../core/uapi/source-refs.ts';
import { CAPTION_IDS } from '../worker/views/captions.ts';
import { functions } from './en/functions.ts';
import { glossary } from './en/glossary.ts';
import { aboutFunction, hasWords, pieces, say } from './index.ts';

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
  expect(pieces(message)).toContainEqual({ kind: 'code', text: '-EBUSY' });
  expect(say(message)).not.toContain('`');
});

test('backticks come in pairs', () => {
  const texts = [...Object.values(functions), ...Object.values(glossary).map(({ text }) => text)];
  expect(texts.filter((text) => text.split('`').length % 2 === 0)).toEqual([]);
});

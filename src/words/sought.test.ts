import { expect, test } from 'vitest';
import { isQuestion, sought, soughtWords } from './sought.ts';

test('of a question the words that name its matter are looked for', () => {
  expect(soughtWords('Who else blocks eviction?')).toEqual(['blocks', 'eviction']);
  expect(soughtWords('What if the page is shared after fork?')).toEqual(['page', 'shared', 'fork']);
  expect(soughtWords('What happens if VRAM runs out?')).toEqual(['vram', 'full']);
  expect(soughtWords(' FOLL_PIN  without ')).toEqual(['foll_pin', 'without']);
  expect(soughtWords('process address')).toEqual(['process', 'address']);
});

test('small words count where there is nothing else', () => {
  expect(soughtWords('to the')).toEqual(['to', 'the']);
  expect(soughtWords('')).toEqual([]);
});

const found = (texts: readonly string[], text: string): string[] =>
  sought(
    texts,
    text,
    () => '',
    (each) => each,
  )
    .toSorted((a, b) => b.score - a.score)
    .map(({ thing }) => thing);

test('what has all words is found; where nothing has, what has those that tell most', () => {
  const texts = ['hugetlb pool', 'hugetlb pin', 'pin', 'pin it', 'x', 'y', 'z'];
  expect(found(texts, 'hugetlb pin')).toEqual(['hugetlb pin']);
  expect(found(texts, 'hugetlb differ')).toEqual(['hugetlb pool', 'hugetlb pin']);
  expect(found(texts, 'nothing')).toEqual([]);
  expect(found(texts, '')).toEqual(texts);
});

test('a question also finds what has only its rare words, before what has only its common ones', () => {
  const texts = ['a page', 'page two', 'the pages', 'O_DIRECT', 'o-direct and pages'];
  expect(found(texts, 'does O_DIRECT take pages?').slice(0, 2)).toEqual(['o-direct and pages', 'O_DIRECT']);
});

test('words are found in their forms and by their beginnings, in the middle only where there is nothing else', () => {
  const texts = ['it blocks', 'a pageblock', 'blocked', 'blocking it', 'blockade', 'no'];
  expect(found(texts, 'block')).toEqual(['it blocks', 'blocked', 'blocking it', 'blockade']);
  expect(found(texts, 'geblo')).toEqual(['a pageblock']);
  expect(found(['pins', 'evicts', 'migrate', 'moving'], 'pinned')).toEqual(['pins']);
  expect(found(['pins', 'evicts', 'migrate', 'moving'], 'eviction')).toEqual(['evicts']);
  expect(found(['pins', 'evicts', 'migrate', 'moving'], 'migration')).toEqual(['migrate']);
  // and a question what others say instead
  expect(found(['moving', 'migrate', 'pins'], 'why does it move?')).toEqual(['moving', 'migrate']);
});

test('how something is done is no question that a text answers', () => {
  for (const text of ['why?', 'What if VRAM is full', 'does it move', 'pinned at fork?', 'VRAM is full'])
    expect(isQuestion(text)).toBe(true);
  for (const text of ['why', 'add a breakpoint', 'How do I zoom?', 'Where is the log?', 'isolate it'])
    expect(isQuestion(text)).toBe(false);
});

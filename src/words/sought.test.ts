import { expect, test } from 'vitest';
import { soughtWords, withMost } from './sought.ts';

test('of a question the words that name its matter are looked for, in any form', () => {
  expect(soughtWords('Who else blocks eviction?')).toEqual(['block', 'eviction']);
  expect(soughtWords('What if the page is shared after fork?')).toEqual(['page', 'shared', 'fork']);
  expect(soughtWords(' FOLL_PIN  without ')).toEqual(['foll_pin', 'without']);
  expect(soughtWords('process address')).toEqual(['process', 'address']);
});

test('small words count where there is nothing else', () => {
  expect(soughtWords('to the')).toEqual(['to', 'the']);
  expect(soughtWords('')).toEqual([]);
});

test('what has all words is found; where nothing has, what has the most', () => {
  const texts = ['hugetlb pool', 'hugetlb pin', 'pin'];
  const found = (...words: string[]): string[] => withMost(texts, words, (text) => text);
  expect(found('hugetlb', 'pin')).toEqual(['hugetlb pin']);
  expect(found('hugetlb', 'differ')).toEqual(['hugetlb pool', 'hugetlb pin']);
  expect(found('nothing')).toEqual([]);
  expect(found()).toEqual(texts);
});

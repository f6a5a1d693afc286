// Lists of a million pages stay in the worker; what stands for them tells whether two are the same.

import { expect, test } from 'vitest';
import { briefResult, readResult, wordsOf } from './step-results.ts';

const PAGES = 140_000;
const values = Array.from({ length: PAGES }, (_, i) => i * 7);
const perms = Array.from({ length: PAGES }, (_, i) => (i === 100_000 ? 'r' : 'coherent-local:w'));

test('a short list is sent as it is, a long one as its beginning and a digest', () => {
  const result = { ret: 0, values: values.slice(0, 64), results: [{ ret: 1, values }] };
  const brief = briefResult(result);
  expect(brief).toMatchObject({ ret: 0, values: values.slice(0, 64) });
  expect(brief['results']).toEqual([
    { ret: 1, values: { first: values.slice(0, 64), length: PAGES, digest: expect.any(Number) } },
  ]);
});

test('lists that differ in one item differ in their digest, equal ones do not', () => {
  const other = values.map((value, i) => (i === PAGES - 1 ? value + 1 : value));
  expect(briefResult({ ret: 0, values: [...values] })).toEqual(briefResult({ ret: 0, values }));
  expect(briefResult({ ret: 0, values: other })).not.toEqual(briefResult({ ret: 0, values }));
  expect(briefResult({ ret: 0, perms })).not.toEqual(briefResult({ ret: 0, perms: perms.toReversed() }));
});

test('a list is read in parts, and says the same to those who did not wait', () => {
  const result = { ret: 0, perms };
  let parts = 0;
  for (const _part of readResult(result)) parts++;
  expect(parts).toBe(2);
  expect(wordsOf(perms)).toEqual(['coherent-local:w', 'r']);
  expect(briefResult(result)).toEqual(briefResult({ ret: 0, perms: [...perms] }));
});

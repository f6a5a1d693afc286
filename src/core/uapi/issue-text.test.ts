import { expect, test } from 'vitest';
import { parseStep, ScenarioError } from './scenario.ts';

const MMAP = { op: 'mmap', proc: 'A', vma: 'buf', pages: 4, kind: 'anon-private', prot: 'rw' };
const PIN = { op: 'gup', proc: 'A', vma: 'buf', call: 'pin_user_pages', flags: [], as: 'h1' };

const said = (step: unknown): string => {
  try {
    parseStep(step);
  } catch (error) {
    if (error instanceof ScenarioError) return `${error.place}: ${error.message}`;
    throw error;
  }
  return 'accepted';
};

test.each([
  [{ ...MMAP, pages: '4' }, 'pages: here is the text `4`. Write a number. Leave out the quotes: `4`'],
  [{ ...MMAP, pages: 1.5 }, 'pages: `1.5` is not a whole number'],
  [{ ...MMAP, prot: 'rwx' }, 'prot: here is `rwx`. Write `""`, `r` or `rw`'],
  [{ ...MMAP, page: 1 }, 'page: there is no field `page` here. Take it out, or look how it is spelt'],
  [{ op: 'write', proc: 'A', value: 1 }, 'vma: the field `vma` is missing. Add it'],
  [{ ...PIN, flags: ['FOLL_LONG'] }, 'flags[0]: here is `FOLL_LONG`. Write `FOLL_LONGTERM`, `FOLL_'],
  [{ ...PIN, flags: 'FOLL_PIN' }, 'Put it into brackets: `["FOLL_PIN"]`'],
  [{ proc: 'A' }, 'op: the field `op` is missing. Write `'],
])('what does not fit is answered with what to write (%j)', (step, words) => {
  expect(said(step)).toContain(words);
});

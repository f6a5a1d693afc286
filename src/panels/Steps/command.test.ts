import { describe, expect, test } from 'vitest';
import { parseStep } from '../../core/uapi/scenario.ts';
import { EXAMPLES, parseCommand } from './command.ts';

const stepOf = (text: string) => {
  const parsed = parseCommand(text);
  return parsed.kind === 'step' ? parsed.step : parsed.text;
};

describe('a typed step', () => {
  test('every example is a step of the vocabulary', () => {
    for (const example of EXAMPLES) expect(parseStep(stepOf(example))).toMatchObject({ proc: 'A' });
  });

  test('a range of pages, a process and flags', () => {
    expect(stepOf('B: pin_user_pages buf+1..3 FOLL_WRITE|FOLL_LONGTERM as h9')).toEqual({
      op: 'gup',
      proc: 'B',
      vma: 'buf',
      page: 1,
      count: 3,
      call: 'pin_user_pages',
      flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
      as: 'h9',
    });
    expect(stepOf('read buf+2')).toEqual({ op: 'read', proc: 'A', vma: 'buf', page: 2, count: 1 });
  });

  test('JSON is taken as it is', () => {
    expect(stepOf('{"op":"exit","proc":"A"}')).toEqual({ op: 'exit', proc: 'A' });
  });

  test('what does not fit is answered with how to write it', () => {
    expect(stepOf('migrate')).toBe('There is no step migrate.');
    expect(stepOf('fork')).toBe('Write it like this: fork B');
    expect(stepOf('{"op":')).toBe('This is no JSON object.');
    expect(stepOf('  ')).toBe('Write a step, such as: read buf');
  });
});

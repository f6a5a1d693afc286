import { describe, expect, test } from 'vitest';
import { resultText, stepText } from './step.ts';

describe('a step in words', () => {
  test('a long-term pin names call, range, flags and handle', () => {
    expect(
      stepText({
        op: 'gup',
        proc: 'A',
        vma: 'buf',
        page: 1,
        count: 3,
        call: 'pin_user_pages_fast',
        flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
        as: 'h1',
      }),
    ).toEqual({ command: 'pin_user_pages_fast buf+1…3', detail: 'FOLL_WRITE | FOLL_LONGTERM, as h1' });
  });

  test('a process other than the first is named', () => {
    expect(stepText({ op: 'exit', proc: 'B' }).command).toBe('B: exit');
    expect(stepText({ op: 'fork', proc: 'A', child: 'B' }).command).toBe('fork → B');
  });

  test('an error has its name', () => {
    expect(resultText({ ret: -1, errno: 'EFAULT' })).toBe('−1 EFAULT');
    expect(resultText({ ret: 0, cpages: 4 })).toBe('4 pages');
    expect(resultText({ ret: 0, cpages: 1 })).toBe('1 page');
    expect(resultText({ ret: 2, signal: 'SIGBUS', at: 2 })).toBe('SIGBUS at page 2');
  });
});

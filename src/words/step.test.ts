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

  test('what several do at once is told once, where all do the same', () => {
    const at = (loc: number) => [{ type: 'PREFETCH_LOC', loc }];
    const all = ['A', 'B', 'C'].map((proc, i) => ({ op: 'svm_attr', proc, vma: 'buf', attrs: at(i) }));
    expect(stepText({ op: 'concurrent', proc: 'A', seed: 1, steps: all })).toEqual({
      command: 'A ∥ B ∥ C: svm_attr buf',
      detail: 'PREFETCH_LOC GPU 0 ∥ 1 ∥ 2, at once, seed 1',
    });
    const dropped = ['h1', 'h2', 'h3'].map((handle) => ({ op: 'unpin', proc: 'A', handle }));
    expect(stepText({ op: 'concurrent', proc: 'A', seed: 2, steps: dropped })).toEqual({
      command: 'A ∥ A ∥ A: unpin h1 ∥ h2 ∥ h3',
      detail: 'at once, seed 2',
    });
    const others = [...all.slice(1), { op: 'read', proc: 'A', vma: 'buf' }];
    expect(stepText({ op: 'concurrent', proc: 'A', seed: 3, steps: others }).command).toBe(
      'B: svm_attr buf ∥ C: svm_attr buf ∥ read buf',
    );
  });

  test('an error has its name', () => {
    expect(resultText({ ret: -1, errno: 'EFAULT' })).toBe('−1 EFAULT');
    expect(resultText({ ret: 0, cpages: 4 })).toBe('4 pages');
    expect(resultText({ ret: 0, cpages: 1 })).toBe('1 page');
    expect(resultText({ ret: 2, signal: 'SIGBUS', at: 2 })).toBe('SIGBUS at page 2');
  });
});

import { describe, expect, test } from 'vitest';
import { parseStep } from '../../core/uapi/scenario.ts';
import { EXAMPLES, parseCommand } from './command.ts';

const stepOf = (text: string) => {
  const parsed = parseCommand(text);
  return parsed.kind === 'step' ? parsed.step : parsed.text;
};

describe('a typed step', () => {
  test('every example is a step of the vocabulary', () => {
    for (const example of EXAMPLES)
      expect(parseStep(stepOf(example))).toMatchObject({ proc: expect.stringMatching(/^(A|kernel)$/) });
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

  test('a device by its number, or as the list of steps names it; without one it says how', () => {
    const written = { op: 'gpu_write', proc: 'A', vma: 'buf', device: 1, value: 7 };
    expect(stepOf('gpu_write buf 1 7')).toEqual(written);
    expect(stepOf('gpu_write buf GPU 1 7')).toEqual(written);
    expect(stepOf('gpu_read buf')).toBe('Write it like this: gpu_read buf+0 0');
    expect(stepOf('migrate_to_dev buf')).toBe('Write it like this: migrate_to_dev buf 0');
  });

  test('no word is passed over: too many, or one that is no number', () => {
    expect(stepOf('exit B')).toBe('exit has nothing behind it. Of another process: B: exit');
    for (const line of ['read buf 3', 'fork B C', 'unbind 0 1', 'gpu_read buf 0 7', 'set_xnack off now'])
      expect(stepOf(line)).toMatch(/^Write it like this: /);
    for (const line of [
      'write buf x',
      'gpu_write buf 0 x',
      'probe 1 begin 4',
      'probe 1 start x',
      'unpin h1 h2',
    ])
      expect(stepOf(line)).toMatch(/^Write it like this: /);
    expect(stepOf('get_user_pages buf as h2 h3')).toMatch(/^Write it like this: /);
  });

  test('a range, tasks at once and objects, as the list of steps writes them', () => {
    expect(stepOf('munmap buf+6…7')).toEqual({ op: 'munmap', proc: 'A', vma: 'buf', page: 6, count: 2 });
    const steps = [
      { op: 'unbind', proc: 'kernel', device: 0 },
      { op: 'munmap', proc: 'B', vma: 'buf' },
    ];
    for (const sign of ['∥', '||'])
      expect(stepOf(`unbind 0 ${sign} B: munmap buf`)).toEqual({
        op: 'concurrent',
        proc: 'B',
        seed: 1,
        steps,
      });
    expect(stepOf('unbind 0 ∥ munmap')).toBe('Write it like this: munmap buf');
    const bo = { op: 'bo_alloc', proc: 'A', pages: 4, device: 0 };
    expect(stepOf('bo_alloc s 4 0 gem pin')).toEqual({ ...bo, bo: 's', kind: 'gem', pin: true });
    expect(stepOf('bo_alloc u 4 0 userptr buf')).toEqual({ ...bo, bo: 'u', kind: 'userptr', vma: 'buf' });
  });

  test('JSON is taken as it is', () => {
    expect(stepOf('{"op":"exit","proc":"A"}')).toEqual({ op: 'exit', proc: 'A' });
  });

  test('attributes of a range, as the list of steps writes them', () => {
    expect(
      stepOf(
        'svm_attr buf+0..3 PREFETCH_LOC GPU 1, PREFERRED_LOC system, SET_FLAGS GPU_RO | GPU_EXEC, GRANULARITY 4',
      ),
    ).toEqual({
      op: 'svm_attr',
      proc: 'A',
      vma: 'buf',
      page: 0,
      count: 4,
      attrs: [
        { type: 'PREFETCH_LOC', loc: 1 },
        { type: 'PREFERRED_LOC', loc: 'system' },
        { type: 'SET_FLAGS', flags: ['GPU_RO', 'GPU_EXEC'] },
        { type: 'GRANULARITY', value: 4 },
      ],
    });
    expect(stepOf('B: svm_get_attr buf PREFERRED_LOC, NO_ACCESS 1')).toEqual({
      op: 'svm_get_attr',
      proc: 'B',
      vma: 'buf',
      attrs: [{ type: 'PREFERRED_LOC' }, { type: 'NO_ACCESS', device: 1 }],
    });
    expect(stepOf('svm_attr buf')).toBe('Write it like this: svm_attr buf PREFETCH_LOC GPU 0');
  });

  test('the driver of a GPU is started by the kernel, where the firmware says', () => {
    expect(stepOf('probe 1 start 0x200000')).toEqual({
      op: 'probe',
      proc: 'kernel',
      device: 1,
      start: 2097152,
    });
    expect(stepOf('set_xnack maybe')).toBe('Write it like this: set_xnack off');
  });

  test('what does not fit is answered with how to write it', () => {
    expect(stepOf('migrate')).toBe('There is no step migrate.');
    expect(stepOf('fork')).toBe('Write it like this: fork B');
    expect(stepOf('{"op":')).toBe('This is no JSON object.');
    expect(stepOf('  ')).toBe('Write a step, such as: read buf');
  });
});

import { describe, expect, test } from 'vitest';
import { longestTaskCpuMs } from './task-cpu.ts';

const thread = (tid: number, name: string): object => ({
  pid: 1,
  tid,
  name: 'thread_name',
  ph: 'M',
  args: { name },
});
const task = (tid: number, tdur: number, name = 'ThreadControllerImpl::RunTask', ts = 2_000_000): object => ({
  pid: 1,
  tid,
  name,
  ph: 'X',
  ts,
  dur: tdur * 3,
  tdur,
});
const trace = (...traceEvents: readonly object[]): string => JSON.stringify({ traceEvents });

describe('the longest task of a page', () => {
  test('is that of its main thread, by processor time', () => {
    const events = [thread(1, 'CrRendererMain'), thread(2, 'Compositor'), task(1, 12_000), task(1, 17_500)];
    // what the start of the trace costs is not the page's
    events.push(task(1, 145_000, 'ThreadControllerImpl::RunTask', 1_000_000));
    expect(longestTaskCpuMs(trace(...events, task(2, 90_000), task(1, 80_000, 'Layout')))).toBe(17.5);
  });

  test('a trace without one is an error', () => {
    expect(() => longestTaskCpuMs(trace(thread(1, 'CrRendererMain'), task(2, 1), task(1, 1)))).toThrow(
      /no task/,
    );
  });
});

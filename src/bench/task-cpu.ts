// Processor time of tasks, out of a trace as Chromium writes it.

import * as v from 'valibot';

/** All that is needed of a trace: its tasks and the names of its threads. */
export const TASK_CATEGORIES = ['toplevel', '__metadata'];

/** For so long the browser is busy with the trace itself; nothing to be measured may begin earlier. */
export const TRACE_START_MS = 500;

const MAIN_THREAD = 'CrRendererMain';

const traceSchema = v.object({
  traceEvents: v.array(
    v.object({
      pid: v.number(),
      tid: v.number(),
      name: v.optional(v.string(), ''),
      /** When it began, and its processor time, in microseconds. */
      ts: v.optional(v.number(), 0),
      tdur: v.optional(v.number()),
      args: v.optional(v.object({ name: v.optional(v.unknown()) }), {}),
    }),
  ),
});

/**
 * @returns the most that a task of a page's main thread computed once the trace had started, in milliseconds. Throws where
 * the trace has no such task.
 */
export const longestTaskCpuMs = (text: string): number => {
  const { traceEvents } = v.parse(traceSchema, JSON.parse(text));
  const threadOf = ({ pid, tid }: { readonly pid: number; readonly tid: number }): string => `${pid} ${tid}`;
  const mainThreads = new Set(
    traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === MAIN_THREAD).map(threadOf),
  );
  const tasks = traceEvents.filter(
    (event) => event.name.endsWith('RunTask') && mainThreads.has(threadOf(event)),
  );
  const startUs = tasks.reduce((first, { ts }) => Math.min(first, ts), Infinity) + TRACE_START_MS * 1000;
  const times = tasks.filter(({ ts }) => ts >= startUs).flatMap(({ tdur }) => tdur ?? []);
  if (times.length === 0) throw new Error('the trace has no task of a main thread');
  return times.reduce((most, time) => Math.max(most, time), 0) / 1000;
};

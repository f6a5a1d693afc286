// Processor time of tasks, out of a trace as Chromium writes it.

import * as v from 'valibot';

/** All that is needed of a trace: its tasks and the names of its threads. */
export const TASK_CATEGORIES = ['toplevel', '__metadata'];

const MAIN_THREAD = 'CrRendererMain';

const traceSchema = v.object({
  traceEvents: v.array(
    v.object({
      pid: v.number(),
      tid: v.number(),
      name: v.optional(v.string(), ''),
      /** Processor time in microseconds. */
      tdur: v.optional(v.number()),
      args: v.optional(v.object({ name: v.optional(v.unknown()) }), {}),
    }),
  ),
});

/** @returns the most that a task of a page's main thread computed, in milliseconds. Throws where the trace has no such task. */
export const longestTaskCpuMs = (text: string): number => {
  const { traceEvents } = v.parse(traceSchema, JSON.parse(text));
  const threadOf = ({ pid, tid }: { readonly pid: number; readonly tid: number }): string => `${pid} ${tid}`;
  const mainThreads = new Set(
    traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === MAIN_THREAD).map(threadOf),
  );
  const times = traceEvents
    .filter((event) => event.name.endsWith('RunTask') && mainThreads.has(threadOf(event)))
    .flatMap(({ tdur }) => tdur ?? []);
  if (times.length === 0) throw new Error('the trace has no task of a main thread');
  return times.reduce((most, time) => Math.max(most, time), 0) / 1000;
};

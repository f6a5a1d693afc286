// How a kernel function is written down: name, arguments, body. The wrapper opens its span first and closes it
// with the result, so the order of calls in the trace comes by itself.

import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { type KernelFunctionName, kernelFunctionId } from '../../uapi/source-refs.ts';

/**
 * A function that cannot sleep: it runs under a spinlock, or does nothing that could wait.
 *
 * Ours: stands for the C function's frame; the first three arguments and the result go into the trace.
 */
export const atomic = <A extends readonly unknown[], R>(
  name: KernelFunctionName,
  body: (m: Machine, ...args: A) => R,
): ((m: Machine, ...args: A) => R) => {
  const id = kernelFunctionId(name);
  return (m, ...args) => {
    m.trace.begin(id, args[0], args[1], args[2]);
    const result = body(m, ...args);
    m.trace.end(id, result);
    return result;
  };
};

/**
 * A function that may sleep; it must be called with `yield*`.
 *
 * Ours: stands for the C function's frame; the first three arguments and the result go into the trace.
 */
export const sleepable = <A extends readonly unknown[], R>(
  name: KernelFunctionName,
  body: (m: Machine, ...args: A) => Sleeps<R>,
): ((m: Machine, ...args: A) => Sleeps<R>) => {
  const id = kernelFunctionId(name);
  return function* (m, ...args) {
    m.trace.begin(id, args[0], args[1], args[2]);
    const result = yield* body(m, ...args);
    m.trace.end(id, result);
    return result;
  };
};

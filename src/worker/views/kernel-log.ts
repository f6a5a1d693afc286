// The kernel log of a run: what the simulated kernel prints, with the function that prints it.

import { KERNEL_MESSAGES, kernelMessageKind } from '../../core/kernel/sched/bug.ts';
import { spelling } from '../../core/uapi/patches.ts';
import { KERNEL_FUNCTIONS } from '../../core/uapi/source-refs.ts';
import type { KernelLogLine } from '../protocol.ts';
import type { Run } from '../run.ts';

export const kernelLogOf = (run: Run): KernelLogLine[] => {
  const { journal, kernel } = run.sim.machine;
  const { log } = journal;
  return run.logEvents.flatMap((index): KernelLogLine[] => {
    const { id, row, old, parent } = log.at(index);
    const message = KERNEL_MESSAGES[id];
    if (message === undefined) return [];
    const printer = parent < 0 ? undefined : KERNEL_FUNCTIONS[log.idAt(parent)];
    return [
      {
        position: index + 1,
        step: run.stepAt(index + 1).index,
        fn: printer === undefined ? '' : spelling(kernel, printer.name),
        file: printer?.file ?? '',
        kind: kernelMessageKind(message),
        text: { id: `log.${message}`, params: { a: row, b: old } },
      },
    ];
  });
};

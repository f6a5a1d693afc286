// The kernel log of a run: what the simulated kernel prints, with the function that prints it.

import type { Machine } from '../../core/machine/machine.ts';
import { KERNEL_MESSAGES, kernelMessageKind } from '../../core/kernel/sched/bug.ts';
import { type WarnSite, warnSite } from '../../core/kernel/sched/warn-sites.ts';
import { EventKind } from '../../core/uapi/events.ts';
import { spelling } from '../../core/uapi/patches.ts';
import { KERNEL_FUNCTIONS } from '../../core/uapi/source-refs.ts';
import { PAGE_SIZE_BYTES } from '../../core/uapi/units.ts';
import type { KernelLogLine } from '../protocol.ts';
import type { Run } from '../run.ts';

const hex = (n: number): string => n.toString(16);

/** How region_intersects calls a range that has RAM in it. */
const ramWord = ({ config }: Machine, start: number, end: number): string => {
  const ram = config.ranges
    .filter(({ kind }) => kind === 'ram')
    .reduce((sum, range) => sum + Math.max(0, Math.min(end, range.end) - Math.max(start, range.start)), 0);
  return ram === end - start ? 'ram' : 'mixed';
};

/** The text of a WARN with its parameters, as the kernel formats them. */
const filled = (m: Machine, text: string, a: number, b: number): string =>
  text.replaceAll(/%(first|lastpfn|last|pfn|ram|a)/g, (_whole, name: string) => {
    switch (name) {
      case 'first':
        return `0x${hex(a * PAGE_SIZE_BYTES)}`;
      case 'last':
        return `0x${hex(b * PAGE_SIZE_BYTES - 1)}`;
      case 'pfn':
        return `0x${hex(a)}`;
      case 'lastpfn':
        return hex(b - 1);
      case 'ram':
        return ramWord(m, a, b);
      default:
        return String(a);
    }
  });

/** CPU of the task that runs at an event. */
const cpuAt = (run: Run, index: number): number => {
  const { log } = run.sim.machine.journal;
  const { begin } = run.stepAt(index + 1);
  for (let i = index; i >= begin; i--) if (log.kindAt(i) === EventKind.TASK) return log.rowAt(i);
  return 0;
};

/** As lib/bug.c: __report_bug and kernel/panic.c: __warn begin. */
const dmesgLines = (run: Run, index: number, { file, line, fn, text }: WarnSite): string[] => {
  const { machine } = run.sim;
  const { row, old } = machine.journal.log.at(index);
  const cpu = cpuAt(run, index);
  return [
    '------------[ cut here ]------------',
    ...(text === undefined ? [] : [filled(machine, text, row, old)]),
    `WARNING: CPU: ${cpu} PID: ? at ${file}:${line} ${fn}+0x?/0x?`,
    `CPU: ${cpu} PID: ? Comm: ${run.processAt(index + 1)}`,
  ];
};

export const kernelLogOf = (run: Run): KernelLogLine[] => {
  const { journal, kernel } = run.sim.machine;
  const { log } = journal;
  const once = new Set<WarnSite>();
  return run.logEvents.flatMap((index): KernelLogLine[] => {
    const { id, row, old, parent } = log.at(index);
    const message = KERNEL_MESSAGES[id];
    if (message === undefined) return [];
    const printer = parent < 0 ? undefined : KERNEL_FUNCTIONS[log.idAt(parent)];
    const site = warnSite(message, printer?.name ?? '', row, old);
    const again = site !== undefined && once.has(site);
    if (site?.macro.endsWith('ONCE') === true) once.add(site);
    return [
      {
        position: index + 1,
        step: run.stepAt(index + 1).index,
        fn: printer === undefined ? '' : spelling(kernel, printer.name),
        file: printer?.file ?? '',
        kind: kernelMessageKind(message),
        text: { id: `log.${message}`, params: { a: row, b: old } },
        dmesg: site === undefined ? [] : dmesgLines(run, index, site),
        again,
      },
    ];
  });
};

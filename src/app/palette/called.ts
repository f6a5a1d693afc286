// Other names of actions and panels, for the palette: what debuggers, the kernel and other programs call them.

import type { Command } from '../../store/keys.ts';

export const COMMANDS_CALLED: Readonly<Partial<Record<Command, readonly string[]>>> = {
  over: ['step over', 'next call'],
  overBack: ['step back over'],
  functionForward: ['step into', 'into the next call'],
  functionBack: ['step back into'],
  out: ['step out', 'finish'],
  runToHere: ['run to here', 'run to cursor'],
  runToBreakpoint: ['continue', 'run'],
  runBackToBreakpoint: ['reverse continue', 'run back'],
  toStart: ['restart', 'rewind'],
  text: ['read as text'],
  resetLayout: ['reset layout', 'reset panels'],
  undoLayout: ['undo layout'],
  follow: ['follow mode'],
};

/** By the name of the panel. */
export const PANELS_CALLED: Readonly<Record<string, readonly string[]>> = {
  'kernel-log': ['dmesg', 'printk'],
  stack: ['backtrace'],
  'page-walk': ['page-table tree', 'radix tree'],
  zones: ['zoneinfo', 'buddyinfo'],
  iomem: ['/proc/iomem'],
  icicle: ['flame graph'],
};

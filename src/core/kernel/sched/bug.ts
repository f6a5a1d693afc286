// BUG_ON and WARN_ON: the kernel's own checks, and ours.

import type { Machine } from '../../machine/machine.ts';
import type { KernelDefect } from '../../uapi/defects.ts';

/** A task that will never go on, and where it stands. */
export interface StandingTask {
  /** 1 is the first of the step; those behind its last one are kernel threads. */
  readonly task: number;
  /** 0: a kernel thread. */
  readonly mm: number;
  /** circle: it does the same again and again. sleep: nobody wakes it. stop: it has met a BUG. */
  readonly how: 'circle' | 'sleep' | 'stop';
  /** What it waits for, in the kernel's words. */
  readonly what: string;
  /** Address that it accesses, in a circle; -1: none. */
  readonly vpn: number;
  /** The event that begins its innermost function; of a circle the one that lets it go round. -1: none. */
  readonly span: number;
}

/** The simulated kernel stopped at one of its own checks. The run ends there; the state before the step stays. */
export class KernelBug extends Error {
  override readonly name = 'KernelBug';
  constructor(
    message: string,
    /** It is one that Linux itself has. */
    readonly defect?: KernelDefect,
    /** Those that wait for each other; empty: the running task stopped. */
    readonly standing: readonly StandingTask[] = [],
  ) {
    super(message);
  }
}

/** A step that leaves an event for everything has come to be about too many pages: it has to run as a big one. */
export class TooManyPages extends Error {
  override readonly name = 'TooManyPages';
}

/**
 * Ours: stops a step that leaves an event for everything where it comes to be about too many pages.
 *
 * @param npages - that the mechanism is about to work on
 * @throws TooManyPages
 */
export const needsBigStep = (m: Machine, npages: number): void => {
  if (npages >= m.mostInDetail) throw new TooManyPages();
};

/** A page of a buffer object leaves a few events, one that migrates some hundred. */
const OBJECT_PAGES_A_PAGE = 4;

/** Ours: the same for a buffer object; one that fills the VRAM of the teaching machine is told in detail. */
export const needsBigStepForObject = (m: Machine, npages: number): void =>
  needsBigStep(m, npages / OBJECT_PAGES_A_PAGE);

/**
 * Stops the run when the condition holds.
 *
 * Ours: stands for BUG_ON and VM_BUG_ON_PAGE.
 */
export const bugOn = (condition: boolean, what: string, defect?: KernelDefect): void => {
  if (condition) throw new KernelBug(what, defect);
};

/** Warnings the simulated kernel can print; the position is the message's id in the log. */
export const KERNEL_MESSAGES = [
  'gup.warn.pin-by-caller',
  'gup.warn.longterm-by-caller',
  'gup.warn.get-in-pin',
  'gup.warn.no-pages',
  'gup.warn.longterm-with-locked',
  'gup.warn.longterm-unlocked',
  'gup.warn.longterm-without-pin',
  'gup.warn.fast-flags',
  'gup.warn.get-and-pin',
  'gup.warn.neither',
  'gup.warn.error-count',
  'try_grab_page.refcount',
  'hugetlb.longterm-grab-failed',
  'dmirror_do_fault.not-writable',
  'conflicting-mapping',
  'memremap.no-device-private',
  'memremap.no-migrate-to-ram',
  'memremap.no-page-free',
  'memremap.no-owner',
  'memremap.invalid-type',
  'memremap.attempted-on-ram',
  'free_zone_device_page.no-page-free',
  'migrate.unsupported-type',
  'longterm.retry-capped',
  'gup_test.not-dma-pinned',
  'gup_test.not-pinnable',
  'gup_test.failure',
  'gup_test.zeroing',
  'gup_test.dump-page',
  'oom.killed',
  'memremap.exceeds-range',
  'memremap.misaligned',
  'kfd.register-failed',
  'kfd.registered',
  'svm.mem-limit',
  'svm.bo-missing',
  'svm.eviction-failed',
  'svm.not-last-reference',
  'memremap.section-present',
] as const;
export type KernelMessage = (typeof KERNEL_MESSAGES)[number];

/**
 * What prints a line: WARN and its kind, with a stack trace; printk, a plain line; `simulation`, which says where it
 * departs from the kernel.
 */
export type KernelMessageKind = 'WARN' | 'printk' | 'simulation';

const PRINTED: ReadonlySet<KernelMessage> = new Set([
  'migrate.unsupported-type',
  'gup_test.failure',
  'gup_test.zeroing',
  'gup_test.dump-page',
  'oom.killed',
  'memremap.exceeds-range',
  'kfd.register-failed',
  'kfd.registered',
  'svm.mem-limit',
  'svm.eviction-failed',
]);

/** Ours: how the kernel prints a message; panels mark WARNs. */
export const kernelMessageKind = (message: KernelMessage): KernelMessageKind => {
  if (message === 'longterm.retry-capped') return 'simulation';
  return PRINTED.has(message) ? 'printk' : 'WARN';
};

/**
 * A line in the kernel log; the run goes on.
 *
 * Ours: stands for WARN_ON_ONCE, without the once.
 */
export const warn = (m: Machine, message: KernelMessage, a?: number, b?: number): void => {
  m.trace.kernelLog(KERNEL_MESSAGES.indexOf(message), a, b);
};

// kernel/exit.c: the end of a process, by itself or because it was killed. Its memory goes, then its files are closed.

import type { Mm } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { exitMmap } from './mmap.ts';

/** What a driver does at the end of a process that has its files open. */
export interface ProcessRelease {
  /** Its files are closed. Kernel: `include/linux/fs.h: file_operations, release` */
  readonly closeFiles: (m: Machine, mm: number) => Sleeps<void>;
  /** Its address space is gone. */
  readonly mmReleased: (m: Machine, mm: number) => Sleeps<void>;
}

const releaseOf = new WeakMap<Machine, ProcessRelease>();

/** Ours: the driver of the machine's GPUs wants to hear of processes that end. */
export const onProcessRelease = (m: Machine, release: ProcessRelease): void => {
  releaseOf.set(m, release);
};

/** A process that is to die closes its files. Kernel: `kernel/exit.c: exit_files` */
export function* exitFiles(m: Machine, mm: number): Sleeps<void> {
  yield* releaseOf.get(m)?.closeFiles(m, mm) ?? [];
}

/**
 * A process ends.
 *
 * Kernel: `kernel/exit.c: do_exit, exit_mm`
 * Simplified: files are closed that a GPU's driver knows; what its kernel threads do later, it does at once.
 */
export function* doExit(m: Machine, mm: Mm): Sleeps<void> {
  yield* exitMmap(m, mm);
  yield* exitFiles(m, mm.id);
  yield* releaseOf.get(m)?.mmReleased(m, mm.id) ?? [];
}

// What a step gives: a result in the vocabulary of the recordings, or the reason why it cannot be run.

import type { KernelDefect } from '../uapi/defects.ts';
import { errnoName } from '../uapi/errno.ts';
import type { Accesses } from '../uapi/accesses.ts';
import type { SvmAttribute } from '../uapi/scenario.ts';

/** A step that cannot be run: `field` names the part of it that is wrong. Nothing of it has happened. */
export class StepError extends Error {
  override readonly name = 'StepError';
  constructor(
    readonly field: string,
    message: string,
    /** Linux itself would never come to an end here. */
    readonly defect?: KernelDefect,
  ) {
    super(message);
  }
}

/** Result of a step, in the vocabulary of the recordings. */
export interface StepResult {
  readonly ret: number;
  readonly errno?: string;
  readonly signal?: string;
  readonly at?: number;
  readonly values?: readonly number[];
  readonly cpages?: number;
  readonly faults?: number;
  readonly perms?: readonly string[];
  /** What the driver copied back to the program, where the step asked for it. */
  readonly mirror?: readonly number[];
  /** Signal by which `exit` ended the process. */
  readonly status?: string;
  /** move_pages: of each page its node, or the name of the error; empty: the call ended before it. */
  readonly nodes?: readonly string[];
  /** svm_get_attr: what the driver says. */
  readonly attrs?: readonly SvmAttribute[];
  /** Linux itself never comes to an end here, and the scenario wants to see it. */
  readonly standstill?: KernelDefect;
  /** gup_test: pages that it got, and gave back. */
  readonly got?: number;
  /** On machines with GPUs: accesses to pages, by who and where they were. */
  readonly accesses?: Accesses;
  /** Of operations that ran at once: what each gave. */
  readonly results?: readonly StepResult[];
}

/** A step that went well; `ret` is what the call returned. */
export const ok = (ret = 0): StepResult => ({ ret });
/** A step whose call failed. `err` is the negative or positive errno as the kernel function gave it. */
export const failed = (err: number): StepResult => ({ ret: -1, errno: errnoName(err) });
/** Of a call that returns 0 or an errno. */
export const fromErrno = (err: number): StepResult => (err < 0 ? failed(err) : ok());

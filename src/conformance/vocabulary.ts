// Names for what a program does, to count how often each part of the vocabulary ran.

import {
  ADVICES,
  AREA_KINDS,
  GUP_CALLS,
  GUP_TEST_COMMANDS,
  OPERATIONS,
  type SimpleStep,
} from '../core/uapi/scenario.ts';

/** An operation with what tells it from others of its name. */
export const labelOf = (step: SimpleStep): string => {
  switch (step.op) {
    case 'mmap':
      return `mmap ${step.kind}`;
    case 'madvise':
      return `madvise ${step.advice}`;
    case 'gup':
      return `gup ${step.call}`;
    case 'gup_test':
      return `gup_test ${step.cmd}`;
    default:
      return step.op;
  }
};

/** Operations of a GPU with a driver of its own; those run in gpu-soup.test.ts. */
const GPU_OPERATIONS: ReadonlySet<SimpleStep['op']> = new Set([
  'boot',
  'probe',
  'unbind',
  'svm_attr',
  'svm_get_attr',
  'set_xnack',
  'gpu_read',
  'gpu_write',
  'bo_alloc',
  'bo_write',
  'bo_free',
]);

/** All labels that there are: the whole vocabulary of machines with the test driver. */
export const LABELS: readonly string[] = OPERATIONS.filter((op) => !GPU_OPERATIONS.has(op)).flatMap((op) => {
  switch (op) {
    case 'mmap':
      return AREA_KINDS.map((kind) => `mmap ${kind}`);
    case 'madvise':
      return ADVICES.map((advice) => `madvise ${advice}`);
    case 'gup':
      return GUP_CALLS.map((call) => `gup ${call}`);
    case 'gup_test':
      return GUP_TEST_COMMANDS.map((cmd) => `gup_test ${cmd}`);
    default:
      return op;
  }
});

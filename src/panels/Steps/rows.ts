// The list of steps as it is shown.

import type { LeftOutStep, Message, StepInfo } from '../../store/views.ts';
import { resultText, stepText } from '../../words/step.ts';

export interface StepRow {
  readonly index: number;
  readonly command: string;
  readonly detail: string;
  /** What the call returned; '' until it has. */
  readonly result: string;
  readonly failed: boolean;
  readonly state: 'done' | 'current' | 'next';
}

export const stepRows = (steps: readonly StepInfo[], current: number, inStep: boolean): StepRow[] =>
  steps.map(({ index, step, result, failed }) => {
    const { command, detail } = stepText(step);
    const returned = index < current || (index === current && !inStep);
    return {
      index,
      command,
      detail,
      result: returned ? resultText(result) : '',
      failed,
      state: index === current ? 'current' : index < current ? 'done' : 'next',
    };
  });

export interface LeftOutRow {
  readonly key: string;
  readonly command: string;
}

/** Steps that were not run; the reason is that of the first. */
export const leftOutRows = (
  leftOut: readonly LeftOutStep[],
): { readonly reason: Message; readonly rows: readonly LeftOutRow[] } | undefined => {
  const [first] = leftOut;
  if (first === undefined) return undefined;
  const { reason } = first;
  return {
    reason:
      reason === ''
        ? { id: 'left-out.test-ended', params: {} }
        : { id: 'left-out.impossible', params: { reason } },
    rows: leftOut.map(({ step }, index) => ({ key: `${index}`, command: stepText(step).command })),
  };
};

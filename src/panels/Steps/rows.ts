// The list of steps as it is shown.

import type { StepInfo } from '../../store/views.ts';
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

// The list of steps as it is shown.

import type { LeftOutStep, Message, RunInfo, SelftestReport } from '../../store/views.ts';
import { unquoted } from '../../words/index.ts';
import { resultText, stepText } from '../../words/step.ts';

export interface StepRow {
  readonly index: number;
  readonly command: string;
  readonly detail: string;
  /** What the call returned; '' until it has. */
  readonly result: string;
  readonly failed: boolean;
  /** Assertions of a selftest that do not hold, once the step has run: `perms[2]: expected w, found coherent-local:w` */
  readonly wrong: readonly string[];
  readonly state: 'done' | 'current' | 'next';
}

const wrongOf = (selftest: SelftestReport | undefined, index: number): string[] =>
  (selftest?.assertions ?? [])
    .filter(({ step, state }) => step === index && state === 'differs')
    .map(({ what, expected, found }) => `${what}: expected ${unquoted(expected)}, found ${unquoted(found)}`);

export const stepRows = (
  { steps, selftest }: Pick<RunInfo, 'steps' | 'selftest'>,
  current: number,
  inStep: boolean,
): StepRow[] =>
  steps.map(({ index, step, result, failed }) => {
    const { command, detail } = stepText(step);
    const returned = index < current || (index === current && !inStep);
    return {
      index,
      command,
      detail,
      result: returned ? resultText(result) : '',
      failed,
      wrong: returned ? wrongOf(selftest, index) : [],
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

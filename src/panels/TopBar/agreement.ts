// The badge and its evidence, in words.

import type { Agreement, Difference, RunInfo } from '../../store/views.ts';
import { stepText } from '../../words/step.ts';
import type { IconName } from '../../ui/Icon.tsx';

export const badgeOf = (agreement: Agreement): { readonly icon: IconName; readonly text: string } => {
  const { kind, kernel, stepsAgree, stepsTotal } = agreement;
  switch (kind) {
    case 'agrees':
      return { icon: 'check', text: `agrees with Linux ${kernel} in ${stepsAgree} of ${stepsTotal} steps` };
    case 'differs':
      return {
        icon: 'differs',
        text: `differs from Linux ${kernel} in ${stepsTotal - stepsAgree} of ${stepsTotal} steps`,
      };
    case 'nothing-recorded':
      return { icon: 'unknown', text: 'nothing recorded to compare with' };
  }
};

/** What stands behind the badge. */
export const evidenceOf = ({ agreement, name, machine }: RunInfo): string[] => {
  const { kind, kernel, stepsAgree, stepsTotal, callOrderAgree, callOrderTotal } = agreement;
  if (kind === 'nothing-recorded')
    return [
      'Nobody recorded a real kernel doing this: the scenario was made by hand, was changed, or runs on a machine that was not recorded.',
      'The mechanisms are the same that agree with the recordings of other scenarios.',
    ];
  return [
    `The scenario ${name} was also run on Linux ${kernel} in a virtual machine (here: ${machine.title}), and what each call returned and the state of every page, entry and counter afterwards were recorded.`,
    `State: ${stepsAgree} of ${stepsTotal} steps agree in every field.`,
    `Order of kernel functions: ${callOrderAgree} of ${callOrderTotal} steps agree.`,
    ...(kind === 'differs' ? ['Where they differ, believe the recording:'] : []),
  ];
};

export interface EvidenceStep {
  readonly index: number;
  readonly command: string;
  readonly verdict: string;
  readonly agrees: boolean;
}

/** The verdict on each step; none where nothing was recorded. */
export const evidenceSteps = ({ agreement, steps }: RunInfo): EvidenceStep[] => {
  if (agreement.kind === 'nothing-recorded') return [];
  return steps.slice(0, agreement.stepsTotal).map(({ index, step }) => {
    const all = [...agreement.differences, ...agreement.callDifferences];
    const found = all.filter((difference) => difference.step === index).length;
    const verdict = found === 0 ? 'agrees' : `${found} ${found === 1 ? 'difference' : 'differences'}`;
    return { index, command: stepText(step).command, verdict, agrees: found === 0 };
  });
};

const MAX_ROWS = 200;

/** Differences in state, then those in the order of calls. */
export const differenceRows = ({
  differences,
  callDifferences,
}: Agreement): (Difference & { readonly key: string })[] =>
  [...differences, ...callDifferences]
    .slice(0, MAX_ROWS)
    .map((difference, i) => ({ ...difference, key: `${i}` }));

// What two runs of a scenario do not have in common, as text.

import type { ComparedSide, ResidenceCount, RunInfo } from '../../store/views.ts';
import { resultText, stepText } from '../../words/step.ts';

export interface StepDifference {
  readonly index: number;
  readonly command: string;
  readonly here: string;
  readonly there: string;
}

/** Steps whose results differ, and steps that only one of the two could run. */
export const stepDifferences = (run: RunInfo, other: RunInfo): StepDifference[] => {
  const count = Math.max(run.steps.length, other.steps.length);
  const differences: StepDifference[] = [];
  for (let index = 0; index < count; index++) {
    const [mine, theirs] = [run.steps[index], other.steps[index]];
    if (JSON.stringify(mine?.result) === JSON.stringify(theirs?.result)) continue;
    const step = (mine ?? theirs)?.step ?? {};
    differences.push({
      index,
      command: stepText(step).command,
      here: mine === undefined ? 'was not run' : resultText(mine.result),
      there: theirs === undefined ? 'was not run' : resultText(theirs.result),
    });
  }
  return differences;
};

const ENTRY_TEXT: Readonly<Record<ComparedSide['entry'], string>> = {
  none: 'not there',
  present: '',
  protnone: 'PROT_NONE',
  migration: 'on its way',
  'device-private': 'not reachable for the CPU',
  'device-exclusive': 'device-exclusive',
  swap: 'swapped out',
  hwpoison: 'hwpoison',
  other: 'other entry',
};

/** `pinned, value 103` */
export const sideText = ({ entry, pins, value }: ComparedSide): string =>
  [
    ENTRY_TEXT[entry],
    pins === 0 ? '' : pins === 1 ? 'pinned' : `pinned ${pins} times`,
    value === undefined ? '' : `value ${value}`,
  ]
    .filter((text) => text !== '')
    .join(', ');

/** Where the page lies, next to the sign of its kind. */
export const placeText = ({ device }: ComparedSide): string => (device < 0 ? 'system' : `device ${device}`);

export const residenceText = (counts: readonly ResidenceCount[]): string =>
  counts.length === 0
    ? 'no pages'
    : counts.map(({ place, pages }) => `${place}: ${pages === 1 ? '1 page' : `${pages} pages`}`).join(' · ');

// The badge and its evidence, in words.

import type { Agreement, Difference, Message, RunInfo, SelftestReport } from '../../store/views.ts';
import { unquoted } from '../../words/index.ts';
import { stepText } from '../../words/step.ts';
import type { IconName } from '../../ui/Icon.tsx';

export interface Badge {
  readonly kind: Agreement['kind'];
  readonly icon: IconName;
  readonly text: string;
  /** The end of the text, in how many steps: where there is little room, the rest says it. */
  readonly steps: string;
}

/** One of the kernel's own tests is judged by its assertions, all else by what was recorded. */
export const badgeOf = ({ agreement, selftest }: Pick<RunInfo, 'agreement' | 'selftest'>): Badge =>
  selftest === undefined ? agreementBadge(agreement) : { ...selftestBadge(selftest), steps: '' };

const agreementBadge = ({ kind, kernel, stepsAgree, stepsTotal, reason }: Agreement): Badge => {
  switch (kind) {
    case 'agrees': {
      const steps = ` in ${stepsAgree} of ${stepsTotal} steps`;
      return { kind, icon: 'check', text: `agrees with Linux ${kernel}${steps}`, steps };
    }
    case 'differs': {
      const steps = ` in ${stepsTotal - stepsAgree} of ${stepsTotal} steps`;
      return { kind, icon: 'differs', text: `differs from Linux ${kernel}${steps}`, steps };
    }
    case 'nothing-recorded':
      return { kind, icon: 'unknown', text: NOTHING[reason?.id ?? ''] ?? 'run not recorded', steps: '' };
  }
};

const NOTHING: Readonly<Record<string, string>> = {
  'agreement.kernel': 'kernel not recorded',
  'agreement.machine': 'machine not recorded',
};

const selftestBadge = ({ ok, held, assertions, absentPatch }: SelftestReport): Omit<Badge, 'steps'> => {
  if (ok)
    return {
      kind: 'agrees',
      icon: 'check',
      text: `selftest passes: all ${assertions.length} assertions hold`,
    };
  if (absentPatch !== undefined && held === assertions.length)
    return { kind: 'nothing-recorded', icon: 'unknown', text: 'no such selftest on this kernel' };
  return {
    kind: 'differs',
    icon: 'differs',
    text: `selftest fails: ${held} of ${assertions.length} assertions hold`,
  };
};

/** What stands behind the badge, as messages and plain sentences. */
export const evidenceOf = ({ agreement, name, machine }: RunInfo): readonly (string | Message)[] => {
  const { kind, kernel, stepsAgree, stepsTotal, callOrderAgree, callOrderTotal, reason } = agreement;
  if (kind === 'nothing-recorded')
    return [
      reason ?? { id: 'agreement.scene', params: {} },
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

// --- one of the kernel's own tests ---------------------------------------------------------------------------

export interface AssertionRow {
  readonly key: string;
  readonly what: string;
  readonly expected: string;
  readonly found: string;
  readonly icon: IconName;
  /** `holds` */
  readonly verdict: string;
  readonly state: SelftestReport['assertions'][number]['state'];
}

export interface AssertionStep {
  readonly index: number;
  readonly command: string;
  /** Whether it was run: one can go there. */
  readonly ran: boolean;
  readonly rows: readonly AssertionRow[];
}

const VERDICTS = {
  holds: { icon: 'check', verdict: 'holds' },
  differs: { icon: 'differs', verdict: 'does not hold' },
  'not-reached': { icon: 'minus', verdict: 'not reached' },
} as const satisfies Record<AssertionRow['state'], { icon: IconName; verdict: string }>;

/** Ranges and factors as the rest of the screen spells them: `buf+0…3`, `4 × device 2` */
const asElsewhere = (text: string): string => text.replaceAll('..', '…').replaceAll(/(\d) x /g, '$1 × ');

/** Assertions by the step that makes them. */
export const assertionSteps = ({
  selftest,
  steps,
  leftOut,
}: Pick<RunInfo, 'selftest' | 'steps' | 'leftOut'>): AssertionStep[] => {
  const all = [...steps.map(({ step }) => step), ...leftOut.map(({ step }) => step)];
  const found = new Map<number, AssertionRow[]>();
  selftest?.assertions.forEach(({ step, what, expected, found: was, state }, i) => {
    const row = {
      key: `${i}`,
      what: asElsewhere(what),
      expected: asElsewhere(unquoted(expected)),
      found: asElsewhere(unquoted(was)),
      state,
    };
    found.set(step, [...(found.get(step) ?? []), { ...row, ...VERDICTS[state] }]);
  });
  return [...found].map(([index, rows]) => ({
    index,
    command: stepText(all[index] ?? {}).command,
    ran: index < steps.length,
    rows,
  }));
};

import { LONGTERM_POLICIES } from '../../core/uapi/config.ts';
import { CONTRASTS, isContrast, otherGpu } from '../../store/compare.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import type { RunInfo } from '../../store/views.ts';
import { Button } from '../../ui/Button.tsx';
import { Select } from '../../ui/Select.tsx';
import { contrastTitle, contrastWords, longtermPolicies } from '../../words/index.ts';
import { Sides } from './Sides.tsx';
import './compare.css';

/** The same scenario in two worlds, in lockstep. */
export const Compare = () => {
  const { contrast, other, otherRunId, beside } = useApp((state) => state.compare);
  const run = useApp((state) => state.scenario.run);
  const hasGpu = useApp((state) => otherGpu(state.scenario.given) !== undefined);
  const { compareWith } = useActions();
  return (
    <section className="compare" aria-labelledby="compare-heading">
      <h2 id="compare-heading" className="heading">
        Compare
      </h2>
      <div className="compare-choice">
        <span className="compare-label" aria-hidden="true">
          Compare with
        </span>
        <Select
          label="Compare with"
          value={contrast ?? ''}
          onChange={(value) => void compareWith(isContrast(value) ? value : undefined)}
        >
          <option value="">{contrast === undefined ? 'choose another world…' : 'no other world'}</option>
          {CONTRASTS.filter((each) => each !== 'other-gpu' || hasGpu).map((each) => (
            <option key={each} value={each}>
              {contrastTitle(contrastWords(each))}
            </option>
          ))}
        </Select>
        <p className="muted compare-about">
          {contrast === undefined
            ? 'The same steps run once more, in a kernel or on a machine that is different in one thing. What comes out differently is marked ≠.'
            : contrastWords(contrast).about}
        </p>
      </div>
      {contrast === undefined ? <Worlds /> : null}
      {other === undefined || run === undefined || contrast === undefined ? null : (
        <Sides
          run={run}
          otherRunId={otherRunId}
          besideRunId={beside?.runId}
          worlds={[
            { run: other, label: contrastWords(contrast === 'policies' ? policyOf(other) : contrast).label },
            ...(beside === undefined
              ? []
              : [{ run: beside.run, label: contrastWords(beside.contrast).label }]),
          ]}
        />
      )}
    </section>
  );
};

const policyOf = ({ kernel }: RunInfo): string => `policy-${kernel.longtermPolicy}`;

/** One scene in each of the worlds of long-term pins, a click away; and all three in step. */
const Worlds = () => {
  const { compareWith, openByName } = useActions();
  // who looks at one of the three already keeps their place in it
  const isOpen = useApp(
    ({ scenario: { origin } }) =>
      origin?.kind === 'catalogue' && Object.values<string>(SCENE_OF_POLICY).includes(origin.name),
  );
  return (
    <div className="compare-worlds">
      <h3 className="compare-heading">An eviction that meets a long-term pin</h3>
      <p className="muted">
        Three worlds: the kernel, and two that never shipped, in which the pinned page stays in VRAM.
      </p>
      <p className="compare-worlds-buttons">
        <Button
          look="solid"
          icon="compare"
          onClick={() => {
            void (async () => {
              if (isOpen || (await openByName(SCENE_OF_POLICY.on))) await compareWith('policies');
            })();
          }}
        >
          Compare all three
        </Button>
        {LONGTERM_POLICIES.map((policy) => (
          <Button key={policy} onClick={() => void openByName(SCENE_OF_POLICY[policy])}>
            {longtermPolicies[policy].label}
          </Button>
        ))}
      </p>
    </div>
  );
};

/** The eviction with a pin, in each world. */
const SCENE_OF_POLICY = { on: 'ttm-evicts', intent: 'ttm-intent', 'as-coded': 'ttm-as-coded' } as const;

import { runToHereText } from '../../store/debug.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { useKeys } from '../../store/use-keys.ts';
import { IconButton } from '../../ui/Button.tsx';
import { Segmented } from '../../ui/Segmented.tsx';
import type { Extent } from '../../store/choices.ts';
import { extentOf } from './extent.ts';

const EXTENTS: readonly { readonly value: Extent; readonly label: string }[] = [
  { value: 'run', label: 'Whole run' },
  { value: 'step', label: 'This step' },
];

/** Whether the timeline shows the whole run or the current step; and to the call on it that was pointed at last. */
export const TimelineExtent = () => {
  const extent = useApp(({ choices }) => choices.extent);
  const events = useApp(({ scenario: { run } }) => (run === undefined ? 0 : run.length - run.bootEnd));
  const { choose, runToHere } = useActions();
  const runText = useApp(runToHereText);
  const keys = useKeys();
  return (
    <div className="timeline-extent">
      <Segmented
        label="Show in the timeline"
        options={EXTENTS}
        value={extentOf(extent, events)}
        onChange={(chosen) => choose({ extent: chosen })}
      />
      <IconButton
        icon="target"
        label={runText ?? 'Run to here: point at a call on the timeline first'}
        keys={keys('runToHere')}
        disabled={runText === undefined}
        onClick={() => void runToHere()}
      />
    </div>
  );
};

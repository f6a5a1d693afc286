import { useApp } from '../../store/use-app.ts';
import { Segmented } from '../../ui/Segmented.tsx';
import { type Extent, extentOf } from './extent.ts';

const EXTENTS: readonly { readonly value: Extent; readonly label: string }[] = [
  { value: 'run', label: 'Whole run' },
  { value: 'step', label: 'This step' },
];

interface TimelineExtentProps {
  readonly extent: Extent | undefined;
  readonly onChange: (extent: Extent) => void;
}

/** Whether the timeline shows the whole run or the current step. */
export const TimelineExtent = ({ extent, onChange }: TimelineExtentProps) => {
  const events = useApp(({ scenario: { run } }) => (run === undefined ? 0 : run.length - run.bootEnd));
  return (
    <Segmented
      label="Show in the timeline"
      options={EXTENTS}
      value={extentOf(extent, events)}
      onChange={onChange}
    />
  );
};

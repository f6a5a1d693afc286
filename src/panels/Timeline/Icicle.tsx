import { useMemo } from 'react';
import { useApp } from '../../store/use-app.ts';
import { useMedia } from '../../ui/use-media.ts';
import { Lanes } from './Lanes.tsx';
import { rowsOfAll } from './rows.ts';

/** Every call of what the timeline shows, one row below the call that it lies in. */
export const Icicle = () => {
  const spans = useApp((state) => state.trace.spans);
  const hasRun = useApp((state) => state.scenario.run !== undefined);
  // a phone has the height, and fingers
  const tall = useMedia('(width < 820px)');
  const rows = useMemo(() => ({ ...rowsOfAll(spans), tall }), [spans, tall]);
  if (!hasRun) return <p className="muted">Open a scenario: its calls are drawn here.</p>;
  return <Lanes heading="Icicle" label="Position in the icicle, in events" rows={rows} limits={undefined} />;
};

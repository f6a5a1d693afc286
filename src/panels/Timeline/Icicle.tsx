import { useMemo } from 'react';
import { useApp } from '../../store/use-app.ts';
import { Lanes } from './Lanes.tsx';
import { rowsOfAll } from './rows.ts';

/** Every call of what the timeline shows, one row below the call that it lies in. */
export const Icicle = () => {
  const spans = useApp((state) => state.trace.spans);
  const hasRun = useApp((state) => state.scenario.run !== undefined);
  const rows = useMemo(() => rowsOfAll(spans), [spans]);
  if (!hasRun) return <p className="muted">Open a scenario: its calls are drawn here.</p>;
  return <Lanes heading="Icicle" label="Position in the icicle, in events" rows={rows} limits={undefined} />;
};

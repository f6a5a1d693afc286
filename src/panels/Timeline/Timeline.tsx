import { useApp } from '../../store/use-app.ts';
import { Lanes } from './Lanes.tsx';
import { LANE_ROWS } from './rows.ts';
import { useWindow } from './use-window.ts';

/** What ran, in little room: the outermost calls of each lane. */
export const Timeline = () => {
  const limits = useWindow(useApp(({ choices }) => choices.extent));
  return (
    <Lanes heading="Timeline" label="Position in the timeline, in events" rows={LANE_ROWS} limits={limits} />
  );
};

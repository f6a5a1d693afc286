import { useApp } from '../../store/use-app.ts';
import { useMedia } from '../../ui/use-media.ts';
import { Lanes } from './Lanes.tsx';
import { LANE_ROWS, LOW_LANE_ROWS } from './rows.ts';
import { useWindow } from './use-window.ts';

/** What ran, in little room: the outermost calls of each lane. */
export const Timeline = () => {
  const limits = useWindow(useApp(({ choices }) => choices.extent));
  const rows = useMedia('(height < 780px)') ? LOW_LANE_ROWS : LANE_ROWS;
  return <Lanes heading="Timeline" label="Position in the timeline, in events" rows={rows} limits={limits} />;
};

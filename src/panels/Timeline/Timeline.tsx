import type { Extent } from './extent.ts';
import { Lanes } from './Lanes.tsx';
import { LANE_ROWS } from './rows.ts';
import { useWindow } from './use-window.ts';

/** What ran, in little room: the outermost calls of each lane. */
export const Timeline = ({ extent }: { readonly extent: Extent | undefined }) => (
  <Lanes
    heading="Timeline"
    label="Position in the timeline, in events"
    rows={LANE_ROWS}
    limits={useWindow(extent)}
  />
);

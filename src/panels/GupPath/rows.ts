// The chart of a GUP call: which stations stand in which row, and which ways lead on from there.

import type { GupBranch, GupPathView, GupStation, GupStationView } from '../../store/views.ts';
import { formatCounted } from '../../ui/format.ts';

/** One row of the chart: a station, what leads away from it to the side, and what leads down. */
export interface ChartRow {
  readonly station: GupStation;
  readonly aside: readonly GupBranch[];
  /** Where the ways aside lead. */
  readonly asideTo: GupStation | undefined;
  readonly down: GupBranch | undefined;
}

/** The way of a long-term pin, from top to bottom. */
export const CHART: readonly ChartRow[] = [
  { station: 'call', aside: [], asideTo: undefined, down: 'asked' },
  { station: 'fast', aside: ['grabbed'], asideTo: 'done', down: 'refused' },
  { station: 'slow', aside: [], asideTo: undefined, down: 'looked-up' },
  { station: 'follow', aside: ['not-there', 'faulted'], asideTo: 'fault', down: 'found' },
  { station: 'check', aside: ['all-pinnable', 'short-pin'], asideTo: 'done', down: 'unpinnable' },
  { station: 'collect', aside: [], asideTo: undefined, down: 'to-migrate' },
  { station: 'migrate', aside: ['gave-up'], asideTo: 'done', down: undefined },
];
/** The retry leads from the last row back to this one. */
export const RETRY_TO: GupStation = 'slow';

/** A way that leads back: its arrow points the other way. */
export const LEADS_BACK: ReadonlySet<GupBranch> = new Set<GupBranch>(['faulted']);

/** What stands at the head: `pin_user_pages_fast(buf+0, 4 pages, FOLL_WRITE | FOLL_LONGTERM)`. */
export const callText = ({ call }: GupPathView): string =>
  call === undefined
    ? ''
    : `${call.fn}(${call.first}, ${formatCounted(call.npages, 'page')}${call.flags.length === 0 ? '' : `, ${call.flags.join(' | ')}`})`;

/** How many went a way; 0: none. */
export const countOf = (path: GupPathView, branch: GupBranch): number =>
  path.branches.find((view) => view.branch === branch)?.count ?? 0;

export const stationOf = (path: GupPathView, station: GupStation): GupStationView =>
  path.stations.find((view) => view.station === station) ?? {
    station,
    state: 'unused',
    facts: [],
    position: -1,
  };

import { heldSpace, tallyRows } from '../store/tally.ts';
import { useApp } from '../store/use-app.ts';
import { PAGE_SIZE_BYTES } from '../core/uapi/units.ts';
import type { DeviceView, ResidenceCount } from '../store/views.ts';
import { formatBytes, formatCount, formatCounted } from '../ui/format.ts';
import { Icon } from '../ui/Icon.tsx';
import { PinSign } from '../ui/PinSign.tsx';
import { Term } from '../ui/Term.tsx';
import './tally.css';

const NO_DEVICES: readonly DeviceView[] = [];
const NOTHING: readonly ResidenceCount[] = [];

/**
 * Where pages lived when the step began, and where they live now; and what that means for who wants to move them. It is
 * there without words, too: if it came and went, the maps above would move each time.
 */
export const Tally = () => {
  const before = useApp((state) => state.trace.moment?.residenceBefore ?? NOTHING);
  const after = useApp((state) => state.trace.moment?.residence ?? NOTHING);
  const pinned = useApp((state) => state.trace.moment?.longtermPinnedPages ?? 0);
  const devices = useApp((state) => state.trace.moment?.devices ?? NO_DEVICES);
  const rows = tallyRows(before, after);
  const space = heldSpace(devices);
  return (
    <p className="tally">
      {rows.map(({ place, from, to }) => (
        <span key={place} className="tally-row">
          {place}: <b>{formatCount(from)}</b> <Icon name="arrow" />
          <span className="hidden-visually">became</span> <b>{formatCount(to)}</b>
        </span>
      ))}
      {space === undefined ? null : (
        <span className="tally-row tally-space">
          <Term id="vram-space">buffer objects</Term> have {formatBytes(space.heldPages * PAGE_SIZE_BYTES)} of{' '}
          {space.where}, {formatCounted(space.usedPages, 'page')} of it in use
        </span>
      )}
      {pinned === 0 ? null : (
        <span className="tally-row">
          <PinSign solid />
          <span className="hidden-visually">pinned for long: </span>
          {formatCounted(pinned, 'page')}, <Term id="evictable">evictable: no</Term>
        </span>
      )}
    </p>
  );
};

import { useApp } from '../store/use-app.ts';
import { Segmented } from '../ui/Segmented.tsx';
import type { Group } from '../store/layout.ts';
import { groupsOf, type Room } from './frame/arrange.ts';
import { PANELS } from './frame/panels.ts';

const LABELS: Readonly<Record<Group, string>> = {
  maps: 'Memory',
  tables: 'Tables',
  left: 'Steps',
  right: 'Why',
  lower: 'More',
};

/** What a page in a frame of another one shows. */
const STAGE: ReadonlySet<Group> = new Set(['maps', 'tables']);

interface PaneTabsProps {
  readonly room: Room;
  readonly shown: Group;
  readonly onChange: (group: Group) => void;
}

/** Where there is no room for all panels: which group is shown. */
export const PaneTabs = ({ room, shown, onChange }: PaneTabsProps) => {
  const layout = useApp((state) => state.layout);
  // where the maps are always in sight, there is no tab for them
  const embedded = useApp((state) => state.embed.embedded);
  const groups = groupsOf(PANELS, layout).filter(
    (group) => (room === 'phone' || group !== 'maps') && (!embedded || STAGE.has(group)),
  );
  if (embedded && room !== 'phone') return null;
  const value = groups.includes(shown) ? shown : (groups[0] ?? 'maps');
  return (
    <div className="pane-tabs">
      <Segmented
        label="Panel"
        options={groups.map((group) => ({ value: group, label: LABELS[group] }))}
        value={value}
        onChange={onChange}
      />
    </div>
  );
};

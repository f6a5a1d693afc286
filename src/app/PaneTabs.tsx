import { useMedia } from '../ui/use-media.ts';
import { Segmented } from '../ui/Segmented.tsx';

export type Pane = 'maps' | 'tables' | 'steps' | 'inspect';

const PANES: readonly { readonly value: Pane; readonly label: string }[] = [
  { value: 'maps', label: 'Memory' },
  { value: 'tables', label: 'Tables' },
  { value: 'steps', label: 'Steps' },
  { value: 'inspect', label: 'Why' },
];

/** Where the maps are always in sight, there is no tab for them. */
const usePanes = () => (useMedia('(width < 820px)') ? PANES : PANES.filter(({ value }) => value !== 'maps'));

/** Where there is no room for all panels: which one is shown. */
export const PaneTabs = ({
  pane,
  onChange,
}: {
  readonly pane: Pane;
  readonly onChange: (pane: Pane) => void;
}) => (
  <div className="pane-tabs">
    <Segmented label="Panel" options={usePanes()} value={pane} onChange={onChange} />
  </div>
);

// Every panel, once. A new panel is a component of its own in src/panels, and one line here.

import { type ComponentType, lazy, type LazyExoticComponent } from 'react';
import { CallStack } from '../../panels/CallStack/CallStack.tsx';
import { Inspector } from '../../panels/Inspector/Inspector.tsx';
import type { AreaId, PanelId } from '../../store/layout.ts';
import type { IconName } from '../../ui/Icon.tsx';
import { CausePanel, MapsPanel, TablesPanel } from './composed.tsx';
import { Why } from './Why.tsx';

export interface PanelEntry {
  /** Stands in links and in saved arrangements. */
  readonly id: PanelId;
  /** On its tab, in the palette and in the list of panels. */
  readonly title: string;
  /** A word of the title, for a strip of tabs with little room. */
  readonly short?: string;
  readonly icon: IconName;
  /** Where it lies until somebody moves it. */
  readonly area: AreaId;
  readonly component: ComponentType | LazyExoticComponent<ComponentType>;
}

/** A panel that is there from the start. */
const panel = (
  id: PanelId,
  title: string,
  icon: IconName,
  area: AreaId,
  component: ComponentType,
): PanelEntry => ({ id, title, icon, area, component });

/** A panel that is loaded when it is first shown. */
const later = (
  id: PanelId,
  title: string,
  icon: IconName,
  area: AreaId,
  load: () => Promise<ComponentType>,
  short?: string,
): PanelEntry => ({
  id,
  title,
  icon,
  area,
  component: lazy(async () => ({ default: await load() })),
  ...(short === undefined ? {} : { short }),
});

/** The order is that of the tabs. */
export const PANELS: readonly PanelEntry[] = [
  panel('steps', 'Steps', 'steps', 'cause', CausePanel),
  panel('stack', 'Call stack', 'stack', 'stack', CallStack),
  panel('tables', 'Page tables', 'table', 'tables', TablesPanel),
  panel('maps', 'Memory', 'picture', 'maps', MapsPanel),
  panel('why', 'Why', 'why', 'why', Why),
  panel('inspector', 'Inspector', 'inspect', 'inspect', Inspector),
  later('page-walk', 'Tree', 'tree', 'tables', () =>
    import('../../panels/PageWalk/PageWalk.tsx').then((m) => m.PageWalk),
  ),
  later(
    'gup-path',
    'Way of the pin',
    'fork',
    'tables',
    () => import('../../panels/GupPath/GupPath.tsx').then((m) => m.GupPath),
    'Pin',
  ),
  later('fork', 'Fork', 'fork', 'tables', () => import('../../panels/Fork/Fork.tsx').then((m) => m.Fork)),
  later('gpu', 'GPU', 'stack', 'tables', () => import('../../panels/Gpu/Gpu.tsx').then((m) => m.Gpu)),
  later(
    'iomem',
    'Firmware to VRAM',
    'flow',
    'tables',
    () => import('../../panels/Iomem/Iomem.tsx').then((m) => m.Iomem),
    'Firmware',
  ),
  later('costs', 'Costs', 'log', 'tables', () => import('../../panels/Costs/Costs.tsx').then((m) => m.Costs)),
  later(
    'call-tree',
    'Call tree',
    'tree',
    'lower',
    () => import('../../panels/CallTree/CallTree.tsx').then((m) => m.CallTree),
    'Calls',
  ),
  later('compare', 'Compare', 'differs', 'tables', () =>
    import('../../panels/Compare/Compare.tsx').then((m) => m.Compare),
  ),
  later('traffic', 'Traffic', 'arrow', 'lower', () =>
    import('../../panels/Traffic/Traffic.tsx').then((m) => m.Traffic),
  ),
  later(
    'zones',
    'Firmware and zones',
    'table',
    'lower',
    () => import('./ZonesPanel.tsx').then((m) => m.ZonesPanel),
    'Zones',
  ),
  later(
    'kernel-log',
    'Kernel log',
    'log',
    'lower',
    () => import('../../panels/KernelLog/KernelLog.tsx').then((m) => m.KernelLog),
    'Log',
  ),
  later('icicle', 'Icicle', 'stack', 'lower', () =>
    import('../../panels/Timeline/Icicle.tsx').then((m) => m.Icicle),
  ),
  later('functions', 'Functions', 'text', 'lower', () =>
    import('../../panels/Timeline/TimelineText.tsx').then((m) => m.TimelineText),
  ),
];

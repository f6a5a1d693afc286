import { lazy, Suspense, useEffect } from 'react';
import type { MapController } from '../map/controller.ts';
import { PageMenu } from '../pages/PageMenu.tsx';
import type { Command } from '../store/keys.ts';
import { useActions, useApp, useAppInstance } from '../store/use-app.ts';
import { PANELS } from './frame/panels.ts';
import { bringUp } from './keyboard.ts';
import { EarlyField } from '../ui/EarlyField.tsx';
import type { Deed } from './palette/entries.ts';
import { PALETTE_TITLES } from './palette/titles.ts';

const loadHelp = () => import('./HelpSheet.tsx').then((m) => ({ default: m.HelpSheet }));
const loadLayout = () => import('./frame/LayoutSheet.tsx').then((m) => ({ default: m.LayoutSheet }));
const loadShare = () => import('./share/ShareDialog.tsx').then((m) => ({ default: m.ShareDialog }));
const loadPalette = () => import('./palette/Palette.tsx').then((m) => ({ default: m.Palette }));
const Tour = lazy(() => import('./tour/Tour.tsx').then((m) => ({ default: m.Tour })));
const HelpSheet = lazy(loadHelp);
const LayoutSheet = lazy(loadLayout);
const ShareDialog = lazy(loadShare);
const Palette = lazy(loadPalette);
/** After the first picture, so that what one types in is there when its key is pressed. */
const LOAD_AFTER_MS = 300;

interface OverlaysProps {
  readonly maps: MapController;
  readonly run: (command: Command) => void;
}

/** Frames in which what is to be used may appear: a panel that is brought up is loaded, and waits for its turn. */
const REACH_FRAMES = 240;

/** Calls as soon as an element is there and no dialog lies over it, such as the palette that was just left. */
const whenInReach = (
  find: () => HTMLElement | null,
  work: (element: HTMLElement) => void,
  frames = REACH_FRAMES,
): void => {
  const element = find();
  const modal = document.querySelector('dialog:modal');
  if (element !== null && (modal === null || modal.contains(element))) work(element);
  else if (frames > 0) requestAnimationFrame(() => whenInReach(find, work, frames - 1));
};

const found = (target: HTMLElement | string) => () =>
  typeof target === 'string' ? document.getElementById(target) : target;

const focus = (target: HTMLElement | string): void =>
  whenInReach(found(target), (element) => {
    const folded = element.closest('details');
    if (folded !== null) folded.open = true;
    element.focus();
  });

const press = (target: HTMLElement | string): void =>
  whenInReach(found(target), (control) => {
    control.focus();
    control.click();
  });

const chooseFile = (take: (text: string) => void): void => {
  const input = document.createElement('input');
  input.type = 'file';
  input.accept = '.json,application/json';
  input.addEventListener('change', () => void input.files?.[0]?.text().then(take));
  input.click();
};

/** The dialog that is open, if any; each is loaded when it is first opened. */
export const Overlays = ({ maps, run }: OverlaysProps) => {
  const open = useApp((state) => state.viewport.openPanel);
  const app = useAppInstance();
  const tour = useApp(({ walkthrough, scenario }) => walkthrough.tour && scenario.run !== undefined);
  const actions = useActions();
  const act = (deed: Deed) => {
    switch (deed.kind) {
      case 'command':
        return run(deed.command);
      case 'preset':
        return actions.setPreset(deed.preset);
      case 'page':
        return actions.openPage(deed.page, deed.section);
      case 'scenario':
        return void actions.openByName(deed.name);
      case 'select':
        actions.select(deed.selection);
        if (deed.selection.kind === 'page') maps.reveal(deed.selection.pfn);
        return undefined;
      case 'dialog':
        return actions.openPanel(deed.dialog);
      case 'act':
        return deed.act({ actions, bringUp: (id) => bringUp(id, app), focus, press, chooseFile });
      case 'theme':
        return actions.setTheme(deed.theme);
      case 'color':
        return actions.colorBy(deed.mode);
      case 'compare': {
        const panel = PANELS.find(({ id }) => id === 'compare');
        if (panel !== undefined && deed.contrast !== undefined) act({ kind: 'panel', panel });
        return void actions.compareWith(deed.contrast);
      }
      case 'panel':
        return bringUp(deed.panel.id, app);
    }
  };
  useEffect(() => {
    const timer = setTimeout(() => {
      for (const load of [loadPalette, loadHelp]) void load();
    }, LOAD_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  const hasRun = useApp((state) => state.scenario.run !== undefined);
  useEffect(() => {
    if (!hasRun) return undefined;
    const timer = setTimeout(() => void import('./palette/typed.ts'), LOAD_AFTER_MS);
    return () => clearTimeout(timer);
  }, [hasRun]);
  const close = () => actions.openPanel('');
  return (
    <Suspense fallback={null}>
      {open === 'help' ? <HelpSheet /> : null}
      {open === 'layout' ? <LayoutSheet /> : null}
      {open === 'share' ? <ShareDialog onClose={close} /> : null}
      {tour ? <Tour /> : null}
      {open === 'pages' ? <PageMenu /> : null}
      {open === 'palette' || open === 'goTo' ? (
        <Suspense fallback={<EarlyField title={PALETTE_TITLES[open]} place="top" onClose={close} />}>
          <Palette key={open} mode={open} onClose={close} onDo={act} />
        </Suspense>
      ) : null}
    </Suspense>
  );
};

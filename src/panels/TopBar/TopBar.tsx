import { lazy, Suspense } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { runTitle } from '../../store/run-title.ts';
import type { Theme } from '../../store/settings.ts';
import { useKeys } from '../../store/use-keys.ts';
import { EarlyField } from '../../ui/EarlyField.tsx';
import { IconButton } from '../../ui/Button.tsx';
import { Icon, type IconName } from '../../ui/Icon.tsx';
import { AgreementBadge } from './AgreementBadge.tsx';
import { ShareButton } from './ShareButton.tsx';
import { KernelPicker } from './KernelPicker.tsx';
import { MachinePicker } from './MachinePicker.tsx';
import './top-bar.css';

/** Loaded when somebody points at its button, or asks for it by key. */
const loadPicker = () => import('./ScenarioPicker.tsx').then((m) => ({ default: m.ScenarioPicker }));
const ScenarioPicker = lazy(loadPicker);

const NEXT_THEME: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' };
const THEME_ICON: Readonly<Record<Theme, IconName>> = { system: 'system', light: 'sun', dark: 'moon' };

/** What is shown, on which machine, and whether it agrees with the recorded kernel. */
export const TopBar = () => {
  const title = useApp(runTitle);
  const opening = useApp((state) => state.scenario.opening);
  const openPanel = useApp((state) => state.viewport.openPanel);
  const theme = useApp((state) => state.settings.theme);
  const actions = useActions();
  const keys = useKeys();
  const close = () => actions.openPanel('');
  return (
    <header className="top-bar tips-below">
      <h1 className="top-name">
        <button type="button" className="top-brand" onClick={actions.openIntroduction}>
          <img src="./favicon.svg" alt="" width="22" height="22" />
          <span>Migrascope</span>
        </button>
      </h1>
      <button
        type="button"
        className="button button-line top-scenario"
        aria-haspopup="dialog"
        aria-label={`Scenario: ${title ?? 'none open'}`}
        onPointerEnter={() => void loadPicker()}
        onFocus={() => void loadPicker()}
        onClick={() => actions.openPanel('scenarios')}
      >
        <span className="top-scenario-title">
          {opening === undefined ? (title ?? 'Choose a scenario') : `Opening ${opening}…`}
        </span>
        <Icon name="down" />
      </button>
      <MachinePicker />
      <KernelPicker />
      <AgreementBadge />
      <span className="top-end tips-end">
        <ShareButton />
        <span className="top-spare">
          <IconButton
            icon={THEME_ICON[theme]}
            label={`Theme: ${theme}`}
            onClick={() => actions.setTheme(NEXT_THEME[theme])}
          />
          <IconButton
            icon="layout"
            label="Panels and layout"
            keys={keys('layout')}
            onClick={() => actions.openPanel('layout')}
          />
        </span>
        <IconButton
          icon="search"
          label="Find and do anything"
          keys={keys('palette')}
          onClick={() => actions.openPanel('palette')}
        />
        <IconButton icon="book" label="Pages to read" onClick={() => actions.openPanel('pages')} />
        <IconButton
          icon="help"
          label="Keys and help"
          keys={keys('help')}
          onClick={() => actions.openPanel('help')}
        />
      </span>
      <Suspense fallback={<EarlyField title="Scenarios" place="wide" onClose={close} />}>
        {openPanel === 'scenarios' ? <ScenarioPicker onClose={close} /> : null}
      </Suspense>
    </header>
  );
};

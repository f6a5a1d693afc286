import { useState } from 'react';
import { PageList } from '../pages/PageMenu.tsx';
import { useActions, useApp } from '../store/use-app.ts';
import type { Motion, Theme } from '../store/settings.ts';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Segmented } from '../ui/Segmented.tsx';
import { canRemap, keyGroups } from '../store/keys.ts';
import { KeyRow } from './KeyRow.tsx';
import './help-sheet.css';

const THEMES: readonly { readonly value: Theme; readonly label: string }[] = [
  { value: 'system', label: 'As the system' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
];
const MOTIONS: readonly { readonly value: Motion; readonly label: string }[] = [
  { value: 'system', label: 'As the system' },
  { value: 'reduce', label: 'Reduced' },
  { value: 'full', label: 'Full' },
];

/** Keys and settings. */
export const HelpSheet = () => {
  const { openPanel, openIntroduction, startTour, setTheme, setMotion, setSingleKeys, resetKeys } =
    useActions();
  const settings = useApp((state) => state.settings);
  const [changing, setChanging] = useState(false);
  const close = () => openPanel('');
  return (
    <Dialog title="Keys and settings" place="side" onClose={close}>
      <div className="help scroll">
        {keyGroups(settings.ownKeys).map(({ title, bindings }) => (
          <section key={title}>
            <h3 className="heading">{title}</h3>
            <dl className="help-keys">
              {bindings
                .filter(({ shown }) => shown.length > 0)
                .map((binding) => (
                  <KeyRow
                    key={`${binding.command} ${binding.shown.join()}`}
                    binding={binding}
                    canChange={changing && canRemap(binding)}
                  />
                ))}
            </dl>
          </section>
        ))}
        <section>
          <h3 className="heading">Pages to read</h3>
          <PageList onOpen={close} />
        </section>
        <section className="help-settings">
          <h3 className="heading">Settings</h3>
          <p>
            <span>Theme</span>
            <Segmented label="Theme" options={THEMES} value={settings.theme} onChange={setTheme} />
          </p>
          <p>
            <span>Motion</span>
            <Segmented label="Motion" options={MOTIONS} value={settings.motion} onChange={setMotion} />
          </p>
          <label className="help-check">
            <input
              type="checkbox"
              checked={settings.singleKeys}
              onChange={(event) => setSingleKeys(event.target.checked)}
            />
            Keys that are a single letter, digit or sign
          </label>
          <label className="help-check">
            <input
              type="checkbox"
              checked={changing}
              onChange={(event) => setChanging(event.target.checked)}
            />
            Choose keys of my own: above, beside each action
          </label>
          {Object.keys(settings.ownKeys).length === 0 ? null : (
            <p className="help-reset">
              <Button icon="undo" onClick={resetKeys}>
                All keys as they were
              </Button>
            </p>
          )}
        </section>
        <p className="help-again">
          <Button
            onClick={() => {
              close();
              openIntroduction();
            }}
          >
            Show the introduction
          </Button>
          <Button
            onClick={() => {
              close();
              startTour();
            }}
          >
            Show me around
          </Button>
        </p>
      </div>
    </Dialog>
  );
};

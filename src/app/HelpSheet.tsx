import { PageList } from '../pages/PageMenu.tsx';
import { useActions, useApp } from '../store/use-app.ts';
import type { Motion, Theme } from '../store/settings.ts';
import { Button } from '../ui/Button.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { Segmented } from '../ui/Segmented.tsx';
import { KEY_GROUPS, type KeyBinding } from './keys.ts';
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
  const { openPanel, openIntroduction, setTheme, setMotion, setSingleKeys } = useActions();
  const settings = useApp((state) => state.settings);
  const close = () => openPanel('');
  return (
    <Dialog title="Keys and settings" place="side" onClose={close}>
      <div className="help scroll">
        {KEY_GROUPS.map(({ title, bindings }) => (
          <section key={title}>
            <h3 className="heading">{title}</h3>
            <dl className="help-keys">
              {bindings.map((binding) => (
                <Key key={`${binding.command} ${binding.shown.join()}`} binding={binding} />
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
        </section>
        <Button
          onClick={() => {
            close();
            openIntroduction();
          }}
        >
          Show the introduction
        </Button>
      </div>
    </Dialog>
  );
};

const Key = ({ binding }: { readonly binding: KeyBinding }) => (
  <div>
    <dt>
      {binding.shown.map((key) => (
        <kbd key={key}>{key}</kbd>
      ))}
    </dt>
    <dd>{binding.does}</dd>
  </div>
);

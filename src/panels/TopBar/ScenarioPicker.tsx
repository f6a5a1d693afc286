import { type ChangeEvent, useDeferredValue, useState } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { groupEntries } from './scenarios.ts';

/** All scenarios by group, with a filter; and a file of one's own. */
export const ScenarioPicker = ({ onClose }: { readonly onClose: () => void }) => {
  const catalogue = useApp((state) => state.scenario.catalogue);
  const current = useApp((state) => state.scenario.run?.name);
  const { openByName, openText } = useActions();
  const [filter, setFilter] = useState('');
  const groups = groupEntries(catalogue.entries, useDeferredValue(filter));
  const open = (name: string) => {
    onClose();
    void openByName(name);
  };
  const onFile = (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    onClose();
    if (file !== undefined) void file.text().then(openText);
  };
  return (
    <Dialog title="Scenarios" onClose={onClose}>
      <div className="scenario-tools">
        <label className="scenario-filter">
          <Icon name="search" />
          <input
            type="search"
            data-first
            aria-label="Filter scenarios"
            placeholder="Filter: longterm, cow, thp, private…"
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
          />
        </label>
        <label className="button button-line scenario-file">
          <Icon name="file" />
          Open a file
          <input type="file" accept=".json,application/json" className="hidden-visually" onChange={onFile} />
        </label>
      </div>
      {catalogue.status === 'loading' ? <p className="muted">Loading the list…</p> : null}
      {catalogue.status === 'failed' ? <p>The list of recordings could not be loaded.</p> : null}
      <div className="scenario-groups scroll">
        {groups.map(({ group, entries }) => (
          <section key={group} aria-label={group}>
            <h3 className="heading">{group}</h3>
            <ul>
              {entries.map(({ name, title, about, size }) => (
                <li key={name}>
                  <button
                    type="button"
                    className="scenario-entry"
                    aria-current={name === current ? 'true' : undefined}
                    onClick={() => open(name)}
                  >
                    <span className="scenario-title">{title}</span>
                    {about === '' ? null : <span className="scenario-about">{about}</span>}
                    <code className="scenario-name">{name}</code>
                    <span className="scenario-size">{size}</span>
                  </button>
                </li>
              ))}
            </ul>
          </section>
        ))}
        {groups.length === 0 && catalogue.status === 'ready' ? (
          <p className="muted">No scenario has all of these words.</p>
        ) : null}
      </div>
    </Dialog>
  );
};

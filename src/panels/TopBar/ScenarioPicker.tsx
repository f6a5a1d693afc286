import {
  type ChangeEvent,
  type KeyboardEvent,
  useDeferredValue,
  useEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { useEarlyText, useEnter } from '../../ui/EarlyField.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { ScenarioList } from './ScenarioList.tsx';
import { countEntries, type ScenarioSection, scenarioSections } from './scenarios.ts';
import './scenario-picker.css';

/** All scenarios by group, with a filter; and a file of one's own. */
export const ScenarioPicker = ({ onClose }: { readonly onClose: () => void }) => {
  const catalogue = useApp((state) => state.scenario.catalogue);
  const { loadCatalogue, openByName, openText } = useActions();
  useEffect(() => void loadCatalogue(), [loadCatalogue]);
  const [filter, setFilter] = useState('');
  const deferred = useDeferredValue(filter);
  const sections = useMemo(
    () => scenarioSections(catalogue.entries, deferred),
    [catalogue.entries, deferred],
  );
  const list = useRef<HTMLDivElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const open = (name: string) => {
    onClose();
    void openByName(name);
  };
  const onFile = (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    onClose();
    if (file !== undefined) void file.text().then(openText);
  };
  const onFilterKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') {
      const shown = list.current?.querySelector<HTMLButtonElement>('.scenario-entry');
      if (shown === null || shown === undefined) return;
      event.preventDefault();
      shown.focus();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      enter();
    }
  };
  const { enter, forgetEnter } = useEnter(catalogue.status !== 'loading', () => {
    if (filter.trim() === '') return;
    // the list may still be that of fewer letters: who types fast means what was typed
    const [first] = scenarioSections(catalogue.entries, filter).flatMap(({ groups }) =>
      groups.flatMap(({ entries }) => entries),
    );
    if (first !== undefined) open(first.name);
  });
  useEarlyText(setFilter, enter);
  const found = countEntries(sections);
  return (
    <Dialog title="Scenarios" place="wide" onClose={onClose}>
      <div className="scenario-tools">
        <label className="scenario-filter">
          <Icon name="search" />
          <input
            ref={input}
            type="search"
            data-first
            aria-label="Filter scenarios"
            aria-describedby="scenario-count"
            placeholder="Filter: longterm, cow, selftest, patch…"
            value={filter}
            onChange={(event) => {
              setFilter(event.target.value);
              forgetEnter();
            }}
            onKeyDown={onFilterKey}
          />
        </label>
        <p id="scenario-count" className="muted scenario-count" role="status">
          {catalogue.status === 'loading' ? 'Loading the list…' : countText(found, catalogue.entries.length)}
        </p>
        <label className="button button-line scenario-file">
          <Icon name="file" />
          Open a file
          <input type="file" accept=".json,application/json" className="hidden-visually" onChange={onFile} />
        </label>
      </div>
      {catalogue.status === 'failed' ? <p>The list of recordings could not be loaded.</p> : null}
      <div className="scenario-columns">
        <Groups sections={sections} list={list} />
        <div ref={list} className="scenario-list scroll">
          <ScenarioList sections={sections} onOpen={open} toFilter={() => input.current?.focus()} />
          {found === 0 && catalogue.status !== 'loading' ? (
            <p className="muted">No scenario has any of these words.</p>
          ) : null}
        </div>
      </div>
    </Dialog>
  );
};

const countText = (found: number, all: number): string =>
  found === all ? `${all} scenarios` : `${found} of ${all}`;

interface GroupsProps {
  readonly sections: readonly ScenarioSection[];
  readonly list: { readonly current: HTMLDivElement | null };
}

/** What kinds of scenarios there are; each leads to its part of the list. */
const Groups = ({ sections, list }: GroupsProps) => {
  const goTo = (key: string) => {
    const group = list.current?.querySelector(`[data-group="${CSS.escape(key)}"]`);
    group?.scrollIntoView({ block: 'start' });
    group?.querySelector<HTMLElement>('.scenario-entry')?.focus({ preventScroll: true });
  };
  return (
    <nav className="scenario-nav scroll" aria-label="Kinds of scenarios">
      {sections.map(({ heading, groups }) => (
        <section key={heading} aria-label={heading}>
          <h3 className="heading">{heading}</h3>
          <ul>
            {groups.map(({ key, group, entries }) => (
              <li key={key}>
                <button type="button" className="scenario-nav-entry" onClick={() => goTo(key)}>
                  <span>{group}</span>
                  <span className="muted">{entries.length}</span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </nav>
  );
};

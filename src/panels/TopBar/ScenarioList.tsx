import { type KeyboardEvent, useState } from 'react';
import { useApp } from '../../store/use-app.ts';
import { useWords } from '../../store/use-words.ts';
import { Prose } from '../../ui/Prose.tsx';
import type { ScenarioEntry, ScenarioSection } from './scenarios.ts';

interface ScenarioListProps {
  readonly sections: readonly ScenarioSection[];
  readonly onOpen: (name: string) => void;
  /** Puts the focus into the filter. */
  readonly toFilter: () => void;
}

/** Where a key leads from one entry of a list to another; undefined: nowhere. */
const destination = (
  key: string,
  at: number,
  groups: readonly number[],
  last: number,
): number | undefined => {
  switch (key) {
    case 'ArrowDown':
      return Math.min(at + 1, last);
    case 'ArrowUp':
      return at - 1;
    case 'Home':
      return 0;
    case 'End':
      return last;
    case 'PageDown':
      return groups.find((first) => first > at) ?? last;
    case 'PageUp':
      return groups.findLast((first) => first < at) ?? 0;
    default:
      return undefined;
  }
};

/** The entries under their headings. One of them is a stop of the Tab key; arrows go from one to the next. */
export const ScenarioList = ({ sections, onOpen, toFilter }: ScenarioListProps) => {
  const current = useApp((state) => state.scenario.run?.name);
  const [active, setActive] = useState(current);
  const groups = sections.flatMap((section) => section.groups);
  const names = groups.flatMap(({ entries }) => entries.map(({ name }) => name));
  const stop = active !== undefined && names.includes(active) ? active : names[0];
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const buttons = [...event.currentTarget.querySelectorAll<HTMLButtonElement>('.scenario-entry')];
    const at = buttons.findIndex((button) => button === document.activeElement);
    if (at < 0) return;
    const firsts = groups.map(({ entries }) => names.indexOf(entries[0]?.name ?? ''));
    const to = destination(event.key, at, firsts, buttons.length - 1);
    if (to !== undefined) {
      event.preventDefault();
      if (to < 0) toFilter();
      else buttons[to]?.focus();
    } else if (event.key.length === 1 && event.key !== ' ') toFilter();
  };
  return (
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div onKeyDown={onKeyDown}>
      {sections.map(({ heading, groups: ofSection }) =>
        ofSection.map(({ key, group, entries }) => (
          <section key={key} data-group={key} aria-label={`${heading}: ${group}`} className="scenario-group">
            <h3 className="heading">
              {group} <small>{heading}</small>
            </h3>
            <ul>
              {entries.map((entry) => (
                <Entry
                  key={entry.name}
                  entry={entry}
                  isCurrent={entry.name === current}
                  isStop={entry.name === stop}
                  onFocus={() => setActive(entry.name)}
                  onOpen={() => onOpen(entry.name)}
                />
              ))}
            </ul>
          </section>
        )),
      )}
    </div>
  );
};

interface EntryProps {
  readonly entry: ScenarioEntry;
  readonly isCurrent: boolean;
  readonly isStop: boolean;
  readonly onFocus: () => void;
  readonly onOpen: () => void;
}

const Entry = ({ entry: { name, title, about, size }, isCurrent, isStop, onFocus, onOpen }: EntryProps) => {
  const { textPieces } = useWords();
  return (
    <li>
      <button
        type="button"
        className="scenario-entry"
        tabIndex={isStop ? 0 : -1}
        aria-current={isCurrent ? 'true' : undefined}
        onFocus={onFocus}
        onClick={onOpen}
      >
        <span className="scenario-title">{title}</span>
        {about === '' ? null : (
          <span className="scenario-about">
            <Prose plain pieces={textPieces(about)} />
          </span>
        )}
        <code className="scenario-name">{name}</code>
        <span className="scenario-size">{size}</span>
      </button>
    </li>
  );
};

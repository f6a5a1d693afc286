import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from 'react';
import { useActions, useApp, useAppInstance } from '../../store/use-app.ts';
import { Dialog } from '../../ui/Dialog.tsx';
import { useEarlyText, useEnter } from '../../ui/EarlyField.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { type GlossaryEntry, loadGlossary } from '../../words/index.ts';
import { PANELS } from '../frame/panels.ts';
import { actEntries } from './acts.ts';
import {
  actionEntries,
  choiceEntries,
  type Deed,
  matching,
  ordered,
  type PaletteEntry,
  placeEntries,
  scenarioEntries,
  targetEntries,
  termEntries,
} from './entries.ts';
import { inSightEntries } from './in-sight.ts';
import { targetsOf } from './targets.ts';
import { PALETTE_TITLES } from './titles.ts';
import type { typedEntries as TypedEntries } from './typed.ts';
import './palette.css';

interface PaletteProps {
  /** `goTo`: only places in memory. */
  readonly mode: 'palette' | 'goTo';
  readonly onClose: () => void;
  readonly onDo: (deed: Deed) => void;
}

/** Rows of each group while something is typed, and while nothing is. */
const LIMIT = 12;
const PAGE_ROWS = 8;

const useEntries = (
  mode: PaletteProps['mode'],
  text: string,
): { readonly entries: readonly PaletteEntry[]; readonly isComplete: boolean } => {
  const ownKeys = useApp((state) => state.settings.ownKeys);
  const { status, entries: scenarios } = useApp((state) => state.scenario.catalogue);
  const machine = useApp((state) => state.scenario.run?.machine);
  const moment = useApp((state) => state.trace.moment);
  const { loadCatalogue } = useActions();
  useEffect(() => void loadCatalogue(), [loadCatalogue]);
  const [terms, setTerms] = useState<readonly GlossaryEntry[]>([]);
  useEffect(() => void loadGlossary().then(setTerms), []);
  const [typedEntries, setTyped] = useState<typeof TypedEntries>();
  useEffect(() => void import('./typed.ts').then((m) => setTyped(() => m.typedEntries)), []);
  const { store } = useAppInstance();
  // the palette lies over all else: nothing of that changes while it is open
  const [acts] = useState(() => actEntries(store.getState(), PANELS));
  const standing = useMemo(
    () => [
      ...actionEntries(ownKeys),
      ...acts,
      ...placeEntries(PANELS),
      ...choiceEntries(),
      ...scenarioEntries(scenarios),
    ],
    [ownKeys, scenarios, acts],
  );
  const words = useMemo(() => termEntries(terms), [terms]);
  const isAsked = mode === 'palette' && text.trim() !== '';
  const inSight = useMemo(
    () => (isAsked ? inSightEntries(new Set(standing.map(({ title }) => title))) : []),
    [isAsked, standing],
  );
  const entries = useMemo(() => {
    const targets = targetEntries(targetsOf(text, machine, moment)).slice(0, LIMIT);
    if (mode === 'goTo') return targets;
    if (text.trim() === '') return matching(standing, text, PAGE_ROWS);
    const typed = typedEntries?.(text, store.getState()) ?? [];
    return ordered(text, [...targets, ...typed], matching([...standing, ...inSight, ...words], text, LIMIT));
  }, [mode, text, machine, moment, standing, inSight, words, store, typedEntries]);
  const isComplete = status !== 'loading' && terms.length > 0 && typedEntries !== undefined;
  return { entries, isComplete: isComplete || mode === 'goTo' };
};

/** Everything that can be done and opened, by typing a part of its name. */
export const Palette = ({ mode, onClose, onDo }: PaletteProps) => {
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const { entries, isComplete } = useEntries(mode, text);
  const current = entries[Math.min(at, entries.length - 1)];
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }, [current]);

  const choose = (entry: PaletteEntry) => {
    onClose();
    onDo(entry.deed);
  };
  const { enter, forgetEnter } = useEnter(
    isComplete,
    current === undefined ? undefined : () => choose(current),
  );
  useEarlyText(setText, enter);
  const onKeyDown = (event: KeyboardEvent) => {
    const last = entries.length - 1;
    const from = Math.min(at, last);
    const to = {
      ArrowDown: from === last ? 0 : from + 1,
      ArrowUp: from === 0 ? last : from - 1,
      PageDown: Math.min(last, from + PAGE_ROWS),
      PageUp: Math.max(0, from - PAGE_ROWS),
    }[event.key];
    if (to !== undefined) setAt(to);
    else if (event.key === 'Enter') enter();
    else return;
    event.preventDefault();
  };
  const optionId = (entry: PaletteEntry): string => `${id}${entries.indexOf(entry)}`;
  const groups = [...new Set(entries.map(({ group }) => group))];
  const title = PALETTE_TITLES[mode];
  return (
    <Dialog title={title} place="top" onClose={onClose}>
      <label className="palette-field">
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          data-first
          aria-label={title}
          aria-expanded={entries.length > 0}
          aria-controls={`${id}list`}
          aria-autocomplete="list"
          aria-activedescendant={current === undefined ? undefined : optionId(current)}
          aria-describedby={`${id}count`}
          autoComplete="off"
          spellCheck={false}
          placeholder={
            mode === 'goTo' ? 'pfn, address, buf+2, pin h1, device 0' : 'Action, panel, scenario, pfn or word'
          }
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
            forgetEnter();
          }}
          onKeyDown={onKeyDown}
        />
      </label>
      <p id={`${id}count`} role="status" className={entries.length > 0 ? 'hidden-visually' : 'muted'}>
        {entries.length > 0 ? `${entries.length} found` : nothingText(mode, text)}
      </p>
      <div ref={list} id={`${id}list`} role="listbox" aria-label={title} className="palette-list scroll">
        {groups.map((group) => (
          <div key={group} role="group" aria-labelledby={`${id}${group}`}>
            <div id={`${id}${group}`} className="heading palette-group" role="presentation">
              {group}
            </div>
            {entries
              .filter((entry) => entry.group === group)
              .map((entry) => (
                <div
                  key={entry.id}
                  id={optionId(entry)}
                  role="option"
                  aria-selected={entry === current}
                  className="palette-entry"
                  onPointerMove={() => setAt(entries.indexOf(entry))}
                  onClick={() => choose(entry)}
                >
                  <span className="palette-title">{entry.title}</span>
                  <span className="muted palette-detail">{entry.detail}</span>
                  <span className="palette-keys">
                    {entry.keys.map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </span>
                </div>
              ))}
          </div>
        ))}
      </div>
    </Dialog>
  );
};

const nothingText = (mode: PaletteProps['mode'], text: string): string => {
  if (mode === 'palette')
    return 'Nothing found. Fewer letters find more; a pfn, an address or a kernel function can be typed, too.';
  if (text.trim() === '') return 'Nothing is mapped and nothing is held yet; a pfn can be typed.';
  return 'No frame, address, page, process, pin or device of this moment is called so.';
};

import { type KeyboardEvent, useState } from 'react';
import { type KeyBinding, ownerOf, shownKey } from '../store/keys.ts';
import { useActions, useApp } from '../store/use-app.ts';

interface KeyRowProps {
  readonly binding: KeyBinding;
  /** Offers to choose another key. */
  readonly canChange: boolean;
}

/** Keys that the page cannot do without. */
const KEPT: ReadonlySet<string> = new Set(['Tab', 'Enter', ' ', 'Escape', 'Shift', 'Control', 'Alt', 'Meta']);

/** In the notation of the table; undefined for a modifier alone and for keys that the page needs. */
const keyOf = ({ key, ctrlKey, altKey, metaKey, shiftKey }: KeyboardEvent): string | undefined => {
  if (KEPT.has(key)) return undefined;
  const isLetter = /^[a-z]$/i.test(key);
  // Shift is part of a sign such as ?, which has a key of its own on another keyboard
  const shift = shiftKey && (isLetter || key.length > 1);
  const modifiers = [ctrlKey && 'Control', altKey && 'Alt', metaKey && 'Meta', shift && 'Shift'];
  return [...modifiers.filter((modifier) => modifier !== false), isLetter ? key.toLowerCase() : key].join(
    '+',
  );
};

/** An action and its keys; where it is asked for, a button that takes the next key. */
export const KeyRow = ({ binding: { command, shown, does }, canChange }: KeyRowProps) => {
  const { setKey } = useActions();
  const ownKeys = useApp((state) => state.settings.ownKeys);
  const [waiting, setWaiting] = useState(false);
  const [refused, setRefused] = useState('');
  const onKeyDown = (event: KeyboardEvent) => {
    if (!waiting) return;
    if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      setWaiting(false);
      return;
    }
    const key = keyOf(event);
    if (key === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const owner = ownerOf(key, command, ownKeys);
    if (owner === undefined) setKey(command, key);
    setRefused(
      owner === undefined ? '' : `${shownKey(key).join(' ')} is taken: ${owner.does.toLowerCase()}.`,
    );
    setWaiting(owner !== undefined);
  };
  return (
    <div>
      <dt>
        {shown.map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dt>
      <dd>
        {does}
        {canChange ? (
          <button
            type="button"
            className="button button-line help-change"
            aria-label={waiting ? `${does}: press the new key, or Escape` : `${does}: choose another key`}
            onClick={() => {
              setWaiting(!waiting);
              setRefused('');
            }}
            onKeyDown={onKeyDown}
            onBlur={() => setWaiting(false)}
          >
            {waiting ? 'Press a key' : 'Change'}
          </button>
        ) : null}
        {canChange ? (
          <span role="status" className="help-refused">
            {refused}
          </span>
        ) : null}
      </dd>
    </div>
  );
};

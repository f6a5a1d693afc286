import { type KeyboardEvent, useRef, useState } from 'react';
import './term.css';

interface RovingTermsProps {
  readonly label: string;
  /** `sign`: how it stands in the table; '' where it is the word itself. */
  readonly terms: readonly { readonly id: string; readonly sign: string; readonly word: string }[];
}

/** Terms in a row, each with its explanation. One stop for Tab; arrow keys, Home and End go along. */
export const RovingTerms = ({ label, terms }: RovingTermsProps) => {
  const [at, setAt] = useState(0);
  const row = useRef<HTMLDivElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const last = terms.length - 1;
    const to = {
      ArrowRight: at === last ? 0 : at + 1,
      ArrowLeft: at === 0 ? last : at - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    setAt(to);
    row.current?.querySelectorAll<HTMLElement>('.term')[to]?.focus();
  };
  return (
    <div ref={row} role="toolbar" aria-label={label} className="roving-terms" onKeyDown={onKeyDown}>
      {terms.map(({ id, sign, word }, index) => (
        <button
          key={word}
          type="button"
          className="term"
          data-term={id}
          tabIndex={index === at ? 0 : -1}
          onFocus={() => setAt(index)}
        >
          {sign === '' ? null : <b>{sign} </b>}
          {word}
        </button>
      ))}
    </div>
  );
};

import { breakable } from './breakable.tsx';
import { Term } from './Term.tsx';

interface ProseProps {
  readonly pieces: readonly {
    readonly kind: 'text' | 'code';
    readonly text: string;
    /** Under which the glossary knows it. */
    readonly term?: string;
  }[];
  /** Inside of a control, which can hold no other: terms are not explained. */
  readonly plain?: boolean;
}

/** A sentence with its kernel words in the mono face, and with its terms explained. */
export const Prose = ({ pieces, plain = false }: ProseProps) =>
  pieces.map(({ kind, text, term }, index) => {
    // The pieces of a sentence have no identity but their place.
    const key = index;
    if (term !== undefined && !plain)
      return (
        <Term key={key} id={term} code={kind === 'code'}>
          {text}
        </Term>
      );
    if (kind === 'text') return <span key={key}>{text}</span>;
    // only what could break within: as a box of its own, the rest would leave a full stop alone on the next line
    return (
      <code key={key} className={/^\S*[-_/]\S*$/.test(text) ? 'prose-code' : undefined}>
        {breakable(text)}
      </code>
    );
  });

interface ProseProps {
  readonly pieces: readonly { readonly kind: 'text' | 'code'; readonly text: string }[];
}

/** A sentence with its kernel words in the mono face. */
export const Prose = ({ pieces }: ProseProps) =>
  pieces.map(({ kind, text }, index) =>
    // The pieces of a sentence have no identity but their place.
    // eslint-disable-next-line react/no-array-index-key
    kind === 'code' ? <code key={index}>{text}</code> : <span key={index}>{text}</span>,
  );

import { Fragment, type ReactNode } from 'react';
import './term.css';

interface TermProps {
  /** Under which the glossary knows it. */
  readonly id: string;
  /** A word of the kernel, in the mono face. */
  readonly code?: boolean;
  readonly children: ReactNode;
}

/** A name of the kernel that is too long for its line goes on behind an underscore. */
const breakable = (name: string): ReactNode =>
  name.split(/(?<=[a-z0-9]_)(?=[a-z0-9])/i).map((part, index) => (
    // The parts of a name have no identity but their place.
    // eslint-disable-next-line react/no-array-index-key
    <Fragment key={index}>
      {index === 0 ? null : <wbr />}
      {part}
    </Fragment>
  ));

/** A word with an explanation: under the pointer, with the focus and at a tap. What is shown is the business of the frame. */
export const Term = ({ id, code = false, children }: TermProps) => (
  <button type="button" className={code ? 'term term-code' : 'term'} data-term={id}>
    {typeof children === 'string' ? breakable(children) : children}
  </button>
);

import type { ReactNode } from 'react';
import { breakable } from './breakable.tsx';
import './term.css';

interface TermProps {
  /** Under which the glossary knows it. */
  readonly id: string;
  /** A word of the kernel, in the mono face. */
  readonly code?: boolean;
  readonly children: ReactNode;
}

/** A word with an explanation: under the pointer, with the focus and at a tap. What is shown is the business of the frame. */
export const Term = ({ id, code = false, children }: TermProps) => (
  <button type="button" className={code ? 'term term-code' : 'term'} data-term={id}>
    {typeof children === 'string' ? breakable(children) : children}
  </button>
);

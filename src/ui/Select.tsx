import type { ReactNode } from 'react';
import { Icon } from './Icon.tsx';
import './select.css';

interface SelectProps {
  readonly label: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly children: ReactNode;
  readonly look?: 'line' | 'bare';
}

/** A native list: every platform's keyboard and screen reader knows it. */
export const Select = ({ label, value, onChange, children, look = 'line' }: SelectProps) => (
  <span className={`select select-${look}`}>
    <select aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
      {children}
    </select>
    <Icon name="down" />
  </span>
);

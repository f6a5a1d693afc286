import type { ReactNode } from 'react';
import { EXCLUSIVE_GLYPH, TONES, type Tone } from './tones.ts';
import './chip.css';

interface ChipProps {
  readonly tone: Tone;
  /** Half of this tone, hatched: what it turns into. */
  readonly toward?: Tone | undefined;
  /** A device has the page to itself: the CPU's entry is a device-exclusive one. */
  readonly exclusive?: boolean | undefined;
  readonly children: ReactNode;
}

/** A page as a word: the hue, glyph and form that its cell has on the map. */
export const Chip = ({ tone, toward, exclusive = false, children }: ChipProps) => (
  <span
    className="chip"
    data-tone={tone}
    data-form={TONES[tone].form}
    {...(exclusive ? { 'data-exclusive': true } : {})}
    {...(toward === undefined ? {} : { 'data-toward': toward })}
  >
    {TONES[tone].glyph === '' ? null : (
      <span className="chip-glyph" aria-hidden="true">
        {TONES[tone].glyph}
        {exclusive ? EXCLUSIVE_GLYPH : ''}
      </span>
    )}
    <span className="chip-text">{children}</span>
  </span>
);

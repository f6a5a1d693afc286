import { Term } from '../ui/Term.tsx';
import { TONES, type Tone } from '../ui/tones.ts';

const RESIDENCES: readonly Tone[] = ['system', 'coherent', 'private', 'movable'];

const LABELS: Readonly<Partial<Record<Tone, string>>> = {
  system: 'system',
  coherent: 'coherent',
  private: 'private',
  movable: 'movable',
};

const TERMS: Readonly<Partial<Record<Tone, string>>> = {
  system: 'system-memory',
  coherent: 'device-coherent',
  private: 'device-private',
  movable: 'zone-movable',
};

/** What colours, glyphs and forms mean. */
export const Legend = () => (
  <ul className="legend" aria-label="Legend">
    {RESIDENCES.map((tone) => (
      <li key={tone}>
        <span className="legend-cell" data-tone={tone} data-form={TONES[tone].form} aria-hidden="true">
          {TONES[tone].glyph}
        </span>
        <Term id={TERMS[tone] ?? ''}>{LABELS[tone]}</Term>
      </li>
    ))}
    <li>
      <span className="legend-cell legend-hatch" aria-hidden="true" />
      <Term id="migration">moving</Term>
    </li>
    <li>
      <Nail solid={false} />
      <Term id="pin">pin</Term>
    </li>
    <li>
      <Nail solid />
      <Term id="longterm-pin">long-term pin</Term>
    </li>
    <li>
      <span className="legend-cell legend-other" aria-hidden="true" />
      <Term id="kernel-memory">kernel</Term>
    </li>
    <li>
      <span className="legend-cell legend-free" aria-hidden="true" />
      <Term id="free">free</Term>
    </li>
  </ul>
);

const Nail = ({ solid }: { readonly solid: boolean }) => (
  <svg className="legend-nail" viewBox="0 0 12 14" aria-hidden="true" data-solid={solid}>
    <path d="M2 2h8v3H7.2L6 12 4.8 5H2z" />
  </svg>
);

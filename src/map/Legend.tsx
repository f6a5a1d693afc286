import type { CSSProperties } from 'react';
import { useActions, useApp } from '../store/use-app.ts';
import { Button } from '../ui/Button.tsx';
import { PinSign } from '../ui/PinSign.tsx';
import { TONES } from '../ui/tones.ts';
import { MODE_WORDS } from './coloring.ts';
import { type LegendEntry, legendEntries } from './legend-entries.ts';
import { textureOf } from './textures.ts';
import './legend.css';

/** What colours, glyphs and forms mean. Each entry is a switch: pressed, it and the other pressed ones stand out. */
export const Legend = () => {
  const { mode, only } = useApp((state) => state.maps);
  const machine = useApp((state) => state.scenario.run?.machine);
  const moment = useApp((state) => state.trace.moment);
  const { toggleEntry, showAllEntries } = useActions();
  const processes = moment?.processes.map(({ name }) => name) ?? [];
  const entries = legendEntries(mode, processes, machine);
  return (
    <div className="legend" role="group" aria-label={`Legend, colour by ${MODE_WORDS[mode].label}`}>
      {mode === 'state' ? null : <p className="legend-about">{MODE_WORDS[mode].about}</p>}
      {entries.map(({ id, label, term, look }) => (
        <button
          key={id}
          type="button"
          className="legend-entry"
          aria-pressed={only.includes(id)}
          data-dim={only.length > 0 && !only.includes(id)}
          data-term={term === '' ? undefined : term}
          onClick={() => toggleEntry(id)}
        >
          <Swatch look={look} />
          {label}
        </button>
      ))}
      {only.length === 0 ? null : (
        <Button look="bare" onClick={showAllEntries}>
          Show all
        </Button>
      )}
    </div>
  );
};

const Swatch = ({ look }: { readonly look: LegendEntry['look'] }) => {
  switch (look) {
    case 'hatch':
      return <span className="legend-cell legend-hatch" aria-hidden="true" />;
    case 'pin':
    case 'longterm':
      return <PinSign solid={look === 'longterm'} />;
    case 'kernel':
      return <span className="legend-cell legend-other" aria-hidden="true" />;
    case 'nothing':
      return <span className="legend-cell legend-free" aria-hidden="true" />;
    case 'system':
    case 'coherent':
    case 'private':
    case 'movable':
    case 'free':
    case 'reserved':
      return (
        <span className="legend-cell" data-tone={look} data-form={TONES[look].form} aria-hidden="true">
          {TONES[look].glyph}
        </span>
      );
    default: {
      const style: CSSProperties = {
        background: `var(--${look.color})`,
        color: `var(--${look.color}-ink, var(--paper))`,
      };
      return (
        <span
          className="legend-cell legend-shade"
          data-texture={textureOf(look.color)}
          style={style}
          aria-hidden="true"
        >
          {look.glyph}
        </span>
      );
    }
  }
};

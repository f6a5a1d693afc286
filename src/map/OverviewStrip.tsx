import { type KeyboardEvent, useState } from 'react';
import { useApp } from '../store/use-app.ts';
import type { MapController } from './controller.ts';
import { regionsOf } from './regions.ts';
import './overview-strip.css';

/** All physical memory in a line, as the firmware lists it; each part leads to its place on the maps. */
export const OverviewStrip = ({ maps }: { readonly maps: MapController }) => {
  const machine = useApp((state) => state.scenario.run?.machine);
  const selected = useApp(({ selection }) =>
    selection.selected?.kind === 'page' ? selection.selected.pfn : -1,
  );
  const [pointed, setPointed] = useState('');
  if (machine === undefined) return null;
  /** Escape puts the tip away, and nothing else. */
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || pointed === '') return;
    event.stopPropagation();
    setPointed('');
  };
  return (
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions
    <div className="overview" onKeyDown={onKeyDown} onPointerLeave={() => setPointed('')}>
      <ol aria-label="Physical memory by address">
        {regionsOf(machine).map(({ range, name, brief, text, share }) => {
          const { id, kind, start, npages, cma, reserved, zone } = range;
          return (
            <li
              key={`${id} ${start}`}
              style={{ flexGrow: share }}
              data-selected={selected >= start && selected < start + npages}
            >
              <button
                type="button"
                className="overview-part"
                data-kind={reserved === '' ? kind : 'reserved'}
                data-movable={cma || zone === 'Movable'}
                aria-label={text}
                aria-disabled={kind === 'mmio'}
                onClick={() => maps.showRange(range)}
                onPointerEnter={() => setPointed(text)}
                onFocus={() => setPointed(text)}
                onBlur={() => setPointed('')}
              >
                <span className="overview-brief" aria-hidden="true">
                  <span>{brief}</span>
                </span>
                <span className="overview-name" aria-hidden="true">
                  {name}
                </span>
              </button>
            </li>
          );
        })}
      </ol>
      {pointed === '' ? null : (
        <p className="overview-tip" aria-hidden="true">
          {pointed}
        </p>
      )}
    </div>
  );
};

import { AREAS, type AreaId, PRESETS } from '../../store/layout.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { Select } from '../../ui/Select.tsx';
import { AREA_WORDS, SIDES } from './areas.ts';
import { areaOf } from './arrange.ts';
import { PANELS } from './panels.ts';
import { LIMITS, PRESET_WORDS, splitterOf } from './presets.ts';
import type { SplitterId } from '../../store/layout.ts';
import './layout-sheet.css';

const isArea = (text: string): text is AreaId => AREAS.some((area) => area === text);

/** Presets, what is shown where, sizes, and the way back. */
export const LayoutSheet = () => {
  const { openPanel, setPreset, resetLayout, undoLayout } = useActions();
  const layout = useApp((state) => state.layout);
  return (
    <Dialog title="Panels and layout" place="side" onClose={() => openPanel('')}>
      <div className="layout-sheet scroll">
        <fieldset className="presets">
          <legend className="heading">Preset</legend>
          {PRESETS.map((preset) => (
            <label key={preset} className="preset">
              <input
                type="radio"
                name="preset"
                checked={layout.preset === preset}
                onChange={() => setPreset(preset)}
              />
              <span>
                <span className="preset-title">{PRESET_WORDS[preset].title}</span>
                <span className="muted">{PRESET_WORDS[preset].about}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <p className="layout-back">
          <Button icon="undo" disabled={layout.past.length === 0} onClick={undoLayout}>
            Undo
          </Button>
          <Button onClick={resetLayout}>Put all panels back</Button>
        </p>
        <section>
          <h3 className="heading">Sizes</h3>
          {SIDES.map(({ id, label }) => (
            <Side key={id} id={id} label={label} />
          ))}
        </section>
        <section>
          <h3 className="heading">Panels</h3>
          <ul className="layout-panels">
            {PANELS.map((panel) => (
              <PanelPlace key={panel.id} panel={panel} />
            ))}
          </ul>
        </section>
      </div>
    </Dialog>
  );
};

const PanelPlace = ({ panel }: { readonly panel: (typeof PANELS)[number] }) => {
  const { movePanel } = useActions();
  const place = useApp((state) => areaOf(panel, state.layout)) ?? 'none';
  return (
    <li>
      <Icon name={panel.icon} />
      <span>{panel.title}</span>
      <Select
        label={`Place of ${panel.title}`}
        value={place}
        onChange={(to) => movePanel(panel.id, isArea(to) ? to : 'none')}
      >
        {AREAS.map((area) => (
          <option key={area} value={area}>
            {AREA_WORDS[area]}
          </option>
        ))}
        <option value="none">not shown</option>
      </Select>
    </li>
  );
};

const Side = ({ id, label }: { readonly id: SplitterId; readonly label: string }) => {
  const { resize, openSide } = useActions();
  const layout = useApp((state) => state.layout);
  const { size, open } = splitterOf(layout, id);
  const { min, max, close } = LIMITS[id];
  const isShare = max <= 1;
  return (
    <p className="layout-side">
      <label className="help-check">
        {close ? (
          <input type="checkbox" checked={open} onChange={(event) => openSide(id, event.target.checked)} />
        ) : null}
        {label}
      </label>
      <input
        type="range"
        aria-label={`Size: ${label}`}
        min={min}
        max={max}
        step={isShare ? 0.01 : 0.5}
        value={size ?? min}
        disabled={!open}
        onChange={(event) => resize(id, Number(event.target.value))}
      />
    </p>
  );
};

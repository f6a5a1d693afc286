import { type CSSProperties, type ReactNode, useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import { useActions, useApp } from '../store/use-app.ts';
import { useTurn } from '../store/use-turn.ts';
import { useKeys } from '../store/use-keys.ts';
import { MAP_MODES, type MapMode } from '../store/views.ts';
import { IconButton } from '../ui/Button.tsx';
import { Select } from '../ui/Select.tsx';
import { useColors } from '../ui/use-colors.ts';
import { BankWindow } from './BankWindow.tsx';
import { MODE_WORDS } from './coloring.ts';
import type { MapController } from './controller.ts';
import { MapText } from './MapText.tsx';
import type { Bank } from './layout.ts';
import { Legend } from './Legend.tsx';
import { OverviewStrip } from './OverviewStrip.tsx';
import { busyNames } from './rows.ts';
import { Tally } from './Tally.tsx';
import './maps.css';

/** Repaints when colours or fonts change. */
const usePalette = (maps: MapController): void => {
  const colors = useColors();
  useEffect(() => {
    maps.refreshPalette();
    void document.fonts.ready.then(() => maps.refreshPalette());
  }, [maps, colors]);
};

/** Above all windows: what changes and moves. */
const Overlay = ({ maps }: { readonly maps: MapController }) => {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => (host.current === null ? undefined : maps.attachOverlay(host.current)), [maps]);
  return <div ref={host} className="maps-above" aria-hidden="true" />;
};

/** What is pointed at, in words, below its cell. */
const CellTip = ({ maps }: { readonly maps: MapController }) => {
  const moment = useApp((state) => state.trace.moment);
  // Read so that an answer about the cell is shown.
  useApp((state) => state.queries.tiles);
  const hovered = useApp(({ selection }) => selection.hovered);
  if (moment === undefined || hovered?.kind !== 'page') return null;
  const tip = maps.tipFor(hovered.pfn, moment);
  if (tip === undefined) return null;
  const style = {
    ...(tip.atEnd ? { right: tip.rightPx } : { left: tip.leftPx }),
    ...(tip.topPx === undefined ? { bottom: tip.bottomPx } : { top: tip.topPx }),
  };
  return (
    <p className="cell-tip" style={style}>
      {tip.text}
    </p>
  );
};

/** Appears behind what is more important. */
const Later = ({ children }: { readonly children: ReactNode }) => (useTurn() ? children : null);

const isMode = (text: string): text is MapMode => MAP_MODES.some((mode) => mode === text);

/** What the colours say. */
const ColorBy = () => {
  const { mode } = useApp((state) => state.maps);
  const { colorBy } = useActions();
  return (
    <Select
      label="Colour by"
      look="bare"
      value={mode}
      onChange={(value) => {
        if (isMode(value)) colorBy(value);
      }}
    >
      {MAP_MODES.map((each) => (
        <option key={each} value={each}>
          Colour: {MODE_WORDS[each].label}
        </option>
      ))}
    </Select>
  );
};

/** More windows than this do not fit above each other. */
const CROWD = 5;
const NO_STEPS: readonly never[] = [];

interface MemoryMapsProps {
  readonly maps: MapController;
  /** What else is shown as text beside the maps. */
  readonly children: ReactNode;
}

/** Maps of all memory: the RAM of each node, and the VRAM of each device. */
export const MemoryMaps = ({ maps, children }: MemoryMapsProps) => {
  const asText = useApp((state) => state.choices.asText);
  const embedded = useApp((state) => state.embed.embedded);
  const banks = useSyncExternalStore(maps.subscribe, maps.banksNow);
  const following = useApp((state) => Object.keys(state.viewport.looks).length === 0);
  const toggled = useApp((state) => state.choices.banks);
  const busyText = useApp(({ scenario, trace }) =>
    busyNames(banks, scenario.run?.steps ?? NO_STEPS, trace.moment),
  );
  const busy = useMemo(() => new Set(busyText.split(',')), [busyText]);
  const isOpen = (bank: Bank): boolean => toggled[bank.id] ?? busy.has(bank.id);
  // of many, those that something happens in stand on top
  const shown =
    banks.length > CROWD ? banks.toSorted((a, b) => Number(busy.has(b.id)) - Number(busy.has(a.id))) : banks;
  const openCount = banks.filter(isOpen).length;
  // the style sheet has the edge of what scrolls lie between two names
  const lengths: CSSProperties & Record<`--${string}`, number> = {
    '--open': openCount,
    '--names': banks.length - openCount,
  };
  const { choose, openPanel } = useActions();
  usePalette(maps);
  const keys = useKeys();
  useEffect(() => maps.read(asText), [maps, asText]);

  const showAll = () => {
    choose({ banks: Object.fromEntries(banks.map(({ id }) => [id, true])) });
    maps.fitAll();
  };

  return (
    <section className="maps" aria-labelledby="maps-heading">
      <header className="maps-header tips-below tips-end">
        <h2 id="maps-heading" className="heading">
          Memory
        </h2>
        <span className="maps-tools">
          <ColorBy />
          {embedded ? null : (
            <IconButton
              icon="search"
              label="Find a frame, an address, a process or a pin"
              keys={keys('goTo')}
              onClick={() => openPanel('goTo')}
            />
          )}
          <IconButton
            icon="text"
            label="Read as text"
            keys={keys('text')}
            aria-pressed={asText}
            onClick={() => choose({ asText: !asText })}
          />
          <IconButton
            icon="picture"
            label="All memory in one map"
            keys={keys('whole')}
            aria-pressed={maps.whole}
            onClick={() => maps.showWhole(!maps.whole)}
          />
          <IconButton
            icon="minus"
            label="Zoom out"
            keys={keys('zoomOut')}
            onClick={() => maps.zoom(1 / 1.6)}
          />
          <IconButton icon="plus" label="Zoom in" keys={keys('zoomIn')} onClick={() => maps.zoom(1.6)} />
          <IconButton icon="fit" label="Show all memory" keys={keys('fit')} onClick={showAll} />
          <IconButton
            icon="target"
            label="Follow what happens"
            keys={keys('follow')}
            aria-pressed={following}
            onClick={() => maps.followAll()}
          />
        </span>
      </header>
      <p id="maps-keys" className="hidden-visually">
        Arrow keys select the neighbouring page. Plus and minus zoom. W, A, S and D pan.
      </p>
      {asText ? (
        <div className="map-text scroll">
          <MapText maps={maps} />
          {children}
        </div>
      ) : (
        <>
          <Later>
            <OverviewStrip maps={maps} />
          </Later>
          <div className="maps-scroll">
            <div className="maps-banks" style={lengths}>
              {shown.map((bank) => (
                <BankWindow
                  key={bank.id}
                  bank={bank}
                  maps={maps}
                  open={isOpen(bank)}
                  canClose={banks.length > 1}
                  onToggle={() => choose({ banks: { ...toggled, [bank.id]: !isOpen(bank) } })}
                />
              ))}
              <Overlay maps={maps} />
              <CellTip maps={maps} />
            </div>
          </div>
          <Later>
            <Tally />
            <Legend />
          </Later>
        </>
      )}
    </section>
  );
};

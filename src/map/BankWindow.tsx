import { type KeyboardEvent, type MouseEvent, useEffect, useRef, useSyncExternalStore } from 'react';
import { useActions, useApp } from '../store/use-app.ts';
import { formatCount } from '../ui/format.ts';
import type { MapController } from './controller.ts';
import { bankTitle, cellText, scaleText, zoneInView } from './describe.ts';
import { isArrow, nextFrame, startFrame } from './hit-test.ts';
import { type Bank, rangeOf } from './layout.ts';
import { attachZoom } from './zoom.ts';

interface BankWindowProps {
  readonly bank: Bank;
  readonly maps: MapController;
  /** Drawn large. */
  readonly busy: boolean;
}

const pointOf = (event: MouseEvent) => {
  const origin = event.currentTarget.getBoundingClientRect();
  return { x: event.clientX - origin.left, y: event.clientY - origin.top };
};

/** A window on one bank: a canvas that can be zoomed, panned and clicked, with its keyboard twin. */
export const BankWindow = ({ bank, maps, busy }: BankWindowProps) => {
  const canvas = useRef<HTMLCanvasElement>(null);
  const moment = useApp((state) => state.trace.moment);
  const selected = useApp((state) =>
    state.selection.selected?.kind === 'page' ? state.selection.selected.pfn : undefined,
  );
  const actions = useActions();

  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    const detach = maps.attach(bank.id, element);
    const stopZoom = attachZoom(element, bank, maps);
    const observer = new ResizeObserver(() => maps.resize(bank.id));
    observer.observe(element);
    return () => {
      observer.disconnect();
      stopZoom();
      detach();
    };
  }, [bank, maps]);

  const onPointerMove = (event: MouseEvent) => {
    maps.activeBank = bank.id;
    const cell = moment && maps.cellAtPoint(bank.id, pointOf(event), moment);
    actions.hover(cell === undefined ? undefined : { kind: 'page', pfn: cell.start });
  };

  const onClick = (event: MouseEvent) => {
    const point = pointOf(event);
    const cell = moment && maps.cellAtPoint(bank.id, point, moment);
    if (cell === undefined) return;
    if (cell.npages === 1) actions.select({ kind: 'page', pfn: cell.start });
    else maps.zoom(6, bank.id, point);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const hasModifier = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey;
    if (moment === undefined || hasModifier || !isArrow(event.key)) return;
    const start = startFrame(bank, selected, moment);
    const next = start === selected && start !== undefined ? nextFrame(bank, start, event.key) : start;
    event.preventDefault();
    event.stopPropagation();
    if (next === undefined) return;
    actions.select({ kind: 'page', pfn: next });
    maps.reveal(next);
  };

  return (
    <figure className={busy ? 'bank bank-busy' : 'bank'}>
      <Caption bank={bank} maps={maps} />
      <div
        className="bank-window"
        tabIndex={0}
        role="application"
        aria-label={`Map of ${bankTitle(bank)}`}
        aria-describedby="maps-keys"
        onKeyDown={onKeyDown}
        onFocus={() => {
          maps.activeBank = bank.id;
        }}
      >
        <canvas
          ref={canvas}
          className="bank-canvas"
          onPointerMove={onPointerMove}
          onPointerLeave={() => actions.hover(undefined)}
          onClick={onClick}
        />
      </div>
    </figure>
  );
};

/** What is shown, at which scale; or what is under the pointer. */
const Caption = ({ bank, maps }: { readonly bank: Bank; readonly maps: MapController }) => {
  const view = useSyncExternalStore(maps.subscribe, () => maps.viewOf(bank.id));
  const moment = useApp((state) => state.trace.moment);
  const pfn = useApp(({ selection }) =>
    selection.hovered?.kind === 'page' && rangeOf(bank, selection.hovered.pfn) !== undefined
      ? selection.hovered.pfn
      : undefined,
  );
  const cell = moment && pfn !== undefined ? maps.cellOf(bank.id, pfn, moment) : undefined;
  return (
    <figcaption className="bank-caption">
      <span className="heading bank-title">
        {bankTitle(bank)} <small>{view === undefined ? '' : zoneInView(view)}</small>
      </span>
      <span className="bank-readout">
        {cell === undefined
          ? `${formatCount(bank.npages)} pages${view === undefined ? '' : ` · 1 cell = 1 ${scaleText(view)}`}`
          : cellText(cell)}
      </span>
    </figcaption>
  );
};

import { PAGE_SIZE_BYTES } from '../core/uapi/units.ts';
import {
  type KeyboardEvent,
  type MouseEvent,
  type PointerEvent,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import { useActions, useApp, useAppInstance } from '../store/use-app.ts';
import { useTurn } from '../store/use-turn.ts';
import type { DeviceView } from '../store/views.ts';
import { formatBytes, formatCounted } from '../ui/format.ts';
import { Icon } from '../ui/Icon.tsx';
import type { MapController } from './controller.ts';
import { bankTitle, linesOf, type MapView, zoneCaption } from './describe.ts';
import { isArrow, nextFrame, startFrame } from './hit-test.ts';
import type { Bank } from './layout.ts';
import { attachZoom } from './zoom.ts';
import './bank-window.css';

interface BankWindowProps {
  readonly bank: Bank;
  readonly maps: MapController;
  /** Its map is shown; else only its name. */
  readonly open: boolean;
  readonly canClose: boolean;
  readonly onToggle: () => void;
}

const pointOf = (event: MouseEvent) => {
  const origin = event.currentTarget.getBoundingClientRect();
  return { x: event.clientX - origin.left, y: event.clientY - origin.top };
};

/** How long it is said that one finger is not enough. */
const HINT_MS = 2500;

/** A window on one bank: a canvas that can be zoomed, panned and clicked, with its keyboard twin. */
export const BankWindow = ({ bank, maps, open, canClose, onToggle }: BankWindowProps) => {
  const { turns } = useAppInstance();
  const host = useRef<HTMLDivElement>(null);
  const moment = useApp((state) => state.trace.moment);
  const selected = useApp((state) =>
    state.selection.selected?.kind === 'page' ? state.selection.selected.pfn : undefined,
  );
  const embedded = useApp((state) => state.embed.embedded);
  const actions = useActions();
  // a node has twelve of them
  const isUp = useTurn();

  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    // a canvas takes some milliseconds, and a node may have nine of them
    let stopZoom = (): void => {};
    let leave = turns.next(() => {
      const detach = maps.attach(bank.id, element);
      stopZoom = turns.next(() => {
        stopZoom = attachZoom(element, bank, maps, embedded);
      });
      const observer = new ResizeObserver(() => maps.resize(bank.id));
      observer.observe(element);
      leave = () => {
        observer.disconnect();
        detach();
      };
    });
    return () => {
      stopZoom();
      leave();
    };
  }, [bank, maps, open, isUp, turns, embedded]);

  const [hints, setHints] = useState(false);
  useEffect(() => {
    if (!hints) return undefined;
    const timer = setTimeout(() => setHints(false), HINT_MS);
    return () => clearTimeout(timer);
  }, [hints]);
  // the browser takes the finger for the page around
  const onPointerCancel = ({ pointerType }: PointerEvent) => {
    if (embedded && pointerType === 'touch') setHints(true);
  };

  const onPointerMove = (event: MouseEvent) => {
    maps.activate(bank.id);
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

  if (!isUp) return <figure className="bank" data-open={open} />;
  const caption = <Caption bank={bank} maps={maps} open={open} />;
  return (
    <figure className="bank" data-open={open}>
      {canClose ? (
        <button type="button" className="bank-caption bank-toggle" aria-expanded={open} onClick={onToggle}>
          <Icon name={open ? 'down' : 'next'} />
          {caption}
        </button>
      ) : (
        <figcaption className="bank-caption">{caption}</figcaption>
      )}
      {open ? (
        <div
          ref={host}
          className="bank-window"
          tabIndex={0}
          role="application"
          aria-label={`Map of ${bankTitle(bank)}`}
          aria-describedby="maps-keys"
          onKeyDown={onKeyDown}
          onFocus={() => maps.activate(bank.id)}
          onPointerMove={onPointerMove}
          onPointerLeave={() => actions.hover(undefined)}
          onPointerCancel={onPointerCancel}
          onClick={onClick}
        >
          {hints ? (
            <p className="bank-hint">
              <span>Two fingers move the map</span>
            </p>
          ) : null}
        </div>
      ) : null}
    </figure>
  );
};

const Scale = ({ view }: { readonly view: MapView }) => {
  const { size, unit } = linesOf(view);
  return (
    <span className="bank-scale">
      <span className="bank-scale-cell" aria-hidden="true" /> <span className="hidden-visually">cell: </span>
      {size} <span className="bank-scale-unit">{unit}</span>
    </span>
  );
};

/** How much of its VRAM a device has given out: single pages, or space that its buffer objects have. */
const usageText = (device: DeviceView | undefined, size: string): string => {
  if (device === undefined) return size;
  const { heldPages, usedPages } = device;
  return heldPages === undefined
    ? `${formatCounted(usedPages, 'page')} of ${size} lent`
    : `${formatBytes(heldPages * PAGE_SIZE_BYTES)} of ${size} taken`;
};

/** What is shown, and, where there is a map, at which scale. */
const Caption = ({ bank, maps, open }: Pick<BankWindowProps, 'bank' | 'maps' | 'open'>) => {
  const view = useSyncExternalStore(maps.subscribe, () => maps.viewOf(bank.id));
  const device = useApp(({ trace }) => trace.moment?.devices.find(({ id }) => id === bank.device));
  const size = formatBytes(bank.npages * PAGE_SIZE_BYTES);
  return (
    <>
      <span className="bank-title">
        <span className="heading">{bankTitle(bank)}</span>{' '}
        <span className="bank-about">{view === undefined ? '' : zoneCaption(view)}</span>{' '}
        <span className="bank-size">{usageText(device, size)}</span>
      </span>
      {open && view !== undefined ? <Scale view={view} /> : null}
    </>
  );
};

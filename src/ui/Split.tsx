import { type CSSProperties, type KeyboardEvent, type PointerEvent, type ReactNode, useRef } from 'react';
import './split.css';

interface SplitProps {
  /** `x`: side by side; `y`: one above the other. */
  readonly axis: 'x' | 'y';
  /** Which side has the size; the other takes the rest. `share`: the size is the first side's part of all. */
  readonly sized: 'first' | 'second' | 'share';
  /** In rem, or a share between 0 and 1; undefined: as high as its content, up to a part of the whole. */
  readonly size: number | undefined;
  /** What the size is when nobody has moved the splitter, for the key that brings it back. */
  readonly min: number;
  readonly max: number;
  /** No more of the whole than this, in percent, whatever the size is. */
  readonly most?: number;
  /** No less of the whole than this, in percent: a side of a wide window is wider than its size. */
  readonly least?: number;
  /** The sized side is put away; a share has no side to put away. */
  readonly open: boolean;
  readonly canClose: boolean;
  /** What the sized side is called: `Steps`. */
  readonly label: string;
  readonly onResize: (size: number | undefined) => void;
  readonly onOpen: (open: boolean) => void;
  readonly first: ReactNode;
  readonly second: ReactNode;
}

const STEP = { rem: 1, share: 0.02 } as const;
/** A press that moves less than this is a click. */
const CLICK_PX = 4;

const rootPx = (): number => Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
const limit = (value: number, min: number, max: number): number => Math.min(max, Math.max(min, value));

/** Tracks of the grid: the first side, the splitter, the second side. */
const tracks = ({ sized, size, open, min, most = 75, least = 0 }: SplitProps): string => {
  if (sized === 'share') return `minmax(0, ${size ?? 0.5}fr) 0 minmax(0, ${1 - (size ?? 0.5)}fr)`;
  const own = !open
    ? '0'
    : size === undefined
      ? 'fit-content(64%)'
      : `minmax(min(${min}rem, 50%), min(max(${size}rem, ${least}%), ${most}%))`;
  return sized === 'first' ? `${own} 0 minmax(0, 1fr)` : `minmax(0, 1fr) 0 ${own}`;
};

/**
 * Two sides and a splitter between them. It can be dragged; arrow keys move it, Enter and a click put the sized side
 * away and bring it back, a double click takes it back to where it was at first.
 */
export const Split = (props: SplitProps) => {
  const { axis, sized, size, min, max, open, canClose, label, onResize, onOpen, first, second } = props;
  const box = useRef<HTMLDivElement>(null);
  const press = useRef<{ readonly at: number; readonly size: number; moved: boolean }>(undefined);
  const unit = sized === 'share' ? 'share' : 'rem';

  /** What the size comes to now, whatever it is made of. */
  const measured = (): number => {
    const [one, , two] = box.current?.children ?? [];
    if (one === undefined || two === undefined) return size ?? min;
    const length = (side: Element): number => (axis === 'x' ? side.clientWidth : side.clientHeight);
    if (unit === 'share') return length(one) / Math.max(1, length(one) + length(two));
    return length(sized === 'first' ? one : two) / rootPx();
  };
  const coordinate = (event: PointerEvent): number => (axis === 'x' ? event.clientX : event.clientY);
  const onPointerDown = (event: PointerEvent) => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    press.current = { at: coordinate(event), size: measured(), moved: false };
  };
  const onPointerMove = (event: PointerEvent) => {
    const from = press.current;
    if (from === undefined || box.current === null) return;
    const px = coordinate(event) - from.at;
    if (!from.moved && Math.abs(px) < CLICK_PX) return;
    from.moved = true;
    if (!open) return;
    const whole = axis === 'x' ? box.current.clientWidth : box.current.clientHeight;
    const by = unit === 'share' ? px / whole : px / rootPx();
    const to = limit(from.size + (sized === 'second' ? -by : by), min, max);
    onResize(Math.round(to * 1000) / 1000);
  };
  const onPointerUp = () => {
    const from = press.current;
    press.current = undefined;
    if (from !== undefined && !from.moved && canClose) onOpen(!open);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const grows = axis === 'x' ? 'ArrowRight' : 'ArrowDown';
    const shrinks = axis === 'x' ? 'ArrowLeft' : 'ArrowUp';
    const step = sized === 'second' ? -STEP[unit] : STEP[unit];
    const to = (by: number): void => {
      if (open) onResize(limit(Math.round((measured() + by) * 1000) / 1000, min, max));
    };
    if (event.key === grows) to(step);
    else if (event.key === shrinks) to(-step);
    else if (event.key === 'Home') to(min - measured());
    else if (event.key === 'End') to(max - measured());
    else if (event.key === 'Enter' && canClose) onOpen(!open);
    else if (event.key === 'Backspace') onResize(undefined);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  const style: CSSProperties =
    axis === 'x' ? { gridTemplateColumns: tracks(props) } : { gridTemplateRows: tracks(props) };
  const now = open ? (size ?? (sized === 'share' ? 0.5 : max / 2)) : 0;
  const percent = unit === 'share' ? now * 100 : (now / max) * 100;
  return (
    <div ref={box} className={`split split-${axis}`} style={style}>
      <div className="split-side" hidden={!open && sized === 'first'}>
        {first}
      </div>
      <div
        className="splitter"
        role="separator"
        tabIndex={0}
        aria-label={label}
        aria-orientation={axis === 'x' ? 'vertical' : 'horizontal'}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(percent)}
        data-open={open}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerCancel={() => {
          press.current = undefined;
        }}
        onDoubleClick={() => onResize(undefined)}
        onKeyDown={onKeyDown}
      />
      <div className="split-side" hidden={!open && sized === 'second'}>
        {second}
      </div>
    </div>
  );
};

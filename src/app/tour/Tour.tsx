import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { Button } from '../../ui/Button.tsx';
import { type Spot, SPOTS } from './spots.ts';
import './tour.css';

const GAP_PX = 10;
const RING_PX = 4;

const elementOf = ({ selector }: Spot): HTMLElement | undefined => {
  const element = document.querySelector<HTMLElement>(selector);
  return element !== null && element.checkVisibility({ visibilityProperty: true }) ? element : undefined;
};

/** Beside what is pointed at, where there is room: right, left, below, above, else inside. */
const place = (box: HTMLElement, ring: HTMLElement, target: HTMLElement): void => {
  const at = target.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = box;
  // around it, not over its edge, as far as the window goes
  const from = { x: Math.max(0, at.left - RING_PX), y: Math.max(0, at.top - RING_PX) };
  const to = {
    x: Math.min(window.innerWidth, at.right + RING_PX),
    y: Math.min(window.innerHeight, at.bottom + RING_PX),
  };
  Object.assign(ring.style, {
    left: `${from.x}px`,
    top: `${from.y}px`,
    width: `${to.x - from.x}px`,
    height: `${to.y - from.y}px`,
  });
  const right = at.right + GAP_PX;
  const left = at.left - GAP_PX - width;
  const isBeside = right + width < window.innerWidth || left > 0;
  const x = right + width < window.innerWidth ? right : left > 0 ? left : at.left + GAP_PX;
  const [above, below] = [at.top - GAP_PX - height, at.bottom + GAP_PX];
  const isLow = at.height < height;
  const fits = below + height <= window.innerHeight;
  const y =
    isBeside && !isLow ? at.top + GAP_PX : fits && !isBeside ? below : isLow ? above : at.top + GAP_PX;
  box.style.left = `${Math.max(GAP_PX, Math.min(x, window.innerWidth - width - GAP_PX))}px`;
  box.style.top = `${Math.max(GAP_PX, Math.min(y, window.innerHeight - height - GAP_PX))}px`;
};

/** Points at the parts of the page, one after the other. The page stays alive behind it. */
export const Tour = () => {
  const { endTour } = useActions();
  const preset = useApp((state) => state.layout.preset);
  const [index, setIndex] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const ring = useRef<HTMLDivElement>(null);
  const spots = SPOTS.filter((each) => elementOf(each) !== undefined);
  const spot = spots[Math.min(index, spots.length - 1)];

  useEffect(() => {
    const before = document.activeElement;
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  useEffect(() => {
    const settle = (): void => {
      const target = spot && elementOf(spot);
      if (box.current !== null && ring.current !== null && target !== undefined)
        place(box.current, ring.current, target);
    };
    settle();
    box.current?.focus();
    // in another window the panels lie elsewhere, as soon as they are arranged anew
    let frame = 0;
    const settleLater = (): void => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => {
        frame = requestAnimationFrame(settle);
      });
    };
    const target = spot && elementOf(spot);
    const observer = new ResizeObserver(settleLater);
    if (target !== undefined) observer.observe(target);
    window.addEventListener('resize', settleLater);
    return () => {
      cancelAnimationFrame(frame);
      observer.disconnect();
      window.removeEventListener('resize', settleLater);
    };
  }, [spot, preset]);

  if (spot === undefined) return null;
  const isLast = spots.indexOf(spot) === spots.length - 1;
  const onKeyDown = (event: KeyboardEvent) => {
    const to = { ArrowRight: index + 1, ArrowLeft: index - 1 }[event.key];
    if (event.key === 'Escape') endTour();
    else if (to !== undefined && to >= 0 && to < spots.length) setIndex(to);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <>
      <div ref={ring} className="tour-ring" aria-hidden="true" />
      <div
        ref={box}
        className="tour"
        role="dialog"
        aria-labelledby="tour-title"
        aria-describedby="tour-text"
        tabIndex={-1}
        onKeyDown={onKeyDown}
      >
        <p className="muted tour-count">
          {spots.indexOf(spot) + 1} of {spots.length}
        </p>
        <h2 id="tour-title">{spot.title}</h2>
        <p id="tour-text">{spot.text}</p>
        <p className="tour-buttons">
          <Button look="solid" onClick={() => (isLast ? endTour() : setIndex(index + 1))}>
            {isLast ? 'Done' : 'Next'}
          </Button>
          {index === 0 ? null : <Button onClick={() => setIndex(index - 1)}>Back</Button>}
          {isLast ? null : (
            <Button look="bare" onClick={endTour}>
              Skip
            </Button>
          )}
        </p>
      </div>
    </>
  );
};

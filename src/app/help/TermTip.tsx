import { useEffect, useRef, useState } from 'react';
import { useWords } from '../../store/use-words.ts';
import { Prose } from '../../ui/Prose.tsx';
import { loadTerm, type TermText } from '../../words/index.ts';
import './term-tip.css';

const TIP_ID = 'term-tip';
/** Before a tip under the pointer, and before it goes: long enough to move on to it. */
const SHOW_MS = 250;
const HIDE_MS = 200;
const GAP_PX = 6;

interface Shown {
  readonly element: HTMLElement;
  readonly term: TermText;
}

const termAt = (target: EventTarget | null): HTMLElement | undefined =>
  target instanceof Element ? (target.closest<HTMLElement>('[data-term]') ?? undefined) : undefined;

/** What the focus is on, where it counts: the keyboard's, or that of a term that was tapped. */
const isFocused = (element: HTMLElement): boolean =>
  element.contains(document.activeElement) &&
  (element.matches('.term') ||
    element.querySelector(':focus-visible') !== null ||
    element.matches(':focus-visible'));

/** Shows and hides the tip; one object, since pointer, focus and keys all have a say. */
class TipControl {
  private wanted: HTMLElement | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private shown: Shown | undefined;

  private readonly show: (shown: Shown | undefined) => void;

  constructor(show: (shown: Shown | undefined) => void) {
    this.show = show;
  }

  get isShown(): boolean {
    return this.wanted !== undefined;
  }

  want(element: HTMLElement, afterMs: number): void {
    clearTimeout(this.timer);
    if (element === this.wanted) return;
    this.timer = setTimeout(() => {
      this.wanted = element;
      void loadTerm(element.dataset['term'] ?? '').then((term) => {
        if (this.wanted !== element || !element.isConnected || term === undefined) return;
        this.shown = { element, term };
        this.show(this.shown);
      });
    }, afterMs);
  }

  keep(): void {
    clearTimeout(this.timer);
  }

  leave(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.wanted === undefined || !isFocused(this.wanted)) this.hide();
    }, HIDE_MS);
  }

  /** The focus scrolls what it goes to into sight: its tip goes along. Any other tip goes. */
  scrolled(): void {
    if (this.wanted === undefined) return;
    if (!isFocused(this.wanted)) this.hide();
    else if (this.shown !== undefined) this.show({ ...this.shown });
  }

  hide(): void {
    clearTimeout(this.timer);
    this.wanted = undefined;
    this.shown = undefined;
    this.show(undefined);
  }
}

const listen = (control: TipControl): (() => void) => {
  const stop = new AbortController();
  const on = <Name extends keyof DocumentEventMap>(
    name: Name,
    handler: (event: DocumentEventMap[Name]) => void,
    capture = false,
  ) => document.addEventListener(name, handler, { signal: stop.signal, capture });
  // what comes to lie under a pointer that rests, as behind the click on the first button, was not pointed at
  let rests = { x: Number.NaN, y: Number.NaN };
  on('pointermove', ({ clientX: x, clientY: y }) => {
    rests = { x, y };
  });
  on('pointerover', ({ target, pointerType, clientX, clientY }) => {
    const element = termAt(target);
    const moved = pointerType !== 'mouse' || clientX !== rests.x || clientY !== rests.y;
    if (element !== undefined && !moved && !control.isShown) return;
    if (element !== undefined) control.want(element, pointerType === 'mouse' ? SHOW_MS : 0);
    else if (target instanceof Element && target.closest(`#${TIP_ID}`) !== null) control.keep();
    else control.leave();
  });
  on('focusin', ({ target }) => {
    const element = termAt(target);
    if (element !== undefined && isFocused(element)) control.want(element, 0);
    else if (control.isShown) control.hide();
  });
  on('focusout', () => control.leave());
  on('scroll', () => control.scrolled(), true);
  // before anybody else: Escape puts away the tip and nothing more
  on(
    'keydown',
    (event) => {
      if (event.key !== 'Escape' || !control.isShown) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      control.hide();
    },
    true,
  );
  return () => {
    control.hide();
    stop.abort();
  };
};

/** Puts the tip below the term, or above it where there is no room below. */
const place = (tip: HTMLElement, element: HTMLElement): void => {
  const term = element.getBoundingClientRect();
  const { offsetWidth, offsetHeight } = tip;
  const below = term.bottom + GAP_PX + offsetHeight <= window.innerHeight;
  const left = Math.max(GAP_PX, Math.min(term.left, window.innerWidth - offsetWidth - GAP_PX));
  tip.style.left = `${left}px`;
  tip.style.top = `${below ? term.bottom + GAP_PX : Math.max(GAP_PX, term.top - GAP_PX - offsetHeight)}px`;
};

/** The explanation of the term that is pointed at, focused or tapped. It can be pointed at itself; Escape puts it away. */
export const TermTip = () => {
  const [shown, setShown] = useState<Shown>();
  const tip = useRef<HTMLDivElement>(null);
  const { textPieces } = useWords();
  useEffect(() => listen(new TipControl(setShown)), []);
  useEffect(() => {
    const element = tip.current;
    if (element === null || shown === undefined) return;
    element.showPopover();
    place(element, shown.element);
    shown.element.setAttribute('aria-describedby', TIP_ID);
    return () => {
      shown.element.removeAttribute('aria-describedby');
      element.hidePopover();
    };
  }, [shown]);
  return (
    <div ref={tip} id={TIP_ID} role="tooltip" popover="manual" className="term-tip">
      {shown === undefined ? null : (
        <>
          <p className="term-tip-name">{shown.term.term}</p>
          <p>
            <Prose plain pieces={textPieces(shown.term.text)} />
          </p>
          {shown.term.source === undefined ? null : <p className="term-tip-source">{shown.term.source}</p>}
        </>
      )}
    </div>
  );
};

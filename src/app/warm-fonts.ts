// The faces of the page's fonts, made before they are needed.

const FAMILIES = ['var(--font)', 'var(--mono)'] as const;
const SIZES = ['var(--size-label)', 'var(--size-small)', 'var(--size-body)', 'var(--size-title)'] as const;
const WEIGHTS = [400, 500, 650] as const;
/** Letters, figures, and the signs that come from a font of the system. */
const SAMPLE = 'aA0 ←→≠▸';

/** Calls back when the page has nothing else to do. @returns takes that back */
const whenIdle = (work: () => void): (() => void) => {
  if (typeof requestIdleCallback !== 'function') {
    const timer = setTimeout(work, 50);
    return () => clearTimeout(timer);
  }
  const asked = requestIdleCallback(work);
  return () => cancelIdleCallback(asked);
};

/**
 * Lets the browser make each size and weight of the page's fonts, one a frame, while it has nothing else to do. It would
 * make them when they are first laid out, 1 to 4 ms each: together more than a frame, just when a step has ended and a
 * panel shows it.
 * @returns stops it
 */
export const warmFonts = (document: Document): (() => void) => {
  const box = document.createElement('div');
  box.ariaHidden = 'true';
  box.style.cssText = 'position:fixed;width:0;height:0;visibility:hidden;contain:strict';
  const faces = FAMILIES.flatMap((family) =>
    SIZES.flatMap((size) => WEIGHTS.map((weight) => ({ family, size, weight }))),
  );
  let stop = (): void => undefined;
  const next = (): void => {
    const face = faces.shift();
    if (face === undefined) {
      box.remove();
      return;
    }
    // the next frame lays it out, and then there is time for the next one
    box.style.font = `${face.weight} ${face.size} ${face.family}`;
    const frame = requestAnimationFrame(() => {
      stop = whenIdle(next);
    });
    stop = () => cancelAnimationFrame(frame);
  };
  box.textContent = SAMPLE;
  document.body.append(box);
  stop = whenIdle(next);
  return () => {
    stop();
    box.remove();
  };
};

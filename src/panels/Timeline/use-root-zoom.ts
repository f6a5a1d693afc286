// How much larger than usual the type of the page is: type and rows of the timeline grow with it.

import { useState } from 'react';
import { REM_PX } from './paint.ts';

const rootZoom = (): number =>
  Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / REM_PX;

/** @param size - whatever changes the zoom changes it too; to ask at every turn makes the browser lay out the page */
export const useRootZoom = (size: object): number => {
  const [known, setKnown] = useState(() => ({ size, zoom: rootZoom() }));
  if (known.size === size) return known.zoom;
  const zoom = rootZoom();
  setKnown({ size, zoom });
  return zoom;
};

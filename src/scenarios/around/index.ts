// Memory management around the series: what each part of it does with a device-coherent page.

import type { Scene } from '../scene.ts';
import { ADVICE_SCENES } from './advice.ts';
import { AREA_SCENES } from './areas.ts';
import { BACKGROUND_SCENES } from './background.ts';
import { HUGE_SCENES } from './huge.ts';

export const AROUND_SCENES: readonly Scene[] = [
  ...ADVICE_SCENES,
  ...AREA_SCENES,
  ...HUGE_SCENES,
  ...BACKGROUND_SCENES,
];

// What the places of panels are called, and the sides that can be put away.

import type { AreaId, SplitterId } from '../../store/layout.ts';

export const AREA_WORDS: Readonly<Record<AreaId, string>> = {
  cause: 'left, above',
  stack: 'left, below',
  tables: 'stage, tables',
  maps: 'stage, maps',
  why: 'right, above',
  inspect: 'right, below',
  lower: 'below the stage',
};

/** Sides whose size and presence can be set here; the splitters do the same. */
export const SIDES: readonly { readonly id: SplitterId; readonly label: string }[] = [
  { id: 'left', label: 'Steps and call stack' },
  { id: 'right', label: 'Reasons and inspector' },
  { id: 'stage', label: 'Tables against maps' },
  { id: 'lower', label: 'Panels below the stage' },
];

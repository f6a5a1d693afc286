// An entry of the palette that does something by itself.

import type { AppActions } from '../../store/app.ts';
import type { PaletteEntry } from './entries.ts';

/** What an action has to work with besides the actions of the page. */
export interface Surface {
  readonly actions: AppActions;
  readonly bringUp: (panel: string) => void;
  /** Gives the focus to an element, or to the one that has an id, once it is there and nothing lies over it. */
  readonly focus: (target: HTMLElement | string) => void;
  /** Presses a control, or the one that has an id, once it is there and nothing lies over it. */
  readonly press: (target: HTMLElement | string) => void;
  /** Lets a person choose a file. @param take - gets its text */
  readonly chooseFile: (take: (text: string) => void) => void;
}
export type Act = (surface: Surface) => void;

export const act = (group: string, id: string, title: string, call: Act, detail = ''): PaletteEntry => ({
  id: `act ${id}`,
  group,
  title,
  detail,
  keys: [],
  deed: { kind: 'act', act: call },
});

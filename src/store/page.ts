// Which document lies open over the run. The run goes on existing below it, paused.

import { type Context, update } from './context.ts';

export interface PageSlice {
  /** Id of the page, one of the list in `src/pages/list.ts`; '' none. Whoever shows it says when there is none. */
  readonly page: string;
  /** Id of the section that was asked for; '' none. */
  readonly section: string;
}

export interface PageActions {
  /** Opens a page, at a section if one is named; the run pauses. */
  readonly openPage: (page: string, section?: string) => void;
  /** Back to the run, where it was. */
  readonly closePage: () => void;
}

export const initialPage: PageSlice = { page: '', section: '' };

export const pageActions = (context: Context, pause: () => void): PageActions => ({
  openPage: (page, section = '') => {
    pause();
    update(context, 'page', { page, section });
  },
  closePage: () => update(context, 'page', initialPage),
});

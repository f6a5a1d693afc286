// The link to what is shown, put on the clipboard. The address bar always holds it; nothing is uploaded.

import { linkStateOf } from './address.ts';
import { type Context, update } from './context.ts';
import { writeLink } from './url-state.ts';

export interface ShareSlice {
  /** What became of the last wish, for as long as it is said. */
  readonly copied: 'none' | 'copied' | 'refused';
}

export interface ShareActions {
  readonly copyLink: () => Promise<void>;
  /** It has been said for long enough. */
  readonly forgetCopied: () => void;
}

export const initialShare: ShareSlice = { copied: 'none' };

export const shareActions = (context: Context): ShareActions => ({
  copyLink: async () => {
    const state = context.store.getState();
    if (state.scenario.run === undefined) return;
    const done = context.idle.begin();
    try {
      // not what the address bar holds: it follows a moment later
      await context.environment.address.copy(await writeLink(linkStateOf(state)));
      update(context, 'share', { copied: 'copied' });
    } catch {
      // the browser does not let a page write there without being asked; that is said
      update(context, 'share', { copied: 'refused' });
    } finally {
      done();
    }
  },
  forgetCopied: () => update(context, 'share', { copied: 'none' }),
});

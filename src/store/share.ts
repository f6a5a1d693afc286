// The link to what is shown, put on the clipboard. The address bar always holds it; nothing is uploaded.

import { type Context, update } from './context.ts';

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
    if (context.store.getState().scenario.run === undefined) return;
    try {
      await context.environment.address.copy();
      update(context, 'share', { copied: 'copied' });
    } catch {
      // the browser does not let a page write there without being asked; that is said
      update(context, 'share', { copied: 'refused' });
    }
  },
  forgetCopied: () => update(context, 'share', { copied: 'none' }),
});

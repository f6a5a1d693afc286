// The link to what is shown, for the clipboard and for the dialog that explains it. The address bar always holds it;
// nothing is uploaded.

import { fullLinkOf } from './address.ts';
import { type Context, update } from './context.ts';
import type { Controls } from './embed.ts';
import type { Theme } from './settings.ts';
import { isAllReadable, type LinkState, type ParameterName, readableOf, writeLink } from './url-state.ts';

/** What was put on the clipboard, or was to be. */
export type Shared = 'link' | 'short' | 'embed';

/** The moment in every form in which it can be handed on. Whole addresses. */
export interface Written {
  readonly link: string;
  /** The readable part alone, where it says everything; undefined: it does not. */
  readonly short: string | undefined;
  /** For the frame in another page. */
  readonly embed: string;
  /** What can be read of it. */
  readonly parameters: readonly (readonly [name: ParameterName, value: string])[];
}

/** What an embedded page is to be like. */
export interface EmbedChoices {
  readonly controls: Controls;
  readonly calm: boolean;
  readonly theme: Theme;
}

export interface ShareSlice {
  /** What became of the last wish, for as long as it is said. */
  readonly copied: 'none' | 'copied' | 'refused';
  readonly what: Shared;
  /** Of the moment at which the dialog was opened; undefined: it is being written. */
  readonly written: Written | undefined;
}

export interface ShareActions {
  readonly copyLink: () => Promise<void>;
  /** Puts a text on the clipboard that the dialog shows. */
  readonly copyText: (what: Shared, text: string) => Promise<void>;
  /** It has been said for long enough. */
  readonly forgetCopied: () => void;
  /** The dialog is closed: the next moment is another one. */
  readonly forgetShare: () => void;
  /** Stops, and writes the moment down in every form. */
  readonly writeShare: (choices: EmbedChoices) => Promise<void>;
}

export const initialShare: ShareSlice = { copied: 'none', what: 'link', written: undefined };

export const shareActions = (context: Context, pause: () => void): ShareActions => {
  const { address } = context.environment;
  const now = (): LinkState => fullLinkOf(context.store.getState());
  const copy = async (what: Shared, text: () => Promise<string>): Promise<void> => {
    const done = context.idle.begin();
    try {
      await address.copy(await text());
      update(context, 'share', { copied: 'copied', what });
    } catch {
      // the browser does not let a page write there without being asked; that is said
      update(context, 'share', { copied: 'refused', what });
    } finally {
      done();
    }
  };
  return {
    // not what the address bar holds: it follows a moment later
    copyLink: async () => await copy('link', async () => address.whole(await writeLink(now()))),
    copyText: async (what, text) => await copy(what, () => Promise.resolve(text)),
    forgetCopied: () => update(context, 'share', { copied: 'none' }),
    forgetShare: () => update(context, 'share', initialShare),
    writeShare: async ({ controls, calm, theme }) => {
      const done = context.idle.begin();
      try {
        pause();
        const link = now();
        const { page: _page, theme: _theme, ...bare } = link;
        const embed = { ...bare, embed: true, controls, calm, theme };
        const written = await writeLink(link);
        update(context, 'share', {
          written: {
            link: address.whole(written),
            short: isAllReadable(link) ? address.whole(written.replace(/#.*$/, '')) : undefined,
            embed: address.whole(await writeLink(embed)),
            parameters: readableOf(written),
          },
        });
      } finally {
        done();
      }
    },
  };
};

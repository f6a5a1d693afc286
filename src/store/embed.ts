// The page as a part of somebody else's: how much of it is there, and what the address asks of it. Never saved.

import { type Context, type Environment, update } from './context.ts';

/** Which controls an embedded page has. */
export const CONTROLS = ['all', 'min'] as const;
export type Controls = (typeof CONTROLS)[number];

export interface EmbedSlice {
  /** Only the stage and the transport, in a frame of another page; nothing is kept for the next visit. */
  readonly embedded: boolean;
  readonly controls: Controls;
  /** The address asks for reduced motion, whatever the reader's system has. */
  readonly calm: boolean;
  /** Search and hash of what is shown in full, as of the last pause. */
  readonly full: string;
}

export interface EmbedActions {
  /** Stops, and opens this moment with all panels in a window of its own. */
  readonly openInFull: () => Promise<void>;
}

export const isControls = (text: string): text is Controls => CONTROLS.some((each) => each === text);

/** `embed=1`; `embed=0` is a page as any other. */
export const parseEmbed = (text: string): boolean | undefined =>
  text === '1' ? true : text === '0' ? false : undefined;

/** Before the address is read as a whole: a frame has no bars that come and go. */
export const readEmbed = ({ address }: Environment): EmbedSlice => ({
  embedded: parseEmbed(new URLSearchParams(address.search()).get('embed') ?? '') === true,
  controls: 'all',
  calm: false,
  full: '',
});

export const embedActions = (
  context: Context,
  pause: () => void,
  writeFull: () => Promise<string>,
): EmbedActions => ({
  openInFull: async () => {
    const done = context.idle.begin();
    try {
      pause();
      const full = await writeFull();
      update(context, 'embed', { full });
      context.environment.address.open(full);
    } finally {
      done();
    }
  },
});

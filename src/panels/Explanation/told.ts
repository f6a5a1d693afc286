// Which of the sentences of a moment are told, on the screen and aloud.

import type { Moment } from '../../store/views.ts';

/** Events of the simulation's own bookkeeping: they explain nothing of the kernel. */
const UNTOLD: ReadonlySet<string> = new Set(['event.internal', 'event.cell']);

/** The event before the cursor, where Why tells it: the end of a step sums up instead. */
export const toldEvent = ({ caption, event }: Pick<Moment, 'caption' | 'event'>): Moment['event'] =>
  caption.id === 'step.end' || event === undefined || UNTOLD.has(event.text.id) ? undefined : event;

export interface Said {
  readonly caption: string;
  /** What a screen reader hears. */
  readonly text: string;
}

/** At the end of a sentence that comes again, so that it counts as new. */
const AGAIN = '\u00a0';

/**
 * What is said next: a new caption, with the reason if it is told; while that stays the same, the event itself.
 *
 * @param event - undefined while playing, when there would be too much to hear
 */
export const nextSaid = (
  said: Said,
  {
    caption,
    why,
    event,
  }: { readonly caption: string; readonly why: string; readonly event: string | undefined },
): Said => {
  const isNew = caption !== said.caption;
  if (!isNew && event === undefined) return said;
  const text = isNew || event === undefined ? [caption, why].filter((part) => part !== '').join(' ') : event;
  return { caption, text: text === said.text ? `${text}${AGAIN}` : text };
};

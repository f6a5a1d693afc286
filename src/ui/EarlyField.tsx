import { useLayoutEffect } from 'react';
import { Dialog, type DialogProps } from './Dialog.tsx';

/** What was typed while the dialog was fetched; one dialog is open at a time. */
let typed = '';

/** In place of a dialog with a field that is being fetched: takes the focus and what is typed. */
export const EarlyField = (dialog: Omit<DialogProps, 'children'>) => {
  // the dialog that comes takes the text in the commit that takes this one away
  useLayoutEffect(() => () => queueMicrotask(() => (typed = '')), []);
  return (
    <Dialog {...dialog}>
      <input
        className="early-field"
        data-first
        aria-label={dialog.title}
        placeholder="Loading…"
        onInput={(event) => (typed = event.currentTarget.value)}
      />
    </Dialog>
  );
};

/** Hands over what was typed before the dialog came. @param take - always the same one */
export const useEarlyText = (take: (text: string) => void): void =>
  useLayoutEffect(() => {
    if (typed !== '') take(typed);
  }, [take]);

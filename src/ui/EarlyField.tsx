import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { Dialog, type DialogProps } from './Dialog.tsx';

/** What was typed while the dialog was fetched, and whether with Enter; one dialog is open at a time. */
let typed = '';
let isEntered = false;

const forget = (): void => {
  typed = '';
  isEntered = false;
};

/** In place of a dialog with a field that is being fetched: takes the focus and what is typed. */
export const EarlyField = (dialog: Omit<DialogProps, 'children'>) => {
  // the dialog that comes takes the text in the commit that takes this one away
  useLayoutEffect(() => () => queueMicrotask(forget), []);
  return (
    <Dialog {...dialog}>
      <input
        className="early-field"
        data-first
        aria-label={dialog.title}
        placeholder="Loading…"
        onInput={(event) => {
          typed = event.currentTarget.value;
          isEntered = false;
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') isEntered = true;
        }}
      />
    </Dialog>
  );
};

/**
 * Hands over what was typed before the dialog came.
 *
 * @param take - always the same one
 * @param enter - always the same one; called behind it where Enter was pressed, too
 */
export const useEarlyText = (take: (text: string) => void, enter: () => void): void =>
  useLayoutEffect(() => {
    if (typed !== '') take(typed);
    if (isEntered) enter();
  }, [take, enter]);

/**
 * Enter takes the first that is found, and that is known when everything has come that is looked through: pressed before,
 * it is kept until then.
 *
 * @param open - what Enter does; undefined: nothing is found
 * @returns for the key, and for whatever else is typed behind it
 */
export const useEnter = (
  isComplete: boolean,
  open: (() => void) | undefined,
): { readonly enter: () => void; readonly forgetEnter: () => void } => {
  const [presses, setPresses] = useState(0);
  // counted, so that an effect of before a key does not take it for its own, with what was found by then
  const last = useRef(0);
  const done = useRef(0);
  const latest = useRef(open);
  useLayoutEffect(() => {
    latest.current = open;
  });
  useEffect(() => {
    if (!isComplete || done.current >= presses) return;
    done.current = presses;
    latest.current?.();
  }, [presses, isComplete]);
  const enter = useCallback(() => {
    last.current += 1;
    setPresses(last.current);
  }, []);
  const forgetEnter = useCallback(() => {
    done.current = last.current;
  }, []);
  return { enter, forgetEnter };
};

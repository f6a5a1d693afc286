import { useSyncExternalStore } from 'react';

/** Whether a media query holds, kept up to date. */
export const useMedia = (query: string): boolean =>
  useSyncExternalStore(
    (onChange) => {
      const list = window.matchMedia(query);
      list.addEventListener('change', onChange);
      return () => list.removeEventListener('change', onChange);
    },
    () => window.matchMedia(query).matches,
  );

const EVENTS = ['beforeprint', 'afterprint'] as const;
/** A browser counts the sheets before the media query changes: what comes with that would be cut off. */
let isAnnounced = false;

const subscribe = (onChange: () => void): (() => void) => {
  const onEvent = ({ type }: Event): void => {
    isAnnounced = type === EVENTS[0];
    onChange();
  };
  for (const event of EVENTS) window.addEventListener(event, onEvent);
  return () => {
    for (const event of EVENTS) window.removeEventListener(event, onEvent);
  };
};

/** Whether the page goes to a printer. */
export const usePrinting = (): boolean => {
  const isOnPaper = useMedia('print');
  return useSyncExternalStore(subscribe, () => isAnnounced) || isOnPaper;
};

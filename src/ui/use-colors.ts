import { useSyncExternalStore } from 'react';

const QUERIES = ['(forced-colors: active)', 'print'] as const;

const subscribe = (onChange: () => void): (() => void) => {
  // not the wish for a theme: what reads colours has to wait until the document has them
  const observer = new MutationObserver(onChange);
  observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  const lists = QUERIES.map((query) => window.matchMedia(query));
  for (const list of lists) list.addEventListener('change', onChange);
  return () => {
    observer.disconnect();
    for (const list of lists) list.removeEventListener('change', onChange);
  };
};

const colorsNow = (): string =>
  [
    document.documentElement.dataset['theme'],
    ...QUERIES.map((query) => window.matchMedia(query).matches),
  ].join(' ');

/** Another string whenever the document has other colours: those of a theme, of the system or of paper, which is light. */
export const useColors = (): string => useSyncExternalStore(subscribe, colorsNow);

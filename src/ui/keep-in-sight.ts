/**
 * For a list as its `ref`: what is current in it stays in sight when something else takes part of the room of the list.
 */
export const keepCurrentInSight = (list: HTMLElement | null): (() => void) | undefined => {
  if (list === null) return undefined;
  const observer = new ResizeObserver(() => {
    list.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
  });
  observer.observe(list);
  return () => observer.disconnect();
};

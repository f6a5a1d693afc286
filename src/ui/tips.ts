// Tooltips are CSS; this lets Escape put one away until the pointer or the focus moves on (WCAG 1.4.13).

export const dismissTips = (root: HTMLElement): void => {
  root.classList.add('tips-dismissed');
};

/** Shows tips again once something else is pointed at or focused. @returns how to stop */
export const watchTips = (root: HTMLElement): (() => void) => {
  const restore = (): void => root.classList.remove('tips-dismissed');
  root.addEventListener('pointerover', restore);
  root.addEventListener('focusin', restore);
  return () => {
    root.removeEventListener('pointerover', restore);
    root.removeEventListener('focusin', restore);
  };
};

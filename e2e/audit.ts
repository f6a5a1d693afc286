import type { Page } from '@playwright/test';

/** What a person who uses no mouse, or no screen, would miss. Each line names an element and what it lacks. */
export interface Audit {
  /** Interactive elements that were looked at. */
  readonly elements: number;
  readonly complaints: readonly string[];
}

/** Roles that somebody can operate, and which therefore must have a name. */
const OPERABLE: ReadonlySet<string> = new Set([
  'application',
  'button',
  'checkbox',
  'combobox',
  'dialog',
  'link',
  'listbox',
  'menuitem',
  'option',
  'radio',
  'searchbox',
  'slider',
  'spinbutton',
  'splitter',
  'switch',
  'tab',
  'textbox',
  'treeitem',
]);

/** Names as the browser itself computes them for assistive technology. */
const unnamed = async (page: Page): Promise<{ readonly looked: number; readonly complaints: string[] }> => {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  await session.detach();
  const operable = nodes.filter(
    ({ ignored, role }) => !ignored && OPERABLE.has(String(role?.value).toLowerCase()),
  );
  return {
    looked: operable.length,
    complaints: operable
      .filter(({ name }) => String(name?.value ?? '').trim() === '')
      .map(({ role, nodeId }) => `${String(role?.value)} ${nodeId} has no accessible name`),
  };
};

/** Runs in the page: what reacts to a pointer but not to keys, and what is too small to hit. */
const inPage = (): string[] => {
  const FOCUSABLE = 'a[href], button, input, select, textarea, summary, [tabindex]';
  /** Roles whose owner moves through them with arrow keys. */
  const OWNED = ['tab', 'option', 'radio'];
  const isShown = (element: Element): boolean =>
    element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
  const name = (element: Element): string =>
    `<${element.tagName.toLowerCase()} class="${element.getAttribute('class') ?? ''}"> ${(element.textContent ?? '').trim().slice(0, 30)}`;
  /** What React was given for the element: where a click or a press does something. */
  const reactsToPointer = (element: Element): boolean => {
    const key = Object.keys(element).find((each) => each.startsWith('__reactProps'));
    const props: unknown = key === undefined ? undefined : Reflect.get(element, key);
    if (typeof props !== 'object' || props === null) return false;
    return ['onClick', 'onPointerDown', 'onMouseDown', 'onDoubleClick'].some(
      (handler) => typeof Reflect.get(props, handler) === 'function',
    );
  };
  /** One stop for Tab in a list; arrow keys go on from there. */
  const roves = (element: Element): boolean =>
    [
      ...(element
        .closest('[role=tablist], [role=toolbar], .scroll')
        ?.querySelectorAll(`.${element.classList.item(0)}`) ?? []),
    ].some((each) => each instanceof HTMLElement && each.tabIndex === 0);
  const complaints: string[] = [];
  for (const element of document.querySelectorAll('*')) {
    if (!(element instanceof HTMLElement) || !isShown(element)) continue;
    // what is behind a modal dialog cannot be reached by anybody
    const modal = document.querySelector('dialog:modal');
    if (modal !== null && !modal.contains(element)) continue;
    const isNative = element.matches(FOCUSABLE);
    if (isNative && element.tabIndex < 0) {
      const role = element.getAttribute('role') ?? '';
      const isOperable =
        element.matches('a, button, input, select, textarea') && !element.matches(':disabled');
      if (isOperable && !OWNED.includes(role) && !roves(element))
        complaints.push(`${name(element)}: cannot be reached by Tab`);
    }
    if (!isNative && reactsToPointer(element)) {
      const hasWay =
        element.closest(FOCUSABLE) !== null ||
        element.querySelector(FOCUSABLE) !== null ||
        element.getAttribute('role') === 'option';
      if (!hasWay) complaints.push(`${name(element)}: reacts to a pointer and to no key`);
    }
    if (element.matches('button, select, input, summary, [role=option], [role=slider]')) {
      // a word in a sentence and a box inside of its label are exempt
      const boxes = [element, element.closest('label') ?? element].map((each) =>
        each.getBoundingClientRect(),
      );
      const width = Math.max(...boxes.map((box) => box.width));
      const height = Math.max(...boxes.map((box) => box.height));
      const isInline = getComputedStyle(element).display === 'inline';
      const isHidden = width <= 1 || height <= 1;
      if (!isInline && !isHidden && (width < 23.5 || height < 23.5))
        complaints.push(
          `${name(element)}: ${Math.round(width)} x ${Math.round(height)} px is too small a target`,
        );
    }
  }
  return complaints;
};

/** Looks at everything that can be operated in the page as it is now. */
export const audit = async (page: Page): Promise<Audit> => {
  const names = await unnamed(page);
  const keys = await page.evaluate(inPage);
  return { elements: names.looked, complaints: [...names.complaints, ...keys] };
};

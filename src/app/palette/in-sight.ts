// Every control of the page as it stands, by its name, for the palette: what is shown can be typed.

import type { Surface } from './act.ts';
import { act } from './act.ts';
import type { PaletteEntry } from './entries.ts';

const CONTROLS =
  'a[href], button, input, select, textarea, summary, [role=separator], [role=slider], [role=application]';
/** What is written in or moved gets the focus; all else is pressed. */
const HELD =
  'input:not([type=radio], [type=checkbox], [type=file]), select, textarea, [role=separator], [role=slider], [role=application]';
const PLACES = 'section, nav, dialog, form, [role=tablist], [role=region], [role=group], header, footer';

const inOneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

const textOf = (element: Element): string =>
  inOneLine(element instanceof HTMLElement ? element.innerText : (element.textContent ?? ''));

const labelledBy = (element: Element): string =>
  (element.getAttribute('aria-labelledby') ?? '')
    .split(' ')
    .map((id) => document.getElementById(id)?.textContent ?? '')
    .join(' ');

const labelsOf = (element: Element): string => {
  const hasLabels = element instanceof HTMLInputElement || element instanceof HTMLSelectElement;
  return hasLabels ? [...(element.labels ?? [])].map(textOf).join(' ') : '';
};

/** The name of a control as it is read aloud. */
const nameOf = (element: Element): string => {
  const names = [
    () => element.getAttribute('aria-label') ?? '',
    () => labelledBy(element),
    () => labelsOf(element),
    () => textOf(element),
    () => element.getAttribute('placeholder') ?? '',
  ];
  for (const find of names) {
    const name = inOneLine(find());
    if (name !== '') return name;
  }
  return '';
};

/** `Buttons step by: moment` */
const titleOf = (element: Element): string => {
  const name = nameOf(element);
  const legend = element.matches('[type=radio]')
    ? (element.closest('fieldset')?.querySelector('legend')?.textContent ?? '')
    : '';
  return legend === '' ? name : `${legend}: ${name}`;
};

const placeOf = (element: Element): string => {
  const place = element.parentElement?.closest(PLACES);
  if (place === null || place === undefined) return '';
  return inOneLine(place.getAttribute('aria-label') ?? labelledBy(place));
};

const isShown = (element: HTMLElement): boolean =>
  element.checkVisibility({ visibilityProperty: true }) &&
  element.closest('dialog, [inert]') === null &&
  !element.matches(':disabled, [aria-disabled=true]');

const use =
  (element: HTMLElement) =>
  ({ press, focus }: Surface): void =>
    element.matches(HELD) ? focus(element) : press(element);

/** @param known - titles of what is in the palette already */
export const inSightEntries = (known: ReadonlySet<string>): PaletteEntry[] =>
  [...document.querySelectorAll<HTMLElement>(CONTROLS)].filter(isShown).flatMap((element, index) => {
    const title = titleOf(element);
    if (title === '' || known.has(title)) return [];
    return [act('In sight', `in-sight ${index}`, title, use(element), placeOf(element))];
  });

// The windows on memory in links: which of them somebody opened or closed, and what those show that somebody moved.

import type { Look } from './viewport.ts';

export interface WindowChoices {
  /** By bank; the others are open if the run is about them. */
  readonly banks: Readonly<Record<string, boolean>>;
  /** By bank; the others follow what happens. */
  readonly looks: Readonly<Record<string, Look>>;
}

export const noWindows: WindowChoices = { banks: {}, looks: {} };

/** Of a node with twelve banks, all of them moved. */
export const MAX_WINDOWS_CHARS = 2000;
const MAX_WINDOWS = 40;

/** Far below a pixel at every scale. */
const rounded = (value: number): number => Number(value.toFixed(3));
const roundedLook = ({ x, y, k }: Look): Look => ({
  x: rounded(x),
  y: rounded(y),
  k: Number(k.toPrecision(6)),
});

/** As a link says it. */
export const windowsInLink = ({ banks, looks }: WindowChoices): WindowChoices | undefined =>
  Object.keys(banks).length + Object.keys(looks).length === 0
    ? undefined
    : {
        banks,
        looks: Object.fromEntries(Object.entries(looks).map(([bank, look]) => [bank, roundedLook(look)])),
      };

/** `device-1:open,node-0@120.5/33/4.2`: what a window shows is the middle, and how large a page is there. */
export const windowsText = ({ banks, looks }: WindowChoices): string =>
  [...new Set([...Object.keys(banks), ...Object.keys(looks)])]
    .toSorted()
    .map((bank) => {
      const open = banks[bank];
      const look = looks[bank];
      const isOpen = open === undefined ? '' : open ? ':open' : ':closed';
      return `${bank.replaceAll(' ', '-')}${isOpen}${look === undefined ? '' : `@${look.x}/${look.y}/${look.k}`}`;
    })
    .join();

const NUMBER = String.raw`-?\d{1,9}(?:\.\d{1,6})?`;
const WINDOW = new RegExp(
  String.raw`^([a-z]{1,10}(?:-\d{1,3})?)(?::(open|closed))?(?:@(${NUMBER})/(${NUMBER})/(\d{1,4}(?:\.\d{1,12})?))?$`,
);

export const parseWindows = (text: string): WindowChoices | undefined => {
  const parts = text.split(',');
  if (parts.length > MAX_WINDOWS) return undefined;
  const banks: [string, boolean][] = [];
  const looks: [string, Look][] = [];
  for (const part of parts) {
    const [, name, open, x, y, scale] = WINDOW.exec(part) ?? [];
    const k = Number(scale ?? 1);
    if (name === undefined || (open === undefined && scale === undefined) || k === 0) return undefined;
    const bank = name.replace('-', ' ');
    if (open !== undefined) banks.push([bank, open === 'open']);
    if (scale !== undefined) looks.push([bank, { x: Number(x), y: Number(y), k }]);
  }
  return { banks: Object.fromEntries(banks), looks: Object.fromEntries(looks) };
};

// Handles as they are shown.

import { residenceAt } from '../../store/residence.ts';
import type { Moment, RangeInfo } from '../../store/views.ts';
import { formatHex } from '../../ui/format.ts';
import type { Tone } from '../../ui/tones.ts';

export interface PinRow {
  readonly name: string;
  readonly call: string;
  /** `FOLL_WRITE | FOLL_LONGTERM, by A` */
  readonly about: string;
  readonly pin: boolean;
  readonly longterm: boolean;
  readonly frames: readonly { readonly key: string; readonly text: string; readonly tone: Tone }[];
  readonly more: number;
}

const MAX_FRAMES = 8;

export const pinRows = (moment: Moment, ranges: readonly RangeInfo[]): PinRow[] => {
  const known = new Map(moment.frames.map(({ pfn, residence }) => [pfn, residence]));
  return moment.handles.map(({ name, process, call, flags, pin, longterm, pfns }) => ({
    name,
    call,
    about: [flags.join(' | '), `by ${process}`].filter((part) => part !== '').join(', '),
    pin,
    longterm,
    frames: pfns.slice(0, MAX_FRAMES).map((pfn, index) => ({
      key: `${index} ${pfn}`,
      text: formatHex(pfn),
      // what the moment says of a frame is more than where it lies: the zero page is nobody's
      tone: known.get(pfn) ?? residenceAt(ranges, pfn),
    })),
    more: Math.max(0, pfns.length - MAX_FRAMES),
  }));
};

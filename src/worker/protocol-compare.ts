// Two runs of one scenario side by side.

import type { EntryKind } from '../core/uapi/pte.ts';
import type { Message, Position } from './protocol.ts';
import type { Residence, ResidenceCount } from './protocol-moment.ts';

export interface CompareView {
  readonly step: number;
  /** Where the two part first, over the whole run; undefined: all moments are the same. */
  readonly parting: Parting | undefined;
  /** Where the other run stands: behind the last moment that both have had in this step. */
  readonly otherPosition: Position;
  readonly captions: readonly [Message, Message];
  /** Pages whose entry or place is not the same, and how many were looked at. */
  readonly pages: readonly ComparedPage[];
  readonly pagesSeen: number;
  /** Functions that the two have entered unequally often in this step, most unequal first. */
  readonly calls: readonly { readonly fn: string; readonly counts: readonly [number, number] }[];
  /** How many pages live where. */
  readonly residence: readonly [readonly ResidenceCount[], readonly ResidenceCount[]];
}

export interface ComparedPage {
  /** `A buf+2` */
  readonly name: string;
  readonly sides: readonly [ComparedSide, ComparedSide];
}

export interface ComparedSide {
  readonly entry: EntryKind;
  readonly residence: Residence | undefined;
  /** Device that has it; -1: none. */
  readonly device: number;
  readonly pins: number;
  /** References of all kinds; 0: no page. */
  readonly refcount: number;
  readonly value: number | undefined;
}

/** The first moment that only one of the two has, or that comes out differently. */
export interface Parting {
  readonly step: number;
  /** Where it is in the run that is shown. */
  readonly position: Position;
  /** What happens in each, with the reason; undefined: that run has no such step, or it is over. */
  readonly sides: readonly [PartingSide | undefined, PartingSide | undefined];
}

export interface PartingSide {
  readonly text: Message;
  readonly why: Message;
}

// What an invariant says when it does not hold.

import type { Pfn } from '../uapi/units.ts';

/**
 * The invariants of the reference by number, and rules that every Linux keeps without a number there: the buddy
 * allocator, page tables, areas, the reverse map, the device's own page table.
 */
export type InvariantName =
  | `I${number}`
  | 'buddy'
  | 'page tables'
  | 'areas'
  | 'reverse map'
  | 'device page table'
  | 'LRU'
  | 'swap'
  | 'KSM'
  | 'VRAM'
  | 'svm_range_bo'
  | 'svm ranges'
  | 'back and forth';

export interface Violation {
  readonly invariant: InvariantName;
  /** The object, then what is wrong with its numbers. */
  readonly message: string;
}

export const violationText = ({ invariant, message }: Violation): string => `${invariant}: ${message}`;

/** Collects what is wrong; a broken machine breaks many rules at once, so only the first ones are kept. */
export class Findings {
  readonly found: Violation[] = [];

  add(invariant: InvariantName, message: string): void {
    if (this.found.length < 20) this.found.push({ invariant, message });
  }

  /** Notes a violation if `holds` is false; the message is made only then. For places that are not visited often. */
  expect(holds: boolean, invariant: InvariantName, message: () => string): void {
    if (!holds) this.add(invariant, message());
  }
}

export const pageText = (pfn: Pfn): string => `page 0x${pfn.toString(16)}`;

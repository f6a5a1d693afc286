// Fork copies a pinned page of the hugetlb pool at once, and makes the child's entry writable whatever the area's
// rights are. This is the one way to a writable entry in an area that is not (I16).

import type { Machine } from '../machine/machine.ts';
import { decisionIndex, EventKind } from '../uapi/events.ts';
import type { EntryRow, Vpn } from '../uapi/units.ts';

const EARLY_COPY = decisionIndex('fork.early-copy');
/** Of each page of a huge one, between the decision and the entry. */
const COPY_PAGE = decisionIndex('copy.page');

/**
 * Whether an event that wrote an entry is part of an early copy: the decision before it says so.
 *
 * Kernel: `mm/hugetlb.c: hugetlb_install_page`
 *
 * @param vpn - address of the entry
 */
export const writesEarlyCopy = (m: Machine, event: number, vpn: Vpn): boolean => {
  const { log } = m.journal;
  for (let i = event - 1; i >= 0 && log.kindAt(i) !== EventKind.STEP; i--) {
    if (log.kindAt(i) !== EventKind.DECISION || log.idAt(i) === COPY_PAGE) continue;
    return log.idAt(i) === EARLY_COPY && log.rowAt(i) === vpn;
  }
  return false;
};

/** Whether what an entry holds now was written by an early copy. */
export const entryIsEarlyCopy = (m: Machine, { row, vpn }: { row: EntryRow; vpn: Vpn }): boolean => {
  const { journal, entries } = m;
  for (let i = journal.position - 1; i >= 0; i--) {
    if (journal.log.kindAt(i) !== EventKind.COLUMN || journal.log.rowAt(i) !== row) continue;
    if (journal.log.idAt(i) === entries.id) return writesEarlyCopy(m, i, vpn);
  }
  return false;
};

// Which entries of page tables lead to a page: a selected page is shown where processes have it mapped.

import type { MoveView, Moment, PteRow } from '../worker/protocol-moment.ts';
import type { Selection } from '../worker/protocol.ts';

type Entries = Pick<PteRow, 'vpn' | 'npages' | 'pfnStep' | 'pfn' | 'entry'>;

/** The page of a row whose entry refers to a frame. */
const vpnOfFrame = ({ vpn, npages, pfnStep, pfn: first }: Entries, pfn: number): number | undefined => {
  if (first < 0) return undefined;
  if (pfnStep === 0) return pfn === first ? vpn : undefined;
  const offset = (pfn - first) / pfnStep;
  return offset >= 0 && offset < npages ? vpn + offset : undefined;
};

/** The frame that a page is taken from to arrive at a frame; -1: none is on its way there. */
const sourceOf = (moves: readonly MoveView[], pfn: number): number =>
  moves.find(({ dst, phase }) => dst === pfn && phase !== 'failed')?.src ?? -1;

/** The page of a row whose entry leads to a frame: it refers to it, or the page is on its way there. */
export const vpnOfPage = (row: Entries, moves: readonly MoveView[], pfn: number): number | undefined => {
  const found = vpnOfFrame(row, pfn);
  if (found !== undefined || row.entry !== 'migration') return found;
  const src = sourceOf(moves, pfn);
  return src < 0 ? undefined : vpnOfFrame(row, src);
};

export interface EntryPlace {
  readonly process: string;
  readonly vpn: number;
}

/**
 * The entry that a selection is about: its own, the first of its area, or the one that leads to the page.
 *
 * @param preferred - process whose entry counts if several lead to the page; else the first
 */
export const entryOfSelection = (
  selected: Selection | undefined,
  moment: Pick<Moment, 'processes' | 'moves'> | undefined,
  preferred: string | undefined,
): EntryPlace | undefined => {
  switch (selected?.kind) {
    case 'pte':
    case 'vma':
      return { process: selected.process, vpn: selected.vpn };
    case 'page': {
      const { processes, moves } = moment ?? { processes: [], moves: [] };
      const inOrder = processes.toSorted(
        (a, b) => Number(b.name === preferred) - Number(a.name === preferred),
      );
      for (const { name: process, areas } of inOrder) {
        for (const { rows } of areas) {
          for (const row of rows) {
            const vpn = vpnOfPage(row, moves, selected.pfn);
            if (vpn !== undefined) return { process, vpn };
          }
        }
      }
      return undefined;
    }
    case 'handle':
    case undefined:
      return undefined;
  }
};

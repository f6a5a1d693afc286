// Rows of page tables by the frames that they refer to: a long area may have thousands, and is asked about single frames.

import type { PteRow } from '../protocol-moment.ts';
import { rowOffsetOf } from './rows.ts';

/** Frames of a group; a row is listed in each group that it touches. */
const GROUP_FRAMES = 4096;

export class RowIndex<T> {
  private readonly groups = new Map<number, { readonly row: PteRow; readonly of: T }[]>();

  add(row: PteRow, of: T): void {
    if (row.pfn < 0) return;
    const last = row.pfn + (row.npages - 1) * row.pfnStep;
    const end = Math.floor(Math.max(row.pfn, last) / GROUP_FRAMES);
    for (let no = Math.floor(Math.min(row.pfn, last) / GROUP_FRAMES); no <= end; no++) {
      const group = this.groups.get(no);
      if (group === undefined) this.groups.set(no, [{ row, of }]);
      else group.push({ row, of });
    }
  }

  /** The rows that refer to a frame, in the order in which they were added, and which of their pages does. */
  find(pfn: number): { readonly row: PteRow; readonly of: T; readonly offset: number }[] {
    return (this.groups.get(Math.floor(pfn / GROUP_FRAMES)) ?? []).flatMap(({ row, of }) => {
      const offset = rowOffsetOf(row, pfn);
      return offset < 0 ? [] : [{ row, of, offset }];
    });
  }

  has(pfn: number): boolean {
    return (
      this.groups.get(Math.floor(pfn / GROUP_FRAMES))?.some(({ row }) => rowOffsetOf(row, pfn) >= 0) === true
    );
  }
}

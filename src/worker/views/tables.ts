// Which page-table page is whose: from the frame of a table to its process, level and first address.

import type { Machine } from '../../core/machine/machine.ts';
import { entryPfn, pmdLeaf, ptePresent } from '../../core/uapi/pte.ts';

export interface TableOwner {
  readonly process: string;
  /** Level of its entries: 3 PGD … 0 PTE. */
  readonly level: number;
  /** First virtual page that it covers. */
  readonly vpn: number;
}

/** Reads all tables of all processes once, when the first question comes. */
export class Tables {
  private owners: ReadonlyMap<number, TableOwner> | undefined;

  at(m: Machine, table: number): TableOwner | undefined {
    this.owners ??= readTables(m);
    return this.owners.get(table);
  }
}

const readTables = (m: Machine): Map<number, TableOwner> => {
  const owners = new Map<number, TableOwner>();
  for (const mm of m.mms.values()) {
    const visit = (table: number, level: number, vpn: number): void => {
      owners.set(table, { process: mm.name, level, vpn });
      if (level === 0) return;
      for (let i = 0; i < 512; i++) {
        const entry = m.entries.get(table * 512 + i);
        if (ptePresent(entry) && !(level === 1 && pmdLeaf(entry)))
          visit(entryPfn(entry), level - 1, vpn + i * 512 ** level);
      }
    };
    if (mm.alive) visit(mm.pgd, 3, 0);
  }
  return owners;
};

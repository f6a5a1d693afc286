// How pages are called: `buf+2`, the page's place in its owner's area. All entries of a moment, read once.

import type { Area, Mm } from '../../core/machine/entities.ts';
import type { Machine } from '../../core/machine/machine.ts';
import type { PteRow } from '../protocol-moment.ts';
import { RowIndex } from './row-index.ts';
import { readRows } from './rows.ts';

export interface AreaRows {
  readonly mm: Mm;
  readonly area: Area;
  readonly rows: readonly PteRow[];
}

export class Places {
  readonly areas: readonly AreaRows[];
  private readonly manyProcesses: boolean;
  /** Made when somebody first asks for a frame. */
  private byFrame: RowIndex<AreaRows> | undefined;

  constructor(areas: readonly AreaRows[], manyProcesses: boolean) {
    this.areas = areas;
    this.manyProcesses = manyProcesses;
  }

  /** `buf+2`; with the process where there are several: `A buf+2`. */
  pageName(mm: Mm, area: Area, index: number): string {
    return `${this.manyProcesses ? `${mm.name} ` : ''}${area.name}+${index}`;
  }

  /** All places whose entries refer to the frame: `A buf+2, B buf+2`; '' if there is none. */
  ownersOf(pfn: number): string {
    const names = this.index()
      .find(pfn)
      .map(({ of: { mm, area }, row, offset }) => this.pageName(mm, area, row.index + offset));
    if (names.length > 3) return `${names[0]} and ${names.length - 1} more`;
    return names.join(', ');
  }

  /** Name of an address of a process; '' outside of its areas. */
  nameOfVpn(mmName: string, vpn: number): string {
    const found = this.areas.find(
      ({ mm, area }) => mm.name === mmName && vpn >= area.start && vpn < area.start + area.npages,
    );
    return found === undefined ? '' : this.pageName(found.mm, found.area, vpn - found.area.start);
  }

  /** The row that covers an address. */
  rowAt(mmName: string, vpn: number): { readonly where: AreaRows; readonly row: PteRow } | undefined {
    for (const where of this.areas) {
      if (where.mm.name !== mmName) continue;
      const row = where.rows.find(({ vpn: first, npages }) => vpn >= first && vpn < first + npages);
      if (row !== undefined) return { where, row };
    }
    return undefined;
  }

  private index(): RowIndex<AreaRows> {
    if (this.byFrame !== undefined) return this.byFrame;
    const index = new RowIndex<AreaRows>();
    for (const where of this.areas) for (const row of where.rows) index.add(row, where);
    this.byFrame = index;
    return index;
  }
}

/** Reads all entries, with pauses; see readRows. */
export function* readPlaces(m: Machine): Generator<void, Places, void> {
  const mms = m.mms.values();
  const areas: AreaRows[] = [];
  for (const mm of mms)
    for (const area of mm.areas) areas.push({ mm, area, rows: yield* readRows(m, mm, area) });
  return new Places(areas, mms.length > 1);
}

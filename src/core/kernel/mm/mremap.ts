// mm/mremap.c: moving an area, with its page tables, to another place.

import type { Mm, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { EFAULT, EINVAL, ENOMEM } from '../../uapi/errno.ts';
import { type EntryRow, HPAGE_PMD_NR, NO_ROW, type Vpn } from '../../uapi/units.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { letGo } from '../sched/locks.ts';
import { isHugePmd, moveHugePmd } from './huge-memory.ts';
import { splitHugePmd } from './huge-split.ts';
import { moveHugetlbPageTables } from './hugetlb.ts';
import { addArea, doMunmap, insertVma } from './mmap.ts';
import { mmuNotifierInvalidateRangeEnd, mmuNotifierInvalidateRangeStart } from './mmu-notifier.ts';
import { PMD_PAGES, PUD_PAGES, pmdAlloc, pmdOffset, pteAlloc, pteOffset, pudOffset } from './page-table.ts';
import { anonVmaClone } from './anon-vma.ts';
import { isVmHugetlbPage, vmaIsAnonymous, vmaLookup } from './vma.ts';

/**
 * The same area at a new address. An area without anonymous pages gets a page offset to match its new place; one with
 * pages keeps it, since the pages know theirs.
 *
 * Kernel: `mm/mmap.c: copy_vma`
 * Simplified: areas of a scenario never touch, so the copy never joins a neighbour.
 */
const copyVma = (m: Machine, vma: Vma, start: Vpn): Vma => {
  const vmPgoff = vmaIsAnonymous(vma) && vma.anonVma === 0 ? start : vma.vmPgoff;
  const vmEnd = start + (vma.vmEnd - vma.vmStart);
  const id = m.vmas.add(
    (newId): Vma => ({ ...vma, id: newId, vmStart: start, vmEnd, vmPgoff, anonVmaChain: [] }),
  );
  anonVmaClone(m, id, vma);
  insertVma(m, m.vmas.get(id));
  return m.vmas.get(id);
};

/** An entry of a higher level moves, and the table below it with it. Kernel: `mm/mremap.c: move_normal_pmd, move_normal_pud` */
const moveTable = (m: Machine, from: EntryRow, to: EntryRow): void => {
  m.entries.set(to, m.entries.get(from));
  m.entries.set(from, 0);
};

/** Kernel: `mm/mremap.c: move_ptes` */
const movePtes = (
  m: Machine,
  from: EntryRow,
  to: EntryRow,
  oldVpn: Vpn,
  newVpn: Vpn,
  npages: number,
): void => {
  for (let i = 0; i < npages; i++) {
    const row = pteOffset(m, from, oldVpn + i);
    const entry = m.entries.get(row);
    if (entry === 0) continue;
    m.entries.set(row, 0);
    m.entries.set(pteOffset(m, to, newVpn + i), entry);
  }
};

/** Distance to the next boundary of a level, for both addresses. Kernel: `mm/mremap.c: get_extent` */
const extentOf = (size: number, oldVpn: Vpn, oldEnd: Vpn, newVpn: Vpn): number =>
  Math.min(size - (oldVpn % size), oldEnd - oldVpn, size - (newVpn % size));

/** What is under one PMD entry; false without memory for a table. */
const movePmd = (m: Machine, mm: Mm, vma: Vma, oldVpn: Vpn, newVpn: Vpn, extent: number): boolean => {
  const from = pmdOffset(m, mm, oldVpn);
  if (from === NO_ROW || m.entries.get(from) === 0) return true;
  const to = pmdAlloc(m, mm, newVpn);
  if (to === NO_ROW) return false;
  if (isHugePmd(m.entries.get(from))) {
    if (extent === HPAGE_PMD_NR && moveHugePmd(m, vma, oldVpn, newVpn, from, to)) return true;
    splitHugePmd(m, vma, from, oldVpn, false);
    if (isHugePmd(m.entries.get(from)) || m.entries.get(from) === 0) return true;
  } else if (extent === PMD_PAGES && m.entries.get(to) === 0) {
    moveTable(m, from, to);
    return true;
  }
  if (!pteAlloc(m, to)) return false;
  movePtes(m, from, to, oldVpn, newVpn, extent);
  return true;
};

/**
 * Moves all entries of an area to its copy; whole tables where both addresses allow it.
 *
 * Kernel: `mm/mremap.c: move_page_tables`
 * Simplified: the tables of a whole GiB move one by one, not with their PUD entry.
 *
 * @returns pages dealt with; fewer than asked for when there is no memory for a table
 */
const movePageTables = sleepable(
  'move_page_tables',
  function* (m, vma: Vma, oldStart: Vpn, newStart: Vpn, npages: number): Sleeps<number> {
    if (isVmHugetlbPage(vma)) return moveHugetlbPageTables(m, vma, oldStart, newStart, npages);
    const mm = m.mms.get(vma.mm);
    const oldEnd = oldStart + npages;
    const range: MmuNotifierRange = { event: 'UNMAP', mm: mm.id, start: oldStart, end: oldEnd, owner: 0 };
    mmuNotifierInvalidateRangeStart(m, range);
    let moved = 0;
    while (moved < npages) {
      const oldVpn = oldStart + moved;
      const newVpn = newStart + moved;
      const gib = extentOf(PUD_PAGES, oldVpn, oldEnd, newVpn);
      const pud = pudOffset(m, mm, oldVpn);
      if (pud === NO_ROW || m.entries.get(pud) === 0) {
        moved += gib;
        continue;
      }
      const extent = extentOf(PMD_PAGES, oldVpn, oldEnd, newVpn);
      if (!movePmd(m, mm, vma, oldVpn, newVpn, extent)) break;
      moved += extent;
      yield* letGo(m, 'move_page_tables', extent);
    }
    mmuNotifierInvalidateRangeEnd(m, range);
    return moved;
  },
);

/**
 * Copies the area, moves its page tables, unmaps the old place.
 *
 * Kernel: `mm/mremap.c: move_vma`
 *
 * @returns 0, or -ENOMEM
 */
const moveVma = sleepable('move_vma', function* (m, vma: Vma, newStart: Vpn): Sleeps<number> {
  const npages = vma.vmEnd - vma.vmStart;
  const mm = m.mms.get(vma.mm);
  const copy = copyVma(m, vma, newStart);
  const moved: number = yield* movePageTables(m, m.vmas.get(vma.id), vma.vmStart, newStart, npages);
  if (moved < npages) {
    yield* movePageTables(m, copy, newStart, vma.vmStart, moved);
    yield* doMunmap(m, mm, newStart, newStart + npages);
    return -ENOMEM;
  }
  // clear_vma_resv_huge_pages: the copy has the reservations now
  if (isVmHugetlbPage(vma)) m.vmas.update(vma.id, { hugetlbResv: 0 });
  yield* doMunmap(m, mm, vma.vmStart, vma.vmEnd);
  return 0;
});

/**
 * mremap(2) of a whole named area, with its size kept. The new name stays even if the call fails.
 *
 * Kernel: `mm/mremap.c: mremap_to, vma_to_resize`
 *
 * @returns 0; -EFAULT, the area begins with a hole or is in pieces; -ENOMEM
 */
export function* doMremap(m: Machine, mm: Mm, areaName: string, toName: string): Sleeps<number> {
  const area = m.mms.get(mm.id).areas.find(({ name }) => name === areaName);
  if (area === undefined) return -EINVAL;
  const target = addArea(m, mm.id, toName, area.npages, area.kind);
  const vma = vmaLookup(m, m.mms.get(mm.id), area.start);
  if (vma === undefined || area.npages > vma.vmEnd - area.start) return -EFAULT;
  return yield* moveVma(m, vma, target.start);
}

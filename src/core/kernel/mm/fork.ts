// kernel/fork.c and mm/memory.c: a child gets the parent's areas; pages are shared read-only, pinned ones copied.

import type { Mm, Vma } from '../../machine/entities.ts';
import { type Machine, RSS_ANON, RSS_SWAP } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { EAGAIN, EBUSY, ENOMEM } from '../../uapi/errno.ts';
import { GFP_HIGHUSER_MOVABLE } from '../../uapi/gfp.ts';
import { PG_anon_exclusive, PG_uptodate } from '../../uapi/page-flags.ts';
import {
  clearBits,
  entryPfn,
  isDeviceExclusiveEntry,
  isDevicePrivateEntry,
  isMigrationEntry,
  isReadableMigrationEntry,
  isRealSwapEntry,
  isWritableDevicePrivateEntry,
  mkEntry,
  mkSwapEntry,
  pmdLeaf,
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_RW,
  ptePresent,
  pteWrite,
  SWP_DEVICE_READ,
  SWP_MIGRATION_READ,
  swapDirty,
  swpClearExclusive,
  swapYoung,
} from '../../uapi/pte.ts';
import { type EntryRow, NO_PFN, NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import {
  isCowMapping,
  VM_DONTCOPY,
  VM_LOCKED,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_SHARED,
  VM_WIPEONFORK,
} from '../../uapi/vm-flags.ts';
import { bugOn } from '../sched/bug.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { letGo, trylockPage, unlockPage } from '../sched/locks.ts';
import { mmCounter, restoreExclusivePte } from './fault.ts';
import { copyHugePmd } from './huge-memory.ts';
import { copyHugetlbPageRange } from './hugetlb.ts';
import { mmuNotifierInvalidateRangeEnd, mmuNotifierInvalidateRangeStart } from './mmu-notifier.ts';
import { vmNormalPage } from './normal-page.ts';
import { allocPage } from './page-alloc.ts';
import {
  clearFlags,
  compoundHead,
  copyHighpage,
  folioGet,
  isDevicePrivatePage,
  moveReference,
  pageAnon,
  pageMaybeDmaPinned,
  setFlags,
  testFlags,
} from './page-ref.ts';
import { allocTable, PMD_PAGES, pmdAlloc, pmdOffset, pteAlloc, pteOffset } from './page-table.ts';
import { pageAddNewAnonRmap } from './rmap.ts';
import { anonVmaFork } from './anon-vma.ts';
import { lruCacheAddInactiveOrUnevictable, putPage } from './swap.ts';
import { swapDuplicate } from './swapfile.ts';
import { isVmHugetlbPage, maybeMkwrite, vmPageProt } from './vma.ts';

/** What the copying of one page table needs. */
interface ForkPair {
  readonly srcVma: Vma;
  readonly dstVma: Vma;
}

/**
 * Whether the parent's pin demands that the child gets a copy at once.
 *
 * Kernel: `include/linux/mm.h: page_needs_cow_for_dma`
 */
export const pageNeedsCowForDma = (m: Machine, vma: Vma, page: Pfn): boolean =>
  m.mms.get(vma.mm).hasPinned && pageMaybeDmaPinned(m, page);

/**
 * One more mapping of an anonymous page, which is then shared; refused for a pinned exclusive page.
 *
 * Kernel: `include/linux/rmap.h: page_try_dup_anon_rmap`
 */
const pageTryDupAnonRmap = (m: Machine, page: Pfn, srcVma: Vma): boolean => {
  if (testFlags(m, page, PG_anon_exclusive)) {
    if (!isDevicePrivatePage(m, page) && pageNeedsCowForDma(m, srcVma, page)) return false;
    clearFlags(m, page, PG_anon_exclusive);
  }
  m.pages.mapcount.set(page, m.pages.mapcount.get(page) + 1);
  return true;
};

/** Kernel: `mm/memory.c: copy_present_page` */
const copyPresentPage = atomic(
  'copy_present_page',
  (m, vpn: Vpn, page: Pfn, dstRow: EntryRow, { dstVma }: ForkPair): number => {
    m.trace.decide('fork.early-copy', vpn, page);
    const copy = allocPage(m, GFP_HIGHUSER_MOVABLE);
    if (copy === NO_PFN) return -ENOMEM;
    copyHighpage(m, copy, page);
    setFlags(m, copy, PG_uptodate);
    pageAddNewAnonRmap(m, copy, dstVma, vpn);
    lruCacheAddInactiveOrUnevictable(m, copy, dstVma);
    m.addRss(dstVma.mm, RSS_ANON, 1);
    moveReference(m, copy, 'allocation', 'page table entry');
    m.entries.set(dstRow, mkEntry(copy, maybeMkwrite(vmPageProt(dstVma) | PTE_DIRTY, dstVma)));
    return 0;
  },
);

/** Kernel: `mm/memory.c: copy_present_pte` */
const copyPresentPte = atomic(
  'copy_present_pte',
  (m, vpn: Vpn, srcRow: EntryRow, dstRow: EntryRow, pair: ForkPair): number => {
    const { srcVma, dstVma } = pair;
    let entry = m.entries.get(srcRow);
    const page = vmNormalPage(m, srcVma, vpn, entry);
    if (page !== NO_PFN && pageAnon(m, page)) {
      folioGet(m, page, 'page table entry');
      if (!pageTryDupAnonRmap(m, page, srcVma)) {
        putPage(m, page, 'page table entry');
        // -EAGAIN for a page to copy to, without the locks; then everything is looked at again
        vmNormalPage(m, srcVma, vpn, entry);
        return copyPresentPage(m, vpn, page, dstRow, pair);
      }
      m.trace.decide('fork.share', vpn, page);
      m.addRss(dstVma.mm, RSS_ANON, 1);
    } else if (page !== NO_PFN) {
      folioGet(m, page, 'page table entry');
      m.pages.mapcount.set(page, m.pages.mapcount.get(page) + 1);
      m.addRss(dstVma.mm, mmCounter(m, page), 1);
    }
    if (isCowMapping(srcVma.vmFlags) && pteWrite(entry)) {
      entry = clearBits(entry, PTE_RW);
      m.entries.set(srcRow, entry);
    }
    if ((srcVma.vmFlags & VM_SHARED) !== 0) entry = clearBits(entry, PTE_DIRTY);
    m.entries.set(dstRow, clearBits(entry, PTE_ACCESSED));
    return 0;
  },
);

const tryRestoreExclusivePte = atomic(
  'try_restore_exclusive_pte',
  (m, srcVma: Vma, vpn: Vpn, srcRow: EntryRow): number => {
    const page = entryPfn(m.entries.get(srcRow));
    if (!trylockPage(m, compoundHead(m, page))) return -EBUSY;
    restoreExclusivePte(m, srcVma, page, vpn, srcRow);
    unlockPage(m, compoundHead(m, page));
    return 0;
  },
);

/**
 * Copies a swap-type entry. -EAGAIN: the entry is present now, copy it as such.
 *
 * Kernel: `mm/memory.c: copy_nonpresent_pte`
 */
const copyNonpresentPte = atomic(
  'copy_nonpresent_pte',
  (m, vpn: Vpn, srcRow: EntryRow, dstRow: EntryRow, { srcVma, dstVma }: ForkPair): number => {
    let entry = m.entries.get(srcRow);
    const page = entryPfn(entry);
    const cow = isCowMapping(srcVma.vmFlags);
    if (isRealSwapEntry(entry)) {
      swapDuplicate(m, page);
      entry = swpClearExclusive(entry);
      m.entries.set(srcRow, entry);
      m.addRss(dstVma.mm, RSS_SWAP, 1);
    } else if (isMigrationEntry(entry)) {
      m.addRss(dstVma.mm, mmCounter(m, page), 1);
      if (!isReadableMigrationEntry(entry) && cow) {
        entry = mkSwapEntry(SWP_MIGRATION_READ, page, swapYoung(entry), swapDirty(entry));
        m.entries.set(srcRow, entry);
      }
    } else if (isDevicePrivateEntry(entry)) {
      m.trace.decide('fork.private-entry', vpn, page);
      folioGet(m, page, 'page table entry');
      m.addRss(dstVma.mm, RSS_ANON, 1);
      bugOn(!pageTryDupAnonRmap(m, page, srcVma), 'copy_nonpresent_pte: device-private page is pinned');
      if (isWritableDevicePrivateEntry(entry) && cow) {
        entry = mkSwapEntry(SWP_DEVICE_READ, page);
        m.entries.set(srcRow, entry);
      }
    } else if (isDeviceExclusiveEntry(entry)) {
      return tryRestoreExclusivePte(m, srcVma, vpn, srcRow) !== 0 ? -EBUSY : -EAGAIN;
    }
    m.entries.set(dstRow, entry);
    return 0;
  },
);

/** Kernel: `mm/memory.c: copy_pte_range` */
const copyPteRange = (
  m: Machine,
  start: Vpn,
  end: Vpn,
  srcPmd: EntryRow,
  dstPmd: EntryRow,
  pair: ForkPair,
): number => {
  if (!pteAlloc(m, dstPmd)) return -ENOMEM;
  for (let vpn = start; vpn < end; vpn++) {
    const srcRow = pteOffset(m, srcPmd, vpn);
    const dstRow = pteOffset(m, dstPmd, vpn);
    const entry = m.entries.get(srcRow);
    if (entry === 0) continue;
    if (!ptePresent(entry)) {
      const ret = copyNonpresentPte(m, vpn, srcRow, dstRow, pair);
      if (ret === -EBUSY) return -ENOMEM;
      if (ret === 0) continue;
      bugOn(ret !== -EAGAIN, 'copy_pte_range: unexpected result');
    }
    if (copyPresentPte(m, vpn, srcRow, dstRow, pair) !== 0) return -ENOMEM;
  }
  return 0;
};

/** Kernel: `mm/memory.c: copy_p4d_range, copy_pud_range, copy_pmd_range` */
function* copyTables(m: Machine, pair: ForkPair): Sleeps<number> {
  const { srcVma, dstVma } = pair;
  const srcMm = m.mms.get(srcVma.mm);
  const dstMm = m.mms.get(dstVma.mm);
  for (let vpn = srcVma.vmStart; vpn < srcVma.vmEnd; ) {
    const next = Math.min(srcVma.vmEnd, (Math.floor(vpn / PMD_PAGES) + 1) * PMD_PAGES);
    const srcPmd = pmdOffset(m, srcMm, vpn);
    if (srcPmd !== NO_ROW) {
      const dstPmd = pmdAlloc(m, dstMm, vpn);
      if (dstPmd === NO_ROW) return -ENOMEM;
      let entry = m.entries.get(srcPmd);
      if (entry !== 0 && (pmdLeaf(entry) || !ptePresent(entry))) {
        const ret = copyHugePmd(m, dstMm, srcMm, dstPmd, srcPmd, vpn, dstVma, srcVma);
        if (ret === -ENOMEM) return -ENOMEM;
        if (ret === 0) {
          yield* letGo(m, 'copy_huge_pmd', next - vpn);
          vpn = next;
          continue;
        }
        entry = m.entries.get(srcPmd);
      }
      if (entry !== 0) {
        const ret = copyPteRange(m, vpn, next, srcPmd, dstPmd, pair);
        if (ret !== 0) return ret;
        yield* letGo(m, 'copy_pte_range', next - vpn);
      }
    }
    vpn = next;
  }
  return 0;
}

/**
 * Copies the page tables of one area.
 *
 * Kernel: `mm/memory.c: copy_page_range`
 */
const copyPageRange = sleepable('copy_page_range', function* (m, dstVma: Vma, srcVma: Vma): Sleeps<number> {
  const needsCopy = (srcVma.vmFlags & (VM_PFNMAP | VM_MIXEDMAP)) !== 0 || srcVma.anonVma !== 0;
  if (!needsCopy) return 0;
  if (isVmHugetlbPage(srcVma)) {
    return yield* copyHugetlbPageRange(m, m.mms.get(dstVma.mm), m.mms.get(srcVma.mm), dstVma, srcVma);
  }
  const cow = isCowMapping(srcVma.vmFlags);
  const range: MmuNotifierRange = {
    event: 'PROTECTION_PAGE',
    mm: srcVma.mm,
    start: srcVma.vmStart,
    end: srcVma.vmEnd,
    owner: 0,
  };
  const bumpSeq = (): void => {
    m.mms.update(srcVma.mm, { writeProtectSeq: m.mms.get(srcVma.mm).writeProtectSeq + 1 });
  };
  if (cow) {
    mmuNotifierInvalidateRangeStart(m, range);
    bumpSeq();
  }
  const ret = yield* copyTables(m, { srcVma, dstVma });
  if (cow) {
    bumpSeq();
    mmuNotifierInvalidateRangeEnd(m, range);
  }
  return ret;
});

/**
 * A process with an empty address space.
 *
 * Kernel: `kernel/fork.c: mm_init`
 */
export const createMm = (m: Machine, name: string): Mm => {
  const pgd = allocTable(m);
  const id = m.mms.add(
    (mmId): Mm => ({
      id: mmId,
      name,
      pgd,
      vmas: [],
      hasPinned: false,
      writeProtectSeq: 0,
      subscriptions: [],
      hasNotifierSubscriptions: false,
      areas: [],
      alive: true,
      oomVictim: false,
      oomSkip: false,
    }),
  );
  return m.mms.get(id);
};

const dupVma = (m: Machine, child: number, parent: Vma): Vma => {
  const id = m.vmas.add(
    (vmaId): Vma => ({
      ...parent,
      id: vmaId,
      mm: child,
      vmFlags: parent.vmFlags & ~VM_LOCKED,
      anonVma: 0,
      anonVmaChain: [],
      ...(isVmHugetlbPage(parent) ? { hugetlbResv: 0, hugetlbUnmapped: false } : {}), // hugetlb_dup_vma_private
    }),
  );
  const wipe = (parent.vmFlags & VM_WIPEONFORK) !== 0;
  if (!wipe) anonVmaFork(m, id, parent);
  if (parent.file !== 0) {
    // i_mmap: directly behind the parent's VMA
    const { iMmap } = m.files.get(parent.file);
    const at = iMmap.indexOf(parent.id) + 1;
    m.files.update(parent.file, { iMmap: [...iMmap.slice(0, at), id, ...iMmap.slice(at)] });
  }
  m.mms.update(child, { vmas: [...m.mms.get(child).vmas, id] });
  return m.vmas.get(id);
};

/**
 * fork: the child gets the parent's areas.
 *
 * Kernel: `kernel/fork.c: dup_mmap`
 *
 * @returns 0, or -ENOMEM; what was copied until then stays for the caller to tear down
 */
export const dupMmap = sleepable('dup_mmap', function* (m, child: number, parent: number): Sleeps<number> {
  const { areas, heap, startStack } = m.mms.get(parent);
  m.mms.update(child, {
    areas,
    ...(heap === undefined ? {} : { heap }),
    ...(startStack === undefined ? {} : { startStack }),
  });
  m.newMm = child;
  let ret = 0;
  for (const id of m.mms.get(parent).vmas) {
    const srcVma = m.vmas.get(id);
    if ((srcVma.vmFlags & VM_DONTCOPY) !== 0) {
      m.trace.decide('fork.vma-skipped', srcVma.vmStart, srcVma.vmEnd);
      continue;
    }
    const dstVma = dupVma(m, child, srcVma);
    if ((srcVma.vmFlags & VM_WIPEONFORK) !== 0) continue;
    ret = yield* copyPageRange(m, dstVma, srcVma);
    if (ret !== 0) break;
  }
  m.newMm = 0;
  return ret;
});

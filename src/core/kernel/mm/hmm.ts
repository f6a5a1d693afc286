// mm/hmm.c: what a device would see in a process's page tables, faulting pages in where it asks for more.

import type { Mm, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EBUSY, EFAULT, EPERM } from '../../uapi/errno.ts';
import {
  type Entry,
  entryPfn,
  isDeviceExclusiveEntry,
  isDevicePrivateEntry,
  isMigrationEntry,
  isWritableDevicePrivateEntry,
  pmdLeaf,
  PTE_PRESENT,
  PTE_RW,
  PTE_SPECIAL,
  pteDevmap,
  pteProtnone,
  ptePresent,
  pteWrite,
  swapType,
  SWP_HWPOISON,
} from '../../uapi/pte.ts';
import { type EntryRow, NO_PFN, NO_ROW, type Pfn, type Vpn } from '../../uapi/units.ts';
import {
  FAULT_FLAG_REMOTE,
  FAULT_FLAG_WRITE,
  VM_FAULT_ERROR,
  VM_IO,
  VM_PFNMAP,
  VM_READ,
  VM_SPECIAL,
  VM_WRITE,
} from '../../uapi/vm-flags.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { letGo, letGoMidway, migrationEntryWait, outwaitFruitlessFault } from '../sched/locks.ts';
import { writeFreshPages } from './fault-bulk.ts';
import { handleMmFault } from './fault.ts';
import { hstateVma, hugePageStart, hugePteOffset } from './hugetlb-pool.ts';
import { mmuIntervalReadRetry } from './mmu-notifier.ts';
import { vmNormalPage } from './normal-page.ts';
import { isZeroPfn, pagePgmap } from './page-ref.ts';
import { PMD_PAGES, pmdOffset, pteOffset, walkEnd } from './page-table.ts';
import { countCalls, inChunks, unfollowed } from './plain-pages.ts';
import { findVma, isVmHugetlbPage } from './vma.ts';

// One word a page: pfn * 32 + these. The kernel keeps the flags in the top bits.
export const HMM_PFN_VALID = 1;
export const HMM_PFN_WRITE = 2;
export const HMM_PFN_ERROR = 4;
/** The page is mapped by an entry of 2 MiB. */
export const HMM_PFN_PMD = 8;
/** … of 1 GiB. */
export const HMM_PFN_PUD = 16;

export const HMM_PFN_REQ_FAULT = 1;
export const HMM_PFN_REQ_WRITE = 2;

const HMM_NEED_FAULT = 1;
const HMM_NEED_WRITE_FAULT = 2;
const HMM_NEED_ALL_BITS = 3;

/** Kernel: `include/linux/hmm.h: hmm_pfn_to_page` */
export const hmmPfnToPage = (word: number): Pfn => Math.floor(word / 32);

/** struct hmm_range. */
export interface HmmRange {
  readonly mm: number;
  /** Interval notifier that the driver watches; 0: none. */
  readonly subscription: number;
  readonly notifierSeq: number;
  readonly start: Vpn;
  readonly end: Vpn;
  /** Before the call: what is asked of each page, if `pfnFlagsMask` lets it through. */
  readonly hmmPfns: number[] | Float64Array;
  /** Bits of the words in `hmmPfns` that count as requests; absent: none. */
  readonly pfnFlagsMask?: number;
  /** What is asked of every page. */
  readonly defaultFlags: number;
  readonly devPrivateOwner: number;
}

/** A walk's state: where it starts again after a fault. */
interface HmmWalk {
  readonly range: HmmRange;
  last: Vpn;
}

/** Kernel: `mm/hmm.c: hmm_pfns_fill` */
const fill = (walk: HmmWalk, from: Vpn, to: Vpn, word: number): number => {
  for (let vpn = from; vpn < to; vpn++) walk.range.hmmPfns[vpn - walk.range.start] = word;
  return 0;
};

/** What is asked of a page besides the default. A word that was never written asks nothing. */
const requestOf = ({ range }: HmmWalk, vpn: Vpn): number => range.hmmPfns[vpn - range.start] ?? 0;

/**
 * Whether an entry with these flags must be faulted for the request; `asked` is the page's own.
 *
 * Kernel: `mm/hmm.c: hmm_pte_need_fault`
 */
const hmmPteNeedFault = atomic(
  'hmm_pte_need_fault',
  (_m, cpuFlags: number, walk: HmmWalk, asked: number): number => {
    const request = (asked & (walk.range.pfnFlagsMask ?? 0)) | walk.range.defaultFlags;
    if ((request & HMM_PFN_REQ_FAULT) === 0) return 0;
    if ((request & HMM_PFN_REQ_WRITE) !== 0 && (cpuFlags & HMM_PFN_WRITE) === 0) {
      return HMM_NEED_FAULT | HMM_NEED_WRITE_FAULT;
    }
    return (cpuFlags & HMM_PFN_VALID) === 0 ? HMM_NEED_FAULT : 0;
  },
);

/** Kernel: `mm/hmm.c: hmm_range_need_fault` */
const rangeNeedFault = (m: Machine, walk: HmmWalk, start: Vpn, end: Vpn, cpuFlags: number): number => {
  const { defaultFlags, pfnFlagsMask = 0 } = walk.range;
  if (((defaultFlags | pfnFlagsMask) & HMM_PFN_REQ_FAULT) === 0) return 0;
  let required = 0;
  for (let vpn = start; vpn < end; vpn++) {
    required |= hmmPteNeedFault(m, cpuFlags, walk, requestOf(walk, vpn));
    if (required === HMM_NEED_ALL_BITS) return required;
  }
  return required;
};

/** Faults every page from here to the end of the segment, present or not. Kernel: `mm/hmm.c: hmm_vma_fault` */
const hmmVmaFault = sleepable(
  'hmm_vma_fault',
  function* (m, start: Vpn, end: Vpn, required: number, walk: HmmWalk, vma: Vma): Sleeps<number> {
    walk.last = start;
    m.trace.decide('hmm.needs-fault', start, end, required);
    let flags = FAULT_FLAG_REMOTE;
    if ((required & HMM_NEED_WRITE_FAULT) !== 0) {
      if ((vma.vmFlags & VM_WRITE) === 0) return -EPERM;
      flags |= FAULT_FLAG_WRITE;
    }
    for (let vpn = start; vpn < end; ) {
      const area = m.vmas.get(vma.id);
      const many = (flags & FAULT_FLAG_WRITE) === 0 ? 0 : writeFreshPages(m, area, vpn, end, undefined);
      if (many > 0) {
        vpn += many;
        yield* letGo(m, 'hmm_vma_fault', 0);
        continue;
      }
      const ret = yield* handleMmFault(m, area, vpn, flags);
      if ((ret & VM_FAULT_ERROR) !== 0) return -EFAULT;
      yield* outwaitFruitlessFault(m);
      yield* letGoMidway(m, 'hmm_vma_fault', vpn);
      vpn++;
    }
    return -EBUSY;
  },
);

const hmmVmaWalkHole = sleepable(
  'hmm_vma_walk_hole',
  function* (m, start: Vpn, end: Vpn, walk: HmmWalk, vma: Vma | undefined): Sleeps<number> {
    const required = rangeNeedFault(m, walk, start, end, 0);
    if (vma === undefined) {
      if (required !== 0) return -EFAULT;
      return fill(walk, start, end, HMM_PFN_ERROR);
    }
    if (required !== 0) return yield* hmmVmaFault(m, start, end, required, walk, vma);
    return fill(walk, start, end, 0);
  },
);

const cpuFlagsOf = (entry: Entry): number => {
  if (!ptePresent(entry) || pteProtnone(entry)) return 0;
  return pteWrite(entry) ? HMM_PFN_VALID | HMM_PFN_WRITE : HMM_PFN_VALID;
};

const hmmVmaHandlePmd = sleepable(
  'hmm_vma_handle_pmd',
  function* (m, start: Vpn, end: Vpn, pmdRow: EntryRow, walk: HmmWalk, vma: Vma): Sleeps<number> {
    const pmd = m.entries.get(pmdRow);
    const flags = cpuFlagsOf(pmd);
    const required = rangeNeedFault(m, walk, start, end, flags);
    if (required !== 0) return yield* hmmVmaFault(m, start, end, required, walk, vma);
    // a protected huge entry still reports its order, but is not valid
    const word = flags === 0 ? 0 : flags | HMM_PFN_PMD;
    for (let vpn = start; vpn < end; vpn++) {
      walk.range.hmmPfns[vpn - walk.range.start] = (entryPfn(pmd) + (vpn % PMD_PAGES)) * 32 + word;
    }
    return 0;
  },
);

/** What a non-present entry means to the device. Returns 0 to go on, or what ends the walk here. */
function* handleSwapEntry(
  m: Machine,
  vpn: Vpn,
  end: Vpn,
  entry: Entry,
  walk: HmmWalk,
  vma: Vma,
): Sleeps<number> {
  const { range } = walk;
  const i = vpn - range.start;
  const page = entryPfn(entry);
  if (isDevicePrivateEntry(entry) && pagePgmap(m, page)?.owner === range.devPrivateOwner) {
    // the caller's own page is reported as it is, even if it asked for more
    range.hmmPfns[i] = page * 32 + HMM_PFN_VALID + (isWritableDevicePrivateEntry(entry) ? HMM_PFN_WRITE : 0);
    return 0;
  }
  const required = hmmPteNeedFault(m, 0, walk, requestOf(walk, vpn));
  if (required === 0) {
    range.hmmPfns[i] = 0;
    return 0;
  }
  if (swapType(entry) < SWP_HWPOISON || isDevicePrivateEntry(entry) || isDeviceExclusiveEntry(entry)) {
    return yield* hmmVmaFault(m, vpn, end, required, walk, vma);
  }
  if (isMigrationEntry(entry)) {
    walk.last = vpn;
    yield* migrationEntryWait(m, page);
    return -EBUSY;
  }
  return -EFAULT;
}

const hmmVmaHandlePte = sleepable(
  'hmm_vma_handle_pte',
  function* (m, vpn: Vpn, end: Vpn, row: EntryRow, walk: HmmWalk, vma: Vma): Sleeps<number> {
    const { range } = walk;
    const i = vpn - range.start;
    const entry = m.entries.get(row);
    if (entry !== 0 && !ptePresent(entry)) return yield* handleSwapEntry(m, vpn, end, entry, walk, vma);
    const flags = entry === 0 ? 0 : cpuFlagsOf(entry);
    const asked = requestOf(walk, vpn);
    const required = hmmPteNeedFault(m, flags, walk, asked);
    if (required !== 0) return yield* hmmVmaFault(m, vpn, end, required, walk, vma);
    if (entry === 0) {
      range.hmmPfns[i] = 0;
      return 0;
    }
    const normal = vmNormalPage(m, vma, vpn, entry);
    if (normal === NO_PFN && !pteDevmap(entry) && !isZeroPfn(m, entryPfn(entry))) {
      if (hmmPteNeedFault(m, 0, walk, asked) !== 0) return -EFAULT;
      range.hmmPfns[i] = HMM_PFN_ERROR;
      return 0;
    }
    range.hmmPfns[i] = entryPfn(entry) * 32 + flags;
    return 0;
  },
);

/** What a small page's entry must have to be reported as it is. */
const PLAIN_BITS = PTE_PRESENT | PTE_SPECIAL;

/** Words that go up or down evenly. A function of its own: with one kind of array it is ten times as fast. */
const writeWords = (words: Float64Array, first: number, n: number, word: number, step: number): void => {
  for (let i = first, now = word; i < first + n; i++, now += step) words[i] = now;
};

/** Whether a page is one of those that follow each other. */
const isAmong = (page: Pfn, first: Pfn, step: number, n: number): boolean => {
  const at = (page - first) / step;
  return at >= 0 && at < n;
};

/**
 * Reports the entries at the beginning of a table's part that need no fault, in a big step in one go. Returns how many.
 *
 * Kernel: `mm/hmm.c: hmm_vma_handle_pte`, many times
 */
const reportPresent = (
  m: Machine,
  start: Vpn,
  end: Vpn,
  pmdRow: EntryRow,
  walk: HmmWalk,
  vma: Vma,
): number => {
  const { range } = walk;
  if (!inChunks(m) || (range.pfnFlagsMask ?? 0) !== 0 || (vma.vmFlags & VM_SPECIAL) !== 0) return 0;
  const needsWrite = (range.defaultFlags & HMM_PFN_REQ_WRITE) !== 0;
  const row = pteOffset(m, pmdRow, start);
  const { hmmPfns } = range;
  const first = start - range.start;
  let n = 0;
  while (n < end - start) {
    const { value: entry, step, n: most } = m.entries.progression(row + n, end - start - n);
    // bit 52 marks DAX memory; neither that nor the zero page is a plain one
    if ((entry & PLAIN_BITS) !== PTE_PRESENT || entry >= 2 ** 52) break;
    const pfn = Math.floor(entry / 4096);
    const writable = (entry & PTE_RW) !== 0;
    if (pfn === m.zeroPfn || (needsWrite && !writable)) break;
    // pages that follow each other have the same bits
    const apart = step / 4096;
    const follow = Number.isInteger(apart) && entry + step * (most - 1) < 2 ** 52 ? most : 1;
    const length = apart === 0 || isAmong(m.zeroPfn, pfn, apart, follow) ? 1 : follow;
    const word = pfn * 32 + (writable ? HMM_PFN_VALID | HMM_PFN_WRITE : HMM_PFN_VALID);
    if (hmmPfns instanceof Float64Array) writeWords(hmmPfns, first + n, length, word, apart * 32);
    else for (let i = 0; i < length; i++) hmmPfns[first + n + i] = word + apart * 32 * i;
    n += length;
  }
  n = unfollowed(m, n, (numbers, i) => numbers.has(start + i));
  countCalls(m, ['hmm_vma_handle_pte', 'hmm_pte_need_fault', 'vm_normal_page'], n);
  return n;
};

const hmmVmaWalkPmd = sleepable(
  'hmm_vma_walk_pmd',
  function* (m, start: Vpn, end: Vpn, pmdRow: EntryRow, walk: HmmWalk, vma: Vma): Sleeps<number> {
    const pmd = m.entries.get(pmdRow);
    if (pmd === 0) return yield* hmmVmaWalkHole(m, start, end, walk, vma);
    if (isMigrationEntry(pmd)) {
      if (rangeNeedFault(m, walk, start, end, 0) === 0) return fill(walk, start, end, 0);
      walk.last = start;
      yield* migrationEntryWait(m, entryPfn(pmd));
      return -EBUSY;
    }
    if (pmdLeaf(pmd)) return yield* hmmVmaHandlePmd(m, start, end, pmdRow, walk, vma);
    for (let vpn = start + reportPresent(m, start, end, pmdRow, walk, vma); vpn < end; vpn++) {
      const ret = yield* hmmVmaHandlePte(m, vpn, end, pteOffset(m, pmdRow, vpn), walk, vma);
      if (ret !== 0) return ret;
      yield* letGoMidway(m, 'hmm_vma_walk_pmd', vpn);
    }
    return 0;
  },
);

const hmmVmaWalkHugetlbEntry = sleepable(
  'hmm_vma_walk_hugetlb_entry',
  function* (m, start: Vpn, end: Vpn, row: EntryRow, walk: HmmWalk, vma: Vma): Sleeps<number> {
    const entry = m.entries.get(row);
    const h = hstateVma(m, vma);
    const order = h.level === 'pud' ? HMM_PFN_PUD : HMM_PFN_PMD;
    const flags = entry === 0 ? 0 : cpuFlagsOf(entry);
    // the first page's request stands for the whole huge page
    const required = hmmPteNeedFault(m, flags, walk, requestOf(walk, start));
    if (required !== 0) return yield* hmmVmaFault(m, start, end, required, walk, vma);
    for (let vpn = start; vpn < end; vpn++) {
      const page = entry === 0 ? 0 : entryPfn(entry) + (vpn % h.npages);
      walk.range.hmmPfns[vpn - walk.range.start] = page * 32 + (flags === 0 ? 0 : flags | order);
    }
    return 0;
  },
);

/** Whether a VMA takes part. 0 walk it, 1 skip it (filled with errors), -errno stop. */
const hmmVmaWalkTest = atomic(
  'hmm_vma_walk_test',
  (m, start: Vpn, end: Vpn, walk: HmmWalk, vma: Vma): number => {
    if ((vma.vmFlags & (VM_IO | VM_PFNMAP)) === 0 && (vma.vmFlags & VM_READ) !== 0) return 0;
    if (rangeNeedFault(m, walk, start, end, 0) !== 0) {
      m.trace.decide('hmm.error', start, end);
      return -EFAULT;
    }
    fill(walk, start, end, HMM_PFN_ERROR);
    return 1;
  },
);

/** Kernel: `mm/pagewalk.c: __walk_page_range, walk_hugetlb_range` */
function* walkVma(m: Machine, mm: Mm, walk: HmmWalk, vma: Vma, start: Vpn, end: Vpn): Sleeps<number> {
  for (let vpn = start; vpn < end; ) {
    const h = isVmHugetlbPage(vma) ? hstateVma(m, vma) : undefined;
    const next = h === undefined ? walkEnd(m, mm, vpn, end) : Math.min(end, hugePageStart(h, vpn) + h.npages);
    const row = h === undefined ? pmdOffset(m, mm, vpn) : hugePteOffset(m, mm, vpn, h);
    let ret: number;
    if (row === NO_ROW || (h === undefined && m.entries.get(row) === 0)) {
      ret = yield* hmmVmaWalkHole(m, vpn, next, walk, vma);
    } else if (h === undefined) {
      ret = yield* hmmVmaWalkPmd(m, vpn, next, row, walk, vma);
    } else {
      // the entry of a huge page exists as soon as its table does
      ret = yield* hmmVmaWalkHugetlbEntry(m, vpn, next, row, walk, vma);
    }
    if (ret !== 0) return ret;
    vpn = next;
  }
  return 0;
}

/** Kernel: `mm/pagewalk.c: walk_page_range` */
function* walkPageRange(m: Machine, walk: HmmWalk, start: Vpn, end: Vpn): Sleeps<number> {
  for (let vpn = start; vpn < end; ) {
    const mm = m.mms.get(walk.range.mm);
    const vma = findVma(m, mm, vpn);
    if (vma === undefined || vpn < vma.vmStart) {
      const next = vma === undefined ? end : Math.min(end, vma.vmStart);
      const ret = yield* hmmVmaWalkHole(m, vpn, next, walk, undefined);
      if (ret !== 0) return ret;
      vpn = next;
      continue;
    }
    const next = Math.min(end, vma.vmEnd);
    const test = hmmVmaWalkTest(m, vpn, next, walk, vma);
    if (test < 0) return test;
    if (test === 0) {
      const ret = yield* walkVma(m, mm, walk, vma, vpn, next);
      if (ret !== 0) return ret;
    }
    vpn = next;
  }
  return 0;
}

/**
 * Fills in what a device may know of a range; faults where the request needs more than the entries give.
 *
 * Kernel: `mm/hmm.c: hmm_range_fault`
 *
 * @returns 0; -EBUSY an invalidation hit the range, begin again; -EFAULT, -EPERM
 */
export const hmmRangeFault = sleepable(
  'hmm_range_fault',
  function* (m, start: Vpn, end: Vpn, range: HmmRange): Sleeps<number> {
    const walk: HmmWalk = { range, last: start };
    for (;;) {
      if (range.subscription !== 0 && mmuIntervalReadRetry(m, range.subscription, range.notifierSeq))
        return -EBUSY;
      const ret = yield* walkPageRange(m, walk, walk.last, end);
      if (ret !== -EBUSY) return ret;
    }
  },
);

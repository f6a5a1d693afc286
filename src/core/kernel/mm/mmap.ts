// mm/mmap.c: the areas (VMAs) of a process. Making, cutting, joining and removing them keeps three orders true:
// the address space's list, the reverse-map trees of anonymous memory and the lists of files.

import type { Area, AreaKind, Mm, Vma } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { notifierSeqRow } from '../../machine/scalars.ts';
import { EINVAL } from '../../uapi/errno.ts';
import { addrBytesToVpn, GIB_PAGES, HPAGE_PMD_NR, type Vpn } from '../../uapi/units.ts';
import {
  VM_DONTEXPAND,
  VM_HUGETLB,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_NORESERVE,
  VM_SHARED,
  VM_SPECIAL,
  VM_WRITE,
  VM_WRITENOTIFY,
} from '../../uapi/vm-flags.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';
import { fileOf, newAddressSpace } from './filemap.ts';
import { vmaAdjustTransHuge } from './huge-split.ts';
import { hstateVma, newHugetlbFile } from './hugetlb-pool.ts';
import { hugetlbUnreservePages, hugetlbVmOpClose } from './hugetlb-resv.ts';
import { vmaLinkFile, vmaUnlinkFile } from './i-mmap.ts';
import { tlbFlushMmuInSlices, tlbGatherMmu } from './mmu-gather.ts';
import { freeTable } from './page-table.ts';
import { anonVmaClone, anonVmaTreeInsert, anonVmaTreeRemove, unlinkAnonVmas } from './anon-vma.ts';
import { newShmem, shmemEvictInode } from './shmem.ts';
import { lruAddDrain } from './swap.ts';
import { freePgtables, TASK_SIZE_PAGES, unmapVmas } from './unmap.ts';
import { findVma, isVmHugetlbPage, vmasOf } from './vma.ts';

/** First named area: 0x7f00_0000_0000. Ours: every area of a scenario starts on a boundary of 1 GiB behind it. */
const AREA_BASE: Vpn = addrBytesToVpn(0x7f00_0000_0000);

/** Where the next area of a process starts. Ours: an unused GiB stays between two areas, so they never join. */
const nextAreaStart = (mm: Mm): Vpn => {
  const last = mm.areas.at(-1);
  if (last === undefined) return AREA_BASE;
  return last.start + (Math.floor(last.npages / GIB_PAGES) + 1) * GIB_PAGES;
};

/** Puts a named area at the end of a process's list. Ours: the list of what a scenario calls by name. */
export const addArea = (m: Machine, mm: number, name: string, npages: number, kind: AreaKind): Area => {
  const area: Area = { name, start: nextAreaStart(m.mms.get(mm)), npages, kind };
  m.mms.update(mm, { areas: [...m.mms.get(mm).areas, area] });
  return area;
};

// --- linking ---------------------------------------------------------------------------------------------------

const storeVma = (m: Machine, vma: Vma): void => {
  const { vmas } = m.mms.get(vma.mm);
  const at = vmas.findIndex((id) => m.vmas.get(id).vmStart >= vma.vmEnd);
  m.mms.update(vma.mm, {
    vmas: at < 0 ? [...vmas, vma.id] : [...vmas.slice(0, at), vma.id, ...vmas.slice(at)],
  });
};

const forgetVma = (m: Machine, vma: Vma): void => {
  m.mms.update(vma.mm, { vmas: m.mms.get(vma.mm).vmas.filter((id) => id !== vma.id) });
};

/** Puts a VMA into the address space and its file's list. Kernel: `mm/mmap.c: vma_link` */
export const insertVma = (m: Machine, vma: Vma): void => {
  storeVma(m, vma);
  vmaLinkFile(m, vma);
};

/**
 * Frees a VMA that is unlinked everywhere. Memory of a shared anonymous mapping goes with its last VMA.
 *
 * Kernel: `mm/mmap.c: remove_vma`
 * Simplified: ordinary files stay open, so their page cache stays too.
 */
export function* removeVma(m: Machine, vma: Vma): Sleeps<void> {
  hugetlbVmOpClose(m, vma);
  m.vmas.set(vma.id, undefined);
  if (vma.file === 0) return;
  const file = m.files.get(vma.file);
  const stays = file.kind === 'file' || file.daxStart !== undefined;
  if (stays || file.iMmap.length > 0) return;
  const freed = yield* shmemEvictInode(m, vma.file);
  if (file.kind === 'hugetlb') hugetlbUnreservePages(m, vma.file, freed);
}

// --- cutting and joining ------------------------------------------------------------------------------------------

/** The VMA behind another one in its address space. Ours: the kernel calls find_vma(mm, vma->vm_end). */
const nextVma = (m: Machine, vma: Vma): Vma | undefined => findVma(m, m.mms.get(vma.mm), vma.vmEnd);

interface VmaExtent {
  readonly vmStart: Vpn;
  readonly vmEnd: Vpn;
  readonly vmPgoff: number;
}

/** Gives VMAs new limits; their places in the reverse-map trees and the file's list are found anew. */
const moveLimits = (
  m: Machine,
  changes: readonly (readonly [number, VmaExtent])[],
  inAnonTrees: boolean,
): void => {
  for (const [id] of changes) {
    if (inAnonTrees) anonVmaTreeRemove(m, m.vmas.get(id));
    vmaUnlinkFile(m, m.vmas.get(id));
  }
  for (const [id, extent] of changes) m.vmas.update(id, extent);
  for (const [id] of [...changes].reverse()) vmaLinkFile(m, m.vmas.get(id));
  if (inAnonTrees) for (const [id] of changes) anonVmaTreeInsert(m, m.vmas.get(id));
};

/** A VMA takes over pages of another: it needs the same anchors. */
const importAnonVma = (m: Machine, importer: number, exporter: number): void => {
  const from = m.vmas.get(exporter);
  if (from.anonVma === 0 || m.vmas.get(importer).anonVma !== 0) return;
  m.vmas.update(importer, { anonVma: from.anonVma });
  anonVmaClone(m, importer, from);
};

/** A VMA vanishes into its neighbour. Kernel: `include/linux/rmap.h: anon_vma_merge` */
const dropMergedVma = (m: Machine, id: number): void => {
  const vma = m.vmas.get(id);
  vmaUnlinkFile(m, vma);
  if (vma.anonVma !== 0) unlinkAnonVmas(m, id);
  m.vmas.set(id, undefined);
};

/**
 * The boundary between two neighbours moves: `vma` grows into the next one, or shrinks in its favour.
 *
 * Kernel: `mm/mmap.c: __vma_adjust`, adjust_next (cases 4 and 5 of vma_merge)
 */
const moveBoundary = (m: Machine, vma: Vma, next: Vma, boundary: Vpn): void => {
  const grows = boundary > vma.vmEnd;
  importAnonVma(m, grows ? vma.id : next.id, grows ? next.id : vma.id);
  if (grows) vmaAdjustTransHuge(m, vma, vma.vmStart, boundary, next, boundary);
  else vmaAdjustTransHuge(m, vma, vma.vmStart, boundary);
  const anonVma = m.vmas.get(vma.id).anonVma || m.vmas.get(next.id).anonVma;
  moveLimits(
    m,
    [
      [vma.id, { vmStart: vma.vmStart, vmEnd: boundary, vmPgoff: vma.vmPgoff }],
      [next.id, { vmStart: boundary, vmEnd: next.vmEnd, vmPgoff: next.vmPgoff + (boundary - next.vmStart) }],
    ],
    anonVma !== 0,
  );
};

/**
 * A VMA grows over neighbours, which vanish.
 *
 * Kernel: `mm/mmap.c: __vma_adjust`, remove_next (cases 1, 2, 6, 7 and 8 of vma_merge)
 *
 * @param adjusted - the VMA that the kernel's function was called for: the first one of the range
 */
const growOver = (m: Machine, adjusted: Vma, keep: Vma, extent: VmaExtent, removed: readonly Vma[]): void => {
  const exporter = removed.find((vma) => vma.anonVma !== 0);
  if (exporter !== undefined) importAnonVma(m, keep.id, exporter.id);
  vmaAdjustTransHuge(m, adjusted, extent.vmStart, extent.vmEnd);
  const hasAnonVma = m.vmas.get(keep.id).anonVma !== 0;
  for (const vma of removed) forgetVma(m, vma);
  moveLimits(m, [[keep.id, extent]], hasAnonVma);
  for (const vma of removed) dropMergedVma(m, vma.id);
};

/** What a range is to become when vma_merge looks for a neighbour to join. */
export interface MergeWanted {
  readonly vmFlags: number;
  readonly anonVma: number;
  readonly file: number;
  readonly vmPgoff: number;
}

/** Kernel: `mm/mmap.c: is_mergeable_vma`. Memory of hugetlb has a close operation, so it never joins. */
const isMergeableVma = (vma: Vma, wanted: MergeWanted): boolean =>
  vma.vmFlags === wanted.vmFlags && vma.file === wanted.file && !isVmHugetlbPage(vma);

/**
 * Kernel: `mm/mmap.c: is_mergeable_anon_vma`
 *
 * @param vma - the neighbour; one that was cloned at fork (several anchors) does not take strangers
 */
const isMergeableAnonVma = (anonVma1: number, anonVma2: number, vma?: Vma): boolean => {
  const oneMissing = anonVma1 === 0 || anonVma2 === 0;
  if (oneMissing && (vma === undefined || vma.anonVmaChain.length === 1)) return true;
  return anonVma1 === anonVma2;
};

const canMergeWith = (vma: Vma, wanted: MergeWanted): boolean =>
  isMergeableVma(vma, wanted) && isMergeableAnonVma(wanted.anonVma, vma.anonVma, vma);

/**
 * Joins the range [start, end) with the neighbours it would be equal to. The range is empty, or part of one VMA
 * whose flags are about to change.
 *
 * Kernel: `mm/mmap.c: vma_merge`
 *
 * @param prev - VMA before the range, or the one in which it starts
 * @returns the VMA that now covers the range; its flags are `wanted.vmFlags` already
 */
export const vmaMerge = atomic(
  'vma_merge',
  (m, mm: Mm, start: Vpn, end: Vpn, prev: Vma | undefined, wanted: MergeWanted): Vma | undefined => {
    if ((wanted.vmFlags & VM_SPECIAL) !== 0) return undefined;
    const npages = end - start;
    const space = m.mms.get(mm.id);
    const mid = findVma(m, space, prev === undefined ? 0 : prev.vmEnd);
    const next = mid !== undefined && mid.vmEnd === end ? findVma(m, space, mid.vmEnd) : mid;

    const mergesPrev =
      prev !== undefined &&
      prev.vmEnd === start &&
      canMergeWith(prev, wanted) &&
      prev.vmPgoff + (prev.vmEnd - prev.vmStart) === wanted.vmPgoff;
    const mergesNext =
      next !== undefined &&
      next.vmStart === end &&
      canMergeWith(next, wanted) &&
      next.vmPgoff === wanted.vmPgoff + npages;

    if (mergesPrev && prev !== undefined) {
      const both = mergesNext && next !== undefined && isMergeableAnonVma(prev.anonVma, next.anonVma);
      return mergeIntoPrev(m, prev, both ? next.vmEnd : end);
    }
    if (mergesNext && next !== undefined) {
      if (prev !== undefined && start < prev.vmEnd) moveBoundary(m, prev, next, start);
      else mergeIntoNext(m, next, mid, start, next.vmPgoff - npages);
      return m.vmas.get(next.id);
    }
    return undefined;
  },
);

/** Cases 1, 2, 5, 6 and 7: the VMA before the range grows up to `end`. */
const mergeIntoPrev = (m: Machine, prev: Vma, end: Vpn): Vma => {
  const extent = { vmStart: prev.vmStart, vmEnd: end, vmPgoff: prev.vmPgoff };
  const removed: Vma[] = [];
  for (let vma = nextVma(m, prev); vma !== undefined && vma.vmEnd <= end; vma = nextVma(m, vma))
    removed.push(vma);
  const next = nextVma(m, prev);
  if (removed.length === 0 && next !== undefined && next.vmStart < end) moveBoundary(m, prev, next, end);
  else growOver(m, prev, prev, extent, removed);
  return m.vmas.get(prev.id);
};

/** Cases 3 and 8: the VMA behind the range grows down over it; a VMA that fills the range vanishes. */
const mergeIntoNext = (m: Machine, next: Vma, mid: Vma | undefined, start: Vpn, vmPgoff: number): void => {
  const extent = { vmStart: start, vmEnd: next.vmEnd, vmPgoff };
  const removed = mid === undefined || mid.id === next.id ? [] : [mid];
  growOver(m, removed[0] ?? next, next, extent, removed);
};

/**
 * Cuts a VMA in two. One half keeps the identity, the other is new; both have the same anchors.
 *
 * Kernel: `mm/mmap.c: __split_vma`
 *
 * @param newBelow - whether the new VMA is the lower half
 * @returns 0, or -EINVAL: a huge page of a pool cannot be cut
 */
export const splitVma = atomic('__split_vma', (m, cut: Vma, vpn: Vpn, newBelow: boolean): number => {
  const vma = m.vmas.get(cut.id);
  if (isVmHugetlbPage(vma) && vpn % hstateVma(m, vma).npages !== 0) return -EINVAL;
  const upperPgoff = vma.vmPgoff + (vpn - vma.vmStart);
  const lower = { vmStart: vma.vmStart, vmEnd: vpn, vmPgoff: vma.vmPgoff };
  const upper = { vmStart: vpn, vmEnd: vma.vmEnd, vmPgoff: upperPgoff };
  const created = m.vmas.add((id): Vma => ({ ...vma, ...(newBelow ? lower : upper), id, anonVmaChain: [] }));
  anonVmaClone(m, created, vma);
  const kept = newBelow ? upper : lower;
  vmaAdjustTransHuge(m, vma, kept.vmStart, kept.vmEnd);
  vmaLinkFile(m, m.vmas.get(created));
  moveLimits(m, [[vma.id, kept]], vma.anonVma !== 0);
  storeVma(m, m.vmas.get(created));
  return 0;
});

/**
 * Cuts a VMA so that [start, end) is one of its own.
 *
 * Ours: the two calls of split_vma that mprotect, mlock and madvise share.
 *
 * @returns 0, or -EINVAL
 */
const isolateRange = (m: Machine, vma: Vma, start: Vpn, end: Vpn): number => {
  if (start !== vma.vmStart) {
    const err = splitVma(m, vma, start, true);
    if (err !== 0) return err;
  }
  return end === vma.vmEnd ? 0 : splitVma(m, vma, end, false);
};

/**
 * Changes the flags of a range inside one VMA: joins it with equal neighbours, or cuts it off.
 *
 * Ours: what mprotect_fixup, mlock_fixup and madvise_update_vma have in common.
 *
 * @returns the VMA that covers the range, with the new flags, or -errno
 */
export const changeVmaFlags = (m: Machine, vma: Vma, start: Vpn, end: Vpn, vmFlags: number): Vma | number => {
  const mm = m.mms.get(vma.mm);
  // the VMA before the range, or the one in which it starts
  const prev = vmasOf(m, mm).findLast((other) => other.vmStart < start);
  const vmPgoff = vma.vmPgoff + (start - vma.vmStart);
  const wanted: MergeWanted = { vmFlags, anonVma: vma.anonVma, file: vma.file, vmPgoff };
  const merged = vmaMerge(m, mm, start, end, prev, wanted);
  if (merged !== undefined) return merged;
  const err = isolateRange(m, vma, start, end);
  return err === 0 ? m.vmas.update(vma.id, { vmFlags }) : err;
};

/**
 * Whether the first write to a page of a shared mapping must fault, so that the file system hears of it.
 *
 * Kernel: `mm/mmap.c: vma_wants_writenotify`
 */
export const vmaWantsWritenotify = (m: Machine, vma: Vma): boolean =>
  (vma.vmFlags & (VM_WRITE | VM_SHARED)) === (VM_WRITE | VM_SHARED) &&
  vma.file !== 0 &&
  m.files.get(vma.file).kind === 'file';

// --- mmap, munmap, exit ----------------------------------------------------------------------------------------------

/** What a program asks mmap for. */
export interface MmapRequest {
  readonly name: string;
  readonly npages: number;
  /** VM_READ, VM_WRITE, VM_EXEC. */
  readonly prot: number;
  readonly kind: AreaKind;
  /** For hugetlb: base pages of one huge page; absent: 512. */
  readonly hugePages?: number;
  /** Without MAP_NORESERVE. */
  readonly reserve?: boolean;
  /** For hugetlb: MAP_SHARED. */
  readonly shared?: boolean;
  /** For file kinds: the file; absent: the one regular file. */
  readonly file?: number;
  /** An area of that name and size that is unmapped: it is mapped again where it was (MAP_FIXED). */
  readonly again?: Area;
}

/** Backing and flags that follow from the kind of a mapping. */
const backingOf = (
  m: Machine,
  { kind, npages, file, hugePages = HPAGE_PMD_NR, shared = false }: MmapRequest,
): { readonly file: number; readonly flags: number } => {
  switch (kind) {
    case 'anon-private':
      return { file: 0, flags: 0 };
    case 'anon-shared':
      return { file: newShmem(m, npages), flags: VM_SHARED | VM_MAYSHARE };
    case 'file-private':
      return { file: file ?? fileOf(m), flags: 0 };
    case 'file-shared':
      return { file: file ?? fileOf(m), flags: VM_SHARED | VM_MAYSHARE | VM_WRITENOTIFY };
    case 'hugetlb':
      return {
        file: newHugetlbFile(m, npages, hugePages),
        flags: VM_HUGETLB | VM_DONTEXPAND | (shared ? VM_SHARED | VM_MAYSHARE : 0),
      };
    case 'device':
      return { file: newAddressSpace(m, 'device', 'special file', npages), flags: 0 };
  }
};

/**
 * Makes a new area, with MAP_NORESERVE if nothing else is said. No page and no page table yet.
 *
 * Kernel: `mm/mmap.c: mmap_region`
 * Simplified: areas of a scenario never touch, so a new one never joins a neighbour.
 */
export const mmapRegion = atomic('mmap_region', (m, mm: Mm, request: MmapRequest): Vma => {
  const { name, npages, prot, kind, reserve = false } = request;
  const area = request.again ?? addArea(m, mm.id, name, npages, kind);
  const { file, flags } = backingOf(m, request);
  const id = m.vmas.add(
    (vmaId): Vma => ({
      id: vmaId,
      mm: mm.id,
      vmStart: area.start,
      vmEnd: area.start + npages,
      vmFlags: prot | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | (reserve ? 0 : VM_NORESERVE) | flags,
      vmPgoff: kind === 'anon-private' ? area.start : 0,
      anonVma: 0,
      anonVmaChain: [],
      file,
    }),
  );
  insertVma(m, m.vmas.get(id));
  return m.vmas.get(id);
});

/**
 * Unmaps areas that are out of the address space already, and frees what only they used.
 *
 * Kernel: `mm/mmap.c: unmap_region`
 *
 * @param floor - end of the VMA before the range
 * @param ceiling - start of the VMA behind it
 */
const unmapRegion = sleepable(
  'unmap_region',
  function* (m, mm: Mm, start: Vpn, end: Vpn, vmas: readonly Vma[], floor: Vpn, ceiling: Vpn): Sleeps<void> {
    lruAddDrain(m);
    const tlb = tlbGatherMmu(m, mm.id);
    yield* unmapVmas(m, tlb, vmas, start, end);
    freePgtables(m, tlb, vmas, floor, ceiling);
    yield* tlbFlushMmuInSlices(m, tlb);
  },
);

/**
 * Removes a range from the address space; holes in it are no error.
 *
 * Kernel: `mm/mmap.c: do_mas_munmap`
 *
 * @returns 0, or -EINVAL
 */
export const doMunmap = sleepable(
  'do_mas_munmap',
  function* (m, mm: Mm, start: Vpn, end: Vpn): Sleeps<number> {
    if (start >= end) return -EINVAL;
    const first = findVma(m, m.mms.get(mm.id), start);
    if (first === undefined || first.vmStart >= end) return 0;
    if (start > first.vmStart) {
      const err = splitVma(m, first, start, false);
      if (err !== 0) return err;
    }
    const last = vmasOf(m, m.mms.get(mm.id)).find((vma) => vma.vmStart < end && vma.vmEnd > end);
    if (last !== undefined) {
      const err = splitVma(m, last, end, true);
      if (err !== 0) return err;
    }
    const all = vmasOf(m, m.mms.get(mm.id));
    const gone = all.filter((vma) => vma.vmStart >= start && vma.vmEnd <= end);
    const prev = all.findLast((vma) => vma.vmEnd <= start);
    const next = all.find((vma) => vma.vmStart >= end);
    for (const vma of gone) forgetVma(m, vma);
    yield* unmapRegion(m, mm, start, end, gone, prev?.vmEnd ?? 0, next?.vmStart ?? TASK_SIZE_PAGES);
    for (const vma of gone) yield* removeVma(m, vma);
    return 0;
  },
);

/**
 * The process ends: every device with a table for it drops all entries.
 *
 * Kernel: `mm/mmu_notifier.c: __mmu_notifier_release, mn_itree_release`
 */
const mmuNotifierRelease = (m: Machine, mm: Mm): void => {
  const range: MmuNotifierRange = { event: 'RELEASE', mm: mm.id, start: 0, end: TASK_SIZE_PAGES, owner: 0 };
  const row = notifierSeqRow(mm.id);
  const seq = m.scalars.get(row);
  if (mm.subscriptions.length === 0) return;
  m.scalars.set(row, seq + 1);
  for (const subscription of mm.subscriptions)
    m.notifierOps.get(subscription)?.invalidate(m, subscription, range);
  m.scalars.set(row, seq + 2);
};

/**
 * Tears the whole address space down when its process ends. Its areas stay listed by name.
 *
 * Kernel: `mm/mmap.c: exit_mmap`
 */
export const exitMmap = sleepable('exit_mmap', function* (m, exiting: Mm): Sleeps<void> {
  const mm = m.mms.get(exiting.id);
  mmuNotifierRelease(m, mm);
  const vmas = vmasOf(m, mm);
  if (vmas.length > 0) {
    lruAddDrain(m);
    const tlb = tlbGatherMmu(m, mm.id);
    yield* unmapVmas(m, tlb, vmas, 0, TASK_SIZE_PAGES);
    freePgtables(m, tlb, vmas, 0, TASK_SIZE_PAGES);
    yield* tlbFlushMmuInSlices(m, tlb);
  }
  m.mms.update(mm.id, { vmas: [], alive: false });
  for (const vma of vmas) yield* removeVma(m, vma);
  // an interval notifier holds the mm_struct, and with it the top table
  if (!mm.hasNotifierSubscriptions) freeTable(m, mm.pgd);
});

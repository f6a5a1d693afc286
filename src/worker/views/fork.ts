// Parent and child side by side: which frames they share, who would copy on the next write, and what a fork would do.

import { vmNormalPage } from '../../core/kernel/mm/normal-page.ts';
import { pageNeedsCowForDma } from '../../core/kernel/mm/fork.ts';
import {
  compoundHead,
  isDevicePrivatePage,
  isZoneDevicePage,
  pageAnon,
  pageCount,
  pageMapcount,
  testFlags,
} from '../../core/kernel/mm/page-ref.ts';
import { walkPte } from '../../core/kernel/mm/page-table.ts';
import { vmaLookup } from '../../core/kernel/mm/vma.ts';
import type { Area, Mm, Vma } from '../../core/machine/entities.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { PG_anon_exclusive, PG_ksm, PG_lru, PG_swapcache } from '../../core/uapi/page-flags.ts';
import { type Entry, entryWritable } from '../../core/uapi/pte.ts';
import { NO_PFN, NO_ROW } from '../../core/uapi/units.ts';
import {
  VM_DONTCOPY,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_SHARED,
  VM_WIPEONFORK,
  VM_WRITE,
} from '../../core/uapi/vm-flags.ts';
import type { Position } from '../protocol.ts';
import type { PteRow } from '../protocol-moment.ts';
import type { ForkArea, ForkOutcome, ForkSide, ForkView, WriteOutcome } from '../protocol-views.ts';
import type { Run } from '../run.ts';
import { homeOf, pinsOf } from './frames.ts';
import { type Scene, sceneAt } from './scene.ts';
import { rowPfn } from './rows.ts';

/** Pages of an area that are listed. */
const MAX_PAGES = 64;

/**
 * Whether the process that writes may keep a page that is not marked exclusive.
 *
 * Kernel: `mm/memory.c: do_wp_page`, its part for anonymous pages
 * Simplified: a page that is not on the LRU has one reference in a batch, and a slot of the swap cache is given up.
 */
const canReuse = (m: Machine, page: number, huge: boolean): boolean => {
  const folio = compoundHead(m, page);
  const count = pageCount(m, folio);
  if (huge) return count === 1;
  if (testFlags(m, folio, PG_ksm) || count > 3) return false;
  const batched = !testFlags(m, folio, PG_lru) && !isZoneDevicePage(m, folio) && count > 1 ? 1 : 0;
  const cached = testFlags(m, folio, PG_swapcache) ? 1 : 0;
  return count - batched - cached === 1;
};

/** What the next write of the process meets. Kernel: `mm/memory.c: handle_pte_fault, do_wp_page` */
const writeOutcome = (
  m: Machine,
  vma: Vma | undefined,
  row: PteRow,
  page: number,
  entry: Entry,
): WriteOutcome => {
  if (vma === undefined || (vma.vmFlags & VM_WRITE) === 0) return 'denied';
  switch (row.entry) {
    case 'none':
      return 'fresh';
    case 'device-private':
      return 'home';
    case 'device-exclusive':
      return 'taken-back';
    case 'migration':
      return 'waits';
    case 'swap':
    case 'hwpoison':
    case 'protnone':
    case 'other':
      return 'fault';
    case 'present':
  }
  if (entryWritable(entry)) return 'writes';
  if ((vma.vmFlags & VM_SHARED) !== 0) return 'shared';
  if (page === NO_PFN) return 'fresh';
  if (!pageAnon(m, page)) return 'copy';
  if (testFlags(m, page, PG_anon_exclusive)) return 'exclusive';
  return canReuse(m, page, row.level !== 'pte') ? 'reuse' : 'copy';
};

/** What a fork of the process would do with the page. Kernel: `kernel/fork.c: dup_mmap`, `mm/memory.c: copy_page_range` */
const forkOutcome = (m: Machine, vma: Vma | undefined, row: PteRow, page: number): ForkOutcome => {
  if (vma === undefined || (vma.vmFlags & VM_DONTCOPY) !== 0) return 'left-out';
  if ((vma.vmFlags & VM_WIPEONFORK) !== 0 || row.entry === 'none') return 'nothing';
  if ((vma.vmFlags & (VM_PFNMAP | VM_MIXEDMAP)) === 0 && vma.anonVma === 0) return 'nothing';
  const pinned =
    page !== NO_PFN &&
    pageAnon(m, page) &&
    testFlags(m, page, PG_anon_exclusive) &&
    !isDevicePrivatePage(m, page) &&
    pageNeedsCowForDma(m, vma, page);
  return pinned ? 'early-copy' : 'share';
};

const sideOf = ({ m, places }: Scene, mm: Mm, vpn: number): ForkSide | undefined => {
  const row = places.rowAt(mm.name, vpn)?.row;
  if (row === undefined) return undefined;
  const vma = vmaLookup(m, mm, vpn);
  const pfn = rowPfn(row, vpn - row.vpn);
  const at = row.level === 'pte' ? walkPte(m, mm, vpn) : NO_ROW;
  const entry = at === NO_ROW ? 0 : m.entries.get(at);
  const writable = row.writable;
  const present = row.entry === 'present';
  const normal =
    row.level === 'pte' && present && vma !== undefined
      ? vmNormalPage(m, vma, vpn, entry)
      : row.special
        ? NO_PFN
        : pfn;
  const page = normal < 0 ? NO_PFN : normal;
  return {
    entry: row.entry,
    pfn,
    residence: pfn < 0 ? undefined : homeOf(m, pfn),
    writable,
    exclusive: page !== NO_PFN && pageAnon(m, page) && testFlags(m, page, PG_anon_exclusive),
    mapcount: page === NO_PFN ? 0 : pageMapcount(m, page),
    pins: page === NO_PFN ? 0 : pinsOf(m, page),
    onWrite: writable && present ? 'writes' : writeOutcome(m, vma, row, page, entry),
    atFork: forkOutcome(m, vma, row, page),
  };
};

const areaOf = (scene: Scene, parent: Mm, child: Mm | undefined, area: Area): ForkArea => {
  const npages = Math.min(area.npages, MAX_PAGES);
  const pages = Array.from({ length: npages }, (_, index) => {
    const vpn = area.start + index;
    const ours = sideOf(scene, parent, vpn);
    const theirs = child === undefined ? undefined : sideOf(scene, child, vpn);
    const shared = ours !== undefined && theirs !== undefined && ours.pfn >= 0 && ours.pfn === theirs.pfn;
    return { index, vpn, parent: ours, child: theirs, shared };
  });
  return { name: area.name, kind: area.kind, pages, more: area.npages - npages };
};

interface Pair {
  readonly parent: string;
  readonly child: string;
}

/** Forks up to the position, with both processes still alive. */
const pairsAt = (run: Run, position: Position, alive: ReadonlySet<string>): Pair[] =>
  run.sim.steps
    .filter(({ begin }) => begin < position)
    .flatMap(({ step }) => (step.op === 'concurrent' ? step.steps : [step]))
    .flatMap((step) => (step.op === 'fork' ? [{ parent: step.proc, child: step.child }] : []))
    .filter(({ parent, child }) => alive.has(parent) && alive.has(child));

/** @param wanted - name of a child; another than a living one is answered with the last fork */
export const forkAt = (run: Run, position: Position, wanted: string | undefined): ForkView => {
  const scene = sceneAt(run, position);
  const alive = new Map(
    scene.m.mms
      .values()
      .filter((mm) => mm.alive)
      .map((mm) => [mm.name, mm] as const),
  );
  const pairs = pairsAt(run, position, new Set(alive.keys()));
  const pair = pairs.find(({ child }) => child === wanted) ?? pairs.at(-1);
  const parent = pair === undefined ? [...alive.values()][0] : alive.get(pair.parent);
  const child = pair === undefined ? undefined : alive.get(pair.child);
  return {
    pairs,
    parent: parent?.name ?? '',
    child: child?.name ?? '',
    hasPinned: parent?.hasPinned ?? false,
    areas: parent === undefined ? [] : parent.areas.map((area) => areaOf(scene, parent, child, area)),
  };
};

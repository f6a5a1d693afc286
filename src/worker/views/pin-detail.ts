// A handle in the inspector: its pages, what it forbids the kernel to do with them, and what dropping it would change.

import { compoundHead, folioTestLarge, pageAnon, testFlags } from '../../core/kernel/mm/page-ref.ts';
import type { PinHandle } from '../../core/machine/entities.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { FOLL_LONGTERM, GUP_PIN_COUNTING_BIAS } from '../../core/uapi/gup-flags.ts';
import { stepThatDrops } from '../../core/uapi/handles.ts';
import { PG_anon_exclusive } from '../../core/uapi/page-flags.ts';
import type { Position } from '../protocol.ts';
import type { HeldPage, PinBlock, PinDetailView } from '../protocol-views.ts';
import type { Run } from '../run.ts';
import { deviceOf, kindOf, residenceOf } from './frames.ts';
import { type Scene, sceneAt } from './scene.ts';

const MAX_PAGES = 64;

const isPin = ({ call }: PinHandle): boolean => call.startsWith('pin');

/** References that a handle has on a folio. Kernel: `mm/gup.c: try_grab_folio` */
const referencesOf = (m: Machine, handle: PinHandle, head: number): number => {
  const times = handle.pages.filter((page) => compoundHead(m, page) === head).length;
  return isPin(handle) && !folioTestLarge(m, head) ? times * GUP_PIN_COUNTING_BIAS : times;
};

/**
 * What a reference of GUP forbids on a page.
 *
 * Kernel: `mm/vmscan.c: shrink_folio_list`, `mm/migrate.c: folio_migrate_mapping`, `mm/memory.c: do_wp_page`,
 * `include/linux/mm.h: page_needs_cow_for_dma`
 */
const blocksOf = (m: Machine, handle: PinHandle, pfn: number): PinBlock[] => {
  const kind = kindOf(m, pfn);
  if (kind.endsWith('zero') || kind === 'reserved') return [];
  const anon = pageAnon(m, pfn);
  const exclusive = testFlags(m, pfn, PG_anon_exclusive);
  const shares = isPin(handle) && m.mms.get(handle.mm).hasPinned;
  return [
    ...(deviceOf(m, pfn) < 0 && kind !== 'hugetlb' ? (['eviction'] as const) : []),
    'migration',
    ...(anon && !exclusive ? (['reuse'] as const) : []),
    ...(anon && exclusive && shares ? (['sharing'] as const) : []),
  ];
};

const heldPage = ({ m, places }: Scene, handle: PinHandle, pfn: number): HeldPage => {
  const head = compoundHead(m, pfn);
  const refcount = m.pages.refcount.get(head);
  const others = m.handles
    .values()
    .filter(({ id, pages }) => id !== handle.id && pages.some((page) => compoundHead(m, page) === head));
  return {
    pfn,
    name: places.ownersOf(pfn),
    residence: residenceOf(m, pfn),
    refcount,
    blocks: blocksOf(m, handle, pfn),
    others: others.map(({ name }) => name),
    isLast: refcount === referencesOf(m, handle, head),
  };
};

/** @returns `held`: undefined where there is no handle of that name at the position */
export const pinDetailAt = (run: Run, position: Position, name: string): PinDetailView => {
  const scene = sceneAt(run, position);
  const { m } = scene;
  const handle = m.handles.values().find((candidate) => candidate.name === name);
  if (handle === undefined) return { name, held: undefined };
  const process = m.mms.get(handle.mm).name;
  const frames = [...new Set(handle.pages)];
  return {
    name,
    held: {
      process,
      call: handle.call,
      pin: isPin(handle),
      longterm: (handle.gupFlags & FOLL_LONGTERM) !== 0,
      pages: frames.slice(0, MAX_PAGES).map((pfn) => heldPage(scene, handle, pfn)),
      npages: frames.length,
      droppedIn: stepThatDrops(run.sim.steps, position, name)?.index ?? -1,
      drop: { op: isPin(handle) ? 'unpin' : 'put', proc: process, handle: name },
    },
  };
};

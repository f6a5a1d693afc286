// From numbers of the trace to parameters of a sentence: pages by their names, flags and errors as the kernel spells
// them. The sentences themselves stand in the words.

import type { Machine } from '../../core/machine/machine.ts';
import { errnoName } from '../../core/uapi/errno.ts';
import type { DecisionId } from '../../core/uapi/events.ts';
import { follFlagNames } from '../../core/uapi/gup-flags.ts';
import { MIGRATE_TRIGGERS, QUEUE_EVICTION_TRIGGERS, UNMAP_TRIGGERS } from '../../core/uapi/smi-events.ts';
import type { KernelFunctionName } from '../../core/uapi/source-refs.ts';
import type { Message } from '../protocol.ts';
import { deviceOf, homeOf } from './frames.ts';
import { GPU_DECISION_ARGUMENTS } from './gpu-messages.ts';
import type { Places } from './places.ts';

/** What a number of the trace stands for. Each gives one or more parameters of that name. */
export type ArgumentKind =
  /** A frame: `page` its name or pfn, `pfn`, `place` where it lies. */
  | 'page'
  /** A frame that a page moves to: `dst`, `dstPlace`. */
  | 'dst'
  /** A virtual page of the step's process: `page`. */
  | 'vpn'
  | 'step'
  | 'count'
  /** A second number beside a count. */
  | 'of'
  | 'failed'
  | 'refcount'
  /** Entries that map a page; 0 where the kernel does not ask. */
  | 'mapcount'
  | 'expected'
  | 'device'
  /** Identity of a device in the machine: `device` is its number in the scenario. */
  | 'deviceId'
  /** Pages as a number and as a size: `npages`, `size`. */
  | 'npages'
  | 'node'
  /** Where a range is: `where` is `system memory` or `GPU 1`. */
  | 'where'
  | 'errno'
  | 'flags'
  | 'write'
  /** Whether a fault moved a range. */
  | 'migrated'
  /** Why a range moves, queues stop, entries go: `trigger`. */
  | 'migrateTrigger'
  | 'queueTrigger'
  | 'unmapTrigger'
  | 'task'
  | 'cpu'
  | 'none';

export interface Namer {
  readonly m: Machine;
  readonly places: Places;
  /** Process of the running step; '' outside. */
  readonly process: string;
  /** What each task does, where several run at once. */
  readonly tasks: readonly string[];
  /** Frames that a page is coming to, with the frame it comes from. */
  readonly comingFrom: ReadonlyMap<number, number>;
}

const SIZES = ['KiB', 'MiB', 'GiB', 'TiB'] as const;
/** `4 KiB`, `64 GiB` of a number of pages. */
export const sizeText = (npages: number): string => {
  let size = npages * 4;
  let unit = 0;
  while (size >= 1024 && unit < SIZES.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${Number(size.toFixed(1))} ${SIZES[unit]}`;
};

export const hex = (n: number): string => (n < 0 ? `-0x${(-n).toString(16)}` : `0x${n.toString(16)}`);

/** `coherent:0`, `private:2`, `movable`, `system`: the words make a phrase of it. */
export const placeOf = (m: Machine, pfn: number): string => {
  if (pfn < 0) return '';
  const device = deviceOf(m, pfn);
  const home = homeOf(m, pfn);
  return device >= 0 ? `${home}:${device}` : home;
};

/** `buf+2`; a frame that nobody maps goes by its number. */
export const frameName = ({ places, comingFrom }: Namer, pfn: number): string => {
  if (pfn < 0) return '';
  const source = comingFrom.get(pfn);
  return places.ownersOf(pfn) || (source === undefined ? '' : places.ownersOf(source)) || `pfn ${hex(pfn)}`;
};

export const vpnName = ({ places, process }: Namer, vpn: number): string =>
  places.nameOfVpn(process, vpn) || `address ${hex(vpn * 4096)}`;

const argument = (namer: Namer, kind: ArgumentKind, value: number): Record<string, string | number> => {
  if (Number.isNaN(value)) return {};
  switch (kind) {
    case 'page':
      if (value < 0) return {};
      return { page: frameName(namer, value), pfn: hex(value), place: placeOf(namer.m, value) };
    case 'dst':
      return { dst: hex(value), dstPlace: placeOf(namer.m, value) };
    case 'vpn':
      return { page: vpnName(namer, value) };
    case 'deviceId':
      return { device: namer.m.devices.find(value)?.configId ?? -1 };
    case 'npages':
      return { npages: value, size: sizeText(value) };
    case 'where':
      return { where: value === 0 ? 'system memory' : `GPU ${namer.m.devices.find(value)?.configId ?? '?'}` };
    case 'errno':
      return { errno: errnoName(value) };
    case 'flags':
      return { flags: follFlagNames(value).join(' | ') };
    case 'migrateTrigger':
      return { trigger: MIGRATE_TRIGGERS[value] ?? '?' };
    case 'queueTrigger':
      return { trigger: QUEUE_EVICTION_TRIGGERS[value] ?? '?' };
    case 'unmapTrigger':
      return { trigger: UNMAP_TRIGGERS[value] ?? '?' };
    case 'task':
      return { task: value, does: namer.tasks[value - 1] ?? '' };
    case 'none':
      return {};
    case 'step':
    case 'count':
    case 'of':
    case 'failed':
    case 'refcount':
    case 'mapcount':
    case 'expected':
    case 'device':
    case 'write':
    case 'migrated':
    case 'cpu':
    case 'node':
      return { [kind]: value };
  }
};

export const message = (
  namer: Namer,
  id: string,
  kinds: readonly ArgumentKind[],
  values: readonly number[],
): Message => {
  const params: Record<string, string | number> = {};
  kinds.forEach((kind, i) => Object.assign(params, argument(namer, kind, values[i] ?? Number.NaN)));
  // a page that has arrived goes by the name it has where it is now
  const dst = values[kinds.indexOf('dst')];
  if (dst !== undefined && dst >= 0) {
    const owner = namer.places.ownersOf(dst);
    if (owner !== '') params['page'] = owner;
  }
  return { id, params };
};

/** What the numbers of a decision are. */
export const DECISION_ARGUMENTS: Readonly<Record<DecisionId, readonly ArgumentKind[]>> = {
  'fault.none.read': ['vpn'],
  'fault.none.write': ['vpn'],
  'fault.zero-page': ['vpn'],
  'fault.wp.exclusive': ['vpn', 'none'],
  'fault.wp.reuse': ['vpn', 'none'],
  'fault.wp.copy': ['vpn', 'none', 'mapcount'],
  'fault.unshare.copy': ['vpn', 'none', 'mapcount'],
  'fault.unshare.reuse': ['vpn', 'none'],
  'fault.device-private': ['vpn', 'none'],
  'fault.device-exclusive': ['vpn', 'none'],
  'fault.migration-wait': ['vpn'],
  'fault.segv': ['vpn', 'write'],
  'fault.sigbus': ['vpn'],
  'gup.fast.refused.none': ['vpn'],
  'gup.fast.refused.read-only': ['vpn'],
  'gup.fast.refused.special': ['vpn'],
  'gup.fast.refused.longterm': ['page'],
  'gup.fast.refused.unshare': ['vpn'],
  'gup.fast.grabbed': ['vpn', 'none', 'count'],
  'gup.slow.needs-fault': ['vpn'],
  'gup.slow.needs-unshare': ['vpn'],
  'gup.vma-refused': ['vpn', 'none', 'errno'],
  'gup.no-vma': ['vpn'],
  'pinnable.cma': ['page'],
  'pinnable.isolate': ['page'],
  'pinnable.zero-page': ['page'],
  'pinnable.coherent': ['page'],
  'pinnable.movable': ['page'],
  'pinnable.ordinary': ['page'],
  'longterm.unpinnable-count': ['count', 'of'],
  'longterm.pin-becomes-reference': ['page'],
  'longterm.all-pinnable': ['count'],
  'longterm.second-pass': ['count'],
  'longterm.failed': ['errno'],
  'migrate.selected': ['vpn'],
  'migrate.not-selected': ['vpn'],
  'migrate.hole': ['vpn'],
  'migrate.zero-page': ['vpn'],
  'migrate.trylock-failed': ['page'],
  'migrate.maybe-pinned': ['page', 'refcount'],
  'migrate.check-page.extra-references': ['page', 'refcount', 'expected'],
  'migrate.expected-count': ['page', 'refcount', 'expected'],
  'migrate.no-destination': ['page'],
  'migrate.destination': ['page', 'dst'],
  'migrate.file-refused': ['page'],
  'migrate.moved': ['page', 'dst'],
  'migrate.restored': ['page'],
  'migrate.isolation-failed': ['page'],
  'fork.share': ['vpn'],
  'fork.early-copy': ['vpn'],
  'fork.private-entry': ['vpn'],
  'fork.vma-skipped': ['vpn'],
  'device.free': ['page'],
  'device.allocated': ['page', 'device'],
  'device.exhausted': ['device'],
  'notifier.own-migration-ignored': ['deviceId', 'vpn'],
  'notifier.invalidated': ['deviceId', 'vpn'],
  'hmm.needs-fault': ['vpn'],
  'hmm.error': ['vpn'],
  'thp.fallback': ['vpn'],
  'thp.split': ['page'],
  'hugetlb.exhausted': ['count'],
  'copy.page': ['page', 'dst'],
  'zero.page': ['page'],
  'lru.drained': ['count'],
  'sleep.page-lock': ['page'],
  'sleep.migration-entry': ['page'],
  'sleep.invalidation': ['none', 'none'],
  wake: ['task'],
  ...GPU_DECISION_ARGUMENTS,
};

/** What the first three arguments of a kernel function are, where panels show them. */
const FUNCTION_ARGUMENTS: Partial<Record<KernelFunctionName, readonly (readonly [string, ArgumentKind])[]>> =
  {
    handle_mm_fault: [
      ['vma', 'none'],
      ['address', 'vpn'],
    ],
    do_anonymous_page: [
      ['vma', 'none'],
      ['address', 'vpn'],
    ],
    wp_page_copy: [
      ['vma', 'none'],
      ['address', 'vpn'],
    ],
    internal_get_user_pages_fast: [
      ['start', 'vpn'],
      ['nr_pages', 'count'],
      ['gup_flags', 'flags'],
    ],
    lockless_pages_from_mm: [
      ['start', 'vpn'],
      ['end', 'none'],
      ['gup_flags', 'flags'],
    ],
    __gup_longterm_locked: [
      ['start', 'vpn'],
      ['nr_pages', 'count'],
      ['gup_flags', 'flags'],
    ],
    __get_user_pages: [
      ['start', 'vpn'],
      ['nr_pages', 'count'],
      ['gup_flags', 'flags'],
    ],
    pin_user_pages: [
      ['start', 'vpn'],
      ['nr_pages', 'count'],
      ['gup_flags', 'flags'],
    ],
    pin_user_pages_fast: [
      ['start', 'vpn'],
      ['nr_pages', 'count'],
      ['gup_flags', 'flags'],
    ],
    get_user_pages: [
      ['start', 'vpn'],
      ['nr_pages', 'count'],
      ['gup_flags', 'flags'],
    ],
    get_user_pages_fast: [
      ['start', 'vpn'],
      ['nr_pages', 'count'],
      ['gup_flags', 'flags'],
    ],
    follow_page_mask: [
      ['vma', 'none'],
      ['address', 'vpn'],
    ],
    follow_page_pte: [
      ['vma', 'none'],
      ['address', 'vpn'],
    ],
    faultin_page: [
      ['vma', 'none'],
      ['address', 'vpn'],
    ],
    try_grab_folio: [
      ['page', 'page'],
      ['refs', 'count'],
      ['flags', 'flags'],
    ],
    try_grab_page: [
      ['page', 'page'],
      ['flags', 'flags'],
    ],
    gup_put_folio: [
      ['folio', 'page'],
      ['refs', 'count'],
      ['flags', 'flags'],
    ],
    is_longterm_pinnable_page: [['page', 'page']],
    folio_is_longterm_pinnable: [['folio', 'page']],
    unpin_user_page: [['page', 'page']],
    migrate_device_coherent_page: [['page', 'page']],
    migrate_vma_check_page: [['page', 'page']],
    migrate_vma_setup: [
      ['start', 'vpn'],
      ['end', 'none'],
    ],
    migrate_vma_collect: [
      ['start', 'vpn'],
      ['end', 'none'],
    ],
    migrate_vma_insert_page: [
      ['addr', 'vpn'],
      ['page', 'page'],
    ],
    migrate_folio: [
      ['dst', 'dst'],
      ['src', 'page'],
    ],
    migrate_folio_extra: [
      ['dst', 'dst'],
      ['src', 'page'],
    ],
    folio_migrate_mapping: [
      ['newfolio', 'dst'],
      ['folio', 'page'],
    ],
    folio_migrate_flags: [
      ['newfolio', 'dst'],
      ['folio', 'page'],
    ],
    folio_migrate_copy: [
      ['newfolio', 'dst'],
      ['folio', 'page'],
    ],
    remove_migration_ptes: [
      ['src', 'page'],
      ['dst', 'dst'],
    ],
    remove_migration_pte: [
      ['old', 'page'],
      ['folio', 'dst'],
    ],
    try_to_migrate: [['folio', 'page']],
    try_to_migrate_one: [
      ['folio', 'page'],
      ['vma', 'none'],
      ['address', 'vpn'],
    ],
    page_add_anon_rmap: [
      ['page', 'page'],
      ['vma', 'none'],
      ['address', 'vpn'],
    ],
    page_add_new_anon_rmap: [
      ['page', 'page'],
      ['vma', 'none'],
      ['address', 'vpn'],
    ],
    page_remove_rmap: [['page', 'page']],
    page_move_anon_rmap: [['page', 'page']],
    folio_add_lru: [['folio', 'page']],
    folio_add_lru_vma: [['folio', 'page']],
    folio_isolate_lru: [['folio', 'page']],
    isolate_lru_page: [['page', 'page']],
    folio_putback_lru: [['folio', 'page']],
    putback_lru_page: [['page', 'page']],
    zone_device_page_init: [['page', 'page']],
    free_zone_device_page: [['page', 'page']],
    dmirror_devmem_free: [['page', 'page']],
    dmirror_do_update: [['start', 'vpn']],
    dmirror_do_read: [['start', 'vpn']],
    dmirror_do_write: [['start', 'vpn']],
    dmirror_migrate_to_device: [
      ['start', 'vpn'],
      ['npages', 'count'],
    ],
    dmirror_migrate_to_system: [
      ['start', 'vpn'],
      ['npages', 'count'],
    ],
    hmm_range_fault: [['start', 'vpn']],
    hmm_vma_handle_pte: [['addr', 'vpn']],
  };

/** Named arguments of a call, as far as they say something to a reader. */
export const callArguments = (
  namer: Namer,
  fn: KernelFunctionName,
  values: readonly number[],
): { readonly name: string; readonly value: string }[] =>
  (FUNCTION_ARGUMENTS[fn] ?? []).flatMap(([name, kind], i) => {
    const value = values[i] ?? Number.NaN;
    if (kind === 'none' || Number.isNaN(value)) return [];
    const shown = Object.values(argument(namer, kind, value))[0];
    return shown === undefined || shown === '' ? [] : [{ name, value: String(shown) }];
  });

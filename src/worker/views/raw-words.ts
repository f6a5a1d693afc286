// The bytes of a struct page as eight words, as print_hex_dump shows them. What the model does not keep is named instead.

import { isHugeZeroPage } from '../../core/kernel/mm/huge-memory.ts';
import {
  compoundHead,
  folioNrPages,
  folioOrder,
  isZoneDevicePage,
  pageAnon,
  pageHuge,
  pagePgmap,
  pageToNid,
} from '../../core/kernel/mm/page-ref.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { ZONE_NAMES } from '../../core/uapi/config.ts';
import {
  PG_buddy,
  PG_deferred_split,
  PG_double_map,
  PG_hwpoison,
  PG_ksm,
  PG_lru,
  PG_private,
  PG_swapcache,
  PG_table,
  PG_unevictable,
  PG_workingset,
} from '../../core/uapi/page-flags.ts';
import type { RawField, RawWord } from '../protocol-dump.ts';

const VMEMMAP = 0xffffea0000000000n;
const STRUCT_PAGE_BYTES = 64n;
const LRU_OFFSET = 8n;
const DEFERRED_LIST_OFFSET = 16n;

// x86-64 with sparse vmemmap: the flags below, then last_cpupid, zone and node at the top of the word.
// Kernel: `include/linux/page-flags-layout.h`
const LAST_CPUPID_SHIFT = 30n;
const LAST_CPUPID_NONE = 0x1fffffn;
const ZONE_SHIFT = 51n;
const NODE_SHIFT = 54n;
/** PG_uncached stands before it on x86. */
const HWPOISON_BIT = 23;
/** Flags of the kernel; above them the simulation keeps what the kernel has elsewhere. */
const KERNEL_FLAGS = PG_hwpoison * 2 - 1;

/** include/linux/mm.h: enum compound_dtor_id */
const COMPOUND_PAGE_DTOR = 1;
const HUGETLB_PAGE_DTOR = 2;
const TRANSHUGE_PAGE_DTOR = 3;
/** include/linux/poison.h: TAIL_MAPPING */
const TAIL_MAPPING = 0xdead000000000400n;
/** page_type counts down from -1. include/linux/page-flags.h: PG_buddy, PG_table */
const TYPE_BUDDY = 0xffffff7f;
const TYPE_TABLE = 0xfffffdff;

export const bitOf = (flag: number): number => (flag === PG_hwpoison ? HWPOISON_BIT : Math.log2(flag));

export const zoneIndex = (m: Machine, pfn: number): number => {
  if (isZoneDevicePage(m, pfn)) return ZONE_NAMES.indexOf('Device');
  const zone = m.rangeOf(pfn)?.zone;
  return zone === undefined ? 0 : ZONE_NAMES.indexOf(zone);
};

const word64 = (value: bigint): string => value.toString(16).padStart(16, '0');
const pageAddress = (pfn: number): bigint => VMEMMAP + BigInt(pfn) * STRUCT_PAGE_BYTES;
export const pagePointer = (pfn: number): string => word64(pageAddress(pfn));
export const NULL_POINTER = word64(0n);

/** page->flags with the fields above the flags. @param bits - as the simulation has them */
export const flagsWord = (m: Machine, pfn: number, bits: number): bigint => {
  const low = BigInt((bits & KERNEL_FLAGS & ~PG_hwpoison) >>> 0);
  const poison = (bits & PG_hwpoison) === 0 ? 0n : 1n << BigInt(HWPOISON_BIT);
  return (
    low |
    poison |
    (LAST_CPUPID_NONE << LAST_CPUPID_SHIFT) |
    (BigInt(zoneIndex(m, pfn)) << ZONE_SHIFT) |
    (BigInt(pageToNid(m, pfn)) << NODE_SHIFT)
  );
};

const number = (field: RawField, value: bigint | number, says = ''): RawWord => ({
  field,
  text: word64(BigInt.asUintN(64, BigInt(value))),
  says,
});
/** A pointer to something that has no address here. */
const named = (field: RawField, name: string): RawWord => ({
  field,
  text: name.padStart(16, '·'),
  says: name,
});
/** The model does not keep it. */
const unknown = (field: RawField): RawWord => ({ field, text: '????????????????', says: '' });
const zero = (field: RawField): RawWord => number(field, 0);

/** A link of a list: the lru of the next page, or the list's own head. */
const link = (field: RawField, kept: number): RawWord =>
  kept === 0
    ? named(field, 'list head')
    : number(field, pageAddress(kept - 1) + LRU_OFFSET, `pfn 0x${(kept - 1).toString(16)}`);

type Five = readonly [RawWord, RawWord, RawWord, RawWord, RawWord];

const mappingWord = (m: Machine, pfn: number): RawWord => {
  const mapping = m.pages.mapping.get(pfn);
  if (mapping === 0) return zero('mapping');
  if ((m.pages.flags.get(pfn) & PG_ksm) !== 0) return named('mapping', 'stable_node | 3');
  if ((mapping & 1) === 1) return named('mapping', `anon_vma ${mapping >> 1} | 1`);
  return named('mapping', `mapping ${mapping >> 1}`);
};

const privateWord = (m: Machine, pfn: number): RawWord => {
  const flags = m.pages.flags.get(pfn);
  const value = m.pages.private.get(pfn);
  if (pageHuge(m, pfn)) return unknown('private');
  if (pageAnon(m, pfn) && (flags & PG_swapcache) !== 0) return number('private', value, `swap slot ${value}`);
  if ((flags & PG_private) !== 0) return named('private', 'buffer_heads');
  return number('private', value);
};

/** First tail: what the folio counts as a whole. */
const firstTail = (m: Machine, head: number): readonly [RawWord, RawWord, RawWord] => {
  const { compoundMapcount, compoundPincount } = m.pages;
  const order = folioOrder(m, head);
  const dtor = pageHuge(m, head)
    ? HUGETLB_PAGE_DTOR
    : isHugeZeroPage(m, head)
      ? COMPOUND_PAGE_DTOR
      : TRANSHUGE_PAGE_DTOR;
  const mapcount = compoundMapcount.get(head);
  const pins = compoundPincount.get(head);
  const entire = BigInt((mapcount - 1) >>> 0);
  return [
    number(
      'compound_order',
      BigInt(dtor) | (BigInt(order) << 8n) | (entire << 32n),
      `order ${order}, mapped as a whole ${mapcount} times`,
    ),
    number(
      'compound_nr',
      BigInt(pins >>> 0) | (BigInt(folioNrPages(m, head)) << 32n),
      `${folioNrPages(m, head)} pages, ${pins} pins`,
    ),
    unknown('_private_1'),
  ];
};

const tailWords = (m: Machine, pfn: number, head: number): Five => {
  const isHugetlb = pageHuge(m, head);
  const way = number('compound_head', pageAddress(head) | 1n, `pfn 0x${head.toString(16)}`);
  const own = isHugetlb ? unknown('private') : zero('private');
  if (pfn === head + 1) return [way, ...firstTail(m, head), own];
  const mapping = number('tail-mapping', TAIL_MAPPING);
  if (pfn > head + 2 || isHugetlb) return [way, unknown('unused'), mapping, unknown('index'), own];
  const isQueued = (m.pages.flags.get(head) & PG_deferred_split) !== 0;
  const list = isQueued
    ? named('deferred_list', 'split queue')
    : number('deferred_list', pageAddress(pfn) + DEFERRED_LIST_OFFSET, 'on no queue');
  return [way, list, list, unknown('index'), own];
};

const zoneDeviceData = (m: Machine, pfn: number): RawWord => {
  const kept = m.pages.zoneDeviceData.get(pfn);
  if (kept === 0) return zero('zone_device_data');
  if (m.config.gpu !== undefined) return named('zone_device_data', `svm_range_bo ${kept}`);
  // a private page has the page behind it, one in use its owner, one on the free list the next of that
  const isInUse = m.pages.refcount.get(pfn) > 0;
  const isPrivate = pagePgmap(m, pfn)?.type === 'MEMORY_DEVICE_PRIVATE';
  if (isInUse && !isPrivate) return named('zone_device_data', `dmirror ${kept}`);
  return number('zone_device_data', pageAddress(kept - 1), `pfn 0x${(kept - 1).toString(16)}`);
};

const listWords = (m: Machine, pfn: number): readonly [RawWord, RawWord] => {
  const { flags, lruNext, lruPrev, mlockCount } = m.pages;
  const word = flags.get(pfn);
  if ((word & PG_buddy) !== 0)
    return [link('buddy_list.next', lruNext.get(pfn)), link('buddy_list.prev', lruPrev.get(pfn))];
  if ((word & PG_lru) === 0) return [unknown('lru.next'), unknown('lru.prev')];
  if ((word & PG_unevictable) === 0)
    return [link('lru.next', lruNext.get(pfn)), link('lru.prev', lruPrev.get(pfn))];
  const count = mlockCount.get(pfn);
  const low = count.toString(16).padStart(8, '0');
  return [
    unknown('__filler'),
    { field: 'mlock_count', text: `????????${low}`, says: `${count} mlocked areas` },
  ];
};

const middleWords = (m: Machine, pfn: number): Five => {
  const { pages } = m;
  const head = compoundHead(m, pfn);
  if (head !== pfn) return tailWords(m, pfn, head);
  const flags = pages.flags.get(pfn);
  const pgmap = pagePgmap(m, pfn);
  const index = number('index', pages.index.get(pfn));
  if (pgmap !== undefined) {
    const data = zoneDeviceData(m, pfn);
    return [named('pgmap', `pgmap ${pgmap.id}`), data, mappingWord(m, pfn), index, zero('private')];
  }
  if ((flags & PG_table) !== 0)
    return [
      unknown('_pt_pad_1'),
      unknown('pmd_huge_pte'),
      mappingWord(m, pfn),
      unknown('pt_mm'),
      unknown('ptl'),
    ];
  const [next, prev] = listWords(m, pfn);
  if ((flags & PG_buddy) !== 0) {
    const order = pages.private.get(pfn);
    return [next, prev, zero('mapping'), unknown('index'), number('buddy-order', order, `order ${order}`)];
  }
  const isFree = pages.refcount.get(pfn) === 0;
  return [next, prev, mappingWord(m, pfn), isFree ? unknown('index') : index, privateWord(m, pfn)];
};

const countsWord = (m: Machine, pfn: number): RawWord => {
  const flags = m.pages.flags.get(pfn);
  const refcount = m.pages.refcount.get(pfn);
  const type = (flags & PG_buddy) !== 0 ? TYPE_BUDDY : (flags & PG_table) !== 0 ? TYPE_TABLE : undefined;
  const mapcount = m.pages.mapcount.get(pfn) - 1;
  const low = type ?? mapcount >>> 0;
  const says =
    type === undefined
      ? `_refcount ${refcount}, _mapcount ${mapcount}`
      : `_refcount ${refcount}, page_type ${type === TYPE_BUDDY ? 'buddy' : 'table'}`;
  return number(
    type === undefined ? '_mapcount' : 'page_type',
    BigInt(low) | (BigInt(refcount >>> 0) << 32n),
    says,
  );
};

/**
 * Kernel: `include/linux/mm_types.h: struct page`, `mm/debug.c: __dump_page`
 * Simplified: objects that are no pages have no addresses, so their pointers are named; no cgroups, locks or leftovers.
 */
export const rawWords = (m: Machine, pfn: number): readonly RawWord[] => {
  const head = compoundHead(m, pfn);
  const bits = m.pages.flags.get(pfn);
  // PG_double_map is PG_workingset of the first tail
  const isDouble = pfn === head + 1 && (m.pages.flags.get(head) & PG_double_map) !== 0;
  return [
    number('flags', flagsWord(m, pfn, isDouble ? bits | PG_workingset : bits)),
    ...middleWords(m, pfn),
    countsWord(m, pfn),
    unknown('memcg_data'),
  ];
};

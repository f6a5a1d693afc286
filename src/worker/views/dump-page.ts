// A page frame in the kernel's own lines: what dump_page would print of it.

import {
  compoundHead,
  folioOrder,
  pageAnon,
  pageCompound,
  pageMapcount,
  pageMapping,
  pageToNid,
} from '../../core/kernel/mm/page-ref.ts';
import type { Machine } from '../../core/machine/machine.ts';
import {
  PG_active,
  PG_dirty,
  PG_error,
  PG_head,
  PG_hwpoison,
  PG_ksm,
  PG_locked,
  PG_lru,
  PG_mappedtodisk,
  PG_mlocked,
  PG_owner_priv_1,
  PG_private,
  PG_reclaim,
  PG_referenced,
  PG_reserved,
  PG_slab,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  PG_uptodate,
  PG_waiters,
  PG_workingset,
  PG_writeback,
} from '../../core/uapi/page-flags.ts';
import type { DumpedPage } from '../protocol-dump.ts';
import { isCma } from './frames.ts';
import { hex } from './messages.ts';
import { bitOf, flagsWord, NULL_POINTER, pagePointer, rawWords, zoneIndex } from './raw-words.ts';

/** In the order in which the kernel prints them. Kernel: `include/trace/events/mmflags.h: __def_pageflag_names` */
const PRINTED: readonly (readonly [number, string])[] = [
  [PG_locked, 'locked'],
  [PG_waiters, 'waiters'],
  [PG_error, 'error'],
  [PG_referenced, 'referenced'],
  [PG_uptodate, 'uptodate'],
  [PG_dirty, 'dirty'],
  [PG_lru, 'lru'],
  [PG_active, 'active'],
  [PG_workingset, 'workingset'],
  [PG_slab, 'slab'],
  [PG_owner_priv_1, 'owner_priv_1'],
  [PG_reserved, 'reserved'],
  [PG_private, 'private'],
  [PG_writeback, 'writeback'],
  [PG_head, 'head'],
  [PG_mappedtodisk, 'mappedtodisk'],
  [PG_reclaim, 'reclaim'],
  [PG_swapbacked, 'swapbacked'],
  [PG_unevictable, 'unevictable'],
  [PG_mlocked, 'mlocked'],
  [PG_hwpoison, 'hwpoison'],
];

const mappingPointer = (m: Machine, pfn: number, head: number): string => {
  const file = m.files.find(pageMapping(m, head));
  if (file !== undefined) return `(${file.kind} ${file.name})`;
  const swapcache = pageAnon(m, pfn) && (m.pages.flags.get(head) & PG_swapcache) !== 0;
  return swapcache ? '(swapper_space)' : NULL_POINTER;
};

/**
 * The lines of a page, and its flags with their bits.
 *
 * Kernel: `mm/debug.c: __dump_page`, `lib/vsprintf.c: format_page_flags`
 * Simplified: pointers are not hashed, a mapping goes by its name without aops and inode number, there is no memcg
 * line, and last_cpupid is that of a page that nobody has touched.
 */
export const dumpPage = (m: Machine, pfn: number): DumpedPage => {
  const head = compoundHead(m, pfn);
  const { pages } = m;
  const word = pages.flags.get(head);
  const set = PRINTED.filter(([flag]) => (word & flag) !== 0);
  const node = pageToNid(m, pfn);
  const zone = zoneIndex(m, pfn);
  const flags = flagsWord(m, pfn, word);
  const index = pages.index.get(head) + pfn - head;
  const file = m.files.find(pageMapping(m, head));
  const anon = pageAnon(m, pfn);
  const type = (pages.flags.get(pfn) & PG_ksm) !== 0 ? 'ksm ' : anon ? 'anon ' : '';
  return {
    lines: [
      `page:${pagePointer(pfn)} refcount:${pages.refcount.get(head)} mapcount:${pageMapcount(m, pfn)} ` +
        `mapping:${mappingPointer(m, pfn, head)} index:${hex(index)} pfn:${hex(pfn)}`,
      ...(pageCompound(m, pfn)
        ? [
            `head:${pagePointer(head)} order:${folioOrder(m, head)} ` +
              `compound_mapcount:${pages.compoundMapcount.get(head)} ` +
              `compound_pincount:${pages.compoundPincount.get(head)}`,
          ]
        : []),
      ...(file === undefined || type !== '' ? [] : [`dentry name:"${file.name}"`]),
    ],
    flagsPrefix: `${type}flags: ${`0x${flags.toString(16)}`}`,
    flags: set.map(([flag, name]) => ({ bit: bitOf(flag), name: nameFor(flag, name, anon) })),
    fields: [`node=${node}`, `zone=${zone}`, 'lastcpupid=0x1fffff'],
    cma: isCma(m, head),
    raw: [
      { prefix: 'raw', words: rawWords(m, pfn) },
      ...(head === pfn ? [] : [{ prefix: 'head', words: rawWords(m, head) } as const]),
    ],
  };
};

/** What a bit means on an anonymous page, where it has a second name. */
const nameFor = (flag: number, name: string, anon: boolean): DumpedPage['flags'][number]['name'] => {
  if (anon && flag === PG_mappedtodisk) return { printed: name, means: 'anon_exclusive' };
  if (anon && flag === PG_swapcache) return { printed: name, means: 'swapcache' };
  return { printed: name, means: name };
};

// The comparison of the five types of device memory in words. Kernel words stand between backticks.

import type { MemoryProperty, MemoryPropertyGroup, MemoryTypeName } from '../../core/uapi/memory-types.ts';

export interface MemoryTypeWords {
  /** What it is, in a sentence. */
  readonly about: string;
  /** Who registers such memory in Linux 6.1. */
  readonly users: string;
  /** The scene that shows it. */
  readonly scene: string;
}

export const memoryTypes: Readonly<Record<MemoryTypeName, MemoryTypeWords>> = {
  PRIVATE: {
    about:
      'Memory that the CPU cannot address. The page table says where the page is, and every touch brings it home.',
    users: 'amdgpu, nouveau, `test_hmm`',
    scene: 'type-private',
  },
  COHERENT: {
    about:
      'Memory of a device that the CPU addresses like its own. Page tables map it as ordinary memory; its driver can take it back.',
    users: 'amdgpu with a link to the CPU, `test_hmm`',
    scene: 'type-coherent',
  },
  FS_DAX: {
    about:
      'Persistent memory with a file system on it. A mapping of a file is the medium itself, without a page cache.',
    users: 'pmem, virtio-fs',
    scene: 'type-fs-dax',
  },
  GENERIC: {
    about: 'Memory behind a character device that programs map whole, for themselves.',
    users: 'device-dax, Xen',
    scene: 'type-generic',
  },
  PCI_P2PDMA: {
    about: 'Memory in a PCI device that its peers read and write without the CPU.',
    users: 'NVMe controllers with a memory buffer',
    scene: 'type-p2pdma',
  },
};

export const memoryPropertyGroups: Readonly<
  Record<MemoryPropertyGroup, { readonly title: string; readonly about: string }>
> = {
  cpu: {
    title: 'The CPU and the page table',
    about: 'What a load finds, and what stands in the page table of a process.',
  },
  migrate: {
    title: 'Migration',
    about:
      'What `migrate_vma` does with such memory as destination and as source. A number says how many of two pages were selected.',
  },
  gup: {
    title: 'References and pins',
    about: 'Where the page is when the call returns. `home` means in system memory.',
  },
  life: {
    title: 'Lists, counts and the way back',
    about:
      'No type is ever on an LRU list. What differs is who holds a page that nobody uses, and who hears that it is free.',
  },
  register: {
    title: 'Registration',
    about: 'What `memremap_pages` answers a driver that brings everything, or leaves something out.',
  },
};

interface PropertyWords {
  readonly name: string;
  /** The function that decides it. */
  readonly source: string;
}

export const memoryProperties: Readonly<Record<MemoryProperty, PropertyWords>> = {
  'in-place': { name: 'The CPU uses it in place', source: 'mm/memory.c: handle_pte_fault' },
  'linear-map': { name: 'Is in the kernel’s linear map', source: 'mm/memremap.c: pagemap_range' },
  pgprot: { name: 'Protection there', source: 'mm/memremap.c: memremap_pages' },
  entry: { name: 'Kind of entry', source: 'mm/memory.c: vmf_insert_mixed' },
  devmap: { name: 'Entry has the devmap bit', source: 'mm/memory.c: insert_pfn' },
  special: { name: 'Entry has the special bit', source: 'mm/memory.c: insert_pfn' },
  'normal-page': { name: '`vm_normal_page` finds a page', source: 'mm/memory.c: vm_normal_page' },
  into: { name: 'A page moves into it', source: 'mm/migrate_device.c: migrate_vma_pages' },
  'into-hole': { name: 'A hole is filled with it', source: 'mm/migrate_device.c: migrate_vma_insert_page' },
  'from-any': { name: 'Selected with all flags', source: 'mm/migrate_device.c: migrate_vma_setup' },
  'from-system': { name: '`SELECT_SYSTEM` only', source: 'mm/migrate_device.c: migrate_vma_collect_pmd' },
  'from-private': {
    name: '`SELECT_DEVICE_PRIVATE` only',
    source: 'mm/migrate_device.c: migrate_vma_collect_pmd',
  },
  'from-coherent': {
    name: '`SELECT_DEVICE_COHERENT` only',
    source: 'mm/migrate_device.c: migrate_vma_collect_pmd',
  },
  get: { name: '`get_user_pages`', source: 'mm/gup.c: follow_page_pte' },
  'get-fast-only': { name: '`get_user_pages_fast_only`', source: 'mm/gup.c: gup_pte_range' },
  pin: { name: '`pin_user_pages`', source: 'mm/gup.c: follow_page_pte' },
  'pin-longterm': {
    name: '`pin_user_pages`, `FOLL_LONGTERM`',
    source: 'mm/gup.c: check_and_migrate_movable_pages',
  },
  'pin-longterm-fast-only': {
    name: '`pin_user_pages_fast_only`, `FOLL_LONGTERM`',
    source: 'mm/gup.c: try_grab_folio',
  },
  lru: { name: 'Is on an LRU list', source: 'mm/mm_init.c: __init_zone_device_page' },
  reserved: { name: 'Is marked reserved', source: 'mm/mm_init.c: __init_zone_device_page' },
  'ref-free': { name: 'References of a page at rest', source: 'mm/memremap.c: free_zone_device_page' },
  'ref-mapped': { name: 'References of a mapped page', source: 'mm/memory.c: insert_pfn' },
  'ref-pgmap': {
    name: 'References on the `dev_pagemap` of 512 pages, two of them in use',
    source: 'mm/memremap.c: pagemap_range',
  },
  'page-free': { name: 'The driver has `page_free`', source: 'mm/memremap.c: free_zone_device_page' },
  'migrate-to-ram': { name: 'The driver has `migrate_to_ram`', source: 'mm/memory.c: do_swap_page' },
  owner: { name: 'Has an owner', source: 'mm/memremap.c: memremap_pages' },
  'memory-failure': {
    name: 'Memory failure without a driver’s hook',
    source: 'mm/memory-failure.c: mf_generic_kill_procs',
  },
  complete: { name: 'With everything', source: 'mm/memremap.c: memremap_pages' },
  'without-page-free': { name: 'Without `page_free`', source: 'mm/memremap.c: memremap_pages' },
  'without-migrate-to-ram': { name: 'Without `migrate_to_ram`', source: 'mm/memremap.c: memremap_pages' },
  'without-owner': { name: 'Without an owner', source: 'mm/memremap.c: memremap_pages' },
  'over-ram': { name: 'Over System RAM', source: 'mm/memremap.c: pagemap_range' },
};

/** How an outcome is read, and its sign: never colour alone. */
export interface OutcomeWords {
  readonly text: string;
  readonly sign: 'yes' | 'no' | 'moves' | 'absent' | 'value';
}

const OUTCOMES: Readonly<Record<string, OutcomeWords>> = {
  true: { text: 'yes', sign: 'yes' },
  yes: { text: 'yes', sign: 'yes' },
  false: { text: 'no', sign: 'no' },
  'in place': { text: 'in place', sign: 'yes' },
  home: { text: 'home', sign: 'moves' },
  none: { text: 'no page', sign: 'no' },
  refused: { text: 'refused', sign: 'no' },
  'not mapped': { text: 'not mapped', sign: 'absent' },
  'not asked': { text: 'not asked', sign: 'absent' },
};

export const memoryOutcome = (cell: string): OutcomeWords =>
  OUTCOMES[cell] ?? { text: cell, sign: cell.startsWith('-E') ? 'no' : 'value' };

// Terms a newcomer meets first, each in a sentence or two.

export interface Term {
  readonly term: string;
  readonly text: string;
}

export const glossary = {
  'device-coherent': {
    term: 'device-coherent memory',
    text: 'Memory of a device, such as the VRAM of a GPU, that the CPU can read and write in place. It is not part of the page allocator: a page gets there only when the driver migrates it.',
  },
  pin: {
    term: 'pin (FOLL_LONGTERM)',
    text: 'A promise that a page stays at its physical address while a device uses it. With `FOLL_LONGTERM` there is no end in sight, so pages that must stay movable are moved out of the way first.',
  },
  migration: {
    term: 'migration',
    text: "A page's contents move to another frame while its address in the process stays the same. Meanwhile a migration entry stands in the page table, and whoever touches the address waits.",
  },
  'device-private': {
    term: 'device-private memory',
    text: 'Memory of a device that the CPU cannot reach. A CPU access faults, and the driver must bring the page home.',
  },
  pte: {
    term: 'PTE',
    text: 'Page-table entry: where one virtual page lies, and what may be done with it. It can also hold a note instead, such as a migration entry.',
  },
  pfn: { term: 'pfn', text: 'Page frame number: the physical address divided by the page size, 4096 bytes.' },
  vma: {
    term: 'VMA',
    text: 'A range of addresses of a process with the same rights and the same kind of memory.',
  },
  'migration-entry': {
    term: 'migration entry',
    text: 'Stands in a page table in place of a page that is being moved. It is not present, so an access faults and waits.',
  },
  refcount: {
    term: '_refcount',
    text: 'How many references a page has. At zero it is free. A pin of a single page adds 1024 (`GUP_PIN_COUNTING_BIAS`).',
  },
  mapcount: {
    term: '_mapcount',
    text: 'How many page-table entries map the page. Shown as that number; the kernel stores one less.',
  },
  'anon-exclusive': {
    term: 'AnonExclusive',
    text: 'A page flag, not a PTE bit: the anonymous page belongs to one process alone, so it may be written and pinned.',
  },
  'zone-device': {
    term: 'ZONE_DEVICE',
    text: 'The zone of pages that belong to a driver. They have a `struct page`, but the page allocator never hands them out.',
  },
  'zone-movable': {
    term: 'ZONE_MOVABLE',
    text: 'A zone in which every page can be moved away, so nothing may be pinned there for long.',
  },
  cma: {
    term: 'CMA',
    text: 'Contiguous memory allocator: blocks that are lent out only to pages that can be moved away.',
  },
  hmm: {
    term: 'HMM',
    text: "Heterogeneous memory management: a device keeps a copy of the process's page table and is told before it changes.",
  },
  'mmu-notifier': {
    term: 'MMU notifier',
    text: 'The call that tells a device which entries of its page table it must drop.',
  },
  lru: { term: 'LRU', text: 'The lists from which memory is reclaimed. Device pages are on none of them.' },
} as const satisfies Readonly<Record<string, Term>>;

export type TermId = keyof typeof glossary;

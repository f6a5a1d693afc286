// The first page, in the order in which it is read.

export const welcome = {
  heading: 'Watch the Linux kernel bring memory home from a GPU, page by page.',
  lead: 'A GPU can lend its memory to a process, but its driver must be able to take it back at any time. A network card that reads and writes memory on its own needs the opposite, a long-term pin: a promise that the page stays where it is. So before it gives that promise, the kernel moves the page from the GPU to system memory, and pins it there.',
  proof: 'A simulation of that kernel, function by function, checked against recordings of the real one.',
  play: 'Watch a page come home',
  playNote: 'Takes a minute and a quarter.',
  playKeys: ' Space pauses, the arrow keys step.',
  terms: [
    [
      'device-coherent memory',
      'MEMORY_DEVICE_COHERENT',
      'Memory of a device, such as the VRAM of a GPU, that the CPU can read and write in place. The driver lends it, and must be able to take it back.',
    ],
    [
      'long-term pin',
      'pin_user_pages, FOLL_LONGTERM',
      'A promise that a page stays where it is for as long as some other hardware works on it, without an end in sight. Nobody can promise that of memory that is only lent.',
    ],
    [
      'migration',
      'migrate_vma, migrate_pages',
      'The page’s contents move to another frame; its address in the process stays the same. Meanwhile whoever touches it waits.',
    ],
  ],
} as const;

/** What a run of the first scene comes to. */
export const homecoming = {
  heading: 'Home. This is what happened:',
  done: (pages: number): string =>
    `A long-term pin asked for ${pages} pages that lay in VRAM. VRAM is only lent: the driver must be able to take it back, so a page there may not be held for long. The kernel moved all ${pages} to system memory and pinned them there.`,
  kept: 'The address in the process did not change, and neither did the contents.',
  pinned: (pages: number): string => `${pages} pinned pages, `,
  evictable: 'evictable: no',
  evictableWhy: 'As long as the pin holds, these frames cannot be moved, written out or taken back.',
} as const;

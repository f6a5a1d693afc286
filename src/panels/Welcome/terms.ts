// The three terms that a newcomer needs, in plain words.

interface Piece {
  readonly kind: 'text' | 'code';
  readonly text: string;
}

/** Kernel words stand between backticks. */
const inPieces = (sentence: string): Piece[] =>
  sentence.split('`').map((text, i): Piece => ({ kind: i % 2 === 0 ? 'text' : 'code', text }));

export const TERMS: readonly {
  readonly term: string;
  readonly words: string;
  readonly pieces: readonly Piece[];
}[] = [
  {
    term: 'Device-coherent memory',
    words: 'MEMORY_DEVICE_COHERENT',
    pieces: inPieces(
      'Memory on a device, such as the VRAM of a GPU, that the CPU can read and write as if it were its own. Each page has a `struct page` in `ZONE_DEVICE`, and a process can have it in its page table.',
    ),
  },
  {
    term: 'Pin',
    words: 'FOLL_PIN, FOLL_LONGTERM',
    pieces: inPieces(
      'A promise to a driver that a page stays where it is, for instance while hardware writes to it. With `FOLL_LONGTERM` it may last for hours. A device must be able to take its memory back, so its pages may not be pinned that long: they are moved first.',
    ),
  },
  {
    term: 'Migration',
    words: 'migrate_vma, migrate_pages',
    pieces: inPieces(
      'Moving a page to another frame without its owner noticing. The entry in the page table becomes a migration entry, so that whoever touches the page waits; the bytes are copied; the entry then names the new frame.',
    ),
  },
];

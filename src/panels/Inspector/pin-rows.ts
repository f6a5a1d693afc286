// What a handle forbids, and what becomes of its pages without it, in words.

import type { HeldHandle, HeldPage, PinBlock } from '../../store/views.ts';
import { formatCounted } from '../../ui/format.ts';

export interface BlockRow {
  readonly block: PinBlock;
  readonly title: string;
  readonly text: string;
  readonly npages: number;
}

const BLOCKS: readonly (readonly [PinBlock, string, string])[] = [
  ['eviction', 'Eviction', 'evictable: no. Reclaim keeps the page in memory.'],
  ['migration', 'Migration', 'The page cannot leave its frame: its reference count is not the expected one.'],
  ['reuse', 'Reuse on write', 'A write copies the page, and the holder keeps the old one.'],
  ['sharing', 'Sharing at fork', 'fork copies the page for the child at once.'],
];

/** Each thing that is blocked, with the number of pages that it is blocked for. */
export const blockRows = ({ pages }: HeldHandle): BlockRow[] =>
  BLOCKS.map(([block, title, text]) => ({
    block,
    title,
    text,
    npages: pages.filter(({ blocks }) => blocks.includes(block)).length,
  })).filter(({ npages }) => npages > 0);

const countOf = (pages: readonly HeldPage[], test: (page: HeldPage) => boolean): number =>
  pages.filter(test).length;

/** What follows from dropping the handle, as things stand at the cursor. */
export const consequences = ({ pages, npages, pin }: HeldHandle): string[] => {
  const freed = countOf(pages, ({ isLast }) => isLast);
  const kept = countOf(pages, ({ others }) => others.length > 0);
  const evictable = countOf(
    pages,
    ({ blocks, others, isLast }) => !isLast && others.length === 0 && blocks.includes('eviction'),
  );
  const movable = countOf(
    pages,
    ({ blocks, others, isLast }) => !isLast && others.length === 0 && blocks.includes('migration'),
  );
  return [
    `${formatCounted(npages, 'page')} ${npages === 1 ? 'loses' : 'lose'} ${pin ? 'a pin' : 'a reference'}${pin ? ', 1\u202f024 of the count of a small page' : ''}.`,
    ...(evictable > 0 ? [`${formatCounted(evictable, 'page')} can be evicted again.`] : []),
    ...(movable > 0 ? [`${formatCounted(movable, 'page')} can migrate again.`] : []),
    ...(freed > 0
      ? [`${formatCounted(freed, 'page')} ${freed === 1 ? 'is' : 'are'} freed: nobody else has one.`]
      : []),
    ...(kept > 0
      ? [`${formatCounted(kept, 'page')} ${kept === 1 ? 'stays' : 'stay'} held by another handle.`]
      : []),
  ];
};

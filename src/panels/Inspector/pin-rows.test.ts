import { expect, test } from 'vitest';
import type { HeldHandle, HeldPage } from '../../store/views.ts';
import { blockRows, consequences } from './pin-rows.ts';

const page = (change: Partial<HeldPage>): HeldPage => ({
  pfn: 7,
  name: 'buf+0',
  residence: 'system',
  refcount: 1025,
  blocks: ['eviction', 'migration'],
  others: [],
  isLast: false,
  ...change,
});
const handle = (pages: readonly HeldPage[]): HeldHandle => ({
  process: 'A',
  call: 'pin_user_pages',
  pin: true,
  longterm: true,
  pages,
  npages: pages.length,
  droppedIn: -1,
  drop: { op: 'unpin', proc: 'A', handle: 'h1' },
});

test('only what is blocked is listed, with how many pages it is blocked for', () => {
  const rows = blockRows(handle([page({}), page({ blocks: ['migration'] })]));
  expect(rows.map(({ block, npages }) => [block, npages])).toEqual([
    ['eviction', 1],
    ['migration', 2],
  ]);
});

test('a page with another handle does not become evictable, and one without owner is freed', () => {
  const texts = consequences(handle([page({}), page({ others: ['h2'] }), page({ isLast: true })]));
  expect(texts).toEqual([
    '3 pages lose a pin, 1\u202f024 of the count of a small page.',
    '1 page can be evicted again.',
    '1 page can migrate again.',
    '1 page is freed: nobody else has one.',
    '1 page stays held by another handle.',
  ]);
});

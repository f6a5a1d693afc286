// References and pins given back.

import { describe, expect, it } from 'vitest';
import { PG_anon_exclusive, PG_dirty, PG_locked } from '../../uapi/page-flags.ts';
import { NO_PFN, type Pfns } from '../../uapi/units.ts';
import { unpinUserPageRangeDirtyLock, unpinUserPages, unpinUserPagesDirtyLock } from './gup-grab.ts';
import { pinUserPages } from './gup.ts';

import { bits, Bench, run } from './gup-fixture.ts';

describe('unpinning', () => {
  const pinned = (): { bench: Bench; pages: Pfns } => {
    const bench = new Bench();
    return { bench, pages: run(pinUserPages(bench.m, bench.start, 2, bits('FOLL_WRITE'), 1)).pages };
  };

  it('drops what was taken', () => {
    const { bench, pages } = pinned();
    unpinUserPages(bench.m, pages.length, pages);
    expect([bench.count(0), bench.count(1)]).toEqual([1, 1]);
  });

  it('refuses an error code as the number of pages', () => {
    const { bench, pages } = pinned();
    unpinUserPages(bench.m, -14, pages);
    expect(bench.warnings()).toEqual(['gup.warn.error-count']);
    expect(bench.count(0)).toBe(1025);
  });

  it.each([true, false])('can mark pages dirty first: %s', (dirty) => {
    const { bench, pages } = pinned();
    run(unpinUserPagesDirtyLock(bench.m, 2, pages, dirty));
    expect([bench.has(0, PG_dirty), bench.has(0, PG_locked), bench.count(0)]).toEqual([dirty, false, 1]);
  });

  it('waits for the page lock where it marks a page dirty', () => {
    const { bench, pages } = pinned();
    const frame = bench.frame(0);
    bench.m.pages.flags.set(frame, bench.m.pages.flags.get(frame) | PG_locked);
    const task = unpinUserPagesDirtyLock(bench.m, 2, pages, true);
    expect([task.next().value, task.next().value]).toMatchObject([
      { stays: true },
      { kind: 'page-lock', pfn: frame },
    ]);
  });

  it('takes a huge page as one folio', () => {
    const bench = new Bench('hugetlb');
    const head = bench.frame(0);
    const { pages } = run(pinUserPages(bench.m, bench.start, 5, bits('FOLL_WRITE'), 1));
    expect([bench.m.pages.refcount.get(head), bench.m.pages.compoundPincount.get(head)]).toEqual([6, 5]);
    run(unpinUserPageRangeDirtyLock(bench.m, pages[0] ?? NO_PFN, 5, true));
    expect([bench.m.pages.refcount.get(head), bench.m.pages.compoundPincount.get(head)]).toEqual([1, 0]);
    expect(bench.has(0, PG_dirty)).toBe(true);
  });

  it('stops the kernel when a pinned anonymous page has become shared', () => {
    const { bench, pages } = pinned();
    const frame = bench.frame(0);
    bench.m.pages.flags.set(frame, bench.m.pages.flags.get(frame) & ~PG_anon_exclusive);
    expect(() => unpinUserPages(bench.m, 2, pages)).toThrow('sanity_check_pinned_pages');
  });
});

// --- huge pages of the pool -----------------------------------------------------------------------------------------

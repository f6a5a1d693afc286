// Which areas GUP enters, how a call ends and what it leaves.

import { describe, expect, it, test } from 'vitest';
import type { GupCall } from '../../machine/entities.ts';
import { type MachinePresetName } from '../../uapi/config.ts';
import { type FollFlagName } from '../../uapi/gup-flags.ts';
import { PTE_PRESENT, PTE_RW, PTE_SPECIAL, PTE_ACCESSED, PTE_DIRTY, mkEntry } from '../../uapi/pte.ts';
import { NO_PFN } from '../../uapi/units.ts';
import { VM_IO, VM_MIXEDMAP, VM_PFNMAP, VM_WRITE } from '../../uapi/vm-flags.ts';
import { dupMmap, createMm } from './fork.ts';
import { followPage } from './gup-follow.ts';
import { tryGrabFolio, tryGrabPage } from './gup-grab.ts';
import { getUserPages } from './gup.ts';
import { mmapRegion } from './mmap.ts';
import { vmaLookup } from './vma.ts';

import { bits, Bench, run } from './gup-fixture.ts';

describe('an area', () => {
  const refused = (change: (bench: Bench) => void, ...flags: FollFlagName[]): number | string => {
    const bench = new Bench();
    change(bench);
    return bench.gup('pin_user_pages', bits(...flags), { page: 2 });
  };

  test.each<[string, (bench: Bench) => void, FollFlagName[], number | string]>([
    ['VM_IO', (bench) => bench.vmFlags(VM_IO), [], 'EFAULT'],
    ['VM_PFNMAP', (bench) => bench.vmFlags(VM_PFNMAP), [], 'EFAULT'],
    ['secret memory', (bench) => bench.file('secretmem'), [], 'EFAULT'],
    ['a DAX file, for long', (bench) => bench.file('fsdax'), ['FOLL_LONGTERM'], 'EOPNOTSUPP'],
    ['no write permission', (bench) => bench.vmFlags(0, VM_WRITE), ['FOLL_WRITE'], 'EFAULT'],
    ['no read permission', (bench) => bench.vmFlags(0, 3), [], 'EFAULT'],
    ['write permission', () => undefined, ['FOLL_WRITE'], 1],
    ['no write permission, read', (bench) => bench.vmFlags(0, VM_WRITE), [], 1],
  ])('with %s', (_, change, flags, result) => {
    expect(refused(change, ...flags)).toBe(result);
  });

  it('of secret memory is invisible to follow_page, and its pages to the fast walk', () => {
    const bench = new Bench();
    bench.file('secretmem');
    const vma = vmaLookup(bench.m, bench.mm, bench.start);
    if (vma === undefined) throw new Error('no area');
    expect(run(followPage(bench.m, vma, bench.start, bits('FOLL_GET')))).toEqual({ kind: 'none' });
    bench.m.pages.mapping.set(bench.frame(0), vma.file * 2);
    expect(bench.gup('get_user_pages_fast_only', 0)).toBe(0);
    expect(bench.count(0)).toBe(1);
  });

  it('in which frames without struct page are mapped stops a caller who wants pages, and no other', () => {
    const bench = new Bench();
    bench.vmFlags(VM_MIXEDMAP);
    bench.setEntry(0, mkEntry(12345, PTE_PRESENT | PTE_RW | PTE_SPECIAL));
    expect(bench.gup('get_user_pages', 0)).toBe('EEXIST');
    expect(bench.gup('get_user_pages', bits('FOLL_WRITE'), { n: 2, noPages: true })).toBe(2);
    // a lookup that failed has marked the entry all the same
    expect(bench.entry(0) & (PTE_ACCESSED | PTE_DIRTY)).toBe(PTE_ACCESSED | PTE_DIRTY);
  });
});

describe('a call', () => {
  it('ends with EINTR when SIGKILL is pending', () => {
    const bench = new Bench();
    bench.m.current = { ...bench.m.current, fatalSignalPending: true };
    expect(bench.gup('get_user_pages', 0)).toBe('EINTR');
    expect(bench.gup('pin_user_pages', bits('FOLL_LONGTERM'))).toBe('EINTR');
    expect(bench.m.current.memallocPin).toBe(false);
  });

  it('that only wants pages present takes no reference and returns none', () => {
    const bench = new Bench();
    const { id, pages } = run(
      getUserPages(bench.m, bench.start, 4, bits('FOLL_WRITE'), 1, { noPages: true }),
    );
    expect([id, pages]).toEqual([4, []]);
    expect([bench.count(0), bench.frame(3) === NO_PFN]).toEqual([1, false]);
  });

  it('refuses a page that is free, with a warning in the slow path', () => {
    const bench = new Bench();
    const free = bench.frame(0) + 200;
    expect(tryGrabPage(bench.m, free, bits('FOLL_GET'))).toBe(false);
    expect(tryGrabFolio(bench.m, free, 1, bits('FOLL_GET'))).toBe(NO_PFN);
    expect(tryGrabFolio(bench.m, free, 1, bits('FOLL_PIN'))).toBe(NO_PFN);
    expect(tryGrabFolio(bench.m, bench.frame(0), 1, 0)).toBe(NO_PFN);
    expect(bench.warnings()).toEqual(['try_grab_page.refcount', 'gup.warn.neither']);
  });

  it('that got pages in the fast walk loses the error of the slow one', () => {
    const bench = new Bench();
    expect(bench.gup('pin_user_pages_fast', bits('FOLL_NOFAULT'), { n: 4 })).toBe(2);
    expect([bench.count(0), bench.count(1)]).toEqual([1025, 1025]);
  });

  it('takes nothing in the fast walk while fork copies the page tables', () => {
    const bench = new Bench();
    bench.m.mms.update(1, { writeProtectSeq: 1 });
    expect(bench.gup('pin_user_pages_fast_only', 0)).toBe(0);
    expect(bench.gup('get_user_pages_fast_only', 0)).toBe(1);
    expect(bench.gup('pin_user_pages_fast', 0)).toBe(1);
  });

  it('pins the zero page without counting, and refers to it with counting', () => {
    const bench = new Bench();
    bench.read(2);
    const before = bench.count(2);
    expect(bench.gup('pin_user_pages', bits('FOLL_LONGTERM'), { page: 2 })).toBe(1);
    expect(bench.count(2)).toBe(before);
    expect(bench.gup('get_user_pages', 0, { page: 2 })).toBe(1);
    expect(bench.count(2)).toBe(before + 1);
  });

  it('unshares for a pin that reads, and not for a reference', () => {
    const shared = (call: GupCall): [number | string, boolean] => {
      const bench = new Bench();
      const child = createMm(bench.m, 'B');
      run(dupMmap(bench.m, child.id, 1));
      const frame = bench.frame(0);
      return [bench.gup(call, 0), bench.frame(0) === frame];
    };
    expect(shared('get_user_pages')).toEqual([1, true]);
    expect(shared('pin_user_pages')).toEqual([1, false]);
    expect(shared('get_user_pages_fast_only')).toEqual([1, true]);
    expect(shared('pin_user_pages_fast_only')).toEqual([0, true]);
  });
});

// --- giving back --------------------------------------------------------------------------------------------------

describe('a huge page of the pool', () => {
  const LONGTERM = bits('FOLL_WRITE', 'FOLL_LONGTERM');

  it.each<MachinePresetName>(['guest-movable', 'guest-cma'])(
    'that is in use where pages must stay movable cannot be pinned for long: %s',
    (preset) => {
      const bench = new Bench('hugetlb', {}, preset);
      expect(bench.gup('pin_user_pages', LONGTERM)).toBe('ENOMEM');
      expect(bench.gup('pin_user_pages_fast', LONGTERM)).toBe('ENOMEM');
      expect(bench.warnings()).toEqual(['hugetlb.longterm-grab-failed', 'hugetlb.longterm-grab-failed']);
      expect(bench.count(0)).toBe(1);
      expect(bench.gup('pin_user_pages', bits('FOLL_WRITE'))).toBe(1);
    },
  );

  it('that is free there is passed over while a long-term pin faults', () => {
    const bench = new Bench('anon-private', {}, 'guest-movable');
    const { vmStart } = mmapRegion(bench.m, bench.mm, {
      name: 'huge',
      npages: 512,
      prot: 3,
      kind: 'hugetlb',
    });
    // the whole pool is movable: nothing is left for the pin
    expect(bench.gup('pin_user_pages', LONGTERM, { page: vmStart - bench.start })).toBe('EFAULT');
    expect(bench.gup('pin_user_pages', bits('FOLL_WRITE'), { page: vmStart - bench.start })).toBe(1);
  });

  it('on ordinary memory is pinned', () => {
    expect(new Bench('hugetlb').gup('pin_user_pages', LONGTERM, { n: 512 })).toBe(512);
  });
});

// One row for each call of GUP and the flags that it permits, and what each flag does.

import { describe, expect, it, test } from 'vitest';
import type { GupCall } from '../../machine/entities.ts';
import { FOLL_FLAGS, FOLL_PIN, type FollFlagName, follFlagNames } from '../../uapi/gup-flags.ts';
import { PG_anon_exclusive, PG_dirty, PG_locked, PG_referenced } from '../../uapi/page-flags.ts';
import {
  clearBits,
  mkSwapEntry,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_RW,
  PTE_DIRTY,
  pteWrite,
  setBits,
  SWP_HWPOISON,
} from '../../uapi/pte.ts';
import { NO_PFN, TASK_SIZE_PAGES, VPN_LIMIT } from '../../uapi/units.ts';
import { VM_MAYREAD, VM_MAYSHARE, VM_SHARED, VM_WRITE } from '../../uapi/vm-flags.ts';
import { dupMmap, createMm } from './fork.ts';
import { followPage } from './gup-follow.ts';
import { type GupOptions } from './gup-walk.ts';
import { getDumpPage } from './gup-populate.ts';
import { vmaLookup } from './vma.ts';

import { bits, Bench, run } from './gup-fixture.ts';
import { GUP_FUNCTIONS } from './gup-calls.ts';

const ALL_CALLS = Object.keys(GUP_FUNCTIONS) as GupCall[];
const isPin = (call: GupCall): boolean => call.startsWith('pin');
const isFast = (call: GupCall): boolean => call.includes('fast');

// --- which call permits which flag ------------------------------------------------------------------------------

const PIN_FLAG = 'gup.warn.pin-by-caller';
const LONGTERM_FLAG = 'gup.warn.longterm-by-caller';
const GET_FLAG = 'gup.warn.get-in-pin';
const NO_ARRAY = 'gup.warn.no-pages';
const FAST_FLAGS = 'gup.warn.fast-flags';

type Row = readonly [
  call: GupCall,
  flags: readonly FollFlagName[],
  result: number | string,
  warning: string,
  options?: GupOptions,
];

const MATRIX: readonly Row[] = [
  ['get_user_pages', ['FOLL_WRITE'], 1, ''],
  ['get_user_pages', ['FOLL_GET'], 1, ''],
  ['get_user_pages', ['FOLL_PIN'], 'EINVAL', PIN_FLAG],
  ['get_user_pages', ['FOLL_LONGTERM'], 'EINVAL', LONGTERM_FLAG],
  ['get_user_pages', ['FOLL_PIN', 'FOLL_LONGTERM'], 'EINVAL', PIN_FLAG],
  ['get_user_pages', [], 1, '', { noPages: true }],
  ['get_user_pages_remote', ['FOLL_WRITE'], 1, '', { locked: true }],
  ['get_user_pages_remote', ['FOLL_PIN'], 'EINVAL', PIN_FLAG],
  ['get_user_pages_remote', ['FOLL_LONGTERM'], 'EINVAL', LONGTERM_FLAG],
  ['get_user_pages_remote', [], 1, '', { noPages: true, locked: true }],
  ['get_user_pages_unlocked', ['FOLL_WRITE'], 1, ''],
  ['get_user_pages_unlocked', ['FOLL_LONGTERM'], 'EINVAL', 'gup.warn.longterm-unlocked'],
  ['get_user_pages_unlocked', ['FOLL_PIN'], 1, ''],
  ['get_user_pages_unlocked', ['FOLL_PIN', 'FOLL_GET'], 'EINVAL', 'gup.warn.get-and-pin'],
  ['get_user_pages_unlocked', [], 1, '', { noPages: true }],
  ['get_user_pages_fast', ['FOLL_WRITE'], 1, ''],
  ['get_user_pages_fast', ['FOLL_PIN'], 'EINVAL', PIN_FLAG],
  ['get_user_pages_fast', ['FOLL_LONGTERM'], 'EINVAL', LONGTERM_FLAG],
  ['get_user_pages_fast', ['FOLL_FORCE', 'FOLL_NOFAULT', 'FOLL_GET'], 1, ''],
  ['get_user_pages_fast', ['FOLL_TOUCH'], 'EINVAL', FAST_FLAGS],
  ['get_user_pages_fast', ['FOLL_NOWAIT'], 'EINVAL', FAST_FLAGS],
  ['get_user_pages_fast', ['FOLL_REMOTE'], 'EINVAL', FAST_FLAGS],
  ['get_user_pages_fast_only', ['FOLL_WRITE'], 1, ''],
  ['get_user_pages_fast_only', ['FOLL_TOUCH'], 0, FAST_FLAGS],
  ['get_user_pages_fast_only', ['FOLL_PIN'], 1, ''],
  ['pin_user_pages', ['FOLL_WRITE'], 1, ''],
  ['pin_user_pages', ['FOLL_PIN'], 1, ''],
  ['pin_user_pages', ['FOLL_WRITE', 'FOLL_LONGTERM'], 1, ''],
  ['pin_user_pages', ['FOLL_GET'], 'EINVAL', GET_FLAG],
  ['pin_user_pages', [], 'EINVAL', NO_ARRAY, { noPages: true }],
  ['pin_user_pages_remote', ['FOLL_WRITE'], 1, '', { locked: true }],
  ['pin_user_pages_remote', ['FOLL_LONGTERM'], 1, ''],
  ['pin_user_pages_remote', ['FOLL_LONGTERM'], 'EINVAL', 'gup.warn.longterm-with-locked', { locked: true }],
  ['pin_user_pages_remote', ['FOLL_GET'], 'EINVAL', GET_FLAG],
  ['pin_user_pages_remote', [], 'EINVAL', NO_ARRAY, { noPages: true }],
  ['pin_user_pages_unlocked', ['FOLL_WRITE'], 1, ''],
  ['pin_user_pages_unlocked', ['FOLL_GET'], 'EINVAL', GET_FLAG],
  ['pin_user_pages_unlocked', [], 'EINVAL', NO_ARRAY, { noPages: true }],
  ['pin_user_pages_unlocked', ['FOLL_LONGTERM'], 'EINVAL', 'gup.warn.longterm-unlocked'],
  ['pin_user_pages_fast', ['FOLL_WRITE'], 1, ''],
  ['pin_user_pages_fast', ['FOLL_LONGTERM', 'FOLL_WRITE'], 1, ''],
  ['pin_user_pages_fast', ['FOLL_GET'], 'EINVAL', GET_FLAG],
  ['pin_user_pages_fast', [], 'EINVAL', NO_ARRAY, { noPages: true }],
  ['pin_user_pages_fast', ['FOLL_ANON'], 'EINVAL', FAST_FLAGS],
  ['pin_user_pages_fast', ['FOLL_DUMP'], 'EINVAL', FAST_FLAGS],
  ['pin_user_pages_fast_only', ['FOLL_WRITE'], 1, ''],
  ['pin_user_pages_fast_only', ['FOLL_GET'], 0, GET_FLAG],
  ['pin_user_pages_fast_only', [], 0, NO_ARRAY, { noPages: true }],
  ['pin_user_pages_fast_only', ['FOLL_HWPOISON'], 0, FAST_FLAGS],
];

describe('the calls and their flags', () => {
  test.each(
    MATRIX.map((row) => [`${row[0]}(${row[1].join(' | ')}) ${JSON.stringify(row[4] ?? {})}`, row] as const),
  )('%s', (_, [call, flags, result, warning, options]) => {
    const bench = new Bench();
    const before = bench.count(0);
    expect(bench.gup(call, bits(...flags), options)).toBe(result);
    expect(bench.warnings()).toEqual(warning === '' ? [] : [warning]);
    if (result !== 1) expect(bench.count(0)).toBe(before);
  });

  test.each(ALL_CALLS)('%s takes references of its kind, and marks pages as the kernel does', (call) => {
    const bench = new Bench();
    expect(bench.gup(call, bits('FOLL_WRITE'))).toBe(1);
    expect(bench.count(0)).toBe(isPin(call) ? 1025 : 2);
    // only pin_user_pages neither sets PG_referenced in the fast walk nor has FOLL_TOUCH
    expect(bench.has(0, PG_referenced)).toBe(call !== 'pin_user_pages');
    expect(bench.mm.hasPinned).toBe(isPin(call));
  });

  test.each(ALL_CALLS)('%s of no pages is 0', (call) => {
    expect(new Bench().gup(call, 0, { n: 0 })).toBe(0);
  });

  test.each(ALL_CALLS.filter(isFast))('%s checks the bounds of the range', (call) => {
    const bench = new Bench();
    const beyond = call.endsWith('_only') ? 0 : 'EFAULT';
    expect(bench.gup(call, 0, { page: TASK_SIZE_PAGES - bench.start })).toBe(beyond);
    expect(bench.gup(call, 0, { page: TASK_SIZE_PAGES - 1 - bench.start, n: 2 })).toBe(beyond);
    // start + length does not fit: 0, not an error
    expect(bench.gup(call, 0, { page: VPN_LIMIT - 1 - bench.start, n: 1 })).toBe(0);
    expect(bench.mm.hasPinned).toBe(isPin(call));
  });

  test.each(ALL_CALLS.filter((call) => !isFast(call)))('%s of no area is EFAULT', (call) => {
    expect(new Bench().gup(call, 0, { page: 100 })).toBe('EFAULT');
  });

  test.each(ALL_CALLS)('%s returns what it got before an obstacle', (call) => {
    const bench = new Bench();
    for (let page = 2; page < 8; page++) bench.write(page);
    expect(bench.gup(call, 0, { page: 6, n: 4 })).toBe(2);
    expect(bench.count(6)).toBeGreaterThan(1);
  });
});

// --- the flags ----------------------------------------------------------------------------------------------------

describe('flags', () => {
  it('are named, and their values are those of Linux 6.1', () => {
    expect(Object.values(FOLL_FLAGS).reduce((sum, bit) => sum | bit, 0)).toBe(0xfadbf);
    expect(follFlagNames(FOLL_PIN | FOLL_FLAGS.FOLL_WRITE)).toEqual(['FOLL_WRITE', 'FOLL_PIN']);
  });

  it('WRITE faults where the entry is not writable', () => {
    const bench = new Bench();
    bench.setEntry(0, clearBits(bench.entry(0), PTE_RW));
    expect(bench.gup('get_user_pages_fast_only', bits('FOLL_WRITE'))).toBe(0);
    expect(bench.gup('get_user_pages', bits('FOLL_WRITE'))).toBe(1);
    expect(pteWrite(bench.entry(0))).toBe(true);
  });

  it('TOUCH marks a page dirty when neither it nor the entry is, and the entry stays as it was', () => {
    const bench = new Bench();
    const clean = clearBits(bench.entry(0), PTE_DIRTY);
    bench.setEntry(0, clean);
    expect(bench.gup('get_user_pages', bits('FOLL_WRITE'))).toBe(1);
    expect([bench.has(0, PG_dirty), bench.entry(0)]).toEqual([true, clean]);
    expect(bench.gup('get_user_pages', bits('FOLL_WRITE'), { page: 1 })).toBe(1);
    expect(bench.has(1, PG_dirty)).toBe(false);
  });

  it('DUMP refuses holes of anonymous memory and the zero page, and faults nothing in', () => {
    const bench = new Bench();
    bench.read(2);
    expect(bench.gup('get_user_pages', bits('FOLL_DUMP'))).toBe(1);
    expect(bench.gup('get_user_pages', bits('FOLL_DUMP'), { page: 2 })).toBe('EFAULT');
    expect(bench.gup('get_user_pages', bits('FOLL_DUMP'), { page: 3 })).toBe('EFAULT');
    expect(bench.gup('get_user_pages', 0, { page: 2 })).toBe(1);
    expect(run(getDumpPage(bench.m, bench.start, 1))).toBe(bench.frame(0));
    expect(run(getDumpPage(bench.m, bench.start + 3, 1))).toBe(NO_PFN);
  });

  it('DUMP faults in what a file holds, but not what a driver would have had to map', () => {
    expect(new Bench('file-private').gup('get_user_pages', bits('FOLL_DUMP'), { page: 5 })).toBe(1);
    const bench = new Bench();
    bench.file('device');
    expect(bench.gup('get_user_pages', bits('FOLL_DUMP'), { page: 5 })).toBe('EFAULT');
  });

  it('FORCE reads what may not be read, and follows an entry that waits for a NUMA hint', () => {
    const bench = new Bench();
    bench.vmFlags(0, 3);
    bench.setEntry(0, setBits(clearBits(bench.entry(0), PTE_PRESENT), PTE_PROTNONE));
    expect(bench.gup('get_user_pages', 0)).toBe('EFAULT');
    expect(bench.gup('get_user_pages', bits('FOLL_FORCE'))).toBe(1);
    bench.vmFlags(0, VM_MAYREAD);
    expect(bench.gup('get_user_pages', bits('FOLL_FORCE'))).toBe('EFAULT');
  });

  it('FORCE writes into a private area without write permission: a copy of its own, read-only still', () => {
    const bench = new Bench();
    const child = createMm(bench.m, 'B');
    run(dupMmap(bench.m, child.id, 1));
    bench.vmFlags(0, VM_WRITE);
    const shared = bench.frame(0);
    expect(bench.gup('get_user_pages', bits('FOLL_WRITE'))).toBe('EFAULT');
    expect(bench.gup('get_user_pages', bits('FOLL_WRITE', 'FOLL_FORCE'))).toBe(1);
    expect(bench.frame(0)).not.toBe(shared);
    expect([pteWrite(bench.entry(0)), bench.has(0, PG_anon_exclusive)]).toEqual([false, true]);
    // the fast walk asks the entry alone
    expect(bench.gup('get_user_pages_fast_only', bits('FOLL_WRITE', 'FOLL_FORCE'))).toBe(0);
  });

  it('FORCE does not write into shared memory, nor into huge pages of the pool', () => {
    const bench = new Bench();
    bench.vmFlags(VM_SHARED | VM_MAYSHARE, VM_WRITE);
    expect(bench.gup('get_user_pages', bits('FOLL_WRITE', 'FOLL_FORCE'))).toBe('EFAULT');
    const huge = new Bench('hugetlb');
    huge.vmFlags(0, VM_WRITE);
    expect(huge.gup('get_user_pages', bits('FOLL_WRITE', 'FOLL_FORCE'))).toBe('EFAULT');
  });

  it('NOWAIT gives up with 0 where a fault would have to wait for a page lock', () => {
    const bench = new Bench();
    const frame = bench.frame(0);
    bench.setEntry(0, mkSwapEntry(28, frame));
    bench.m.pages.flags.set(frame, bench.m.pages.flags.get(frame) | PG_locked);
    expect(bench.gup('get_user_pages', bits('FOLL_NOWAIT'))).toBe(0);
    expect(bench.gup('get_user_pages_unlocked', bits('FOLL_NOWAIT'))).toBe(0);
    expect(bench.gup('get_user_pages', bits('FOLL_NOWAIT'), { page: 1, n: 3 })).toBe(3);
  });

  it('NOFAULT is EFAULT where a fault is needed', () => {
    const bench = new Bench();
    expect(bench.gup('get_user_pages', bits('FOLL_NOFAULT'), { page: 2 })).toBe('EFAULT');
    expect(bench.gup('get_user_pages', bits('FOLL_NOFAULT'), { page: 1, n: 2 })).toBe(1);
    expect(bench.gup('pin_user_pages_fast', bits('FOLL_NOFAULT'), { page: 2 })).toBe('EFAULT');
  });

  it('HWPOISON tells a poisoned page from other failures', () => {
    const bench = new Bench();
    bench.setEntry(1, mkSwapEntry(SWP_HWPOISON, bench.frame(1)));
    expect(bench.gup('get_user_pages', 0, { page: 1 })).toBe('EFAULT');
    expect(bench.gup('get_user_pages', bits('FOLL_HWPOISON'), { page: 1 })).toBe('EHWPOISON');
  });

  it('ANON refuses an area with a file', () => {
    expect(new Bench().gup('get_user_pages', bits('FOLL_ANON'))).toBe(1);
    expect(new Bench('file-private').gup('get_user_pages', bits('FOLL_ANON'))).toBe('EFAULT');
    expect(new Bench('anon-shared').gup('get_user_pages', bits('FOLL_ANON'))).toBe('EFAULT');
  });

  it('MIGRATION makes the lookup itself wait; without it the lookup says nothing is there', () => {
    const bench = new Bench();
    const entry = bench.entry(0);
    const frame = bench.frame(0);
    const vma = vmaLookup(bench.m, bench.mm, bench.start);
    if (vma === undefined) throw new Error('no area');
    bench.setEntry(0, mkSwapEntry(25, frame));
    expect(run(followPage(bench.m, vma, bench.start, 0))).toEqual({ kind: 'none' });
    const lookup = followPage(bench.m, vma, bench.start, bits('FOLL_MIGRATION'));
    expect(lookup.next().value).toEqual({ kind: 'migration-entry', pfn: frame });
    bench.setEntry(0, entry);
    expect(lookup.next().value).toEqual({ kind: 'page', page: frame });
  });

  it('LONGTERM without a pin exists no more', () => {
    for (const call of ALL_CALLS.filter((name) => !isPin(name) && !name.endsWith('_only')))
      expect(new Bench().gup(call, bits('FOLL_LONGTERM'))).toBe('EINVAL');
  });
});

// --- the slow path ------------------------------------------------------------------------------------------------

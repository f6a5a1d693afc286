// One row for each rule of GUP: which calls permit which flags, what the flags do, how a call ends and what it leaves.

import { describe, expect, it, test } from 'vitest';
import { bootMachine } from '../../scenario/boot.ts';
import type { Area, GupCall, Mm } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { DEFAULT_KERNEL, type KernelConfig, type MachinePresetName } from '../../uapi/config.ts';
import { errnoName } from '../../uapi/errno.ts';
import { EventKind } from '../../uapi/events.ts';
import { FOLL_FLAGS, FOLL_PIN, type FollFlagName, follFlagNames } from '../../uapi/gup-flags.ts';
import { PG_anon_exclusive, PG_dirty, PG_locked, PG_referenced } from '../../uapi/page-flags.ts';
import { machinePreset } from '../../uapi/presets.ts';
import {
  clearBits,
  mkSwapEntry,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_RW,
  PTE_SPECIAL,
  PTE_ACCESSED,
  PTE_DIRTY,
  mkEntry,
  pteWrite,
  setBits,
  SWP_HWPOISON,
} from '../../uapi/pte.ts';
import { NO_PFN, type Pfn, type Pfns, TASK_SIZE_PAGES, VPN_LIMIT } from '../../uapi/units.ts';
import {
  VM_IO,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_SHARED,
  VM_WRITE,
} from '../../uapi/vm-flags.ts';
import { KERNEL_MESSAGES } from '../sched/bug.ts';
import { cpuAccess } from './cpu-access.ts';
import { newAddressSpace } from './filemap.ts';
import { dupMmap, createMm } from './fork.ts';
import { followPage } from './gup-follow.ts';
import {
  tryGrabFolio,
  tryGrabPage,
  unpinUserPageRangeDirtyLock,
  unpinUserPages,
  unpinUserPagesDirtyLock,
} from './gup-grab.ts';
import { getUserPages, getUserPagesRemote, type GupResult, pinUserPages, pinUserPagesRemote } from './gup.ts';
import { type GupOptions } from './gup-walk.ts';
import {
  getUserPagesFast,
  getUserPagesFastOnly,
  getUserPagesUnlocked,
  pinUserPagesFast,
  pinUserPagesFastOnly,
  pinUserPagesUnlocked,
} from './gup-unlocked.ts';
import { getDumpPage } from './gup-populate.ts';
import { mmapRegion } from './mmap.ts';
import { mappedFrame, walkPte } from './page-table.ts';
import { lruAddDrainAll } from './swap.ts';
import { vmaLookup } from './vma.ts';

/** Runs a function that must not have to sleep for ever. */
const run = <T>(task: Sleeps<T>): T => {
  for (let i = 0; i < 1000; i++) {
    const { done, value } = task.next();
    if (done === true) return value;
  }
  throw new Error('it sleeps and sleeps');
};

type Gup = (
  m: Machine,
  start: number,
  n: number,
  flags: number,
  mm: number,
  o: GupOptions,
) => Sleeps<GupResult>;

const CALLS: Readonly<Record<GupCall, Gup>> = {
  get_user_pages: getUserPages,
  get_user_pages_remote: getUserPagesRemote,
  get_user_pages_unlocked: getUserPagesUnlocked,
  get_user_pages_fast: getUserPagesFast,
  get_user_pages_fast_only: getUserPagesFastOnly,
  pin_user_pages: pinUserPages,
  pin_user_pages_remote: pinUserPagesRemote,
  pin_user_pages_unlocked: pinUserPagesUnlocked,
  pin_user_pages_fast: pinUserPagesFast,
  pin_user_pages_fast_only: pinUserPagesFastOnly,
};
const ALL_CALLS = Object.keys(CALLS) as GupCall[];
const isPin = (call: GupCall): boolean => call.startsWith('pin');
const isFast = (call: GupCall): boolean => call.includes('fast');

const bits = (...names: FollFlagName[]): number => names.reduce((sum, name) => sum | FOLL_FLAGS[name], 0);

/** A machine with one process and one private area of its, of which pages 0 and 1 are written. */
class Bench {
  readonly m: Machine;
  readonly start: number;

  constructor(
    kind: Area['kind'] = 'anon-private',
    kernel: Partial<KernelConfig> = {},
    preset: MachinePresetName = 'guest',
  ) {
    this.m = bootMachine(machinePreset(preset, []), { ...DEFAULT_KERNEL, ...kernel });
    const npages = kind === 'hugetlb' ? 512 : 8;
    this.start = mmapRegion(this.m, this.mm, { name: 'buf', npages, prot: 3, kind }).vmStart;
    this.write(0);
    this.write(1);
    lruAddDrainAll(this.m);
  }

  get mm(): Mm {
    return this.m.mms.get(1);
  }

  write(page: number): void {
    run(cpuAccess(this.m, this.mm, this.start + page, true));
  }

  read(page: number): void {
    run(cpuAccess(this.m, this.mm, this.start + page, false));
  }

  frame(page: number): Pfn {
    return mappedFrame(this.m, this.mm, this.start + page);
  }

  count(page: number): number {
    return this.m.pages.refcount.get(this.frame(page));
  }

  has(page: number, flag: number): boolean {
    return (this.m.pages.flags.get(this.frame(page)) & flag) !== 0;
  }

  row(page: number): number {
    return walkPte(this.m, this.mm, this.start + page);
  }

  entry(page: number): number {
    return this.m.entries.get(this.row(page));
  }

  setEntry(page: number, entry: number): void {
    this.m.entries.set(this.row(page), entry);
  }

  vmFlags(add: number, remove = 0): void {
    const vma = vmaLookup(this.m, this.mm, this.start);
    if (vma === undefined) throw new Error('no area');
    this.m.vmas.update(vma.id, { vmFlags: (vma.vmFlags | add) & ~remove });
  }

  file(kind: 'secretmem' | 'fsdax' | 'device'): void {
    const vma = vmaLookup(this.m, this.mm, this.start);
    if (vma !== undefined) this.m.vmas.update(vma.id, { file: newAddressSpace(this.m, kind, kind, 8) });
  }

  /** Pages got, or the name of the error. */
  gup(
    call: GupCall,
    flags: number,
    { page = 0, n = 1, ...options }: { page?: number; n?: number } & GupOptions = {},
  ): number | string {
    const { id } = run(CALLS[call](this.m, this.start + page, n, flags, 1, options));
    return id < 0 ? errnoName(id) : id;
  }

  /** Warnings printed so far. */
  warnings(): string[] {
    const { log } = this.m.journal;
    const lines: string[] = [];
    for (let i = 0; i < log.length; i++) {
      if (log.kindAt(i) === EventKind.LOG) lines.push(KERNEL_MESSAGES[log.idAt(i)] ?? '?');
    }
    return lines;
  }
}

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
    expect(unpinUserPagesDirtyLock(bench.m, 2, pages, true).next().value).toEqual({
      kind: 'page-lock',
      pfn: frame,
    });
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

// What a device may know of a range, and when it has to look again.

import { describe, expect, it, test } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../index.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps, Wait } from '../../machine/ops.ts';
import { errnoName } from '../../uapi/errno.ts';
import { DECISIONS, EventKind } from '../../uapi/events.ts';
import {
  clearBits,
  entryPfn,
  mkEntry,
  mkSwapEntry,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_RW,
  PTE_SPECIAL,
  pteMkdevmap,
  setBits,
  SWP_HWPOISON,
  SWP_MIGRATION_WRITE,
} from '../../uapi/pte.ts';
import { VM_IO, VM_MIXEDMAP, VM_READ, VM_WRITE } from '../../uapi/vm-flags.ts';
import {
  HMM_PFN_ERROR,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  hmmPfnToPage,
  hmmRangeFault,
} from './hmm.ts';
import {
  mmuIntervalNotifierInsert,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
} from './mmu-notifier.ts';
import { isZeroPfn } from './page-ref.ts';
import { mappedFrame, walkPte } from './page-table.ts';
import { vmaLookup } from './vma.ts';

const area = (op: string, more: object = {}): object => ({ op, proc: 'A', vma: 'buf', ...more });
const FILL = [
  area('mmap', { pages: 4, prot: 'rw', kind: 'anon-private' }),
  area('write', { value: 100, page: 0, count: 2 }),
  area('read', { page: 2, count: 1 }),
];

/** Pages 0 and 1 written, 2 the zero page, 3 nothing. Devices: 0 coherent, 1 and 2 private. */
const machine = (...more: readonly object[]): Simulation => {
  const sim = createSimulation(
    parseScenario({
      devices: [
        { id: 0, kind: 'coherent' },
        { id: 1, kind: 'private' },
        { id: 2, kind: 'private' },
      ],
      steps: [...FILL, ...more].map((step) => ({ step })),
    }),
  );
  sim.runAll();
  return sim;
};

const startOf = (m: Machine): number => m.mms.get(1).areas[0]?.start ?? 0;
const row = (m: Machine, page: number): number => walkPte(m, m.mms.get(1), startOf(m) + page);

const finish = <T>(task: Sleeps<T>): T => {
  for (let i = 0; i < 100; i++) {
    const { done, value } = task.next();
    if (done === true) return value;
  }
  throw new Error('it sleeps and sleeps');
};

const word = (m: Machine, value: number): string => {
  const flags = ['V', 'W', 'E'].filter(
    (_, i) => (value & [HMM_PFN_VALID, HMM_PFN_WRITE, HMM_PFN_ERROR][i]) !== 0,
  );
  const page = hmmPfnToPage(value);
  return `${flags.join('')}${page === 0 ? '' : isZeroPfn(m, page) ? ' zero' : ''}`;
};

interface Request {
  readonly page?: number;
  readonly count?: number;
  readonly defaultFlags?: number;
  readonly mask?: number;
  readonly words?: readonly number[];
  readonly owner?: number;
}

/** One word a page, or the name of the error. */
const look = ({ machine: m }: Simulation, request: Request): string => {
  const start = startOf(m) + (request.page ?? 0);
  const hmmPfns = [...(request.words ?? [])];
  const end = start + (request.count ?? 1);
  const ret = finish(
    hmmRangeFault(m, start, end, {
      mm: 1,
      subscription: 0,
      notifierSeq: 0,
      start,
      end,
      hmmPfns,
      pfnFlagsMask: request.mask ?? 0,
      defaultFlags: request.defaultFlags ?? 0,
      devPrivateOwner: request.owner ?? 0,
    }),
  );
  return ret < 0 ? errnoName(ret) : hmmPfns.map((value) => word(m, value)).join(',');
};

const FAULT = { defaultFlags: HMM_PFN_REQ_FAULT };
const WRITE = { defaultFlags: HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE };

type Change = (m: Machine) => void;
const entry =
  (page: number, change: (entry: number) => number): Change =>
  (m) =>
    m.entries.set(row(m, page), change(m.entries.get(row(m, page))));
const vmFlags =
  (add: number, remove: number): Change =>
  (m) => {
    const vma = vmaLookup(m, m.mms.get(1), startOf(m));
    if (vma !== undefined) m.vmas.update(vma.id, { vmFlags: (vma.vmFlags | add) & ~remove });
  };

/** One row of the reference's table: page 0 in some state, what a look, a request and a request to write give. */
const SITUATIONS: readonly (readonly [string, readonly object[], Change, string, string, string])[] = [
  ['a present page', [], () => undefined, 'VW', 'VW', 'VW'],
  ['a read-only page', [], entry(0, (e) => clearBits(e, PTE_RW)), 'V', 'V', 'VW'],
  ['nothing', [area('madvise', { advice: 'DONTNEED' })], () => undefined, '', 'V zero', 'VW'],
  ['a page of a coherent device', [area('migrate_to_dev', { device: 0 })], () => undefined, 'VW', 'VW', 'VW'],
  [
    'a private page of another owner',
    [area('migrate_to_dev', { device: 1 })],
    () => undefined,
    '',
    'VW',
    'VW',
  ],
  [
    'a device-exclusive entry',
    [area('dev_exclusive', { page: 0, count: 1, device: 1 })],
    () => undefined,
    '',
    'VW',
    'VW',
  ],
  ['a poisoned page', [], entry(0, (e) => mkSwapEntry(SWP_HWPOISON, entryPfn(e))), '', 'EFAULT', 'EFAULT'],
  [
    'a frame without struct page',
    [],
    (m) => {
      vmFlags(VM_MIXEDMAP, 0)(m);
      m.entries.set(row(m, 0), mkEntry(77, PTE_PRESENT | PTE_RW | PTE_SPECIAL));
    },
    'E',
    'EFAULT',
    'EFAULT',
  ],
  ['legacy device memory', [], entry(0, pteMkdevmap), 'VW', 'VW', 'VW'],
  ['an area without read permission', [], vmFlags(0, VM_READ), 'E', 'EFAULT', 'EFAULT'],
  ['an area of device registers', [], vmFlags(VM_IO, 0), 'E', 'EFAULT', 'EFAULT'],
  [
    'an area without write permission',
    [area('madvise', { advice: 'DONTNEED' })],
    vmFlags(0, VM_WRITE),
    '',
    'V zero',
    'EPERM',
  ],
];

describe('hmm_range_fault', () => {
  test.each(SITUATIONS)('of %s', (_, steps, change, snapshot, fault, write) => {
    const given = [{}, FAULT, WRITE].map((request) => {
      const sim = machine(...steps);
      change(sim.machine);
      return look(sim, request);
    });
    expect(given).toEqual([snapshot, fault, write]);
  });

  it('reports the frame of an entry that waits for a NUMA hint, as not valid', () => {
    const sim = machine();
    const frame = mappedFrame(sim.machine, sim.machine.mms.get(1), startOf(sim.machine));
    entry(0, (e) => setBits(clearBits(e, PTE_PRESENT), PTE_PROTNONE))(sim.machine);
    expect(look(sim, {})).toBe('');
    expect(frame).toBeGreaterThan(0);
  });

  it('of no area is an error, of the zero page the zero page', () => {
    expect(look(machine(), { page: 50 })).toBe('E');
    expect(look(machine(), { page: 50, ...FAULT })).toBe('EFAULT');
    expect([look(machine(), { page: 2 }), look(machine(), { page: 2, ...WRITE })]).toEqual(['V zero', 'VW']);
  });

  it("reports the caller's own private page as it is, whatever was asked", () => {
    const sim = machine(area('migrate_to_dev', { device: 1 }), area('mprotect', { prot: 'r' }));
    const owner = sim.machine.devices.values().find(({ configId }) => configId === 1)?.id ?? 0;
    expect([look(sim, { owner }), look(sim, { owner, ...FAULT }), look(sim, { owner, ...WRITE })]).toEqual([
      'V',
      'V',
      'V',
    ]);
    expect(look(sim, { owner: owner + 1 })).toBe('');
  });

  it('asks page by page where the mask lets it', () => {
    const words = [0, 0, HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE, 0];
    // no mask: the words are only filled in
    expect(look(machine(), { count: 4, words })).toBe('VW,VW,V zero,');
    // the fault goes on to the end of the page table's segment, so the hole behind is filled too
    expect(look(machine(), { count: 4, words, mask: HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE })).toBe(
      'VW,VW,VW,VW',
    );
    expect(look(machine(), { count: 4, words, mask: HMM_PFN_REQ_FAULT })).toBe('VW,VW,V zero,');
    const last = [0, 0, 0, HMM_PFN_REQ_FAULT];
    expect(look(machine(), { count: 4, words: last, mask: HMM_PFN_REQ_FAULT })).toBe('VW,VW,V zero,V zero');
    // what is asked of all is asked besides
    expect(look(machine(), { count: 4, words, ...FAULT })).toBe('VW,VW,V zero,V zero');
    // REQ_WRITE alone asks nothing
    expect(look(machine(), { count: 4, defaultFlags: HMM_PFN_REQ_WRITE })).toBe('VW,VW,V zero,');
  });

  it('waits for a migration where it must fault, and only there', () => {
    const sim = machine();
    const { machine: m } = sim;
    const present = m.entries.get(row(m, 0));
    m.entries.set(row(m, 0), mkSwapEntry(SWP_MIGRATION_WRITE, entryPfn(present)));
    expect(look(sim, {})).toBe('');
    const range = {
      mm: 1,
      subscription: 0,
      notifierSeq: 0,
      start: startOf(m),
      end: startOf(m) + 1,
      hmmPfns: [],
      defaultFlags: HMM_PFN_REQ_FAULT,
      devPrivateOwner: 0,
    };
    const task = hmmRangeFault(m, range.start, range.end, range);
    expect(task.next().value).toEqual({ kind: 'migration-entry', pfn: entryPfn(present) });
    m.entries.set(row(m, 0), present);
    expect(finish(task)).toBe(0);
    expect(range.hmmPfns.map((value) => word(m, value))).toEqual(['VW']);
  });
});

describe('an interval notifier', () => {
  const SUBSCRIPTION = 9;
  const watching = (interval?: {
    start: number;
    end: number;
  }): { m: Machine; begin: () => Sleeps<number> } => {
    const { machine: m } = machine();
    m.notifierOps.set(SUBSCRIPTION, {
      ...(interval === undefined
        ? {}
        : { interval: { start: startOf(m) + interval.start, end: startOf(m) + interval.end } }),
      invalidate: (machine_, id, range) => {
        mmuIntervalSetSeq(machine_, range.mm, id);
        return true;
      },
    });
    mmuIntervalNotifierInsert(m, 1, SUBSCRIPTION);
    return { m, begin: () => mmuIntervalReadBegin(m, 1, SUBSCRIPTION) };
  };
  const hit = (m: Machine, page: number): { readonly end: () => void } => {
    const start = startOf(m) + page;
    const range = { event: 'CLEAR', mm: 1, start, end: start + 1, owner: 0 } as const;
    mmuNotifierInvalidateRangeStart(m, range);
    return { end: () => mmuNotifierInvalidateRangeEnd(m, range) };
  };

  it('notices an invalidation between read_begin and read_retry', () => {
    const { m, begin } = watching();
    const seq = finish(begin());
    expect(seq % 2).toBe(1);
    expect(mmuIntervalReadRetry(m, SUBSCRIPTION, seq)).toBe(false);
    hit(m, 0).end();
    expect(mmuIntervalReadRetry(m, SUBSCRIPTION, seq)).toBe(true);
    expect(mmuIntervalReadRetry(m, SUBSCRIPTION, finish(begin()))).toBe(false);
  });

  it('notices only what hits its interval', () => {
    const { m, begin } = watching({ start: 1, end: 3 });
    const seq = finish(begin());
    for (const page of [0, 3]) hit(m, page).end();
    expect(mmuIntervalReadRetry(m, SUBSCRIPTION, seq)).toBe(false);
    hit(m, 2).end();
    expect(mmuIntervalReadRetry(m, SUBSCRIPTION, seq)).toBe(true);
  });

  it('lets a reader wait until the invalidation has ended, the last of several', () => {
    const { m, begin } = watching();
    const [first, second] = [hit(m, 0), hit(m, 1)];
    const task = begin();
    const wait = task.next().value as Wait;
    if (wait.kind !== 'invalidation') throw new Error('it does not wait');
    first.end();
    expect(wait.free()).toBe(false);
    second.end();
    expect(wait.free()).toBe(true);
    expect(mmuIntervalReadRetry(m, SUBSCRIPTION, finish(task))).toBe(false);
  });

  it('that is inserted during an invalidation counts as hit', () => {
    const { m } = watching();
    const running = hit(m, 0);
    m.notifierOps.set(10, { invalidate: () => true });
    mmuIntervalNotifierInsert(m, 1, 10);
    expect(mmuIntervalReadBegin(m, 1, 10).next().done).toBe(false);
    running.end();
    expect(finish(mmuIntervalReadBegin(m, 1, 10)) % 2).toBe(1);
  });
});

describe('a device that looks while the page tables change', () => {
  const PAGES = 128;
  /** A device reads or looks while another task does something to the same memory. */
  const together = (seed: number, device: object, other: object): Simulation => {
    const sim = createSimulation(
      parseScenario({
        devices: [
          { id: 0, kind: 'coherent' },
          { id: 1, kind: 'private' },
        ],
        steps: [
          area('mmap', { pages: PAGES, prot: 'rw', kind: 'anon-private' }),
          area('write', { value: 100 }),
          area('snapshot', { device: 1, page: 0, count: 1 }),
          { op: 'concurrent', proc: 'A', seed, steps: [area('', device), area('', other)] },
        ].map((step) => ({ step })),
      }),
    );
    sim.runAll();
    return sim;
  };
  const lookups = (sim: Simulation): number =>
    sim.callsOf(sim.steps[3]).filter((name) => name === 'hmm_range_fault').length;
  const slept = (sim: Simulation, why: string): boolean => {
    const { log } = sim.machine.journal;
    for (let i = sim.steps[3].begin; i < log.length; i++)
      if (log.kindAt(i) === EventKind.DECISION && DECISIONS[log.idAt(i)] === why) return true;
    return false;
  };
  const runs = (device: object, other: object): Simulation[] =>
    Array.from({ length: 16 }, (_, seed) => together(seed, device, other));

  it('begins again when an invalidation came between, and reads the right bytes', () => {
    const all = runs({ op: 'dev_read', device: 1 }, { op: 'mprotect', prot: 'r' });
    for (const sim of all) {
      expect(sim.steps[3].result.results?.[0]).toMatchObject({ ret: 0, cpages: PAGES });
      expect(sim.steps[3].result.results?.[0]?.values?.[5]).toBe(105);
    }
    // two pieces of 64 pages: two lookups; one more where a piece was hit while it was looked up, three more where
    // the first piece was lost as well when the second was done
    expect(new Set(all.map(lookups))).toEqual(new Set([2, 3, 5]));
  });

  it('takes a snapshot anew when its own interval was hit, and not when another was', () => {
    const near = runs({ op: 'snapshot', device: 1 }, { op: 'mprotect', prot: 'r', page: 0, count: 1 });
    for (const sim of near) {
      const words = sim.steps[3].result.results?.[0]?.perms ?? [];
      expect(words).toHaveLength(PAGES);
      // the whole piece is from one moment
      expect(['r', 'w']).toContain(words[0]);
    }
    expect(new Set(near.map(lookups))).toEqual(new Set([2, 3]));
    const far = runs(
      { op: 'snapshot', device: 1, page: 0, count: 64 },
      { op: 'mprotect', prot: 'r', page: 100, count: 1 },
    );
    expect(new Set(far.map(lookups))).toEqual(new Set([1]));
  });

  it('waits for pages on their way to another device', () => {
    const all = runs({ op: 'dev_read', device: 1 }, { op: 'migrate_to_dev', device: 0 });
    for (const sim of all) expect(sim.steps[3].result.results?.[0]?.values?.[7]).toBe(107);
    expect(all.some((sim) => slept(sim, 'sleep.migration-entry'))).toBe(true);
  });
});

// Statements of machine-and-drivers.md about the driver, TTM and costs that no other test cites (§3.3 to §3.11, §4.2, §4.3,
// §5.1 to §5.4, §7), run with the invariants watching.

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Step } from '../core/index.ts';
import { amdgpuBoCreate } from '../core/kernel/drivers/amdgpu-client.ts';
import { migrateMutex } from '../core/kernel/drivers/amdgpu-process.ts';
import { resvName } from '../core/kernel/drivers/ttm-device.ts';
import { stepCosts } from '../core/scenario/run-costs.ts';
import {
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
} from '../core/kernel/mm/mmu-notifier.ts';
import { doMadvise } from '../core/kernel/mm/madvise.ts';
import { atOnce as inOneGo } from '../core/kernel/sched/locks.ts';
import { KFD_MEM_USED } from '../core/machine/scalars.ts';
import { DEFAULT_COSTS, DEFAULT_OPS, withOverrides } from '../core/uapi/cost-model.ts';
import { DEVICE_MODEL, maxRangePages } from '../core/uapi/device-model.ts';
import type { SimpleStep } from '../core/uapi/scenario.ts';
import { gibToPages, mibToPages } from '../core/uapi/units.ts';
import { decisionsOf, gpuScenario, resultTexts, runChecked } from './checked-run.ts';
import { access, attr, gpuWrite, last, map, places, prefetch, ranges, sizes } from './svm-fixture.ts';
import { fill, inVram, nicPins, other, take } from './ttm-fixture.ts';

const atOnce = (seed: number, steps: readonly Step[]): Step => ({
  op: 'concurrent',
  proc: 'A',
  seed,
  steps: steps as SimpleStep[],
});
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

describe('sizes of ranges (§3.3)', { timeout: 60_000 }, () => {
  test.each([
    [gibToPages(64), 262_144],
    [mibToPages(256), 2048],
    [mibToPages(16), 512],
    [gibToPages(48), 262_144],
    [mibToPages(700), 4096],
  ])(
    '%i pages of VRAM: %i, "1/32 …, rounded down to a power of two, between 2 MiB and 1 GiB"',
    (vram, pages) => {
      expect(maxRangePages(DEVICE_MODEL['mi250x-gcd'], vram)).toBe(pages);
    },
  );

  test('"a single page if that block collides with a BO mapping"', () => {
    const userptr: Step = {
      op: 'bo_alloc',
      proc: 'A',
      device: 0,
      bo: 'mine',
      pages: 2,
      kind: 'userptr',
      vma: 'buf',
      page: 4,
    };
    const run = runChecked(gpuScenario([...map(8), userptr, gpuWrite(0, 1)]));
    expect(sizes(run)).toEqual([1]);
    expect(places(run)).toBe('01000000');
    expect(run.violations).toEqual([]);
  });
});

describe('RAM to VRAM (§3.4, §3.6)', { timeout: 60_000 }, () => {
  test('"Run also ends at the end of a VRAM buddy block": 700 pages in blocks of 512, 128, 32, 16, 8 and 4 are six copies', () => {
    const run = runChecked(gpuScenario([...map(700), prefetch(0)], { machine: 'lab-node', devices: 1 }));
    const [object] = run.sim.machine.ttmBos.values();
    expect(object?.blocks.map(({ order }) => 2 ** order)).toEqual([512, 128, 32, 16, 8, 4]);
    expect(run.sim.callTotals(last(run)).get('svm_migrate_copy_memory_gart')).toBe(6);
    expect(places(run)).toBe('1'.repeat(700));
  });

  test('"Collects … holes (anonymous)": those of a file are not, and "none → free the BO"', () => {
    const file = { proc: 'A', vma: 'buf' } as const;
    const run = runChecked(
      gpuScenario([
        { op: 'mmap', ...file, pages: 4, prot: 'rw', kind: 'file-private' },
        // a table that has entries for none of them
        { op: 'read', ...file },
        { op: 'madvise', ...file, advice: 'DONTNEED' },
        prefetch(0),
      ]),
    );
    expect(decisionsOf(run, last(run), 'migrate.hole')).toEqual([]);
    expect(ranges(run).map(({ actualLoc, svmBo }) => [actualLoc, svmBo])).toEqual([[0, 0]]);
    expect([run.sim.machine.ttmBos.values(), run.violations]).toEqual([[], []]);
  });

  test('"compound page that cannot be split: collect", not counted: a pinned huge page stays whole', () => {
    const run = runChecked(
      gpuScenario(
        [
          { op: 'mmap', proc: 'A', vma: 'buf', pages: 512, prot: 'rw', kind: 'anon-private', align: '2M' },
          { op: 'madvise', proc: 'A', vma: 'buf', advice: 'HUGEPAGE' },
          { op: 'write', proc: 'A', vma: 'buf', value: 1 },
          { op: 'gup', proc: 'A', vma: 'buf', page: 3, count: 1, call: 'pin_user_pages', flags: [], as: 'h' },
          prefetch(0),
        ],
        { devices: 1 },
      ),
    );
    expect([resultTexts(run.records).at(-1), places(run)]).toEqual(['0', '0'.repeat(512)]);
    expect(decisionsOf(run, last(run), 'svm.pages-left')).toEqual([]);
    expect(run.violations).toEqual([]);
  });
});

/** All of A's memory changes, and its first page again where a restore is at a point for the nth time. `invalid` of each range then, and at the end. */
const changedMeanwhile = (steps: readonly Step[], where: string, nth: number): number[][] => {
  const run = runChecked(gpuScenario(steps, { devices: 1 }));
  const { machine: m } = run.sim;
  const start = m.mms.get(1).areas[0]?.start ?? 0;
  const change = (from: number, to: number): void => {
    const range = { event: 'CLEAR', mm: 1, start: start + from, end: start + to, owner: 0 } as const;
    mmuNotifierInvalidateRangeStart(m, range);
    mmuNotifierInvalidateRangeEnd(m, range);
  };
  const npages = m.mms.get(1).areas[0]?.npages ?? 0;
  change(0, npages);
  // pages that the restore has to fault in: between two of them others run
  if (where === 'hmm_vma_fault')
    inOneGo(() => doMadvise(m, m.mms.get(1), start + npages / 2, npages / 2, 'DONTNEED'));
  const work = m.works.pop();
  const restore = work?.run();
  if (restore === undefined) throw new Error('nothing to be done');
  // after 1 ms, with mmap_lock for writing: whoever reads has it for the moment
  m.mmapLocks.set(1, 1);
  expect([work?.delayed, restore.next().value]).toMatchObject([true, { kind: 'mmap-lock' }]);
  m.mmapLocks.set(1, 0);
  // "for every invalid range: wait for its migrate_mutex"
  const mutex = migrateMutex(ranges(run)[0]?.id ?? 0);
  m.mutexes.add(mutex);
  expect(restore.next().value).toMatchObject({ kind: 'mutex', name: mutex });
  m.mutexes.delete(mutex);
  let times = 0;
  for (let next = restore.next(); next.done !== true; next = restore.next())
    if (next.value.kind === 'resched' && next.value.where === where && ++times === nth) change(0, 1);
  const then = ranges(run).map(({ invalid }) => invalid);
  expect(m.kfdProcesses.get(1)).toMatchObject({ queuesStopped: true, restoreScheduled: true });
  for (let next = m.works.pop(); next !== undefined; next = m.works.pop()) inOneGo(next.run);
  expect(m.kfdProcesses.get(1)).toMatchObject({ queuesStopped: false, evictedRanges: 0 });
  return [then, ranges(run).map(({ invalid }) => invalid)];
};

describe('faults that come together (§3.8), changes that do (§3.10)', { timeout: 60_000 }, () => {
  test('"range validated less than 2 ms ago → drop (duplicate faults of other lanes/pages)"', () => {
    const dropped = SEEDS.filter((seed) => {
      const run = runChecked(gpuScenario([...map(4), atOnce(seed, [gpuWrite(0, 0), gpuWrite(0, 3)])]));
      expect(last(run).result.results?.map(({ ret }) => ret)).toEqual([0, 0]);
      expect(places(run)).toBe('1111');
      expect(run.violations).toEqual([]);
      return decisionsOf(run, last(run), 'gpu.fault-dropped').length > 0;
    });
    expect(dropped.length).toBeGreaterThan(0);
  });

  test('"if a range was invalidated again … reschedule": queues run only when all ranges are clean', () => {
    const protect = (prot: 'r' | 'rw'): Step => ({ op: 'mprotect', proc: 'A', vma: 'buf', prot });
    for (const seed of SEEDS) {
      const run = runChecked(
        gpuScenario([
          ...map(4),
          { op: 'set_xnack', proc: 'A', enabled: false },
          attr([access(0), { type: 'PREFETCH_LOC', loc: 0 }]),
          atOnce(seed, [
            protect('r'),
            { op: 'madvise', proc: 'A', vma: 'buf', page: 0, count: 2, advice: 'DONTNEED' },
          ]),
        ]),
      );
      const queues = decisionsOf(run, last(run), 'svm.queues');
      expect(queues[0]).toBe('svm.queues-stopped');
      expect(queues.at(-1)).toBe('svm.queues-resumed');
      expect(ranges(run).map(({ invalid }) => invalid)).toEqual([0]);
      expect(run.sim.machine.kfdProcesses.values()[0]).toMatchObject({
        queuesStopped: false,
        evictedRanges: 0,
      });
      expect(run.violations).toEqual([]);
    }
  });

  test('"… when all are clean → resume queues": a change to a range that is clean already makes it begin anew', () => {
    const off: Step = { op: 'set_xnack', proc: 'A', enabled: false };
    const halves = [0, 2].map((page) => attr([access(0)], { page, count: 2 }));
    // the first range is clean, and the second is just being mapped
    expect(changedMeanwhile([...map(4), off, ...halves], 'svm_range_dma_map', 2)).toEqual([
      [1, 0],
      [0, 0],
    ]);
  });

  test('"if a range was invalidated again … reschedule": in its first area, while its second is faulted in', () => {
    const steps: Step[] = [
      ...map(128),
      { op: 'set_xnack', proc: 'A', enabled: false },
      attr([access(0)]),
      { op: 'mprotect', proc: 'A', vma: 'buf', page: 64, count: 64, prot: 'r' },
    ];
    expect(changedMeanwhile(steps, 'hmm_vma_fault', 1)).toEqual([[3], [0]]);
  });
});

describe('mapping (§3.10)', { timeout: 60_000 }, () => {
  test('"GPUs outside the owner’s hive are skipped when the range is in VRAM"', () => {
    const inPlace = attr([access(1, 'ACCESS_IN_PLACE')]);
    const reads: Step = { op: 'gpu_read', proc: 'A', vma: 'buf', device: 1 };
    const outcome = (hives: number[]) => {
      const run = runChecked(gpuScenario([...map(4), gpuWrite(0, 0, 4), inPlace, reads], { gpu: { hives } }));
      expect(run.violations).toEqual([]);
      const { machine: m } = run.sim;
      run.sim.seek(last(run).begin);
      const table = m.dmirrors.values().find(({ device }) => device === 2);
      const entries = table === undefined ? -1 : m.journal.mapById(table.pt).keys().length;
      const there = places(run);
      run.sim.seek(run.sim.length);
      return { there, entries, accesses: last(run).result.accesses, now: places(run) };
    };
    expect(outcome([1, 1])).toMatchObject({
      there: '1111',
      entries: 4,
      accesses: { 'gpu package': 4 },
      now: '1111',
    });
    // the access itself then faults, and the range comes home: where both reach it
    expect(outcome([1, 2])).toMatchObject({
      there: '1111',
      entries: 0,
      accesses: { 'gpu system': 4 },
      now: '0000',
    });
  });
});

describe('what leaves the GPU’s table (§3.10, scene 35)', { timeout: 60_000 }, () => {
  test('"munmap: only its interval leaves the GPU table": what lies around it needs no fault', () => {
    const middle: Step = { op: 'munmap', proc: 'A', vma: 'buf', page: 3, count: 2 };
    const reads = (page: number, count: number): Step => gpuWrite(0, page, count);
    const run = runChecked(gpuScenario([...map(8), gpuWrite(0, 0, 8), middle, reads(0, 3), reads(5, 3)]));
    expect(run.records.slice(-2).map(({ result }) => [result.accesses, result.faults])).toEqual([
      [{ 'gpu local': 3, 'gpu system': 0, 'gpu package': 0, 'gpu peer': 0 }, 0],
      [{ 'gpu local': 3, 'gpu system': 0, 'gpu package': 0, 'gpu peer': 0 }, 0],
    ]);
    expect(run.violations).toEqual([]);
  });
});

describe('limits (§3.11)', { timeout: 60_000 }, () => {
  test('"SVM BOs are not charged …, so a hipMalloc passes its limit check and then evicts SVM BOs"', () => {
    const run = runChecked(gpuScenario([other, ...fill(6), take(3072)], { devices: 1 }));
    expect(resultTexts(run.records).at(-1)).toBe('0');
    expect(decisionsOf(run, last(run), 'ttm.gutted').length).toBeGreaterThan(0);
    expect(run.violations).toEqual([]);
  });
});

test('§3.11: "switching mode re-charges": ranges count with XNACK off only, and as often as they are there', () => {
  const xnack = (enabled: boolean): Step => ({ op: 'set_xnack', proc: 'A', enabled });
  const run = runChecked(
    gpuScenario([
      ...map(8),
      attr([access(0)]),
      xnack(false),
      xnack(true),
      xnack(false),
      // as long as they are there
      { op: 'munmap', proc: 'A', vma: 'buf', page: 0, count: 3 },
      { op: 'munmap', proc: 'A', vma: 'buf', page: 3, count: 5 },
    ]),
  );
  const used = run.records.map(({ end }) => {
    run.sim.seek(end);
    return run.sim.machine.scalars.get(KFD_MEM_USED);
  });
  const before = used[2] ?? 0;
  expect(used.slice(3)).toEqual([before + 8, before, before + 8, before + 5, before]);
});

const PEAK_MODEL = withOverrides(DEFAULT_COSTS, { efficiency: 1 });

describe('operations (§5.3): each counts as often as it happens', () => {
  const read: Step = { op: 'read', proc: 'A', vma: 'buf' };
  const fast: Step = {
    ...nicPins(0, 'get_user_pages'),
    call: 'get_user_pages_fast',
    flags: ['FOLL_WRITE'],
    count: 4,
  } as Step;
  const drops: Step = { op: 'madvise', proc: 'A', vma: 'buf', advice: 'DONTNEED' };
  test.each<[string, Step[], string, number]>([
    ['`cpu.load.ddr.local` 100, `pt.walk` 300', [read], 'access by CPU', 4 * (100 + 300)],
    ['`cpu.load.hbm.coherent` 350, `pt.walk` 300', [prefetch(0), read], 'access by CPU', 4 * (350 + 300)],
    ['`gup.fast` 50 per page', [fast], 'pins', 4 * 50],
    ['`gpu.tlb.flush` 5,000', [gpuWrite(0, 0, 4), drops], 'TLB shootdowns', 5000],
    ['`gpu.retry_fault` 30,000', [gpuWrite(0, 0, 4)], 'faults of the GPU', 30_000],
  ])('%s', (_, steps, kind, ns) => {
    const sim = createSimulation(parseScenario(gpuScenario([...map(4), ...steps], { devices: 1 })));
    sim.runAll();
    expect(Object.entries(stepCosts(sim, DEFAULT_COSTS).at(-1)?.report.nsByKind ?? {})).toContainEqual([
      kind,
      ns,
    ]);
  });
});

test('§5.3: a copy on write, a slow pin, a page that moves, a flush for each table, a pin that moves, queues that stop, a block of private memory', () => {
  const ops: Step[] = [
    { op: 'write', proc: 'A', vma: 'buf', value: 7 },
    { ...nicPins(0, 'get_user_pages'), count: 4 } as Step,
    { op: 'put', proc: 'A', handle: 'mr' },
    prefetch(0),
    { ...nicPins(0), call: 'pin_user_pages', count: 4 } as Step,
    { op: 'set_xnack', proc: 'A', enabled: false },
    attr([access(0)]),
    { op: 'madvise', proc: 'A', vma: 'buf', advice: 'DONTNEED' },
  ];
  const told = (kind: 'coherent' | 'private', steps: Step[]) => {
    const sim = createSimulation(parseScenario(gpuScenario(steps, { devices: 1, kind })));
    sim.runAll();
    return stepCosts(sim, DEFAULT_COSTS).map((step) => step?.report.nsByKind);
  };
  const each = told('coherent', [...map(4), other, ...ops]).slice(3);
  expect(each[0]).toMatchObject({ faults: 4 * 1000 });
  expect(each[1]).toMatchObject({ pins: 4 * 400 });
  expect(each[3]).toMatchObject({ migration: 4 * 1500, 'TLB shootdowns': 4000 });
  // looked up twice: before and behind the move
  expect(each[4]).toMatchObject({ migration: 0, pins: 4 * 3000 + 2 * 4 * 400 });
  // `queue.quiesce`, "+ the 1 ms delay below", `queue.resume`
  expect(each[7]).toMatchObject({ 'stopped queues': 1e6 + 1e6 + 1e6 });
  const touch: Step = { op: 'read', proc: 'A', vma: 'buf' };
  expect(told('private', [...map(4), prefetch(0), touch]).at(-1)).toMatchObject({ faults: 20_000 });
});

test('§5.3: what a long-term pin moves costs the same told page by page and in a big step', () => {
  const pin: Step = { ...nicPins(0), count: 600 } as Step;
  const costs = (bigStepPages: number) => {
    const scenario = parseScenario(
      gpuScenario([...map(600), prefetch(0), pin], { machine: 'lab-node', devices: 1 }),
    );
    const sim = createSimulation(scenario, { bigStepPages });
    sim.runAll();
    const report = stepCosts(sim, DEFAULT_COSTS).at(-1)?.report;
    return { isBig: sim.steps.at(-1)?.isBig, pages: report?.pin.pagesMoved, ns: report?.nsByKind.migration };
  };
  expect(costs(64)).toEqual({ isBig: true, pages: 600, ns: 0 });
  expect(costs(Number.POSITIVE_INFINITY)).toEqual({ isBig: false, pages: 600, ns: 0 });
});

describe('choosing a victim, and its way out (§4.2, §4.3)', { timeout: 60_000 }, () => {
  test('"skip those whose reservation cannot be try-locked": the next one goes', () => {
    const run = runChecked(gpuScenario([other, ...fill(2)], { devices: 1 }));
    const { machine: m } = run.sim;
    const [first, second] = m.ttmBos.values();
    m.mutexes.add(resvName(first?.id ?? 0));
    const waits = amdgpuBoCreate(m, { gpu: 1, name: 'big', kind: 'gem', mm: 9, npages: 3500, pin: false });
    let fence = waits.next();
    while (fence.done !== true && fence.value.kind !== 'fence') fence = waits.next();
    const [asked] = m.fences.values().filter(({ enabled }) => enabled);
    expect(m.svmBos.values().find(({ fence: own }) => own === asked?.id)?.bo).toBe(second?.id);
  });

  test('"get A’s mm (gone → drop reference, done; …)": A ends while B waits, and B has its VRAM', () => {
    for (const seed of SEEDS) {
      const run = runChecked(
        gpuScenario([other, ...fill(2), atOnce(seed, [take(4096), { op: 'exit', proc: 'A' }])], {
          devices: 1,
        }),
      );
      expect(last(run).result.results?.map(({ ret }) => ret)).toEqual([0, 0]);
      expect(run.sim.machine.svmBos.values()).toEqual([]);
      expect(
        run.sim.machine.fences.values().filter(({ svmBo, signaled }) => svmBo !== 0 && !signaled),
      ).toEqual([]);
      expect(run.violations).toEqual([]);
    }
  });

  test('step 10, XNACK on: the "next GPU access faults, may migrate back and evict someone else"', () => {
    const back: Step = { op: 'gpu_write', proc: 'A', vma: 'buf', page: 0, count: 1, device: 0, value: 1 };
    const run = runChecked(gpuScenario([other, ...fill(1), take(4096, 'gem'), back], { devices: 1 }));
    expect(last(run).result).toMatchObject({ ret: 0, faults: 1 });
    expect(inVram(run)).toBe(512);
    expect(decisionsOf(run, last(run), 'ttm.moved-to-tt')).toHaveLength(1);
    expect(run.violations).toEqual([]);
  });
});

describe('derived transfer times at peak (§5.2)', { timeout: 60_000 }, () => {
  const copyNs = (pages: number, kind: 'coherent' | 'private'): number => {
    const sim = createSimulation(parseScenario(gpuScenario([...map(pages), prefetch(0)], { kind })));
    sim.runAll();
    const report = stepCosts(sim, PEAK_MODEL).at(-1)?.report;
    return (report?.nsByKind['copies by DMA'] ?? 0) - DEFAULT_OPS['sdma.chunk.setup'].value;
  };
  test.each([
    [1, 114, 130],
    [16, 1820, 2080],
  ])('%i pages: %i ns over 36 GB/s, %i ns over 31.5 GB/s', (pages, coherent, priv) => {
    expect(Math.abs(copyNs(pages, 'coherent') / coherent - 1)).toBeLessThan(0.005);
    expect(Math.abs(copyNs(pages, 'private') / priv - 1)).toBeLessThan(0.005);
  });

  test('§5.1, "bytes / (efficiency × min(link, source memory share, destination memory share))": a link faster than the memory does not help', () => {
    const fast = (rate: number): number => {
      const sim = createSimulation(parseScenario(gpuScenario([...map(16), prefetch(0)])));
      sim.runAll();
      const model = withOverrides(PEAK_MODEL, { links: { 'if.cpu_gpu': rate } });
      const ns = stepCosts(sim, model).at(-1)?.report.nsByKind['copies by DMA'] ?? 0;
      return ns - DEFAULT_OPS['sdma.chunk.setup'].value;
    };
    const memory = DEFAULT_COSTS.links['ddr.socket'].value;
    expect(fast(memory / 2)).toBeCloseTo(2 * fast(memory));
    expect(fast(memory * 10)).toBe(fast(memory));
  });

  test('§5.1: the "efficiency factor on any peak" is 0.7, assumed, and divides every copy', () => {
    expect(DEFAULT_COSTS.efficiency).toMatchObject({ value: 0.7, class: 'assumed' });
  });
});

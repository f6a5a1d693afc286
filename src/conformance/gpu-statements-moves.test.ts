// Statements of machine-and-drivers.md about the way of a range to VRAM and home that no other test cites (§3.1, §3.4 to
// §3.7, §2.4, §5.3). What needs a state that no step ends in is built by hand, up to a point where a task may sleep.

import { describe, expect, test } from 'vitest';
import type { Step } from '../core/index.ts';
import { svmBoKref } from '../core/kernel/drivers/amdgpu-bo.ts';
import { svmMigrateToVram, svmMigrateVramToRam } from '../core/kernel/drivers/amdgpu-migrate.ts';
import { migrateMutex, svmsLock } from '../core/kernel/drivers/amdgpu-process.ts';
import { svmRangeSetAttr } from '../core/kernel/drivers/amdgpu-svm.ts';
import { isolateLruPage } from '../core/kernel/mm/isolate.ts';
import { migrateVmaFinalize, migrateVmaPages, migrateVmaSetup } from '../core/kernel/mm/migrate-device.ts';
import {
  countPages,
  MIGRATE_VMA_SELECT_DEVICE_COHERENT,
  type MigrateVma,
  migratePfn,
  newMigrateVma,
} from '../core/kernel/mm/migrate-vma.ts';
import { allocPage } from '../core/kernel/mm/page-alloc.ts';
import { leafOffset, mappedFrame } from '../core/kernel/mm/page-table.ts';
import { folioGet } from '../core/kernel/mm/page-ref.ts';
import { tryToMigrate } from '../core/kernel/mm/rmap.ts';
import { lruAddDrain } from '../core/kernel/mm/swap.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import { atOnce, trylockPage } from '../core/kernel/sched/locks.ts';
import type { Machine } from '../core/machine/machine.ts';
import { Bench } from '../core/scenario/memory-types.ts';
import { EFAULT, EINVAL } from '../core/uapi/errno.ts';
import { EventKind } from '../core/uapi/events.ts';
import { entryPfn } from '../core/uapi/pte.ts';
import { GFP_HIGHUSER } from '../core/uapi/gfp.ts';
import type { SimpleStep } from '../core/uapi/scenario.ts';
import { type KernelFunctionName, kernelFunctionId } from '../core/uapi/source-refs.ts';
import { NO_PFN, type Pfn } from '../core/uapi/units.ts';
import { type CheckedRun, decisionsOf, framesOf, gpuScenario, runChecked, stepOf } from './checked-run.ts';
import { access, attr, firstRange, last, map, places, prefetch, ranges } from './svm-fixture.ts';

const startOf = (m: Machine): number => m.mms.get(1).areas[0]?.start ?? 0;
const freePages = (m: Machine): number => zoneInfo(m).reduce((sum, { free }) => sum + free, 0);

/** PREFETCH_LOC for all pages of `buf` by hand; its result, and what was decided on the way. */
const prefetchNow = (run: CheckedRun, loc: number, pages: number): { ret: number; said: string[] } => {
  const { machine: m } = run.sim;
  const begin = m.journal.log.length;
  const ret = atOnce(() => svmRangeSetAttr(m, startOf(m), pages, 1, [{ type: 'PREFETCH_LOC', loc }]));
  return { ret, said: decisionsOf(run, { begin, end: m.journal.log.length }, '') };
};

/** Where spans of a function begin and end in a step, in order. */
const spans = ({ sim }: CheckedRun, step: { begin: number; end: number }, name: KernelFunctionName) => {
  const { log } = sim.machine.journal;
  const id = kernelFunctionId(name);
  const found: { kind: 'begin' | 'end'; at: number }[] = [];
  for (let at = step.begin; at < step.end; at++) {
    if (log.idAt(at) !== id) continue;
    if (log.kindAt(at) === EventKind.SPAN_BEGIN) found.push({ kind: 'begin', at });
    if (log.kindAt(at) === EventKind.SPAN_END) found.push({ kind: 'end', at });
  }
  return found;
};
const firstSpan = (run: CheckedRun, name: KernelFunctionName): number =>
  spans(run, last(run), name)[0]?.at ?? 0;

describe('which pages cannot move (§3.6)', { timeout: 60_000 }, () => {
  test('"page lock held by someone": stops at collect, both ways, and is not counted', () => {
    const run = runChecked(gpuScenario([...map(4), attr([access(0)])]));
    const { machine: m } = run.sim;
    trylockPage(m, framesOf(run)[1] ?? NO_PFN);
    const there = prefetchNow(run, 1, 4);
    expect([there.ret, places(run), firstRange(run)?.actualLoc]).toEqual([0, '1011', 1]);
    expect(there.said).toContain('migrate.trylock-failed');
    trylockPage(m, framesOf(run)[2] ?? NO_PFN);
    const back = prefetchNow(run, 0, 4);
    // nobody noticed that page 2 stayed: the range says that it is home
    expect([back.ret, places(run), firstRange(run)?.actualLoc]).toEqual([0, '0010', 0]);
    expect(back.said).not.toContain('svm.pages-left');
  });

  test('"D/P page with exactly one unexplained reference … −EAGAIN … yes": a private one, too, is counted', () => {
    const run = runChecked(gpuScenario([...map(2), prefetch(0)], { devices: 1, kind: 'private' }));
    const { machine: m } = run.sim;
    const { row } = leafOffset(m, m.mms.get(1), startOf(m));
    folioGet(m, entryPfn(m.entries.get(row)), 'fault handler');
    const home = prefetchNow(run, 0, 2);
    expect([home.ret, places(run), firstRange(run)?.actualLoc]).toEqual([0, '.0', 1]);
    expect(home.said).toContain('svm.pages-left');
  });

  test('"S page not isolatable from LRU": stops at unmap, entry cleared, the page mapped as before', () => {
    const run = runChecked(gpuScenario([...map(4), attr([access(0)])]));
    const { machine: m } = run.sim;
    const frames = framesOf(run);
    lruAddDrain(m);
    expect(isolateLruPage(m, frames[1] ?? NO_PFN)).toBe(0);
    const { ret, said } = prefetchNow(run, 1, 4);
    expect([ret, places(run), framesOf(run)[1]]).toEqual([0, '1011', frames[1]]);
    expect(said).toContain('migrate.isolation-failed');
  });

  test('"no destination page": stops at metadata, counted; the entry names the old page again', () => {
    const run = runChecked(gpuScenario([...map(3), prefetch(0)], { devices: 1 }));
    const { machine: m } = run.sim;
    const frames = framesOf(run);
    const start = startOf(m);
    const args: MigrateVma = newMigrateVma({
      vma: m.vmas.values()[0],
      start,
      end: start + 3,
      pgmapOwner: m.pgmaps.values()[0]?.owner ?? 0,
      flags: MIGRATE_VMA_SELECT_DEVICE_COHERENT,
      faultPage: NO_PFN,
    });
    expect(atOnce(() => migrateVmaSetup(m, start, start + 3, args))).toBe(0);
    for (const i of [0, 2]) {
      const page = allocPage(m, GFP_HIGHUSER);
      trylockPage(m, page);
      args.dst[i] = migratePfn(page);
    }
    atOnce(() => migrateVmaPages(m, 3, args));
    expect([countPages(args, true), countPages(args, false)]).toEqual([2, 1]);
    atOnce(() => migrateVmaFinalize(m, 3, args));
    expect([places(run), framesOf(run)[1]]).toEqual(['010', frames[1]]);
  });
});

describe('RAM to VRAM (§3.4)', { timeout: 60_000 }, () => {
  /** A range of six pages of which the last two have lost their area, without a notifier. */
  const withHole = (steps: Step[]): { run: CheckedRun; range: number } => {
    const run = runChecked(gpuScenario([...map(6), ...steps], { devices: 1 }));
    const [vma] = run.sim.machine.vmas.values();
    run.sim.machine.vmas.update(vma?.id ?? 0, { vmEnd: startOf(run.sim.machine) + 4 });
    return { run, range: firstRange(run)?.id ?? 0 };
  };

  test('a missing VMA within a range: to VRAM the walk ends there, and what lies before it has moved', () => {
    const { run, range } = withHole([attr([access(0)])]);
    const { machine: m } = run.sim;
    expect(atOnce(() => svmMigrateToVram(m, range, 1, 1, 'PREFETCH'))).toBe(0);
    expect([places(run), firstRange(run)?.actualLoc]).toEqual(['111100', 1]);
  });

  test('a missing VMA within a range: "−EFAULT" on the way home, behind what has moved; it still counts as in VRAM (§3.5)', () => {
    const { run, range } = withHole([prefetch(0)]);
    const { machine: m } = run.sim;
    expect(atOnce(() => svmMigrateVramToRam(m, range, 0, 1, NO_PFN))).toBe(-EFAULT);
    expect([places(run), firstRange(run)?.actualLoc]).toEqual(['000011', 1]);
  });

  test('"reuse the old BO if still alive and not evicting, same GPU": another range keeps it alive meanwhile', () => {
    const half = attr([{ type: 'GRANULARITY', value: 3 }], { page: 0, count: 2 });
    const steps = [...map(4), prefetch(0), half, prefetch('system', { page: 2, count: 2 })];
    const back = runChecked(gpuScenario([...steps, prefetch(0, { page: 2, count: 2 })]));
    expect(ranges(back).map(({ svmBo, actualLoc }) => [svmBo, actualLoc])).toEqual([
      [1, 1],
      [1, 1],
    ]);
    expect(svmBoKref(back.sim.machine, 1)).toBe(2 + 4);
    // for another GPU there is a new one
    const other = runChecked(gpuScenario([...steps, prefetch(1, { page: 2, count: 2 })]));
    expect(ranges(other).map(({ svmBo }) => svmBo)).toEqual([1, 2]);
    expect([...back.violations, ...other.violations]).toEqual([]);
  });

  test('"flags SELECT_SYSTEM only … skips D pages": what a child inherited in VRAM stays in the buffer object of its parent', () => {
    const fork: Step = { op: 'fork', proc: 'A', child: 'B' };
    const run = runChecked(
      gpuScenario([...map(4), prefetch(0), fork, { ...prefetch(0), proc: 'B' } as Step]),
    );
    expect(framesOf(run, 'B')).toEqual(framesOf(run));
    expect(decisionsOf(run, last(run), 'copy.page')).toEqual([]);
    expect(run.sim.machine.ttmBos.values()).toHaveLength(1);
    expect(run.violations).toEqual([]);
  });

  test('"Triggers notifier event MIGRATE": the GPU loses its entries of system memory before they name pages of VRAM', () => {
    const mapped = [...map(4), attr([{ type: 'PREFERRED_LOC', loc: 'system' }])];
    const gpuReads: Step = { op: 'gpu_read', proc: 'A', vma: 'buf', device: 0 };
    const run = runChecked(gpuScenario([...mapped, gpuReads, prefetch(0)], { devices: 1 }));
    const said = decisionsOf(run, last(run), '').filter((id) => id === 'svm.unmapped' || id === 'copy.page');
    expect(said).toEqual(['svm.unmapped', 'copy.page', 'copy.page', 'copy.page', 'copy.page']);
    expect(run.violations).toEqual([]);
  });

  test('"hole, or page not migratable: close the run": a hole closes the run, so two copies', () => {
    const write = (page: number): Step => ({ op: 'write', proc: 'A', vma: 'buf', page, count: 1, value: 7 });
    const [area] = map(3);
    if (area === undefined) throw new Error('no area');
    const run = runChecked(gpuScenario([area, write(0), write(2), prefetch(0)]));
    expect(run.sim.callTotals(last(run)).get('svm_migrate_copy_memory_gart')).toBe(2);
    expect([places(run), run.violations]).toEqual(['111', []]);
  });

  test('"Holes become zero-filled VRAM pages", also in an object that the range got back and whose place held other bytes', () => {
    const there = { page: 2, count: 2 };
    const run = runChecked(
      gpuScenario([
        ...map(4),
        prefetch(0),
        // two ranges share the object: it outlives the way home of the second
        attr([{ type: 'GRANULARITY', value: 3 }], { page: 0, count: 2 }),
        prefetch('system', there),
        { op: 'madvise', proc: 'A', vma: 'buf', page: 2, count: 1, advice: 'DONTNEED' },
        prefetch(0, there),
        { op: 'read', proc: 'A', vma: 'buf', page: 2, count: 2 },
      ]),
    );
    expect([places(run), run.sim.machine.svmBos.values().length]).toEqual(['1111', 1]);
    expect(framesOf(run).map((pfn) => run.sim.machine.pages.content.get(pfn))).toEqual([100, 101, 0, 103]);
    expect(run.violations).toEqual([]);
  });

  test('"under the GART window lock": one copy at a time per GPU, however the tasks take turns', () => {
    const fork: Step = { op: 'fork', proc: 'A', child: 'B' };
    // every other page: each is a run of its own
    const sparse = (proc: string): Step[] => [
      { op: 'mmap', proc, vma: 'buf', pages: 12, prot: 'rw', kind: 'anon-private' },
      ...[0, 2, 4, 6, 8, 10].map(
        (page): Step => ({ op: 'write', proc, vma: 'buf', page, count: 1, value: page }),
      ),
    ];
    for (const seed of [1, 2, 3]) {
      const steps = [prefetch(0), { ...prefetch(0), proc: 'B' }] as SimpleStep[];
      const both: Step = { op: 'concurrent', proc: 'A', seed, steps };
      const run = runChecked(gpuScenario([fork, ...sparse('A'), ...sparse('B'), both]));
      const order = spans(run, last(run), 'svm_migrate_copy_memory_gart').map(({ kind }) => kind);
      expect(order).toHaveLength(2 * 12);
      expect(order.every((kind, i) => kind === (i % 2 === 0 ? 'begin' : 'end'))).toBe(true);
      expect(run.violations).toEqual([]);
    }
  });

  test('step d: metadata, the fence, then finalize; until then nobody finds an entry of the page', () => {
    const run = runChecked(gpuScenario([...map(2), attr([access(0)])]));
    const { machine: m } = run.sim;
    const task = svmRangeSetAttr(m, startOf(m), 2, 1, [{ type: 'PREFETCH_LOC', loc: 1 }]);
    for (let next = task.next(); next.done !== true; next = task.next())
      if (next.value.kind === 'resched' && next.value.where === 'svm_migrate_copy_done') break;
    // "Called with mmap read lock, svms lock, migrate_mutex"
    const held = [svmsLock(1), migrateMutex(firstRange(run)?.id ?? 0)].map((name) => m.mutexes.has(name));
    expect([m.mmapLocks.get(1), ...held]).toEqual([1, true, true]);
    const called = (name: KernelFunctionName): number =>
      spans(run, { begin: last(run).end, end: m.journal.log.length }, name).length;
    expect([called('migrate_vma_pages'), called('migrate_vma_finalize')]).toEqual([2, 0]);
    expect([0, 1].map((i) => mappedFrame(m, m.mms.get(1), startOf(m) + i))).toEqual([NO_PFN, NO_PFN]);
    atOnce(() => task);
    expect(places(run)).toBe('11');
  });
});

describe('VRAM to RAM (§3.5)', { timeout: 60_000 }, () => {
  test('"actual_loc 0 → done": a range that is home: nothing to do', () => {
    const run = runChecked(gpuScenario([...map(4), attr([access(0)])]));
    const { machine: m } = run.sim;
    const begin = m.journal.log.length;
    expect(atOnce(() => svmMigrateVramToRam(m, firstRange(run)?.id ?? 0, 0, 1, NO_PFN))).toBe(0);
    expect(spans(run, { begin, end: m.journal.log.length }, 'svm_migrate_vma_to_ram')).toEqual([]);
  });

  test.each(['coherent', 'private'] as const)(
    '"SELECT_DEVICE_COHERENT if xgmi.connected_to_cpu, else SELECT_DEVICE_PRIVATE": %s pages come home, and the buffer object goes, and the range is home',
    (kind) => {
      const run = runChecked(gpuScenario([...map(4), prefetch(0), prefetch('system')], { kind }));
      expect([places(run), firstRange(run)?.actualLoc]).toEqual(['0000', 0]);
      expect([run.sim.machine.ttmBos.values(), run.violations]).toEqual([[], []]);
    },
  );

  test('"runs end where VRAM addresses stop being consecutive": 700 pages in blocks side by side are two chunks', () => {
    const steps = [...map(700), prefetch(0), prefetch('system')];
    const run = runChecked(gpuScenario(steps, { machine: 'lab-node', devices: 1 }));
    run.sim.seek(stepOf(run, 2).end);
    const frames = framesOf(run);
    const jumps = frames.filter((pfn, i) => i > 0 && pfn !== (frames[i - 1] ?? 0) + 1).length;
    expect(jumps).toBe(0);
    // there: six blocks; home: 512 and 188 pages
    expect([2, 3].map((i) => run.sim.callTotals(stepOf(run, i)).get('svm_migrate_copy_memory_gart'))).toEqual(
      [6, 2],
    );
  });

  test('"fault_page is legal only for private pages: setup refuses it otherwise"', () => {
    const run = runChecked(gpuScenario([...map(1), prefetch(0)], { devices: 1 }));
    const { machine: m } = run.sim;
    const [page = NO_PFN] = framesOf(run);
    const ret = atOnce(() => svmMigrateVramToRam(m, firstRange(run)?.id ?? 0, 0, 1, page));
    expect([ret, places(run)]).toEqual([-EINVAL, '1']);
  });

  test('§3.7: "a transient DDR footprint equal to the range" from GPU to GPU', () => {
    const run = runChecked(gpuScenario([...map(64), prefetch(0), prefetch(1)]));
    const { sim } = run;
    const free = (position: number): number => {
      sim.seek(position);
      return freePages(sim.machine);
    };
    const [before, between, after] = [
      last(run).begin,
      firstSpan(run, 'svm_migrate_ram_to_vram'),
      sim.length,
    ].map(free);
    expect([(before ?? 0) - (between ?? 0), after]).toEqual([64, before]);
  });
});

describe('objects (§3.1)', { timeout: 60_000 }, () => {
  const fork: Step = { op: 'fork', proc: 'A', child: 'B' };

  test('"one per process": a child has none of its parent’s ranges, though it has its pages', () => {
    const run = runChecked(gpuScenario([...map(4), prefetch(0), fork]));
    expect(run.sim.machine.kfdProcesses.values().map(({ mm }) => mm)).toEqual([1]);
    expect([ranges(run).length, places(run, 'B')]).toEqual([1, '1111']);
  });

  test('the last page’s reference on the svm_bo is "dropped asynchronously": svm_range_bo_wq_release comes behind the unmap', () => {
    const goes: Step = { op: 'munmap', proc: 'B', vma: 'buf' };
    const written: Step = { op: 'write', proc: 'A', vma: 'buf', value: 9 };
    const run = runChecked(gpuScenario([...map(4), prefetch(0), fork, written, prefetch('system'), goes]));
    const { machine: m } = run.sim;
    const freed = spans(run, last(run), 'svm_migrate_page_free').at(-1)?.at ?? 0;
    const released = firstSpan(run, 'svm_range_bo_release');
    expect(released).toBeGreaterThan(freed);
    run.sim.seek(freed + 1);
    expect([m.svmBos.values().length, svmBoKref(m, 1)]).toEqual([1, 0]);
    run.sim.seek(run.sim.length);
    expect([m.svmBos.values(), m.ttmBos.values(), run.violations]).toEqual([[], [], []]);
  });
});

describe('pages in VRAM and the rest of mm (§2.4, §5.3)', { timeout: 60_000 }, () => {
  test('fork: "if the parent may have pinned it → copied for the child into system RAM": the child gets a copy in system memory', () => {
    const pin: Step = {
      op: 'gup',
      proc: 'A',
      vma: 'buf',
      page: 0,
      count: 1,
      call: 'pin_user_pages',
      flags: ['FOLL_WRITE'],
      as: 'h',
    };
    const fork: Step = { op: 'fork', proc: 'A', child: 'B' };
    const run = runChecked(gpuScenario([...map(4), prefetch(0), pin, fork]));
    expect([places(run), places(run, 'B')]).toEqual(['1111', '0111']);
    expect(run.violations).toEqual([]);
  });

  test('mprotect: "write added back takes effect at once for a dirty exclusive page"; one that came home clean faults first', () => {
    const protect = (prot: 'r' | 'rw'): Step => ({ op: 'mprotect', proc: 'A', vma: 'buf', prot });
    const write: Step = { op: 'write', proc: 'A', vma: 'buf', value: 7 };
    const faults = (home: readonly Step[], kind: 'coherent' | 'private'): number => {
      const steps = [...map(1), prefetch(0), ...home, protect('r'), protect('rw'), write];
      const run = runChecked(gpuScenario(steps, { devices: 1, kind }));
      expect(run.violations).toEqual([]);
      return run.sim.callTotals(last(run)).get('handle_mm_fault') ?? 0;
    };
    expect([faults([], 'coherent'), faults([prefetch('system')], 'private')]).toEqual([0, 1]);
  });

  test('rmap: "try_to_migrate accepts private and coherent, refuses other zone-device types"', () => {
    const mapped = (type: ConstructorParameters<typeof Bench>[0]): boolean[] => {
      const bench = new Bench(type);
      const { m, frame } = bench;
      const count = (pfn: Pfn): boolean => m.pages.mapcount.get(pfn) > 0;
      const before = count(frame);
      trylockPage(m, frame);
      tryToMigrate(m, frame, 'keep');
      return [before, count(frame)];
    };
    expect([mapped('PRIVATE'), mapped('COHERENT')]).toEqual([
      [true, false],
      [true, false],
    ]);
    const bench = new Bench('GENERIC');
    trylockPage(bench.m, bench.frame);
    tryToMigrate(bench.m, bench.frame, 'keep');
    expect(mappedFrame(bench.m, bench.mm, bench.start)).toBe(bench.frame);
  });

  test('a long-term pin: "copy is by the CPU, one page at a time (migrate_device_coherent_page, copy_highpage), not SDMA"', () => {
    const pin: Step = {
      op: 'gup',
      proc: 'A',
      vma: 'buf',
      call: 'pin_user_pages',
      flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
      as: 'h',
    };
    const run = runChecked(gpuScenario([...map(4), prefetch(0), pin]));
    const totals = run.sim.callTotals(last(run));
    expect([totals.get('migrate_device_coherent_page'), totals.get('svm_migrate_copy_memory_gart')]).toEqual([
      4,
      undefined,
    ]);
    expect(decisionsOf(run, last(run), 'copy.page')).toHaveLength(4);
    expect(run.violations).toEqual([]);
  });
});

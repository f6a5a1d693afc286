// Statements of machine-and-drivers.md about faults of the GPU, faults of the CPU on private memory, and the notifier, that
// no other test cites (§3.2, §3.3, §3.8 to §3.10). What no step ends in is built by hand, one task at a time.

import { describe, expect, test } from 'vitest';
import type { Step } from '../core/index.ts';
import { svmRangeRestorePages } from '../core/kernel/drivers/amdgpu-fault.ts';
import { gpuEntry } from '../core/kernel/drivers/amdgpu-map.ts';
import { svmMigratePgmapOps } from '../core/kernel/drivers/amdgpu-migrate.ts';
import {
  gpuPageTable,
  migrateMutex,
  setFaultingTask,
  svmsLock,
  tickGpuClock,
} from '../core/kernel/drivers/amdgpu-process.ts';
import {
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
} from '../core/kernel/mm/mmu-notifier.ts';
import { cpuAccess } from '../core/kernel/mm/cpu-access.ts';
import { doMunmap } from '../core/kernel/mm/mmap.ts';
import { leafOffset, mappedFrame } from '../core/kernel/mm/page-table.ts';
import { atOnce } from '../core/kernel/sched/locks.ts';
import type { Machine } from '../core/machine/machine.ts';
import type { Sleeps, Wait } from '../core/machine/ops.ts';
import { EFAULT, EPERM } from '../core/uapi/errno.ts';
import { DECISIONS, EventKind } from '../core/uapi/events.ts';
import { kernelFunctionId, type KernelFunctionName } from '../core/uapi/source-refs.ts';
import { entryPfn } from '../core/uapi/pte.ts';
import { NO_PFN } from '../core/uapi/units.ts';
import { type CheckedRun, decisionsOf, gpuScenario, resultTexts, runChecked, stepOf } from './checked-run.ts';
import {
  access,
  attr,
  firstRange,
  gpuWrite,
  last,
  map,
  places,
  prefetch,
  ranges,
  sizes,
} from './svm-fixture.ts';

const startOf = (m: Machine): number => m.mms.get(1).areas[0]?.start ?? 0;
const off: Step = { op: 'set_xnack', proc: 'A', enabled: false };
/** How many entries each GPU has for process 1. */
const entries = (m: Machine): number[] =>
  m.gpus.values().map(({ id }) => {
    const table = gpuPageTable(m, 1, id);
    return table === undefined ? 0 : m.journal.mapById(table.pt).size;
  });
/** A fault of GPU 1 by hand, at a page of `buf`. */
const fault = (m: Machine, page: number, write = true): Sleeps<number> =>
  svmRangeRestorePages(m, startOf(m) + page, write, 1, 1);
const runUntil = (task: Sleeps<unknown>, where?: string): Wait | 'done' => {
  for (;;) {
    const next = task.next();
    if (next.done === true) return 'done';
    if (next.value.kind !== 'resched' || next.value.where === where) return next.value;
  }
};
/** Kernel threads do what they have to do. */
const runWorks = (m: Machine): void => {
  for (let work = m.works.pop(); work !== undefined; work = m.works.pop()) atOnce(work.run);
};
describe('ranges (§3.2, §3.3)', { timeout: 60_000 }, () => {
  test('"GPU_RO" has code behind it: the GPU reads, and finds no entry that it may write through', () => {
    const readOnly = attr([{ type: 'SET_FLAGS', flags: ['GPU_RO'] }]);
    const reads: Step = { op: 'gpu_read', proc: 'A', vma: 'buf', device: 0 };
    const run = runChecked(gpuScenario([...map(2), readOnly, reads, gpuWrite(0)]));
    const { machine: m } = run.sim;
    run.sim.seek(stepOf(run, -2).end);
    const table = gpuPageTable(m, 1, 1);
    expect(table && gpuEntry(m, table, startOf(m))).toMatchObject({ write: false });
    expect(resultTexts(run.records).slice(-2)).toEqual(['0', 'EFAULT']);
  });

  test('a range that a fault makes is clipped to its neighbours', () => {
    const neighbours = [0, 10].map((page) => attr([access(0)], { page, count: 4 }));
    const run = runChecked(gpuScenario([...map(20), ...neighbours, gpuWrite(0, 6)]));
    expect(sizes(run)).toEqual([4, 6, 4]);
    expect(places(run)).toBe('00001111110000000000');
    expect(run.violations).toEqual([]);
  });
});

describe('a fault of the GPU (§3.8)', { timeout: 60_000 }, () => {
  const registered = (steps: Step[] = []): CheckedRun =>
    runChecked(gpuScenario([...map(6), attr([access(0)]), ...steps], { devices: 1 }));

  test('step 1: "draining after an munmap → drop"; munmap adds to the counter, and the deferred work takes it away (§3.10)', () => {
    const run = registered();
    const { machine: m } = run.sim;
    atOnce(() => doMunmap(m, m.mms.get(1), startOf(m), startOf(m) + 2));
    expect(m.kfdProcesses.get(1).drainPagefaults).toBe(1);
    expect([atOnce(() => fault(m, 4)), entries(m)]).toEqual([0, [0]]);
    // that comes before "XNACK off → −EFAULT"
    m.kfdProcesses.update(1, { xnack: false });
    expect(atOnce(() => fault(m, 4))).toBe(0);
    runWorks(m);
    expect(m.kfdProcesses.get(1).drainPagefaults).toBe(0);
    expect(atOnce(() => fault(m, 4))).toBe(-EFAULT);
    m.kfdProcesses.update(1, { xnack: true });
    expect([atOnce(() => fault(m, 4)), entries(m)]).toEqual([0, [4]]);
  });

  test('step 2: where no range is it takes mmap_lock for writing; where one is, a reader beside it does no harm', () => {
    const waits = (page: number): string => {
      const half = attr([access(0)], { page: 0, count: 2 });
      const { machine: m } = runChecked(gpuScenario([...map(6), half], { devices: 1 })).sim;
      m.mmapLocks.set(1, 1);
      const wait = runUntil(fault(m, page));
      return wait === 'done' ? wait : wait.kind;
    };
    expect([waits(0), waits(4)]).toEqual(['done', 'mmap-lock']);
  });

  test('step 3: "range being removed → drop, retry later"', () => {
    const run = registered();
    const { machine: m } = run.sim;
    atOnce(() => doMunmap(m, m.mms.get(1), startOf(m), startOf(m) + 6));
    expect(firstRange(run)?.work).toBe('UNMAP');
    // the fault comes behind the draining, before the range has gone
    m.kfdProcesses.update(1, { drainPagefaults: 0 });
    expect([atOnce(() => fault(m, 4)), entries(m)]).toEqual([0, [0]]);
    runWorks(m);
    expect(ranges(run)).toEqual([]);
    expect(atOnce(() => fault(m, 4))).toBe(-EFAULT);
  });

  test('step 5: "VMA gone → drop (success)" within a range; without a range it is final', () => {
    const run = registered();
    const { machine: m } = run.sim;
    const [vma] = m.vmas.values();
    m.vmas.update(vma?.id ?? 0, { vmEnd: startOf(m) + 4 });
    expect([atOnce(() => fault(m, 5)), entries(m), places(run)]).toEqual([0, [0], '000000']);
    expect(atOnce(() => fault(m, 7))).toBe(-EFAULT);
  });

  test('step 9: "−EAGAIN (raced with the CPU) → fault dropped, GPU retries": the notifier’s sequence moved meanwhile', () => {
    const run = registered();
    const { machine: m } = run.sim;
    const task = fault(m, 0);
    runUntil(task, 'svm_range_dma_map');
    const held = [svmsLock(1), migrateMutex(firstRange(run)?.id ?? 0)].map((name) => m.mutexes.has(name));
    expect([m.mmapLocks.get(1), ...held]).toEqual([1, true, true]);
    const change = { event: 'CLEAR', mm: 1, start: startOf(m), end: startOf(m) + 6, owner: 0 } as const;
    mmuNotifierInvalidateRangeStart(m, change);
    mmuNotifierInvalidateRangeEnd(m, change);
    expect([task.next(), entries(m)]).toEqual([{ done: true, value: 0 }, [0]]);
    expect([atOnce(() => fault(m, 0)), entries(m)]).toEqual([0, [6]]);
    // step 4 comes before steps 5 and 6: within 2 ms nobody asks for the area and its rights
    const [vma] = m.vmas.values();
    m.vmas.update(vma?.id ?? 0, { vmFlags: 0 });
    expect(atOnce(() => fault(m, 0))).toBe(0);
    tickGpuClock(m);
    expect(atOnce(() => fault(m, 0, false))).toBe(-EPERM);
  });

  test('§3.10: a walk of "hmm_range_fault" that an invalidation hit begins again (-EBUSY), and nobody hears of it', () => {
    const area: Step = { op: 'mmap', proc: 'A', vma: 'buf', pages: 512, prot: 'rw', kind: 'anon-private' };
    // to be mapped where they are, in system memory, and none of them is there yet
    const stays = attr([access(0), { type: 'PREFERRED_LOC', loc: 'system' }]);
    const run = runChecked(gpuScenario([area, stays], { devices: 1 }));
    const { machine: m } = run.sim;
    const task = fault(m, 0);
    expect(runUntil(task, 'hmm_vma_fault')).toMatchObject({ kind: 'resched' });
    const change = { event: 'CLEAR', mm: 1, start: startOf(m), end: startOf(m) + 1, owner: 0 } as const;
    mmuNotifierInvalidateRangeStart(m, change);
    mmuNotifierInvalidateRangeEnd(m, change);
    expect([atOnce(() => task), entries(m)]).toEqual([0, [512]]);
  });
});

describe('a fault of the CPU on private memory (§3.9)', { timeout: 60_000 }, () => {
  const inVram = (): CheckedRun =>
    runChecked(gpuScenario([...map(6), prefetch(0)], { kind: 'private', devices: 1 }));

  test('"error → SIGBUS": the range has lost the area of its end', () => {
    const run = inVram();
    const { machine: m } = run.sim;
    const [vma] = m.vmas.values();
    m.vmas.update(vma?.id ?? 0, { vmEnd: startOf(m) + 4 });
    const touched = run.sim.runStep({ op: 'read', proc: 'A', vma: 'buf', page: 1, count: 1 });
    expect(touched.result.signal).toBe('SIGBUS');
  });

  test('"A fault from the driver’s own validation task is skipped": of its own validation task is skipped, of others not', () => {
    const run = inVram();
    const { machine: m } = run.sim;
    const [vma] = m.vmas.values();
    const { row } = leafOffset(m, m.mms.get(1), startOf(m));
    if (vma === undefined) throw new Error('no area');
    const vmf = { vma, vpn: startOf(m), page: entryPfn(m.entries.get(row)) };
    setFaultingTask(m, 1, true);
    const skipped = svmMigratePgmapOps.migrateToRam?.(m, vmf);
    expect(skipped?.next()).toEqual({ done: true, value: 0 });
    expect([firstRange(run)?.actualLoc, mappedFrame(m, m.mms.get(1), startOf(m))]).toEqual([1, NO_PFN]);
    setFaultingTask(m, 1, false);
    atOnce(() => cpuAccess(m, m.mms.get(1), startOf(m), false));
    expect([firstRange(run)?.actualLoc, places(run)]).toEqual([0, '000000']);
  });

  test('"or children exist → −EAGAIN" (§3.10): what the split left is mapped when the parts are in the list', () => {
    const small = attr([{ type: 'GRANULARITY', value: 1 }, access(0)]);
    const run = runChecked(gpuScenario([...map(6), prefetch(0), small], { kind: 'private', devices: 1 }));
    const { machine: m } = run.sim;
    atOnce(() => cpuAccess(m, m.mms.get(1), startOf(m) + 2, false));
    expect([places(run), ranges(run)[1]?.children.length, ranges(run).length]).toEqual(['..00..', 2, 3]);
    // step 3 of §3.8, "range being … split → drop": not looked at before it is in the list
    const begin = m.journal.log.length;
    expect(atOnce(() => fault(m, 0))).toBe(0);
    expect(decisionsOf(run, { begin, end: m.journal.log.length }, 'svm.')).toEqual([]);
    // but a change by the CPU reaches the entries of both parts
    const change = { event: 'CLEAR', mm: 1, start: startOf(m) + 1, end: startOf(m) + 5, owner: 0 } as const;
    mmuNotifierInvalidateRangeStart(m, change);
    mmuNotifierInvalidateRangeEnd(m, change);
    expect(entries(m)).toEqual([2]);
    // not within 2 ms of the last mapping
    tickGpuClock(m);
    expect([atOnce(() => fault(m, 2)), entries(m)]).toEqual([0, [2]]);
    runWorks(m);
    expect([atOnce(() => fault(m, 2)), entries(m)]).toEqual([0, [4]]);
  });
});

describe('the notifier and the mapping (§3.10)', { timeout: 60_000 }, () => {
  const mappedWithoutXnack: Step[] = [...map(4), off, attr([access(0), { type: 'PREFETCH_LOC', loc: 0 }])];

  test('XNACK off: "No GPU PTE is touched": when the queues have stopped all entries are still there', () => {
    const run = runChecked(
      gpuScenario([...mappedWithoutXnack, { op: 'mprotect', proc: 'A', vma: 'buf', prot: 'r' }]),
    );
    const { log } = run.sim.machine.journal;
    let stopped = last(run).begin;
    while (
      log.kindAt(stopped) !== EventKind.DECISION ||
      DECISIONS[log.idAt(stopped)] !== 'svm.queues-stopped'
    )
      stopped++;
    const unmaps = decisionsOf(run, last(run), 'svm.unmapped');
    run.sim.seek(stopped + 1);
    expect([entries(run.sim.machine), unmaps]).toEqual([[4, 0], []]);
  });

  test('which GPUs get entries: "XNACK on: AIP set plus the owner GPU if it has ACCESS; off: ACCESS ∪ AIP"', () => {
    const rights = [access(0), access(1, 'ACCESS_IN_PLACE'), access(2, 'NO_ACCESS'), access(3, 'NO_ACCESS')];
    const at = (loc: number | 'system', xnack: boolean): number[] => {
      const set = attr([...rights, { type: 'PREFETCH_LOC', loc }]);
      const run = runChecked(
        gpuScenario([...map(4), set], { machine: 'lab-node', devices: 4, gpu: { xnack } }),
      );
      expect(run.violations).toEqual([]);
      return entries(run.sim.machine);
    };
    expect(at('system', true)).toEqual([0, 4, 0, 0]);
    expect(at(0, true)).toEqual([4, 4, 0, 0]);
    expect(at(2, true)).toEqual([0, 4, 0, 0]);
    expect(at('system', false)).toEqual([4, 4, 0, 0]);
  });

  test('"hmm_range_fault (faults pages in; write unless the VMA is read-only)"', () => {
    const area: Step = { op: 'mmap', proc: 'A', vma: 'buf', pages: 6, prot: 'rw', kind: 'anon-private' };
    // one range over two areas: each is walked by itself
    const end: Step = { op: 'mprotect', proc: 'A', vma: 'buf', page: 3, count: 3, prot: 'r' };
    const run = runChecked(gpuScenario([area, end, off, attr([access(0)])]));
    const { machine: m } = run.sim;
    expect([entries(m), sizes(run)]).toEqual([[6, 0], [6]]);
    const frames = [0, 1, 2, 3, 4, 5].map((i) =>
      entryPfn(m.entries.get(leafOffset(m, m.mms.get(1), startOf(m) + i).row)),
    );
    // read only: the zero page, for all
    expect([new Set(frames.slice(0, 3)).size, frames.slice(3)]).toEqual([3, Array(3).fill(m.zeroPfn)]);
    const table = gpuPageTable(m, 1, 1);
    expect([0, 3].map((i) => table && gpuEntry(m, table, startOf(m) + i)?.write)).toEqual([true, false]);
  });

  test('"with XNACK off and already mapped, mapping is left to the restore work"', () => {
    const mapped = (xnack: boolean): number[] => {
      const steps = [...map(4), ...(xnack ? [] : [off]), attr([access(0)]), prefetch(0)];
      const run = runChecked(gpuScenario(steps, { devices: 1 }));
      expect([places(run), entries(run.sim.machine)]).toEqual(['1111', [4]]);
      const { log } = run.sim.machine.journal;
      const id = (name: KernelFunctionName): number => kernelFunctionId(name);
      const open: number[] = [];
      const by: number[] = [];
      for (let i = last(run).begin; i < last(run).end; i++) {
        if (log.kindAt(i) === EventKind.SPAN_END) open.pop();
        if (log.kindAt(i) !== EventKind.SPAN_BEGIN) continue;
        if (log.idAt(i) === id('svm_range_validate_and_map'))
          by.push(open.includes(id('svm_range_restore_work')) ? 1 : 0);
        open.push(log.idAt(i));
      }
      return by;
    };
    expect([mapped(true), mapped(false)]).toEqual([[0], [1]]);
  });
});

// From a step of a scenario to calls into the kernel, and from what they return to the result of the step.

import { daxFileAt, daxMmap } from '../kernel/drivers/dax.ts';
import { dmirrorFopsMmap } from '../kernel/drivers/test-hmm.ts';
import { deviceUsage } from '../kernel/drivers/test-hmm-migrate.ts';
import { cpuAccess } from '../kernel/mm/cpu-access.ts';
import { createScenarioFile, readScenarioFile, scenarioFile } from '../kernel/mm/filemap.ts';
import { accessPrivatePages, writeFreshPages } from '../kernel/mm/fault-bulk.ts';
import { doExit } from '../kernel/mm/exit.ts';
import { leaveKilled } from '../kernel/mm/oom-kill.ts';
import { createMm, dupMmap } from '../kernel/mm/fork.ts';
import { doMadvise } from '../kernel/mm/madvise.ts';
import { doMlock, doMunlock } from '../kernel/mm/mlock-vma.ts';
import { hugetlbReservePages } from '../kernel/mm/hugetlb-resv.ts';
import { doMunmap, exitMmap, mmapRegion } from '../kernel/mm/mmap.ts';
import { doMprotect } from '../kernel/mm/mprotect.ts';
import { doMremap } from '../kernel/mm/mremap.ts';
import { ksmDoScan } from '../kernel/mm/ksm-scan.ts';
import { doMbind, taskNumaWork } from '../kernel/mm/numa.ts';
import { isZoneDevicePage } from '../kernel/mm/page-ref.ts';
import { mappedFrame } from '../kernel/mm/page-table.ts';
import { findVma } from '../kernel/mm/vma.ts';
import {
  condResched,
  letGo,
  mmapReadLock,
  mmapReadUnlock,
  mmapWriteLock,
  mmapWriteUnlock,
} from '../kernel/sched/locks.ts';
import { runAlone, type Slicing, type TaskSpec } from '../kernel/sched/tasks.ts';
import { listFor } from '../machine/list-for.ts';
import type { Area, Mm } from '../machine/entities.ts';
import type { Machine } from '../machine/machine.ts';
import type { Sleeps } from '../machine/ops.ts';
import type { MappedMemoryConfig } from '../uapi/config.ts';
import { ENOENT, ENOMEM } from '../uapi/errno.ts';
import type { SimpleStep, Step, StepOf } from '../uapi/scenario.ts';
import { GIB_PAGES, HPAGE_PMD_NR, type Pfn, type Vpn } from '../uapi/units.ts';
import { VM_READ, VM_WRITE } from '../uapi/vm-flags.ts';
import { isKernelStep, runGpuStep } from './gpu-steps.ts';
import { processNamed, rangeOf } from './step-names.ts';
import { failed, fromErrno, ok, StepError, type StepResult } from './step-result.ts';
import { deviceNumbered, openDevice, runDevice, runDeviceFile } from './device-steps.ts';
import { runGup, runGupTest, runIsolate, runMovePages, runRelease } from './gup-steps.ts';

export { StepError, type StepResult } from './step-result.ts';

const MAX_AREAS = 1000;

const protOf = (prot: string): number =>
  (prot.includes('r') ? VM_READ : 0) | (prot.includes('w') ? VM_WRITE : 0);

// --- operations -------------------------------------------------------------------------------------------------

/** The area that a mmap maps again; undefined: it makes a new one. */
const unmappedArea = (m: Machine, mm: Mm, step: StepOf<'mmap'>): Area | undefined => {
  const area = mm.areas.find(({ name }) => name === step.vma);
  if (area === undefined) return undefined;
  const next = findVma(m, mm, area.start);
  const mapped = next !== undefined && next.vmStart < area.start + area.npages;
  if (mapped || area.npages !== step.pages || area.kind !== step.kind) {
    throw new StepError('vma', `process ${step.proc} has an area ${step.vma} already`);
  }
  return area;
};

/** Maps the file of a DAX device. A BAR for peers has none: no program can open it. */
const mmapDax = (
  m: Machine,
  mm: Mm,
  step: StepOf<'mmap'>,
  { kind, start }: MappedMemoryConfig,
  again: Area | undefined,
): StepResult => {
  if (kind === 'p2pdma') return failed(-ENOENT);
  if (step.kind !== 'file-private' && step.kind !== 'file-shared') {
    throw new StepError('kind', 'the file of a DAX device is mapped as file-private or file-shared');
  }
  const vma = daxMmap(m, mm, daxFileAt(m, start), {
    name: step.vma,
    npages: step.pages,
    prot: protOf(step.prot),
    shared: step.kind === 'file-shared',
    ...(again === undefined ? {} : { again }),
  });
  return typeof vma === 'number' ? fromErrno(vma) : ok();
};

/** Why a process cannot have this memory as its heap or stack; undefined: it can. */
const segmentProblem = (mm: Mm, { segment, kind, proc }: StepOf<'mmap'>): string | undefined => {
  if (segment === undefined) return undefined;
  if (kind !== 'anon-private') return 'heap and stack are of the kind anon-private';
  const has = segment === 'heap' ? mm.heap : mm.startStack;
  return has === undefined ? undefined : `process ${proc} has a ${segment} already`;
};

function* runMmap(m: Machine, step: StepOf<'mmap'>): Sleeps<StepResult> {
  const mm = processNamed(m, step.proc);
  const again = unmappedArea(m, mm, step);
  if (again === undefined && mm.areas.length >= MAX_AREAS)
    throw new StepError('vma', `a process can have ${MAX_AREAS} areas`);
  const hugePages = step.page_size === '1G' ? GIB_PAGES : HPAGE_PMD_NR;
  if (step.kind === 'hugetlb' && step.pages % hugePages !== 0) {
    throw new StepError('pages', `a hugetlb area is a multiple of ${hugePages} pages long`);
  }
  const pool = (['page_size', 'reserve', 'shared'] as const).find((field) => step[field] !== undefined);
  if (step.kind !== 'hugetlb' && pool !== undefined)
    throw new StepError(pool, `an area of the kind ${step.kind} has no pool of huge pages`);
  const memory = m.config.mappedMemory?.find(({ id }) => id === step.device);
  if (memory !== undefined) return mmapDax(m, mm, step, memory, again);
  if ((step.kind === 'device') !== (step.device !== undefined)) {
    throw new StepError('device', 'an area of the kind device has a device, and no other area has one');
  }
  const file = step.file === undefined ? undefined : fileNamed(m, step.file);
  if (file !== undefined && step.kind !== 'file-private' && step.kind !== 'file-shared') {
    throw new StepError('file', `an area of the kind ${step.kind} has no file`);
  }
  const segmentError = segmentProblem(mm, step);
  if (segmentError !== undefined) throw new StepError('segment', segmentError);
  if (step.device !== undefined) openDevice(m, mm, step.device);
  const request = { name: step.vma, npages: step.pages, prot: protOf(step.prot), kind: step.kind };
  const vma = mmapRegion(m, mm, {
    ...request,
    ...(step.page_size === undefined ? {} : { hugePages }),
    ...(step.reserve === undefined ? {} : { reserve: true }),
    ...(step.shared === undefined ? {} : { shared: true }),
    ...(file === undefined ? {} : { file }),
    ...(again === undefined ? {} : { again }),
  });
  if (step.segment === 'heap') m.mms.update(mm.id, { heap: { startBrk: vma.vmStart, brk: vma.vmEnd } });
  if (step.segment === 'stack') m.mms.update(mm.id, { startStack: vma.vmEnd - 1 });
  if (step.kind !== 'device' && step.reserve === undefined) return ok();
  const err = step.kind === 'device' ? yield* dmirrorFopsMmap(m, vma) : hugetlbReservePages(m, vma);
  if (err !== 0) yield* doMunmap(m, m.mms.get(mm.id), vma.vmStart, vma.vmEnd);
  return fromErrno(err);
}

const fileNamed = (m: Machine, name: string): number => {
  const file = scenarioFile(m, name);
  if (file === 0) throw new StepError('file', `there is no file ${name}: make it with file_create`);
  return file;
};

function* runFileCreate(m: Machine, step: StepOf<'file_create'>): Sleeps<StepResult> {
  processNamed(m, step.proc);
  if (scenarioFile(m, step.file) !== 0) throw new StepError('file', `there is a file ${step.file} already`);
  return fromErrno(yield* createScenarioFile(m, step.file, step.pages, step.value));
}

function* runFileRead(m: Machine, step: StepOf<'file_read'>): Sleeps<StepResult> {
  processNamed(m, step.proc);
  const file = fileNamed(m, step.file);
  const first = step.page ?? 0;
  const count = step.count ?? m.files.get(file).npages - first;
  const values = yield* readScenarioFile(m, file, first, count);
  return { ret: values.length, values };
}

/** An access to pages of a process, of which some are done. */
interface Access {
  readonly start: Vpn;
  readonly npages: number;
  /** Of the first page, if they are written. */
  readonly value: number | undefined;
  /** What the program does with the i-th page, once it has it. */
  readonly reach: (i: number, pfn: Pfn) => void;
}

/**
 * Chunks of a big step's accesses, as far as they go on: first writes, and pages that come home from private memory.
 *
 * @returns how many pages are done then
 */
function* accessMany(m: Machine, mm: Mm, access: Access, done: number): Sleeps<number> {
  const { start, npages, value, reach } = access;
  for (let at = done; ; yield* condResched(m, 'do_user_addr_fault')) {
    const vma = at < npages ? findVma(m, m.mms.get(mm.id), start + at) : undefined;
    if (vma === undefined || vma.vmStart > start + at) return at;
    const end = start + npages;
    const fresh = value === undefined ? 0 : writeFreshPages(m, vma, start + at, end, value + at);
    const home = fresh > 0 ? 0 : accessPrivatePages(m, vma, start + at, end, value !== undefined);
    for (let i = at; i < at + home; i++) reach(i, mappedFrame(m, mm, start + i));
    if (fresh + home === 0) return at;
    at += fresh + home;
  }
}

function* runAccess(m: Machine, step: StepOf<'read'> | StepOf<'write'>): Sleeps<StepResult> {
  const { mm, start, npages, first } = rangeOf(m, step);
  const values = listFor<number>(step.op === 'read' ? npages : 0);
  let done = 0;
  let onDevice = 0;
  let signal: string | undefined;
  const value = step.op === 'write' ? step.value + first : undefined;
  const reach = (i: number, pfn: Pfn): void => {
    if (value !== undefined) m.pages.content.set(pfn, value + i);
    else values[i] = m.pages.content.get(pfn);
    if (m.config.gpu !== undefined && isZoneDevicePage(m, pfn)) onDevice++;
  };
  const whole: Access = { start, npages, value, reach };
  for (; done < npages; done++) {
    done = yield* accessMany(m, mm, whole, done);
    if (done === npages) break;
    yield* mmapReadLock(m, mm.id);
    const access = yield* cpuAccess(m, mm, start + done, step.op === 'write');
    mmapReadUnlock(m, mm.id);
    if (access.kind === 'signal') {
      signal = access.signal;
      break;
    }
    reach(done, access.pfn);
    // other tasks come in at the locks; a task that is alone only lets go of the worker
    yield* letGo(m, 'do_user_addr_fault', 1);
  }
  if (step.op === 'read') values.length = done;
  return {
    ret: done,
    ...(signal === undefined ? {} : { signal, at: done }),
    ...(values.length > 0 ? { values } : {}),
    ...(m.config.gpu === undefined
      ? {}
      : { accesses: { 'cpu system': done - onDevice, 'cpu device': onDevice } }),
  };
}

/** Runs an operation that changes areas: it has mmap_lock for writing. */
function* withAreasLocked(m: Machine, mm: number, change: () => Sleeps<number>): Sleeps<StepResult> {
  yield* mmapWriteLock(m, mm);
  const err = yield* change();
  mmapWriteUnlock(m, mm);
  return fromErrno(err);
}

function* runFork(m: Machine, step: StepOf<'fork'>): Sleeps<StepResult> {
  const parent = processNamed(m, step.proc);
  if (m.mms.values().some((mm) => mm.name === step.child && mm.alive)) {
    throw new StepError('child', `there is a process ${step.child} already`);
  }
  yield* mmapWriteLock(m, parent.id);
  const child = createMm(m, step.child);
  const err = yield* dupMmap(m, child.id, parent.id);
  mmapWriteUnlock(m, parent.id);
  if (err === 0) return ok();
  yield* exitMmap(m, m.mms.get(child.id));
  return failed(-ENOMEM); // copy_mm does not pass on why
}

/**
 * Ends the processes that the OOM killer chose during a step; a step of such a process ends with SIGKILL.
 *
 * @returns the results of the step's tasks
 */
export function* withVictims(
  m: Machine,
  step: Step,
  results: readonly StepResult[],
  slicing: Slicing,
): Generator<void, StepResult[], void> {
  for (const mm of m.mms.values())
    if (mm.alive && mm.oomVictim)
      yield* runAlone(
        m,
        function* () {
          yield* doExit(m, mm);
          // what its last pages leave to kernel threads, such as the release of a buffer object
          while (m.works.length > 0) for (const work of m.works.splice(0)) yield* work.run();
        },
        slicing,
      );
  const steps = step.op === 'concurrent' ? step.steps : [step];
  return results.map((result, i) => {
    const mm = m.mms.values().findLast(({ name }) => name === steps[i].proc);
    if (mm?.oomVictim !== true || outlivesProcess(steps[i])) return result;
    // it never sees with which error its call returned
    const { errno: _errno, ...seen } = result;
    return { ...seen, signal: 'SIGKILL' };
  });
}

/** How many pages a step is about, for a choice of how to journal it. 0: a few, or it cannot be run. */
export const stepPages = (m: Machine, step: Step): number => {
  if (step.op === 'concurrent') return step.steps.reduce((sum, one) => sum + stepPages(m, one), 0);
  const mm = m.mms.values().find(({ name, alive }) => name === step.proc && alive);
  if (mm === undefined) return 0;
  const mapped = (): number => mm.areas.reduce((sum, { npages }) => sum + npages, 0);
  switch (step.op) {
    case 'fork':
    case 'exit':
      return mapped();
    case 'unpin':
    case 'put':
      return m.handles.values().find(({ name }) => name === step.handle)?.pages.length ?? 0;
    case 'dev_close':
    case 'dev_evict': {
      const device = deviceNumbered(m, step.device);
      return device === undefined ? 0 : deviceUsage(m, device).used;
    }
    case 'mmap':
      return step.kind === 'device' ? step.pages : 0;
    case 'file_create':
      return step.pages;
    case 'file_read':
      return step.count ?? m.files.find(scenarioFile(m, step.file))?.npages ?? 0;
    case 'dev_open':
    case 'boot':
    case 'probe':
    case 'unbind':
    case 'svm_get_attr':
    case 'set_xnack':
    case 'bo_alloc':
    case 'bo_write':
    case 'bo_free':
      return 0;
    default: {
      const area = mm.areas.find(({ name }) => name === step.vma);
      if (area === undefined) return 0;
      const count = 'count' in step ? step.count : undefined;
      const first = 'page' in step ? step.page : undefined;
      return count ?? area.npages - (first ?? 0);
    }
  }
};

/** Pins belong to whom they were given, not to the process: they are let go of also when it was killed. */
const outlivesProcess = ({ op }: SimpleStep): boolean => op === 'unpin' || op === 'put';

/** The process that takes a step, also one that the OOM killer ended; 0: the kernel. */
const actorOf = (m: Machine, { op, proc }: SimpleStep): number => {
  if (isKernelStep(op)) return 0;
  const last = m.mms.values().findLast(({ name }) => name === proc);
  return last !== undefined && !last.alive && last.oomVictim ? last.id : processNamed(m, proc).id;
};

/** An operation of a process. One that was killed begins none, and ends when its last thread leaves the kernel. */
function* userTask(m: Machine, step: SimpleStep, mm: number): Sleeps<StepResult> {
  const killed = (): boolean => m.mms.find(mm)?.oomVictim === true;
  const result = killed() && !outlivesProcess(step) ? { ret: -1 } : yield* runOperation(m, step);
  if (killed() && m.threadsInKernel(mm) === 1) yield* leaveKilled(m, m.mms.get(mm));
  return result;
}

/** The tasks of a step: one, or those that it wants to run at once, dealt out to the simulated CPUs. */
export const tasksOf = (m: Machine, step: Step): TaskSpec<StepResult>[] => {
  const steps = step.op === 'concurrent' ? step.steps : [step];
  return steps.map((simple, cpu) => {
    const mm = actorOf(m, simple);
    const generator = (function* () {
      return yield* userTask(m, simple, mm);
    })();
    return { mm, cpu, generator };
  });
};

/**
 * What one step does, as a task.
 *
 * @throws StepError before anything has changed, when the step cannot be run
 */
export function* runOperation(m: Machine, step: SimpleStep): Sleeps<StepResult> {
  switch (step.op) {
    case 'mmap':
      return yield* runMmap(m, step);
    case 'munmap': {
      const { mm, start, npages } = rangeOf(m, step);
      return yield* withAreasLocked(m, mm.id, function* () {
        return yield* doMunmap(m, m.mms.get(mm.id), start, start + npages);
      });
    }
    case 'mremap': {
      const { mm } = rangeOf(m, { proc: step.proc, vma: step.vma });
      if (mm.areas.some((area) => area.name === step.to)) {
        throw new StepError('to', `process ${step.proc} has an area ${step.to} already`);
      }
      return yield* withAreasLocked(m, mm.id, function* () {
        return yield* doMremap(m, m.mms.get(mm.id), step.vma, step.to);
      });
    }
    case 'mprotect': {
      const { mm, start, npages } = rangeOf(m, step);
      return yield* withAreasLocked(m, mm.id, function* () {
        return yield* doMprotect(m, m.mms.get(mm.id), start, npages, protOf(step.prot));
      });
    }
    case 'madvise': {
      const { mm, start, npages } = rangeOf(m, step);
      return yield* withAreasLocked(m, mm.id, function* () {
        return yield* doMadvise(m, m.mms.get(mm.id), start, npages, step.advice);
      });
    }
    case 'mlock': {
      const { mm, start, npages } = rangeOf(m, step);
      return yield* withAreasLocked(m, mm.id, function* () {
        return yield* doMlock(m, m.mms.get(mm.id), start, npages);
      });
    }
    case 'munlock': {
      const { mm, start, npages } = rangeOf(m, step);
      return yield* withAreasLocked(m, mm.id, function* () {
        return yield* doMunlock(m, m.mms.get(mm.id), start, npages);
      });
    }
    case 'read':
    case 'write':
      return yield* runAccess(m, step);
    case 'fork':
      return yield* runFork(m, step);
    case 'exit': {
      yield* doExit(m, processNamed(m, step.proc));
      return step.signal === undefined ? ok() : { ret: 0, status: step.signal };
    }
    case 'dev_read':
    case 'dev_write':
    case 'migrate_to_dev':
    case 'migrate_to_sys':
    case 'dev_exclusive':
    case 'dev_check_exclusive':
    case 'snapshot':
      return yield* runDevice(m, step);
    case 'dev_open':
    case 'dev_close':
    case 'dev_evict':
      return yield* runDeviceFile(m, step);
    case 'file_create':
      return yield* runFileCreate(m, step);
    case 'file_read':
      return yield* runFileRead(m, step);
    case 'gup_test':
      return yield* runGupTest(m, step);
    case 'numa_scan': {
      const { mm, start, npages } = rangeOf(m, step);
      return ok(yield* taskNumaWork(m, mm.id, start, start + npages));
    }
    case 'ksm_scan': {
      const { mm, start, npages } = rangeOf(m, step);
      return ok(yield* ksmDoScan(m, mm.id, start, start + npages));
    }
    case 'mbind': {
      const { mm, start, npages } = rangeOf(m, step);
      return yield* withAreasLocked(m, mm.id, function* () {
        return yield* doMbind(m, m.mms.get(mm.id), start, npages, step.node);
      });
    }
    case 'move_pages':
      return yield* runMovePages(m, step);
    case 'isolate':
      return yield* runIsolate(m, step);
    case 'boot':
    case 'probe':
    case 'unbind':
    case 'svm_attr':
    case 'svm_get_attr':
    case 'set_xnack':
    case 'gpu_read':
    case 'gpu_write':
    case 'bo_alloc':
    case 'bo_write':
    case 'bo_free':
      return yield* runGpuStep(m, step);
    case 'gup':
      return yield* runGup(m, step);
    case 'unpin':
    case 'put':
      return yield* runRelease(m, step);
  }
}

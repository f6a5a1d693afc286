// mm/oom_kill.c: when nothing can be reclaimed, a process dies. Its device pages count among its resident pages and go
// back to the driver, so a death may free device memory and no system memory.

import type { Mm } from '../../machine/entities.ts';
import { type Machine, RSS_ANON, RSS_FILE, RSS_SHMEM, RSS_SWAP } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { entryPfn, pmdLeaf, ptePresent } from '../../uapi/pte.ts';
import { PTRS_PER_TABLE, type Pfn } from '../../uapi/units.ts';
import { VM_HUGETLB, VM_PFNMAP, VM_SHARED } from '../../uapi/vm-flags.ts';
import { bugOn, needsBigStep, warn } from '../sched/bug.ts';
import { sleepable } from '../sched/kernel-function.ts';
import { atOnce, letGo, mmapReadLock, mmapReadUnlock, runMeanwhile, scheduleWork } from '../sched/locks.ts';
import { doExit, exitFiles } from './exit.ts';
import { tlbFinishMmu, tlbGatherMmu } from './mmu-gather.ts';
import { mmuNotifierInvalidateRangeEnd, mmuNotifierInvalidateRangeStart } from './mmu-notifier.ts';
import { unmapPageRange } from './unmap.ts';
import { vmaIsAnonymous, vmasOf } from './vma.ts';

/** Page tables below one table. Kernel: `include/linux/mm.h: mm_pgtables_bytes` */
const countTables = (m: Machine, table: Pfn, level: number): number => {
  let count = 0;
  for (let i = 0; i < PTRS_PER_TABLE; i++) {
    const entry = m.entries.get(table * PTRS_PER_TABLE + i);
    if (entry === 0 || !ptePresent(entry) || pmdLeaf(entry)) continue;
    count += 1 + (level > 2 ? countTables(m, entryPfn(entry), level - 1) : 0);
  }
  return count;
};

/**
 * How much memory the death of a process would free at best; device pages count like others.
 *
 * Kernel: `mm/oom_kill.c: oom_badness`
 * Simplified: no oom_score_adj.
 *
 * @returns pages; undefined: it cannot be killed, or nothing can be got from it
 */
export const oomBadness = (m: Machine, mm: Mm): number | undefined => {
  if (!mm.alive || mm.oomSkip || mm.id === m.newMm) return undefined;
  const rss = [RSS_FILE, RSS_ANON, RSS_SHMEM, RSS_SWAP].reduce(
    (sum, member) => sum + m.rss.get(mm.id * 4 + member),
    0,
  );
  return rss + countTables(m, mm.pgd, 4);
};

/** Of equals the last one. Kernel: `mm/oom_kill.c: select_bad_process, oom_evaluate_task` */
const selectBadProcess = (m: Machine): Mm | undefined => {
  let chosen: Mm | undefined;
  let chosenPoints = 0;
  for (const mm of m.mms.values()) {
    const points = oomBadness(m, mm);
    if (points === undefined || points < chosenPoints) continue;
    chosen = mm;
    chosenPoints = points;
  }
  return chosen;
};

/**
 * Unmaps the private memory of a process that is to die.
 *
 * Kernel: `mm/oom_kill.c: __oom_reap_task_mm`
 */
const oomReapTaskMm = sleepable('__oom_reap_task_mm', function* (m, id: number): Sleeps<void> {
  const mm = m.mms.get(id);
  for (const vma of vmasOf(m, mm)) {
    if ((vma.vmFlags & (VM_HUGETLB | VM_PFNMAP)) !== 0) continue;
    if (!vmaIsAnonymous(vma) && (vma.vmFlags & VM_SHARED) !== 0) continue;
    const range: MmuNotifierRange = {
      event: 'UNMAP',
      mm: id,
      start: vma.vmStart,
      end: vma.vmEnd,
      owner: 0,
    };
    const tlb = tlbGatherMmu(m, id);
    mmuNotifierInvalidateRangeStart(m, range);
    yield* unmapPageRange(m, tlb, vma, vma.vmStart, vma.vmEnd);
    mmuNotifierInvalidateRangeEnd(m, range);
    tlbFinishMmu(m, tlb);
  }
});

/**
 * Nobody else is busy with the memory of a process.
 *
 * Simplified: a kernel thread that works is busy with all of it.
 */
const isLeftAlone = (m: Machine, mm: number): boolean =>
  m.threadsInKernel(0) === 0 && (m.mmapLocks.get(mm) ?? 0) === 0;

/**
 * A process that was killed and has no thread in the kernel any more ends. While a kernel thread is busy with memory it only
 * closes its files, and ends with the step.
 *
 * Kernel: `kernel/signal.c: get_signal`, `kernel/fork.c: mmput`
 */
export function* leaveKilled(m: Machine, victim: Mm): Sleeps<void> {
  if (!victim.alive) return;
  if (isLeftAlone(m, victim.id)) yield* doExit(m, victim);
  else yield* exitFiles(m, victim.id);
}

/**
 * A kernel thread sees a process off: it takes its memory, unless somebody changes its areas just now.
 *
 * Kernel: `mm/oom_kill.c: oom_reaper, oom_reap_task_mm`
 * Simplified: it does not wait two seconds for the process to end by itself; a process that is in user space ends in it.
 *
 * @param endsNow - nothing keeps the process from ending
 */
function* oomReaper(m: Machine, victim: number, endsNow: boolean): Sleeps<void> {
  const mm = m.mms.get(victim);
  if (mm.alive && (m.mmapLocks.get(victim) ?? 0) >= 0) {
    yield* mmapReadLock(m, victim);
    if (endsNow) yield* doExit(m, mm);
    else yield* oomReapTaskMm(m, victim);
    mmapReadUnlock(m, victim);
  }
  m.oomReaper = undefined;
}

/** Chooses a process and kills it. Kernel: `mm/oom_kill.c: oom_kill_process, queue_oom_reaper` */
const oomKillProcess = (m: Machine): void => {
  const victim = selectBadProcess(m);
  bugOn(victim === undefined, 'System is deadlocked on memory');
  if (victim === undefined) return;
  needsBigStep(m, oomBadness(m, victim) ?? 0);
  m.countVmEvent('oom_kill');
  warn(m, 'oom.killed', victim.id, m.rss.get(victim.id * 4 + RSS_ANON));
  m.mms.update(victim.id, { oomVictim: true, oomSkip: true });
  const inKernel = m.threadsInKernel(victim.id) > 0;
  const endsNow = !inKernel && isLeftAlone(m, victim.id);
  if (!inKernel && !endsNow)
    atOnce(function* () {
      yield* exitFiles(m, victim.id);
    });
  m.oomReaper = scheduleWork(m, function* () {
    yield* oomReaper(m, victim.id, endsNow);
  });
};

/** Points at which the reaper lets go, from one look to the next whether there is memory: some 5,000 pages. */
const REAPED_AT_ONCE = 32;

/**
 * Kills a process, or waits for the one that dies to give something back. A task that is to die itself does not wait.
 *
 * Kernel: `mm/oom_kill.c: out_of_memory`
 * Simplified: whoever waits sees the reaper at work on another CPU, a part of its way at a time; the kernel's task sleeps
 * and tries again.
 *
 * @param isEnough - whether there is memory for whoever asks
 */
export const outOfMemory = sleepable('out_of_memory', function* (m, isEnough: () => boolean): Sleeps<void> {
  if (m.oomReaper === undefined) oomKillProcess(m);
  if (currentIsOomVictim(m)) return;
  for (let parts = 1; m.oomReaper !== undefined && runMeanwhile(m, m.oomReaper); parts++) {
    if (parts >= REAPED_AT_ONCE && isEnough()) return;
    yield* letGo(m, 'out_of_memory', 0);
  }
});

/** The running task is to die. Kernel: `mm/oom_kill.c: tsk_is_oom_victim` */
export const currentIsOomVictim = (m: Machine): boolean => m.mms.find(m.current.mm)?.oomVictim === true;

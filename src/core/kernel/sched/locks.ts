// Locks that a task can sleep on: the page lock, a migration entry, mmap_lock. And the points where it may be preempted.

import type { Machine } from '../../machine/machine.ts';
import type { PendingWork, Sleeps } from '../../machine/ops.ts';
import { PG_locked } from '../../uapi/page-flags.ts';
import type { Pfn } from '../../uapi/units.ts';
import { bugOn } from './bug.ts';

/** Kernel: `include/linux/pagemap.h: folio_trylock` */
export const trylockPage = (m: Machine, folio: Pfn): boolean => {
  const flags = m.pages.flags.get(folio);
  if ((flags & PG_locked) !== 0) return false;
  m.pages.flags.set(folio, flags | PG_locked);
  return true;
};

/** Kernel: `include/linux/pagemap.h: folio_lock`. Sleeps until the page is free. */
export function* lockPage(m: Machine, folio: Pfn): Sleeps<void> {
  while (!trylockPage(m, folio)) {
    m.trace.decide('sleep.page-lock', folio);
    yield { kind: 'page-lock', pfn: folio };
  }
}

/** Kernel: `mm/filemap.c: folio_unlock` */
export const unlockPage = (m: Machine, folio: Pfn): void => {
  bugOn((m.pages.flags.get(folio) & PG_locked) === 0, 'folio_unlock: folio is not locked');
  m.pages.flags.set(folio, m.pages.flags.get(folio) & ~PG_locked);
};

/**
 * Sleeps until the page behind a migration entry is unlocked; takes no reference, so it cannot spoil the
 * migration's count.
 *
 * Kernel: `mm/migrate.c: migration_entry_wait`, `mm/filemap.c: migration_entry_wait_on_locked`
 */
export function* migrationEntryWait(m: Machine, pfn: Pfn): Sleeps<void> {
  m.trace.decide('sleep.migration-entry', pfn);
  yield { kind: 'migration-entry', pfn };
}

/** A point between phases where another task may run. Kernel: `include/linux/sched.h: cond_resched` */
export function* condResched(_m: Machine, where: string): Sleeps<void> {
  yield { kind: 'resched', where };
}

/**
 * Behind a fault that the handler calls served. One that changed nothing comes back at once, for as long as nobody else
 * changes what it rests on.
 *
 * Ours: the loop of the callers as one wait, which can be judged.
 * Simplified: waits for that change; the kernel's task runs in a circle until it comes.
 */
export function* outwaitFruitlessFault(m: Machine): Sleeps<void> {
  const circle = m.fruitlessFault;
  m.fruitlessFault = undefined;
  if (circle?.free() === false) yield circle;
}

/**
 * Ours: where a task only lets go of the worker; for the other tasks the kernel's loop goes on.
 *
 * @param npages - worked on since the last time, for a big step's progress
 */
export function* letGo(m: Machine, where: string, npages: number): Sleeps<void> {
  if (m.trace.tally !== undefined) m.trace.tally.pages += npages;
  yield { kind: 'resched', where, stays: true };
}

/** Pages of a phase from one point to the next; more than a driver mostly moves at once. */
const PHASE_PAGES = 64;

/** Ours: the same within a phase over many pages, now and then. @param i - index of a page that is done */
export function* letGoMidway(_m: Machine, where: string, i: number): Sleeps<void> {
  if (i % PHASE_PAGES === PHASE_PAGES - 1) yield { kind: 'resched', where, stays: true, midway: true };
}

/** Ours: runs to its end what only lets go of the worker, for callers that cannot. */
export const atOnce = <R>(work: () => Sleeps<R>): R => {
  const task = work();
  for (;;) {
    const next = task.next();
    if (next.done === true) return next.value;
    bugOn(next.value.kind !== 'resched', 'sleeping function called from invalid context');
  }
};

/** Kernel: `include/linux/mmap_lock.h: mmap_read_lock` */
export function* mmapReadLock(m: Machine, mm: number): Sleeps<void> {
  const free = (): boolean => (m.mmapLocks.get(mm) ?? 0) >= 0;
  while (!free()) yield { kind: 'mmap-lock', mm, free };
  m.mmapLocks.set(mm, (m.mmapLocks.get(mm) ?? 0) + 1);
}

/** Kernel: `include/linux/mmap_lock.h: mmap_read_unlock` */
export const mmapReadUnlock = (m: Machine, mm: number): void => {
  m.mmapLocks.set(mm, (m.mmapLocks.get(mm) ?? 1) - 1);
};

/** Kernel: `include/linux/mmap_lock.h: mmap_write_lock` */
export function* mmapWriteLock(m: Machine, mm: number): Sleeps<void> {
  const free = (): boolean => (m.mmapLocks.get(mm) ?? 0) === 0;
  while (!free()) yield { kind: 'mmap-lock', mm, free };
  m.mmapLocks.set(mm, -1);
}

/** Kernel: `include/linux/mmap_lock.h: mmap_write_unlock` */
export const mmapWriteUnlock = (m: Machine, mm: number): void => {
  m.mmapLocks.set(mm, 0);
};

/** The writer goes on as a reader. Kernel: `include/linux/mmap_lock.h: mmap_write_downgrade` */
export const mmapWriteDowngrade = (m: Machine, mm: number): void => {
  m.mmapLocks.set(mm, 1);
};

/** A mutex of a driver. Kernel: `include/linux/mutex.h: mutex_lock` */
export function* mutexLock(m: Machine, name: string): Sleeps<void> {
  const free = (): boolean => !m.mutexes.has(name);
  while (!free()) yield { kind: 'mutex', name, free };
  m.mutexes.add(name);
}

/** Kernel: `include/linux/mutex.h: mutex_unlock` */
export const mutexUnlock = (m: Machine, name: string): void => {
  bugOn(!m.mutexes.has(name), `mutex_unlock: ${name} is not locked`);
  m.mutexes.delete(name);
};

/** A kernel thread will do it. Kernel: `include/linux/workqueue.h: schedule_work, schedule_delayed_work` */
export const scheduleWork = (m: Machine, run: () => Sleeps<void>, delayed = false): PendingWork => {
  const work = { delayed, run };
  m.works.push(work);
  return work;
};

/**
 * Ours: a kernel thread gets on with its work on another CPU, up to the next point where it lets go, while the running
 * task is in a function that cannot sleep. Where nothing schedules tasks, it does all of it.
 *
 * @returns whether it has got on, and has not done all
 */
export const runMeanwhile = (m: Machine, work: PendingWork): boolean => {
  if (m.runMeanwhile !== undefined) return m.runMeanwhile(work);
  m.works = m.works.filter((other) => other !== work);
  atOnce(work.run);
  return false;
};

// Secondary page tables are told before the CPU's change: intervals, events, the sequence protocol.

import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { notifierActiveRow, notifierSeqRow, subscriptionSeqRow } from '../../machine/scalars.ts';
import type { Vpn } from '../../uapi/units.ts';
import { atomic, sleepable } from '../sched/kernel-function.ts';

/** Kernel: `include/linux/mmu_notifier.h: mm_has_notifiers` */
export const mmHasNotifiers = (m: Machine, mm: number): boolean => m.mms.get(mm).hasNotifierSubscriptions;

/** Kernel: `lib/interval_tree.c: interval_tree_iter_first` */
const overlaps = (m: Machine, subscription: number, start: Vpn, end: Vpn): boolean => {
  const ops = m.notifierOps.get(subscription);
  const interval = ops?.intervalOf?.(m) ?? ops?.interval;
  return interval === undefined || (interval.start < end && start < interval.end);
};

const rangeStart = atomic(
  '__mmu_notifier_invalidate_range_start',
  (m, mm: number, start: Vpn, end: Vpn, range: MmuNotifierRange) => {
    m.scalars.set(notifierActiveRow(mm), m.scalars.get(notifierActiveRow(mm)) + 1);
    const subscriptions = m.mms.get(mm).subscriptions.filter((id) => overlaps(m, id, start, end));
    if (subscriptions.length === 0 || start >= end) return;
    const seq = m.scalars.get(notifierSeqRow(mm));
    if (seq % 2 === 0) m.scalars.set(notifierSeqRow(mm), seq + 1);
    for (const subscription of subscriptions)
      m.notifierOps.get(subscription)?.invalidate(m, subscription, range);
  },
);

const rangeEnd = atomic('__mmu_notifier_invalidate_range_end', (m, mm: number) => {
  const active = m.scalars.get(notifierActiveRow(mm)) - 1;
  m.scalars.set(notifierActiveRow(mm), active);
  const seq = m.scalars.get(notifierSeqRow(mm));
  if (active === 0 && seq % 2 === 1) m.scalars.set(notifierSeqRow(mm), seq + 1);
});

/**
 * Opens the bracket: every device with an interval over the range drops it from its own page table.
 *
 * Kernel: `include/linux/mmu_notifier.h: mmu_notifier_invalidate_range_start`
 */
export const mmuNotifierInvalidateRangeStart = (m: Machine, range: MmuNotifierRange): void => {
  if (mmHasNotifiers(m, range.mm)) rangeStart(m, range.mm, range.start, range.end, range);
};

/** Kernel: `include/linux/mmu_notifier.h: mmu_notifier_invalidate_range_end` */
export const mmuNotifierInvalidateRangeEnd = (m: Machine, range: MmuNotifierRange): void => {
  if (mmHasNotifiers(m, range.mm)) rangeEnd(m, range.mm);
};

/** Secondary TLBs that share the CPU's page tables are flushed. Kernel: `include/linux/mmu_notifier.h: mmu_notifier_invalidate_range` */
export const mmuNotifierInvalidateRange = (m: Machine, mm: number, start: Vpn, end: Vpn): void => {
  if (mmHasNotifiers(m, mm)) m.trace.leaf('__mmu_notifier_invalidate_range', mm, start, end);
};

/** Kernel: `include/linux/mmu_notifier.h: mmu_notifier_change_pte` */
export const mmuNotifierChangePte = (m: Machine, mm: number, vpn: Vpn): void => {
  if (mmHasNotifiers(m, mm)) m.trace.leaf('__mmu_notifier_change_pte', mm, vpn);
};

/** Kernel: `include/linux/mmu_notifier.h: mmu_interval_set_seq`; called by a driver's invalidate callback. */
export const mmuIntervalSetSeq = (m: Machine, mm: number, subscription: number): void => {
  m.scalars.set(subscriptionSeqRow(subscription), m.scalars.get(notifierSeqRow(mm)));
};

/** Whether a seq that was read is the one of an invalidation that still runs. */
const isInvalidating = (m: Machine, mm: number, seq: number): boolean =>
  m.scalars.get(notifierSeqRow(mm)) === seq;

/**
 * Begins a read side that may collide with an invalidation; waits for one that runs already.
 * Sleeps: until the invalidation has ended.
 *
 * Kernel: `mm/mmu_notifier.c: mmu_interval_read_begin`
 */
export const mmuIntervalReadBegin = sleepable(
  'mmu_interval_read_begin',
  function* (m, mm: number, subscription: number): Sleeps<number> {
    const seq = m.scalars.get(subscriptionSeqRow(subscription));
    while (isInvalidating(m, mm, seq)) {
      m.trace.decide('sleep.invalidation', mm, seq);
      yield { kind: 'invalidation', mm, free: () => !isInvalidating(m, mm, seq) };
    }
    return seq;
  },
);

/** Kernel: `include/linux/mmu_notifier.h: mmu_interval_read_retry` */
export const mmuIntervalReadRetry = (m: Machine, subscription: number, seq: number): boolean =>
  m.scalars.get(subscriptionSeqRow(subscription)) !== seq;

/**
 * A driver subscribes to its interval of a process's address space. While any range of it is being invalidated the
 * new interval counts as hit.
 *
 * Kernel: `mm/mmu_notifier.c: mmu_interval_notifier_insert`
 * Simplified: an insertion during an invalidation takes effect at once, not at its end.
 */
export const mmuIntervalNotifierInsert = (m: Machine, mm: number, subscription: number): void => {
  const owner = m.mms.get(mm);
  m.mms.update(mm, {
    subscriptions: [...owner.subscriptions, subscription],
    hasNotifierSubscriptions: true,
  });
  const idle = m.scalars.get(notifierSeqRow(mm)) || 2;
  const active = m.scalars.get(notifierActiveRow(mm)) > 0;
  const seq = active && idle % 2 === 0 ? idle + 1 : idle;
  m.scalars.set(notifierSeqRow(mm), seq);
  m.scalars.set(subscriptionSeqRow(subscription), active ? seq : seq - 1);
};

/**
 * The driver's interval is forgotten; the mm keeps its subscriptions structure.
 *
 * Kernel: `mm/mmu_notifier.c: mmu_interval_notifier_remove`
 */
export const mmuIntervalNotifierRemove = (m: Machine, mm: number, subscription: number): void => {
  const { subscriptions } = m.mms.get(mm);
  m.mms.update(mm, { subscriptions: subscriptions.filter((id) => id !== subscription) });
};

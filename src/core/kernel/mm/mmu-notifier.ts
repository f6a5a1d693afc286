// Secondary page tables are told before the CPU's change: intervals, events, the sequence protocol.

import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange } from '../../machine/ops.ts';
import { notifierActiveRow, notifierSeqRow, subscriptionSeqRow } from '../../machine/scalars.ts';
import type { Vpn } from '../../uapi/units.ts';
import { atomic } from '../sched/kernel-function.ts';

/** Kernel: `include/linux/mmu_notifier.h: mm_has_notifiers` */
export const mmHasNotifiers = (m: Machine, mm: number): boolean => m.mms.get(mm).hasNotifierSubscriptions;

const rangeStart = atomic(
  '__mmu_notifier_invalidate_range_start',
  (m, mm: number, start: Vpn, end: Vpn, range: MmuNotifierRange) => {
    m.scalars.set(notifierActiveRow(mm), m.scalars.get(notifierActiveRow(mm)) + 1);
    const subscriptions = m.mms.get(mm).subscriptions;
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
 * Simplified: an interval notifier covers the whole address space, as the test driver's does.
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

/**
 * Begins a read side that may collide with an invalidation.
 *
 * Kernel: `mm/mmu_notifier.c: mmu_interval_read_begin`
 * Simplified: never waits for a running invalidation; its caller tries again instead.
 */
export const mmuIntervalReadBegin = (m: Machine, subscription: number): number =>
  m.scalars.get(subscriptionSeqRow(subscription));

/** Kernel: `include/linux/mmu_notifier.h: mmu_interval_read_retry` */
export const mmuIntervalReadRetry = (m: Machine, subscription: number, seq: number): boolean =>
  m.scalars.get(subscriptionSeqRow(subscription)) !== seq;

/**
 * A driver subscribes to the whole address space of a process.
 *
 * Kernel: `mm/mmu_notifier.c: mmu_interval_notifier_insert`
 */
export const mmuIntervalNotifierInsert = (m: Machine, mm: number, subscription: number): void => {
  const owner = m.mms.get(mm);
  m.mms.update(mm, {
    subscriptions: [...owner.subscriptions, subscription],
    hasNotifierSubscriptions: true,
  });
  const seq = m.scalars.get(notifierSeqRow(mm)) || 2;
  m.scalars.set(notifierSeqRow(mm), seq);
  m.scalars.set(subscriptionSeqRow(subscription), seq - 1);
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

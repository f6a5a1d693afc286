// Pages that were to move and stayed, and who holds them: from the log, and from the handles of the moment.

import type { Machine } from '../../core/machine/machine.ts';
import type { EventLog } from '../../core/trace/log.ts';
import { DECISIONS, EventKind } from '../../core/uapi/events.ts';
import { compoundHead, folioNrPages } from '../../core/kernel/mm/page-ref.ts';
import type { HoldersView } from '../protocol-gpu.ts';
import { frameRuns } from './frame-runs.ts';
import type { Places } from './places.ts';

/** A longer stretch belongs to a big step, which counts and tells no story. */
const MAX_EVENTS = 400_000;

/** Pages of which more references were counted than migration expects, and that have not moved since. */
export const stayedIn = (log: EventLog, begin: number, end: number): readonly number[] => {
  const stayed = new Set<number>();
  for (let i = begin; i < Math.min(end, begin + MAX_EVENTS); i++) {
    if (log.kindAt(i) !== EventKind.DECISION) continue;
    switch (DECISIONS[log.idAt(i)]) {
      case 'migrate.maybe-pinned':
      case 'migrate.check-page.extra-references':
        stayed.add(log.rowAt(i));
        break;
      case 'migrate.expected-count':
        if (log.oldAt(i) !== log.nowAt(i)) stayed.add(log.rowAt(i));
        break;
      case 'migrate.moved':
        stayed.delete(log.rowAt(i));
        break;
      default:
    }
  }
  return [...stayed];
};

/** Handles that hold any of the pages, by their names. */
export const holdersOf = (m: Machine, places: Places, pfns: readonly number[]): HoldersView => {
  const spans = pfns.map((pfn) => {
    const head = compoundHead(m, pfn);
    return [head, head + folioNrPages(m, head)] as const;
  });
  const held = m.handles
    .values()
    .filter(({ pages }) => spans.some(([head, end]) => frameRuns(pages).countIn(head, end) > 0));
  const names = (pin: boolean): string =>
    held
      .filter(({ call }) => call.startsWith('pin') === pin)
      .map(({ name }) => name)
      .join(', ');
  const [pfn = -1] = pfns;
  return {
    stayed: pfns.length,
    stayedPage: pfns.length === 1 ? places.ownersOf(pfn) : '',
    pinnedBy: names(true),
    heldBy: names(false),
  };
};

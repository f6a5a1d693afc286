// All that a big step did about one page, read off the step as it was run again.

import type { PageDetail } from '../../core/scenario/detail.ts';
import type { StepRecord } from '../../core/index.ts';
import type { LogEvent } from '../../core/trace/log.ts';
import { EventKind } from '../../core/uapi/events.ts';
import { PG_buddy } from '../../core/uapi/page-flags.ts';
import { entryPfn } from '../../core/uapi/pte.ts';
import type { Selection } from '../protocol.ts';
import type { EventView } from '../protocol-moment.ts';
import { Run } from '../run.ts';
import { eventView } from './events.ts';
import { sceneAt } from './scene.ts';
import { rowOffsetOf } from './rows.ts';

const MAX_EVENTS = 1000;

/** Whose page is meant, and at which address; undefined: nobody maps it before or behind the step. */
export const placeOfTarget = (
  run: Run,
  record: StepRecord,
  target: Selection,
): { readonly mm: number; readonly vpn: number } | undefined => {
  if (target.kind === 'handle') return undefined;
  for (const position of [record.end, record.begin]) {
    const { places } = sceneAt(run, position);
    for (const { mm, area, rows } of places.areas) {
      if (target.kind !== 'page') {
        const isIn = mm.name === target.process && target.vpn >= area.start;
        if (isIn && target.vpn < area.start + area.npages) return { mm: mm.id, vpn: target.vpn };
        continue;
      }
      const row = rows.find((one) => rowOffsetOf(one, target.pfn) >= 0);
      if (row !== undefined) return { mm: mm.id, vpn: row.vpn + rowOffsetOf(row, target.pfn) };
    }
  }
  return undefined;
};

export const detailViews = ({
  sim,
  numbers,
}: PageDetail): { readonly events: readonly EventView[]; readonly more: number } => {
  const run = new Run('detail', sim);
  run.indexNewSteps();
  const { namer, tables } = sceneAt(run, sim.length);
  const { journal, pages, entries } = sim.machine;
  // places in lists change when neighbours come and go, and of a free page they are all that there is
  const { lruNext, lruPrev, private: order, flags } = pages;
  const own = Object.values(pages).filter((column) => ![lruNext, lruPrev, order].includes(column));
  const fields = new Set(own.map((column) => column.id));
  const has = (value: number): boolean => numbers.has(value);
  const isAbout = ({ kind, id, row, old, now }: LogEvent): boolean => {
    switch (kind) {
      case EventKind.SPAN_BEGIN:
      case EventKind.DECISION:
        return has(row) || has(old) || has(now);
      case EventKind.REF:
      case EventKind.HOLDER:
        return has(row);
      case EventKind.COLUMN:
        if (id === entries.id) return has(entryPfn(old)) || has(entryPfn(now));
        if (id === flags.id && ((old ^ now) & ~PG_buddy) === 0) return false;
        return fields.has(id) && has(row);
      default:
        return false;
    }
  };
  const events: EventView[] = [];
  let found = 0;
  for (let i = 0; i < journal.log.length; i++) {
    const event = journal.log.at(i);
    if (!isAbout(event)) continue;
    found += 1;
    if (events.length < MAX_EVENTS) events.push(eventView(namer, tables, event));
  }
  return { events, more: found - events.length };
};

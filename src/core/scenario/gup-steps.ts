// Steps that take references on user pages and give them back: GUP, gup_test, move_pages, isolation.

import { gupTestIoctl } from '../kernel/drivers/gup-test.ts';
import { GUP_FUNCTIONS } from '../kernel/mm/gup-calls.ts';
import { putPages, unpinUserPagesDirtyLock, unpinUserPagesInSlices } from '../kernel/mm/gup-grab.ts';
import { doPagesMove, doPagesStatArray, NOT_REACHED } from '../kernel/mm/move-pages.ts';
import { startIsolatePageRange, undoIsolatePageRange } from '../kernel/mm/page-isolation.ts';
import { mappedFrame } from '../kernel/mm/page-table.ts';
import { letGo, letGoMidway, mmapReadLock, mmapReadUnlock } from '../kernel/sched/locks.ts';
import { listFor } from '../machine/list-for.ts';
import type { GupCall, PinHandle } from '../machine/entities.ts';
import type { Machine } from '../machine/machine.ts';
import type { Sleeps } from '../machine/ops.ts';
import { errnoName } from '../uapi/errno.ts';
import { FOLL_FLAGS, type FollFlagName } from '../uapi/gup-flags.ts';
import type { StepOf } from '../uapi/scenario.ts';
import { NO_PFN, PAGEBLOCK_NR_PAGES, type Pfn } from '../uapi/units.ts';
import { handleNamed, rangeOf } from './step-names.ts';
import { StepError, type StepResult, failed, ok } from './step-result.ts';

/** The fast and unlocked calls take mmap_lock themselves, if they need it. */
const callerLocks = (call: GupCall): boolean => !call.includes('_fast') && !call.endsWith('_unlocked');

const flagBits = (names: readonly FollFlagName[]): number =>
  names.reduce((bits, name) => bits | FOLL_FLAGS[name], 0);

export function* runGup(m: Machine, step: StepOf<'gup'>): Sleeps<StepResult> {
  const { mm, start, npages } = rangeOf(m, step);
  if (m.handles.values().some((handle) => handle.name === step.as)) {
    throw new StepError('as', `references are held under the name ${step.as} already`);
  }
  const gupFlags = flagBits(step.flags);
  const options = { noPages: step.no_pages === true, locked: step.locked === true };
  const locks = callerLocks(step.call);
  if (locks) yield* mmapReadLock(m, mm.id);
  const { pages, id } = yield* GUP_FUNCTIONS[step.call](m, start, npages, gupFlags, mm.id, options);
  if (locks) mmapReadUnlock(m, mm.id);
  if (pages.length === 0) return id < 0 ? failed(id) : ok(id);
  m.handles.add(
    (handleId): PinHandle => ({
      id: handleId,
      name: step.as,
      mm: mm.id,
      call: step.call,
      gupFlags,
      start,
      pages,
    }),
  );
  return ok(pages.length);
}

export function* runMovePages(m: Machine, step: StepOf<'move_pages'>): Sleeps<StepResult> {
  const { mm, start, npages } = rangeOf(m, step);
  const { id, status } =
    step.node === undefined
      ? yield* doPagesStatArray(m, mm.id, start, npages)
      : yield* doPagesMove(m, mm.id, start, npages, step.node, false);
  const nodes = listFor<string>(npages);
  for (let i = 0; i < npages; i++) {
    const node = status[i] ?? NOT_REACHED;
    nodes[i] = node === NOT_REACHED ? '' : node < 0 ? errnoName(node) : String(node);
    yield* letGoMidway(m, 'move_pages', i);
  }
  return id < 0 ? { ...failed(id), nodes } : { ret: id, nodes };
}

/** All pageblocks in which pages of the range lie, or none. */
export function* runIsolate(m: Machine, step: StepOf<'isolate'>): Sleeps<StepResult> {
  const { mm, start, npages } = rangeOf(m, step);
  const blocks = new Set<Pfn>();
  for (let vpn = start; vpn < start + npages; vpn++) {
    const pfn = mappedFrame(m, mm, vpn);
    if (pfn !== NO_PFN) blocks.add(pfn - (pfn % PAGEBLOCK_NR_PAGES));
    yield* letGoMidway(m, 'start_isolate_page_range', vpn - start);
  }
  if (blocks.size === 0) throw new StepError('page', `no page of ${step.vma} is in memory`);
  const isolated: Pfn[] = [];
  for (const block of blocks) {
    yield* letGo(m, 'start_isolate_page_range', PAGEBLOCK_NR_PAGES);
    if (step.undo === true) {
      undoIsolatePageRange(m, block);
      continue;
    }
    const err = startIsolatePageRange(m, block);
    if (err !== 0) {
      for (const done of isolated) undoIsolatePageRange(m, done);
      return failed(err);
    }
    isolated.push(block);
  }
  return ok();
}

export function* runGupTest(m: Machine, step: StepOf<'gup_test'>): Sleeps<StepResult> {
  const { mm, start, npages } = rangeOf(m, step);
  const got = yield* gupTestIoctl(m, step.cmd, {
    mm: mm.id,
    start,
    npages,
    nrPagesPerCall: step.per_call ?? npages,
    gupFlags: flagBits(step.flags),
    usePin: step.use_pin === true,
    whichPages: step.which_pages ?? [],
  });
  return { ret: 0, got };
}

const isPin = (call: GupCall): boolean => call.startsWith('pin_');

export function* runRelease(m: Machine, step: StepOf<'unpin'> | StepOf<'put'>): Sleeps<StepResult> {
  const handle = handleNamed(m, step.handle);
  if (isPin(handle.call) !== (step.op === 'unpin')) {
    throw new StepError(
      'op',
      `${handle.name} was taken by ${handle.call}: drop it with ${isPin(handle.call) ? 'unpin' : 'put'}`,
    );
  }
  m.handles.set(handle.id, undefined);
  const { pages } = handle;
  if (step.op === 'put') yield* putPages(m, pages);
  else if (step.dirty === true) yield* unpinUserPagesDirtyLock(m, pages.length, pages, true);
  else yield* unpinUserPagesInSlices(m, pages.length, pages);
  return ok();
}

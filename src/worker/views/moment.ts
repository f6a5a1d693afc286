// Everything the panels show at one position, out of the machine as it stands there and the log up to there.

import { deviceUsage } from '../../core/kernel/drivers/test-hmm-migrate.ts';
import { usedVramPages } from '../../core/kernel/drivers/ttm-vram.ts';
import { vmasOf } from '../../core/kernel/mm/vma.ts';
import type { Step } from '../../core/index.ts';
import type { Vma } from '../../core/machine/entities.ts';
import { EventKind, VMSTAT_COUNTERS } from '../../core/uapi/events.ts';
import { FOLL_LONGTERM, follFlagNames } from '../../core/uapi/gup-flags.ts';
import { spelling } from '../../core/uapi/patches.ts';
import { KERNEL_FUNCTIONS, kernelFunctionId } from '../../core/uapi/source-refs.ts';
import {
  VM_DONTCOPY,
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_LOCKED,
  VM_NOHUGEPAGE,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
} from '../../core/uapi/vm-flags.ts';
import type {
  AreaView,
  DeviceView,
  FrameView,
  HandleView,
  Moment,
  ProcessView,
  Residence,
  ResidenceCount,
  StackFrame,
  StandingView,
  VmaView,
} from '../protocol-moment.ts';
import type { Position } from '../protocol.ts';
import type { Run } from '../run.ts';
import { beatMessage, whyOf } from './captions.ts';
import { eventView } from './events.ts';
import { deviceOf, type FrameContext, frameView, homeOf, longtermPinnedFrames } from './frames.ts';
import { callArguments, type Namer } from './messages.ts';
import { RowIndex } from './row-index.ts';
import { dmirrorsOf, rowPfn } from './rows.ts';
import { type Scene, sceneAt } from './scene.ts';
import { innermost } from './spans.ts';
import { namerOf } from './whose.ts';

const MAX_HANDLE_PAGES = 4096;
/** Most frames that a moment describes one by one. */
const MAX_FRAMES = 512;

const VMA_FLAGS: readonly (readonly [number, string])[] = [
  [VM_SHARED, 'shared'],
  [VM_LOCKED, 'locked'],
  [VM_HUGEPAGE, 'hugepage'],
  [VM_NOHUGEPAGE, 'nohugepage'],
  [VM_DONTCOPY, 'dontfork'],
  [VM_HUGETLB, 'hugetlb'],
];

export const vmaFlagNames = (vma: Vma): string[] =>
  VMA_FLAGS.filter(([bit]) => (vma.vmFlags & bit) !== 0).map(([, name]) => name);

export const protText = (vmFlags: number): string =>
  `${(vmFlags & VM_READ) === 0 ? '' : 'r'}${(vmFlags & VM_WRITE) === 0 ? '' : 'w'}`;

const vmaView = (vma: Vma): VmaView => ({
  startVpn: vma.vmStart,
  npages: vma.vmEnd - vma.vmStart,
  prot: protText(vma.vmFlags),
  flags: vmaFlagNames(vma),
});

const processViews = ({ m, places }: Scene): ProcessView[] =>
  m.mms.values().map((mm) => {
    const vmas = vmasOf(m, mm);
    const areas = places.areas
      .filter((where) => where.mm.id === mm.id)
      .map(({ area, rows }): AreaView => {
        const end = area.start + area.npages;
        return {
          name: area.name,
          kind: area.kind,
          startVpn: area.start,
          npages: area.npages,
          vmas: vmas.filter((vma) => vma.vmStart < end && vma.vmEnd > area.start).map(vmaView),
          rows,
        };
      });
    return { name: mm.name, alive: mm.alive, areas };
  });

const deviceViews = ({ m }: Scene): DeviceView[] =>
  m.devices.values().map((device) => {
    const { used, free } = deviceUsage(m, device);
    const tables = m.mms.values().flatMap((mm) =>
      dmirrorsOf(m, mm.id)
        .filter((dmirror) => dmirror.device === device.id)
        .map((dmirror) => ({
          process: mm.name,
          isEmpty: m.journal.mapById(dmirror.pt).keys(1).length === 0,
        })),
    );
    const heldPages = m.gpus.find(device.id) === undefined ? undefined : usedVramPages(m, device.id);
    return { id: device.configId, kind: device.kind, usedPages: used, heldPages, freePages: free, tables };
  });

const handleViews = ({ m, places }: Scene): HandleView[] =>
  m.handles.values().map((handle) => {
    const mm = m.mms.get(handle.mm);
    return {
      name: handle.name,
      process: mm.name,
      call: handle.call,
      flags: follFlagNames(handle.gupFlags),
      longterm: (handle.gupFlags & FOLL_LONGTERM) !== 0,
      pin: handle.call.startsWith('pin'),
      first: places.nameOfVpn(mm.name, handle.start),
      pfns: Array.from(handle.pages.slice(0, MAX_HANDLE_PAGES)),
    };
  });

const pinsForLong = (step: Step | undefined): boolean => {
  if (step?.op === 'concurrent') return step.steps.some(pinsForLong);
  return (step?.op === 'gup' || step?.op === 'gup_test') && step.flags.includes('FOLL_LONGTERM');
};

/** Of a big step there are no calls in the trace: it stands for them. */
const bigStepAt = (run: Run, position: number): Step | undefined => {
  const { sim } = run;
  if (position > sim.length) return sim.machine.journal.isBulk ? sim.runningStep : undefined;
  const record = sim.steps[run.stepAt(position).index];
  return record?.isBig === true && position < record.operationEnd ? record.step : undefined;
};

/** Whether a call that asks for long-term pins is running at a position. */
export const longtermRunning = (run: Run, position: number): boolean => {
  if (pinsForLong(bigStepAt(run, position))) return true;
  const { log } = run.sim.machine.journal;
  for (let at = innermost(log, position); at >= 0; at = log.parentAt(at)) {
    if (log.idAt(at) === LONGTERM_LOCKED && (log.nowAt(at) & FOLL_LONGTERM) !== 0) return true;
    if (log.idAt(at) === FAST && (log.nowAt(at) & FOLL_LONGTERM) !== 0) return true;
  }
  return false;
};
const LONGTERM_LOCKED = kernelFunctionId('__gup_longterm_locked');
const FAST = kernelFunctionId('internal_get_user_pages_fast');

export const frameContext = (run: Run, position: number, { m, places, namer }: Scene): FrameContext => ({
  m,
  places,
  longterm: longtermPinnedFrames(m),
  longtermRunning: longtermRunning(run, position),
  comingFrom: namer.comingFrom,
});

const shownFrames = (scene: Scene, handles: readonly HandleView[]): ReadonlySet<number> => {
  const shown = new Set<number>();
  const show = (pfn: number): void => {
    if (pfn >= 0 && shown.size < MAX_FRAMES) shown.add(pfn);
  };
  for (const { src, dst } of scene.moves) {
    show(src);
    show(dst);
  }
  for (const { rows } of scene.places.areas) {
    for (const row of rows) {
      show(row.pfn);
      if (row.npages > 1) show(rowPfn(row, row.npages - 1));
    }
  }
  for (const { pfns } of handles) for (const pfn of pfns) show(pfn);
  return shown;
};

/** Where the pages that processes map live. */
export const residenceCounts = ({ m, places }: Scene): ResidenceCount[] => {
  const counts = new Map<string, ResidenceCount>();
  const seen = new RowIndex<undefined>();
  for (const { rows } of places.areas) {
    for (const row of rows) {
      if (row.pfn < 0 || row.special || seen.has(row.pfn)) continue;
      seen.add(row, undefined);
      const residence: Residence = homeOf(m, row.pfn);
      const device = deviceOf(m, row.pfn);
      const place = device < 0 ? 'system' : `device ${device}`;
      const key = `${place} ${residence}`;
      const pages = (counts.get(key)?.pages ?? 0) + row.npages;
      counts.set(key, { place, residence, pages });
    }
  }
  return [...counts.values()];
};

/** The calls around the one that an event begins, and that one. */
const stackOf = (run: Run, innermostCall: number, namer: Namer): StackFrame[] => {
  const { log } = run.sim.machine.journal;
  const stack: StackFrame[] = [];
  for (let at = innermostCall; at >= 0; at = log.parentAt(at)) {
    const fn = KERNEL_FUNCTIONS[log.idAt(at)];
    if (fn === undefined) continue;
    const args = callArguments(namerOf(namer, at), fn.name, [log.rowAt(at), log.oldAt(at), log.nowAt(at)]);
    stack.push({ fn: spelling(namer.m.kernel, fn.name), file: fn.file, begin: at + 1, args });
  }
  return stack.toReversed();
};

/** Where tasks stand that never go on. */
const standingAt = (run: Run, position: number, namer: Namer): StandingView[] | undefined => {
  const last = run.sim.steps.at(-1);
  if (last?.standing === undefined || position !== last.end) return undefined;
  return last.standing.map(({ task, mm, how, what, vpn, span }) => {
    const process = mm === 0 ? '' : namer.m.mms.get(mm).name;
    const accessed = vpn < 0 ? what : namer.places.nameOfVpn(process, vpn);
    return { task, process, how, what: accessed, stack: stackOf(run, span, namer) };
  });
};

/** How the counters have changed since the step began. */
const vmstatChanges = (run: Run, begin: number, position: number): Record<string, number> => {
  const { log } = run.sim.machine.journal;
  const { id } = run.sim.machine.vmstat;
  const changes: Record<string, number> = {};
  for (let i = begin; i < position; i++) {
    if (log.kindAt(i) !== EventKind.COLUMN || log.idAt(i) !== id) continue;
    const counter = VMSTAT_COUNTERS[log.rowAt(i)] ?? '';
    changes[counter] = (changes[counter] ?? 0) + log.nowAt(i) - log.oldAt(i);
  }
  return changes;
};

/**
 * Where pages lived when a step began; found out once, for the machine may have to go there.
 *
 * @param begin - position between two steps
 */
export const residenceBefore = (run: Run, begin: Position): readonly ResidenceCount[] => {
  const known = run.residenceAt.get(begin);
  if (known !== undefined) return known;
  const counts = residenceCounts(sceneAt(run, begin));
  run.residenceAt.set(begin, counts);
  return counts;
};

export const momentAt = (run: Run, position: number): Moment => {
  const { lastMoment } = run;
  if (lastMoment?.position === position) return lastMoment;
  const moment = readMoment(run, position);
  // where a step has not ended yet, it may be taken back
  if (position <= run.sim.length) run.lastMoment = moment;
  return moment;
};

/** All that handles hold, of which only some are sent, and what a call under way has pinned. */
const longtermPinnedPages = ({ longterm }: FrameContext, frames: readonly FrameView[]): number =>
  longterm.count() + frames.filter(({ pfn, longtermPinned }) => longtermPinned && !longterm.has(pfn)).length;

const readMoment = (run: Run, position: number): Moment => {
  const before = residenceBefore(run, run.stepAt(position).begin);
  const scene = sceneAt(run, position);
  const { namer, moves } = scene;
  const { log } = run.sim.machine.journal;
  const step = run.stepAt(position);
  const standing = standingAt(run, position, namer);
  const beat = run.beats.at(position);
  const caption = beat === undefined ? { id: 'boot', params: {} } : beatMessage(namer, run.sim.steps, beat);
  const handles = handleViews(scene);
  const context = frameContext(run, position, scene);
  const frames: FrameView[] = [...shownFrames(scene, handles)].map((pfn) => frameView(context, pfn));
  const residence = run.residenceAt.get(position) ?? residenceCounts(scene);
  // the next step begins where this one has ended
  if (!step.running) run.residenceAt.set(position, residence);
  return {
    runId: run.id,
    position,
    step: step.index,
    inStep: step.running,
    caption,
    why: whyOf(caption),
    occurrence: beat?.occurrence ?? 1,
    stack: stackOf(run, innermost(log, position), namer),
    ...(standing === undefined ? {} : { standing }),
    event: position > run.sim.bootEnd ? eventView(namer, scene.tables, log.at(position - 1)) : undefined,
    processes: processViews(scene),
    devices: deviceViews(scene),
    handles,
    frames,
    longtermPinnedPages: longtermPinnedPages(context, frames),
    moves,
    residence,
    residenceBefore: before,
    vmstat: vmstatChanges(run, step.begin, position),
  };
};

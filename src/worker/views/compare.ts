// Two runs of one scenario side by side, at the same moment: what is not the same.

import { compoundHead } from '../../core/kernel/mm/page-ref.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { EventKind } from '../../core/uapi/events.ts';
import { spelling } from '../../core/uapi/patches.ts';
import { KERNEL_FUNCTIONS } from '../../core/uapi/source-refs.ts';
import type { Position } from '../protocol.ts';
import type { PteRow } from '../protocol-moment.ts';
import type { ComparedPage, ComparedSide, CompareView, Parting, PartingSide } from '../protocol-compare.ts';
import type { Run } from '../run.ts';
import type { Beat } from './beats.ts';
import { beatMessage, whyOf } from './captions.ts';
import { deviceOf, homeOf, pinsOf } from './frames.ts';
import { residenceCounts } from './moment.ts';
import { type Scene, sceneAt } from './scene.ts';
import { rowPfn } from './rows.ts';

const MAX_BEATS = 400;
const MAX_PAGES = 512;
const MAX_CALLS = 12;

/** How many beats of the second row go with the first row: up to the last one of a longest common subsequence. */
const matched = (a: readonly string[], b: readonly string[]): number => {
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      lengths[i * width + j] =
        a[i - 1] === b[j - 1]
          ? (lengths[(i - 1) * width + j - 1] ?? 0) + 1
          : Math.max(lengths[(i - 1) * width + j] ?? 0, lengths[i * width + j - 1] ?? 0);
    }
  }
  // the shortest beginning of b that has as much in common with a as all of b
  const best = lengths[a.length * width + b.length] ?? 0;
  let end = b.length;
  while (end > 0 && lengths[a.length * width + end - 1] === best) end--;
  return end;
};

/**
 * Where the other run has had the same moments of the same step.
 *
 * Within a step the two may part: one has a second pass, the other gives up. Then the other stands behind the last
 * moment that both have had, and at its step's end when the first has ended.
 */
export const alignedPosition = (run: Run, position: Position, other: Run): Position => {
  const { index, running } = run.stepAt(position);
  const step = run.sim.steps[index];
  if (step === undefined) return other.sim.bootEnd;
  const counterpart = other.sim.steps[index];
  if (counterpart === undefined) return other.sim.length;
  if (!running) return counterpart.end;
  const keys = (beats: readonly Beat[]): string[] => beats.slice(0, MAX_BEATS).map(({ id }) => id);
  const mine = keys(run.beats.between(step.begin, position));
  const theirs = other.beats.between(counterpart.begin, counterpart.end);
  const count = matched(mine, keys(theirs));
  return theirs[count - 1]?.position ?? counterpart.begin;
};

/** A moment, with what came out of it. */
const momentKey = (run: Run, { id, args }: Beat): string =>
  id === 'step.end' ? `${id} ${JSON.stringify(run.sim.steps[args[0] ?? -1]?.result)}` : id;

const partingSide = (run: Run, beat: Beat | undefined): PartingSide | undefined => {
  if (beat === undefined) return undefined;
  const text = beatMessage(sceneAt(run, beat.position).namer, run.sim.steps, beat);
  return { text, why: whyOf(text) };
};

const findParting = (run: Run, other: Run): Parting | undefined => {
  for (const step of run.sim.steps) {
    const counterpart = other.sim.steps[step.index];
    const mine = run.beats.between(step.begin, step.end);
    const theirs = counterpart === undefined ? [] : other.beats.between(counterpart.begin, counterpart.end);
    const count = Math.max(mine.length, theirs.length);
    for (let i = 0; i < count; i++) {
      const [a, b] = [mine[i], theirs[i]];
      if (a !== undefined && b !== undefined && momentKey(run, a) === momentKey(other, b)) continue;
      const sides = [partingSide(run, a), partingSide(other, b)] as const;
      return { step: step.index, position: a?.position ?? step.end, sides };
    }
  }
  return undefined;
};

interface KnownParting {
  /** Lengths of both runs, when it was looked for. */
  readonly lengths: string;
  readonly parting: Parting | undefined;
}
const partings = new WeakMap<Run, WeakMap<Run, KnownParting>>();

/** Looked for once: what is behind it does not change. */
const partingOf = (run: Run, other: Run): Parting | undefined => {
  const lengths = `${run.sim.length} ${other.sim.length}`;
  const ofRun = partings.get(run) ?? new WeakMap<Run, KnownParting>();
  partings.set(run, ofRun);
  const known = ofRun.get(other);
  if (known?.lengths === lengths) return known.parting;
  const parting = findParting(run, other);
  ofRun.set(other, { lengths, parting });
  return parting;
};

const callCounts = (run: Run, begin: Position, end: Position): Map<number, number> => {
  const { log } = run.sim.machine.journal;
  const counts = new Map<number, number>();
  for (let i = begin; i < end; i++) {
    if (log.kindAt(i) === EventKind.SPAN_BEGIN) counts.set(log.idAt(i), (counts.get(log.idAt(i)) ?? 0) + 1);
  }
  return counts;
};

const sideOf = (m: Machine, row: PteRow | undefined, offset: number): ComparedSide => {
  const pfn = row === undefined ? -1 : rowPfn(row, row.pfnStep === 0 ? 0 : offset);
  return {
    entry: row?.entry ?? 'none',
    residence: pfn < 0 ? undefined : homeOf(m, pfn),
    device: pfn < 0 ? -1 : deviceOf(m, pfn),
    pins: pfn < 0 ? 0 : pinsOf(m, pfn),
    refcount: pfn < 0 ? 0 : m.pages.refcount.get(compoundHead(m, pfn)),
    value: row?.npages === 1 ? row.value : undefined,
  };
};

const isSame = (a: ComparedSide, b: ComparedSide): boolean =>
  a.entry === b.entry &&
  a.residence === b.residence &&
  a.device === b.device &&
  a.pins === b.pins &&
  a.refcount === b.refcount &&
  a.value === b.value;

/** Each page of each area of the first run, with what the other has there; frames are not compared, places are. */
const comparePages = (mine: Scene, theirs: Scene): { pages: ComparedPage[]; seen: number } => {
  const pages: ComparedPage[] = [];
  let seen = 0;
  for (const { mm, area, rows } of mine.places.areas) {
    for (const row of rows) {
      for (let i = 0; i < row.npages && seen < MAX_PAGES; i++) {
        seen++;
        const found = theirs.places.rowAt(mm.name, row.vpn + i);
        const offset = found === undefined ? 0 : row.vpn + i - found.row.vpn;
        const sides = [sideOf(mine.m, row, i), sideOf(theirs.m, found?.row, offset)] as const;
        if (!isSame(...sides)) pages.push({ name: mine.places.pageName(mm, area, row.index + i), sides });
      }
    }
  }
  return { pages, seen };
};

export const compareAt = (run: Run, position: Position, other: Run): CompareView => {
  const otherPosition = alignedPosition(run, position, other);
  const parting = partingOf(run, other);
  const scenes = [sceneAt(run, position), sceneAt(other, otherPosition)] as const;
  const { index, begin } = run.stepAt(position);
  const counts = [
    callCounts(run, begin, position),
    callCounts(other, other.sim.steps[index]?.begin ?? otherPosition, otherPosition),
  ] as const;
  const calls = [...new Set([...counts[0].keys(), ...counts[1].keys()])]
    .map((fn) => ({
      fn: spelling(run.sim.machine.kernel, KERNEL_FUNCTIONS[fn]?.name ?? ''),
      counts: [counts[0].get(fn) ?? 0, counts[1].get(fn) ?? 0] as const,
    }))
    .filter(({ counts: [a, b] }) => a !== b)
    .toSorted((x, y) => Math.abs(y.counts[0] - y.counts[1]) - Math.abs(x.counts[0] - x.counts[1]));
  const caption = (side: Run, scene: Scene, at: Position) => {
    const beat = side.beats.at(at);
    return beat === undefined ? { id: 'boot', params: {} } : beatMessage(scene.namer, side.sim.steps, beat);
  };
  const { pages, seen } = comparePages(...scenes);
  return {
    step: index,
    parting,
    otherPosition,
    captions: [caption(run, scenes[0], position), caption(other, scenes[1], otherPosition)],
    pages,
    pagesSeen: seen,
    calls: calls.slice(0, MAX_CALLS),
    residence: [residenceCounts(scenes[0]), residenceCounts(scenes[1])],
  };
};

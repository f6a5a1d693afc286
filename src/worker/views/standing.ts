// Why a frame is free, or in use though nobody took it into use in this run.

import { compoundHead } from '../../core/kernel/mm/page-ref.ts';
import { EventKind } from '../../core/uapi/events.ts';
import type { StandingId } from '../../core/uapi/origins.ts';
import { spelling } from '../../core/uapi/patches.ts';
import { KERNEL_FUNCTIONS } from '../../core/uapi/source-refs.ts';
import type { Position } from '../protocol.ts';
import type { Standing } from '../protocol-views.ts';
import type { Run } from '../run.ts';
import { whyOf } from './captions.ts';
import { chaptersOf, positionIn } from './chapters.ts';
import { homeOf, kindOf, residenceOf } from './frames.ts';
import type { Scene } from './scene.ts';

/**
 * The event that took the last reference of a frame.
 *
 * @returns undefined: nobody had it; `untold`: a big step left counts, and has not run again for it
 */
const freedIn = (run: Run, position: Position, { m }: Scene, pfn: number): Standing['freed'] | 'untold' => {
  const head = compoundHead(m, pfn);
  for (const chapter of chaptersOf(run, position, `page ${pfn}`).toReversed()) {
    const { log, begin, end, told, record } = chapter;
    if (told === 'counts') return 'untold';
    for (let i = end - 1; i >= begin; i--) {
      if (log.kindAt(i) !== EventKind.REF || log.rowAt(i) !== head || log.nowAt(i) !== 0) continue;
      const fn = KERNEL_FUNCTIONS[log.idAt(log.parentAt(i))]?.name;
      if (fn === undefined) return undefined;
      return { position: positionIn(chapter, i), step: record.index, fn: spelling(m.kernel, fn) };
    }
  }
  return undefined;
};

const inUse = ({ m }: Scene, pfn: number): StandingId => {
  const kind = kindOf(m, pfn);
  if (kind === 'zero' || kind === 'huge-zero') return 'standing.zero-page';
  if (kind.startsWith('device-')) return 'standing.device-file';
  return 'standing.since-boot';
};

/** What is to say of a frame that nobody took into use in this run. */
export const standingOf = (run: Run, position: Position, scene: Scene, pfn: number): Standing => {
  const { m } = scene;
  const isReserved = residenceOf(m, pfn) === 'reserved' && m.pages.refcount.get(compoundHead(m, pfn)) === 0;
  const isFree = !isReserved && residenceOf(m, pfn) === 'free';
  const found = isFree ? freedIn(run, position, scene, pfn) : undefined;
  const freed = found === 'untold' ? undefined : found;
  const home = homeOf(m, pfn);
  const where = home === 'coherent' || home === 'private' ? 'vram' : 'free';
  const id: StandingId = isReserved
    ? 'standing.reserved'
    : isFree
      ? (`standing.${where}.${found === 'untold' ? 'untold' : found === undefined ? 'never' : 'freed'}` as const)
      : inUse(scene, pfn);
  const text = { id, params: {} };
  return { text, why: whyOf(text), isFree, freed };
};

// What the inspector shows of a page besides its fields: the kernel's dump of it, who maps it, and why it is there.

import { pagePgmap } from '../../core/kernel/mm/page-ref.ts';
import type { Position } from '../protocol.ts';
import type { PageDetailView, ReverseMapping } from '../protocol-views.ts';
import type { Run } from '../run.ts';
import { dumpPage } from './dump-page.ts';
import { deviceOf } from './frames.ts';
import { type Scene, sceneAt } from './scene.ts';
import { originOf } from './origin.ts';
import { rowOffsetOf } from './rows.ts';
import { standingOf } from './standing.ts';

const MAX_MAPPINGS = 64;

/** Entries that refer to a frame, process by process: what an rmap walk would find, and swap-type entries too. */
const mappingsOf = ({ places }: Scene, pfn: number): ReverseMapping[] =>
  places.areas.flatMap(({ mm, area, rows }) =>
    rows.flatMap((row): ReverseMapping[] => {
      const offset = rowOffsetOf(row, pfn);
      if (offset < 0) return [];
      const { entry, level, writable, vpn } = row;
      const name = places.pageName(mm, area, row.index + offset);
      return [{ process: mm.name, vpn: vpn + offset, name, entry, level, writable }];
    }),
  );

export const pageDetailAt = (run: Run, position: Position, pfn: number): PageDetailView => {
  const scene = sceneAt(run, position);
  const { m } = scene;
  const pgmap = pagePgmap(m, pfn);
  const mappings = mappingsOf(scene, pfn);
  const origin = originOf(run, position, scene, pfn, new Set(mappings.map(({ vpn }) => vpn)));
  return {
    pfn,
    dump: dumpPage(m, pfn),
    pgmap:
      pgmap === undefined
        ? undefined
        : { type: pgmap.type, start: pgmap.start, end: pgmap.end, device: deviceOf(m, pfn) },
    mappings: mappings.slice(0, MAX_MAPPINGS),
    more: Math.max(0, mappings.length - MAX_MAPPINGS),
    origin: origin === 'untold' ? undefined : origin,
    isOriginUntold: origin === 'untold',
    standing: origin === undefined ? standingOf(run, position, scene, pfn) : undefined,
  };
};

// The LRU lists between two steps: sound, and as long as the pages say that are on them.

import { LRU_UNEVICTABLE, lruProblems, lruvecLruSize } from '../kernel/mm/mm-inline.ts';
import type { Machine } from '../machine/machine.ts';
import { ZONE_NR_MLOCK, zoneRow } from '../machine/scalars.ts';
import type { Census } from './census.ts';
import type { Findings } from './violation.ts';

export const checkLru = (findings: Findings, m: Machine, census: Census): void => {
  const nodes = [...new Set(m.zones.map(({ node }) => node))];
  for (const problem of lruProblems(m, nodes)) findings.add('LRU', problem);
  const sizeOf = (lru: number): number => nodes.reduce((sum, node) => sum + lruvecLruSize(m, node, lru), 0);
  let listed = 0;
  for (let lru = 0; lru < LRU_UNEVICTABLE; lru++) listed += sizeOf(lru);
  if (listed !== census.listedPages) {
    findings.add('LRU', `${listed} pages on the lists, ${census.listedPages} say they are on one`);
  }
  const unevictable = sizeOf(LRU_UNEVICTABLE);
  if (unevictable !== census.unevictablePages) {
    findings.add('LRU', `${unevictable} unevictable pages counted, ${census.unevictablePages} are`);
  }
  for (const { id, name } of m.zones) {
    const counted = m.scalars.get(zoneRow(id, ZONE_NR_MLOCK));
    const found = census.zoneMlocked[id];
    if (counted !== found)
      findings.add('LRU', `zone ${name}: ${counted} mlocked pages counted, ${found} are`);
  }
};

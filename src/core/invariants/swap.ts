// Slots of the swap device between two steps, and the pages of the swap cache.

import { getNrSwapPages, swapCount } from '../kernel/mm/swapfile.ts';
import { PG_swapcache } from '../uapi/page-flags.ts';
import { swpExclusive } from '../uapi/pte.ts';
import type { Survey } from './survey.ts';
import { type Findings, pageText } from './violation.ts';

/** Each slot is counted by the entries that name it and by the cache. */
const checkSlot = (findings: Findings, survey: Survey, slot: number): void => {
  const { m } = survey;
  const count = m.swapMap.get(slot);
  const named = survey.tables.slots.get(slot);
  const entries = named?.size ?? 0;
  const page = m.swapCache.get(slot);
  if (swapCount(m, slot) !== entries || (count !== entries) !== (page !== undefined)) {
    findings.add(
      'swap',
      `slot ${slot}: count 0x${count.toString(16)}, ${entries} entries, cached: ${page !== undefined}`,
    );
  }
  for (const { entry } of named ?? []) {
    // a mark that the page belongs to one process alone: nobody else may name it
    if (swpExclusive(entry) && entries > 1)
      findings.add('I12', `slot ${slot}: marked exclusive, ${entries} entries name it`);
  }
  if (page === undefined) return;
  const { flags, mapping } = m.pages;
  const anon = (mapping.get(page) & 1) === 1;
  const marked = (flags.get(page) & PG_swapcache) !== 0 && m.pages.private.get(page) === slot;
  if (!anon || !marked) findings.add('swap', `slot ${slot}: ${pageText(page)} of the cache does not know it`);
};

export const checkSwap = (findings: Findings, survey: Survey): void => {
  const { m } = survey;
  const { swapPages } = m.config;
  let used = 0;
  for (let slot = 1; slot <= swapPages; slot++) {
    if (m.swapMap.get(slot) !== 0) used++;
    checkSlot(findings, survey, slot);
  }
  for (const slot of survey.tables.slots.keys()) {
    if (slot < 1 || slot > swapPages) checkSlot(findings, survey, slot);
  }
  const free = getNrSwapPages(m);
  if (free + used !== swapPages)
    findings.add('swap', `${swapPages} slots: ${used} used, ${free} counted as free`);
};

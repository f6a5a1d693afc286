// The test driver between two steps: its memory is free or in use and counted right, and its page tables, whose
// entries an invalidation takes before every change of the CPU's, show what the CPU has.

import { DPT_XA_TAG_ATOMIC } from '../kernel/drivers/test-hmm-dmirror.ts';
import { chunksOf, deviceUsage } from '../kernel/drivers/test-hmm-migrate.ts';
import { backingPage } from '../kernel/drivers/test-hmm-dmirror.ts';
import { DPT_XA_TAG_WRITE } from '../kernel/drivers/test-hmm-bulk.ts';
import type { Dmirror, DmirrorDevice } from '../machine/entities.ts';
import type { Machine } from '../machine/machine.ts';
import { DEVICE_FREE_HEAD, DEVICE_FRESH, deviceRow, pgmapRefRow } from '../machine/scalars.ts';
import { entryWritable, isDeviceExclusiveEntry, isDevicePrivateEntry } from '../uapi/pte.ts';
import type { Pfn, Vpn } from '../uapi/units.ts';
import type { Census } from './census.ts';
import type { Changes, Survey } from './survey.ts';
import type { Touched } from './touched.ts';
import { type Findings, pageText } from './violation.ts';

/** I25: every page of a device is free once, or in use and counted. */
export const checkDevice = (
  findings: Findings,
  survey: Survey,
  census: Census,
  device: DmirrorDevice,
): void => {
  const { m } = survey;
  // a device whose memory its driver gave up has no chunks
  const chunks = chunksOf(device).map((id) => m.pgmaps.get(id));
  if (chunks.length === 0) return;
  const name = `device ${device.configId}`;
  const free = new Set<Pfn>();
  for (let link = m.scalars.get(deviceRow(device.id, DEVICE_FREE_HEAD)); link !== 0; ) {
    const pfn = link - 1;
    const inside = chunks.some(({ start, end }) => pfn >= start && pfn < end);
    if (!inside || free.has(pfn) || m.pages.refcount.get(pfn) !== 0) {
      findings.add('I25', `${name}: ${pageText(pfn)} does not belong on the free list`);
      return;
    }
    free.add(pfn);
    link = m.pages.zoneDeviceData.get(pfn);
  }
  const fresh = m.scalars.get(deviceRow(device.id, DEVICE_FRESH));
  const { used } = deviceUsage(m, device);
  let [total, allocated] = [0, 0];
  for (const { id, start, end } of chunks) {
    const inChunk = census.devicePages.get(id) ?? 0;
    total += end - start;
    allocated += inChunk;
    const ref = m.scalars.get(pgmapRefRow(id));
    if (ref !== 1 + inChunk) findings.add('I25', `${name}: pgmap reference ${ref}, ${inChunk} pages in use`);
  }
  if (free.size + fresh + allocated === total && used === allocated) return;
  findings.add(
    'I25',
    `${name} of ${total}: ${free.size} on the free list, ${fresh} never used, ${allocated} in use, ${used} counted by the driver`,
  );
};

const checkPlace = (findings: Findings, survey: Survey, dmirror: Dmirror, vpn: Vpn): void => {
  const { m } = survey;
  const word = m.journal.mapById(dmirror.pt).get(vpn);
  if (word === undefined) return;
  const pfn = Math.floor(word / 4);
  const tag = word % 4;
  const page = survey.pageAt(dmirror.mm, vpn);
  const wrong = (what: string): void => {
    const name = `device ${m.devices.get(dmirror.device).configId} of ${m.mms.get(dmirror.mm).name}`;
    findings.add('device page table', `${name}, 0x${vpn.toString(16)}: ${what}`);
  };
  // a private page stands there as the page with its bytes, or after a fault as itself
  if (page === undefined || (page !== pfn && backingPage(m, page) !== pfn)) {
    wrong(`${pageText(pfn)}, the CPU has ${page === undefined ? 'none' : pageText(page)}`);
  }
  const mapping = survey.tables.mappingAt(dmirror.mm, vpn);
  if (mapping === undefined) return;
  // drm/amdkfd maps by the rights of the area: HMM reports the caller's own private page as it is, also a read-only one
  const byArea = m.config.gpu !== undefined && isDevicePrivateEntry(mapping.entry);
  if (tag === DPT_XA_TAG_WRITE && !byArea && !entryWritable(mapping.entry))
    wrong("writable, the CPU's entry is not");
  if ((tag === DPT_XA_TAG_ATOMIC) !== isDeviceExclusiveEntry(mapping.entry)) {
    wrong(`tag ${tag}, the CPU's entry is 0x${mapping.entry.toString(16)}`);
  }
};

/**
 * Whether an entry of a GPU may be behind the CPU's: without XNACK an invalidation only stops the queues and says what it
 * hit, and until that is mapped anew nobody looks at it (`svm_range_evict`, `amdgpu_amdkfd_evict_userptr`).
 */
const isStale = (m: Machine, mm: number, vpn: Vpn): boolean => {
  const process = m.kfdProcesses.values().find((each) => each.mm === mm && each.queuesStopped);
  if (process === undefined) return false;
  return (
    m.svmRanges
      .values()
      .some(
        (range) =>
          range.process === process.id && range.invalid > 0 && vpn >= range.start && vpn <= range.last,
      ) ||
    m.userptrs
      .values()
      .some(
        (bo) => bo.process === process.id && bo.invalid > 0 && vpn >= bo.start && vpn < bo.start + bo.npages,
      )
  );
};

/** Looks at the places that a device or the CPU changed, and at the pages that were written. */
export const checkDeviceTables = (
  findings: Findings,
  survey: Survey,
  touched: Touched,
  changes: Changes,
): void => {
  const { m } = survey;
  for (const dmirror of m.dmirrors.values()) {
    const table = m.journal.mapById(dmirror.pt);
    if (table.size === 0) continue;
    const places = new Set<Vpn>(touched.maps.get(dmirror.pt));
    for (const { mm, vpn, npages } of [...changes.removed, ...changes.added]) {
      if (mm === dmirror.mm) for (const at of table.keysBetween(vpn, vpn + npages)) places.add(at);
    }
    for (const vpn of places) if (!isStale(m, dmirror.mm, vpn)) checkPlace(findings, survey, dmirror, vpn);
  }
};

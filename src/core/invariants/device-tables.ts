// The test device's own page tables between two steps. An invalidation comes before every change of a CPU entry, so
// what a device still has must be what the CPU has.

import { backingPage, DPT_XA_TAG_ATOMIC, DPT_XA_TAG_WRITE } from '../kernel/drivers/test-hmm.ts';
import { entryWritable, isDeviceExclusiveEntry } from '../uapi/pte.ts';
import type { Survey } from './survey.ts';
import { type Findings, pageText } from './violation.ts';

export const checkDeviceTables = (findings: Findings, survey: Survey): void => {
  const { m } = survey;
  for (const dmirror of m.dmirrors.values()) {
    const table = m.journal.mapById(dmirror.pt);
    if (table.size === 0) continue;
    const name = `device ${m.devices.get(dmirror.device).configId} of ${m.mms.get(dmirror.mm).name}`;
    for (const vpn of table.keys()) {
      const word = table.get(vpn) ?? 0;
      const pfn = Math.floor(word / 4);
      const tag = word % 4;
      const page = survey.pageAt(dmirror.mm, vpn);
      // a private page stands there as the page with its bytes, or after a fault as itself
      findings.expect(
        page !== undefined && (page === pfn || backingPage(m, page) === pfn),
        'device page table',
        () =>
          `${name}, 0x${vpn.toString(16)}: ${pageText(pfn)}, the CPU has ${page === undefined ? 'none' : pageText(page)}`,
      );
      const mapping = survey.mappingAt(dmirror.mm, vpn);
      if (mapping === undefined) continue;
      findings.expect(
        tag !== DPT_XA_TAG_WRITE || entryWritable(mapping.entry),
        'device page table',
        () => `${name}, 0x${vpn.toString(16)}: writable, the CPU's entry is not`,
      );
      findings.expect(
        (tag === DPT_XA_TAG_ATOMIC) === isDeviceExclusiveEntry(mapping.entry),
        'device page table',
        () =>
          `${name}, 0x${vpn.toString(16)}: tag ${tag}, the CPU's entry is 0x${mapping.entry.toString(16)}`,
      );
    }
  }
};

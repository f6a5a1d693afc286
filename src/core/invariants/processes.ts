// Counters of processes, and what must be at rest between two steps.

import { type Machine, RSS_ANON, RSS_FILE, RSS_SHMEM, RSS_SWAP } from '../machine/machine.ts';
import { notifierActiveRow, notifierSeqRow } from '../machine/scalars.ts';
import { vmstatIndex } from '../uapi/events.ts';
import type { Survey } from './survey.ts';
import type { Findings } from './violation.ts';

const RSS_MEMBERS = [
  ['anon', RSS_ANON],
  ['file', RSS_FILE],
  ['shmem', RSS_SHMEM],
  ['swap', RSS_SWAP],
] as const;

const checkRss = (findings: Findings, survey: Survey): void => {
  const { m } = survey;
  for (const mm of m.mms.values()) {
    for (const [name, member] of RSS_MEMBERS) {
      const counted = m.rss.get(mm.id * 4 + member);
      const found = survey.tables.rss.get(mm.id * 4 + member) ?? 0;
      if (counted !== found)
        findings.add('I24', `process ${mm.name}: RSS ${name} ${counted}, mapped ${found}`);
    }
  }
};

const checkSequences = (findings: Findings, m: Machine): void => {
  for (const { id, name, writeProtectSeq } of m.mms.values()) {
    const seq = m.scalars.get(notifierSeqRow(id));
    const active = m.scalars.get(notifierActiveRow(id));
    findings.expect(
      writeProtectSeq % 2 === 0 && seq % 2 === 0 && active === 0,
      'I29',
      () =>
        `process ${name} at rest: write_protect_seq ${writeProtectSeq}, notifier sequence ${seq}, ${active} invalidations`,
    );
  }
};

/** Resident pages, sequences, pins, locks. */
export const checkProcesses = (findings: Findings, survey: Survey): void => {
  const { m } = survey;
  checkRss(findings, survey);
  checkSequences(findings, m);
  const { current, mmapLocks } = m;
  findings.expect(!current.memallocPin, 'I29', () => 'PF_MEMALLOC_PIN is set at rest');
  for (const [mm, holders] of mmapLocks) {
    findings.expect(holders === 0, 'I6', () => `mmap_lock of process ${mm} is held at rest`);
  }
  const acquired = m.vmstat.get(vmstatIndex('nr_foll_pin_acquired'));
  const released = m.vmstat.get(vmstatIndex('nr_foll_pin_released'));
  findings.expect(
    acquired - released === survey.pins,
    'I20',
    () => `${survey.pins} live pins, NR_FOLL_PIN_ACQUIRED - RELEASED is ${acquired} - ${released}`,
  );
};

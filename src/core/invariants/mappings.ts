// What must be true of every entry of a page table between two steps.

import type { Machine } from '../machine/machine.ts';
import { HUGE_ZERO_PFN } from '../machine/scalars.ts';
import { PG_anon_exclusive, PG_hugetlb } from '../uapi/page-flags.ts';
import {
  entryKind,
  entryPfn,
  entryWritable,
  isDeviceExclusiveEntry,
  isDevicePrivateEntry,
  isMigrationEntry,
  ptePresent,
  pteProtnone,
  pteSpecial,
  pteWrite,
} from '../uapi/pte.ts';
import type { Pfn } from '../uapi/units.ts';
import { isCowMapping, VM_ACCESS_FLAGS, VM_MIXEDMAP, VM_WRITE } from '../uapi/vm-flags.ts';
import type { Vma } from '../machine/entities.ts';
import type { Mapping, Survey } from './survey.ts';
import { type Findings, pageText } from './violation.ts';

/** DEVMAP is kept above the frame number. */
const DEVMAP = 2 ** 52;

/** `A 0x7f0000003 → page 0x6ff0` */
const mappingText = ({ mm, vpn, entry }: Mapping): string =>
  `${mm.name} 0x${vpn.toString(16)} → ${pageText(entryPfn(entry))}`;

const isZero = (m: Machine, pfn: Pfn, huge: boolean): boolean =>
  pfn === m.zeroPfn || (huge && m.scalars.get(HUGE_ZERO_PFN) === pfn + 1);

export const checkMapping = (findings: Findings, survey: Survey, mapping: Mapping): void => {
  const { m } = survey;
  const { vma, entry, huge } = mapping;
  const pfn = entryPfn(entry % DEVMAP);
  const text = (what: string) => () => `${mappingText(mapping)}: ${what}`;
  findings.expect(!isMigrationEntry(entry), 'I6', text('migration entry at rest'));
  findings.expect(vma !== undefined, 'areas', text('no area here'));
  if (vma === undefined) return;
  const present = ptePresent(entry);
  if (present) {
    const accessible = (vma.vmFlags & VM_ACCESS_FLAGS) !== 0;
    findings.expect(pteProtnone(entry) !== accessible, 'areas', text('PROT_NONE differs from the area'));
    findings.expect(
      !pteWrite(entry) || (vma.vmFlags & VM_WRITE) !== 0,
      'I16',
      text('writable, the area is not'),
    );
  }
  if (isZero(m, pfn, huge)) {
    findings.expect(
      present && (huge || pteSpecial(entry)) && !pteWrite(entry),
      'I9',
      text(`zero page by entry 0x${entry.toString(16)}`),
    );
    return;
  }
  findings.expect(!pteSpecial(entry) || !present, 'I9', text('special entry'));
  findings.expect(entry < DEVMAP, 'I9', text('DEVMAP is set'));
  findings.expect(m.pages.refcount.get(survey.head(pfn)) > 0, 'I5', text('the page is free'));
  checkKind(findings, survey, mapping, pfn);
  checkSharing(findings, survey, mapping, vma, pfn);
  checkReverse(findings, survey, mapping, vma, pfn);
};

/** Which entries may stand for which memory. */
const checkKind = (findings: Findings, survey: Survey, mapping: Mapping, pfn: Pfn): void => {
  const { entry } = mapping;
  const type = survey.pgmapOf(pfn)?.type;
  const text = (what: string) => () => `${mappingText(mapping)}: ${what}`;
  const kind = entryKind(entry);
  const known = ptePresent(entry) || isDevicePrivateEntry(entry) || isDeviceExclusiveEntry(entry);
  findings.expect(known, 'I5', text(`${kind} entry`));
  const isPrivate = type === 'MEMORY_DEVICE_PRIVATE';
  findings.expect(
    isPrivate === isDevicePrivateEntry(entry),
    'I8',
    text(`${kind} entry, memory ${type ?? 'RAM'}`),
  );
};

/** Writable and shared exclude each other in a copy-on-write mapping. */
const checkSharing = (findings: Findings, survey: Survey, mapping: Mapping, vma: Vma, pfn: Pfn): void => {
  const { m } = survey;
  const { entry, huge } = mapping;
  if (!isCowMapping(vma.vmFlags) || !entryWritable(entry)) return;
  const head = survey.head(pfn);
  const anon = (m.pages.mapping.get(head) & 1) === 1;
  const exclusive = (m.pages.flags.get(huge ? head : pfn) & PG_anon_exclusive) !== 0;
  findings.expect(
    anon && exclusive,
    'I14',
    () => `${mappingText(mapping)}: writable, the page is ${anon ? 'not exclusive' : 'not anonymous'}`,
  );
  const mapped = (survey.uses.get(pfn)?.ptes ?? 0) + (survey.uses.get(head)?.pmds ?? 0);
  findings.expect(
    mapped <= 1,
    'I15',
    () => `${mappingText(mapping)}: writable, the page is mapped ${mapped} times`,
  );
};

/** The reverse map finds every entry: the anchor's tree or the file's list has the area, at the page's offset. */
const checkReverse = (findings: Findings, survey: Survey, mapping: Mapping, vma: Vma, pfn: Pfn): void => {
  const { m } = survey;
  const head = survey.head(pfn);
  const word = m.pages.mapping.get(head);
  // a driver's own page in a mixed map is in no reverse map
  if (word === 0 && (vma.vmFlags & VM_MIXEDMAP) !== 0) return;
  const index = m.pages.index.get(head) + (pfn - head);
  const wanted = mapping.vpn - vma.vmStart + vma.vmPgoff;
  findings.expect(
    index === wanted,
    'reverse map',
    () => `${mappingText(mapping)}: page offset ${index}, the area's is ${wanted} here`,
  );
  const id = word >> 1;
  if ((word & 1) === 1) {
    const anonVma = m.anonVmas.find(id);
    findings.expect(
      vma.anonVmaChain.includes(id) && anonVma?.tree.includes(vma.id) === true,
      'reverse map',
      () =>
        `${mappingText(mapping)}: anon_vma ${id} does not lead to area ${vma.id} (chain ${vma.anonVmaChain.join(' ')})`,
    );
    return;
  }
  const file = m.files.find(id);
  findings.expect(
    file !== undefined && vma.file === id && file.iMmap.includes(vma.id),
    'reverse map',
    () => `${mappingText(mapping)}: page of file ${id}, area of file ${vma.file}`,
  );
  const cached = file === undefined ? undefined : m.journal.mapById(file.pages).get(index);
  findings.expect(
    cached === head || (m.pages.flags.get(head) & PG_hugetlb) !== 0,
    'reverse map',
    () => `${mappingText(mapping)}: the cache of file ${id} has another page at ${index}`,
  );
};

// What must be true of every entry of a page table between two steps.

import type { Vma } from '../machine/entities.ts';
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
  isRealSwapEntry,
  ptePresent,
  pteProtnone,
  pteSpecial,
  pteWrite,
} from '../uapi/pte.ts';
import type { Pfn } from '../uapi/units.ts';
import { isCowMapping, VM_ACCESS_FLAGS, VM_HUGETLB, VM_MIXEDMAP, VM_WRITE } from '../uapi/vm-flags.ts';
import type { Mapping, Survey } from './survey.ts';
import { type Findings, type InvariantName, pageText } from './violation.ts';

/** DEVMAP is kept above the frame number. */
const DEVMAP = 2 ** 52;

/** Checks all entries that a survey found. */
export class MappingChecker {
  private readonly m: Machine;
  /** Anchor or file and area that were checked last: neighbours mostly have the same. */
  private lastWord = 0;
  private lastVma: Vma | undefined;

  constructor(
    private readonly findings: Findings,
    private readonly survey: Survey,
  ) {
    this.m = survey.m;
  }

  /**
   * @param before - the last survey, in which all was right
   * @param touched - pages that changed since
   */
  check(before: Survey | undefined, touched: ReadonlySet<Pfn>): void {
    for (const mapping of this.survey.mappings) {
      const { mm, vpn, vma, entry } = mapping;
      const old = before?.mappingAt(mm.id, vpn);
      const pfn = entryPfn(entry);
      const same = old !== undefined && old.entry === entry && old.vma === vma && old.vpn === vpn;
      if (!same || touched.has(pfn) || touched.has(this.survey.head(pfn))) this.checkMapping(mapping);
    }
  }

  private wrong(invariant: InvariantName, { mm, vpn, entry }: Mapping, what: string): void {
    this.findings.add(invariant, `${mm.name} 0x${vpn.toString(16)} → ${pageText(entryPfn(entry))}: ${what}`);
  }

  private checkMapping(mapping: Mapping): void {
    const { m, survey } = this;
    const { vma, entry, huge } = mapping;
    if (vma === undefined) {
      this.wrong('areas', mapping, 'no area here');
      return;
    }
    const present = ptePresent(entry);
    if (present) {
      const accessible = (vma.vmFlags & VM_ACCESS_FLAGS) !== 0;
      if (pteProtnone(entry) === accessible) this.wrong('areas', mapping, 'PROT_NONE differs from the area');
      // fork makes its copy of a pinned page of the hugetlb pool writable, whatever the area's rights are
      if (pteWrite(entry) && (vma.vmFlags & (VM_WRITE | VM_HUGETLB)) === 0) {
        this.wrong('I16', mapping, 'writable, the area is not');
      }
    } else if (isMigrationEntry(entry)) {
      this.wrong('I6', mapping, 'migration entry at rest');
    }
    if (isRealSwapEntry(entry)) return;
    if (entry >= DEVMAP) this.wrong('I9', mapping, 'DEVMAP is set');
    const pfn = entryPfn(entry);
    if (pfn === m.zeroPfn || (huge && m.scalars.get(HUGE_ZERO_PFN) === pfn + 1)) {
      const special = huge || pteSpecial(entry);
      if (!present || !special || pteWrite(entry)) this.wrong('I9', mapping, `zero page by entry ${entry}`);
      return;
    }
    if (present && pteSpecial(entry)) this.wrong('I9', mapping, 'special entry');
    const head = survey.head(pfn);
    if (m.pages.refcount.get(head) <= 0) this.wrong('I5', mapping, 'the page is free');
    this.checkKind(mapping, pfn, present);
    if (entryWritable(entry) && isCowMapping(vma.vmFlags)) this.checkExclusive(mapping, pfn, head);
    this.checkReverse(mapping, vma, pfn, head);
  }

  /** Which entries may stand for which memory. */
  private checkKind(mapping: Mapping, pfn: Pfn, present: boolean): void {
    const { entry } = mapping;
    const byPrivateEntry = isDevicePrivateEntry(entry);
    if (!present && !byPrivateEntry && !isDeviceExclusiveEntry(entry)) {
      this.wrong('I5', mapping, `${entryKind(entry)} entry`);
    }
    const isPrivate = this.survey.pgmapOf(pfn)?.type === 'MEMORY_DEVICE_PRIVATE';
    if (isPrivate !== byPrivateEntry) {
      this.wrong(
        'I8',
        mapping,
        `${entryKind(entry)} entry, memory is ${isPrivate ? '' : 'not '}device-private`,
      );
    }
  }

  /** Writable and shared exclude each other in a copy-on-write mapping. */
  private checkExclusive(mapping: Mapping, pfn: Pfn, head: Pfn): void {
    const { m, survey } = this;
    const anon = (m.pages.mapping.get(head) & 1) === 1;
    const exclusive = (m.pages.flags.get(mapping.huge ? head : pfn) & PG_anon_exclusive) !== 0;
    if (!anon || !exclusive) {
      this.wrong('I14', mapping, `writable, the page is ${anon ? 'not exclusive' : 'not anonymous'}`);
    }
    const mapped = (survey.uses.get(pfn)?.ptes ?? 0) + (survey.uses.get(head)?.pmds ?? 0);
    if (mapped > 1) this.wrong('I15', mapping, `writable, the page is mapped ${mapped} times`);
  }

  /** The reverse map finds every entry: the anchor's tree or the file's list has the area, at the page's offset. */
  private checkReverse(mapping: Mapping, vma: Vma, pfn: Pfn, head: Pfn): void {
    const { m } = this;
    const word = m.pages.mapping.get(head);
    // a driver's own page in a mixed map is in no reverse map
    if (word === 0 && (vma.vmFlags & VM_MIXEDMAP) !== 0) return;
    const index = m.pages.index.get(head) + (pfn - head);
    const wanted = mapping.vpn - vma.vmStart + vma.vmPgoff;
    if (index !== wanted) {
      this.wrong('reverse map', mapping, `page offset ${index}, the area's is ${wanted} here`);
    }
    if ((word & 1) === 0) this.checkCached(mapping, vma, word >> 1, index, head);
    else if (word !== this.lastWord || vma !== this.lastVma) this.checkAnchor(mapping, vma, word >> 1);
    this.lastWord = word;
    this.lastVma = vma;
  }

  private checkAnchor(mapping: Mapping, vma: Vma, id: number): void {
    const anonVma = this.m.anonVmas.find(id);
    if (vma.anonVmaChain.includes(id) && anonVma?.tree.includes(vma.id) === true) return;
    const chain = vma.anonVmaChain.join(' ');
    this.wrong(
      'reverse map',
      mapping,
      `anon_vma ${id} does not lead to area ${vma.id}, whose chain is ${chain}`,
    );
  }

  private checkCached(mapping: Mapping, vma: Vma, id: number, index: number, head: Pfn): void {
    const { m } = this;
    const file = m.files.find(id);
    if (file === undefined || vma.file !== id || !file.iMmap.includes(vma.id)) {
      this.wrong('reverse map', mapping, `page of file ${id}, area of file ${vma.file}`);
      return;
    }
    const hugetlb = (m.pages.flags.get(head) & PG_hugetlb) !== 0;
    if (!hugetlb && m.journal.mapById(file.pages).get(index) !== head) {
      this.wrong('reverse map', mapping, `the cache of file ${id} has another page at ${index}`);
    }
  }
}

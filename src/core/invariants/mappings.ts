// What must be true of every entry of a page table between two steps.

import { ksmPlaces } from '../kernel/mm/ksm-scan.ts';
import type { Vma } from '../machine/entities.ts';
import type { Machine } from '../machine/machine.ts';
import { PG_anon_exclusive, PG_hugetlb, PG_ksm } from '../uapi/page-flags.ts';
import {
  entryKind,
  entryPfn,
  entryWritable,
  isDeviceExclusiveEntry,
  isDevicePrivateEntry,
  isMigrationEntry,
  isRealSwapEntry,
  pteDevmap,
  ptePresent,
  pteProtnone,
  pteSpecial,
  pteWrite,
} from '../uapi/pte.ts';
import type { Pfn } from '../uapi/units.ts';
import { isCowMapping, VM_ACCESS_FLAGS, VM_HUGETLB, VM_MIXEDMAP, VM_WRITE } from '../uapi/vm-flags.ts';
import { entryIsEarlyCopy } from './early-copies.ts';
import type { Mapping } from './page-use.ts';
import type { Changes, Survey } from './survey.ts';
import type { Touched } from './touched.ts';
import { Findings, type InvariantName, pageText } from './violation.ts';

/** Checks the entries that a survey found. */
export class MappingChecker {
  private readonly m: Machine;
  private findings = new Findings();
  /** Writable entries of the hugetlb pool that fork made for copies of pinned pages, whatever the area's rights are. */
  private readonly earlyCopies = new WeakSet<Mapping>();
  /** NUMA balancing has looked at some process. */
  private numaScanned = false;

  constructor(private readonly survey: Survey) {
    this.m = survey.m;
  }

  /** Checks the entries that changed, those of areas that changed, and those of pages that were written. */
  check(findings: Findings, touched: Touched, changes: Changes): void {
    this.findings = findings;
    const { survey } = this;
    this.numaScanned ||= touched.numaScan;
    this.learnEarlyCopies(changes);
    const due = new Set(changes.added);
    for (const pfn of touched.pages) for (const mapping of survey.mappersOf(pfn)) due.add(mapping);
    for (const pair of changes.vmas) {
      for (const vma of pair) if (vma !== undefined) this.addMappingsIn(due, vma);
    }
    for (const mapping of due) this.checkMapping(mapping);
  }

  private learnEarlyCopies({ removed, added }: Changes): void {
    for (const mapping of added) {
      if (mapping.npages === 1 || !ptePresent(mapping.entry) || !pteWrite(mapping.entry)) continue;
      const flags = this.survey.vmaAt(mapping.mm, mapping.vpn)?.vmFlags ?? 0;
      if ((flags & VM_HUGETLB) === 0 || (flags & VM_WRITE) !== 0) continue;
      // mremap takes the entry along as it is
      const moved = removed.some((old) => old.entry === mapping.entry && this.earlyCopies.has(old));
      if (moved || entryIsEarlyCopy(this.m, mapping)) this.earlyCopies.add(mapping);
    }
  }

  private addMappingsIn(due: Set<Mapping>, { mm, vmStart, vmEnd }: Vma): void {
    for (let vpn = vmStart; vpn < vmEnd; ) {
      const mapping = this.survey.tables.mappingAt(mm, vpn);
      if (mapping !== undefined) due.add(mapping);
      vpn = mapping === undefined ? this.survey.tables.nextEntry(mm, vpn) : mapping.vpn + mapping.npages;
    }
  }

  private wrong(invariant: InvariantName, { mm, vpn, entry }: Mapping, what: string): void {
    const { name } = this.m.mms.get(mm);
    this.findings.add(invariant, `${name} 0x${vpn.toString(16)} → ${pageText(entryPfn(entry))}: ${what}`);
  }

  private checkMapping(mapping: Mapping): void {
    const { m, survey } = this;
    const { mm, vpn, entry, npages } = mapping;
    const vma = survey.vmaAt(mm, vpn);
    if (vma === undefined) {
      this.wrong('areas', mapping, 'no area here');
      return;
    }
    const present = ptePresent(entry);
    if (present) {
      const accessible = (vma.vmFlags & VM_ACCESS_FLAGS) !== 0;
      if (pteProtnone(entry) === accessible && !(accessible && this.mayBeNumaHint(entryPfn(entry)))) {
        this.wrong('areas', mapping, 'PROT_NONE differs from the area');
      }
      if (pteWrite(entry) && (vma.vmFlags & VM_WRITE) === 0 && !this.earlyCopies.has(mapping)) {
        this.wrong('I16', mapping, 'writable, the area is not');
      }
    } else if (isMigrationEntry(entry)) {
      this.wrong('I6', mapping, 'migration entry at rest');
    }
    if (isRealSwapEntry(entry)) return;
    const pfn = entryPfn(entry);
    if (pteDevmap(entry)) this.wrong('I9', mapping, 'DEVMAP is set');
    if (survey.uses.isZeroPage(pfn)) {
      const special = npages > 1 || pteSpecial(entry);
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

  /** NUMA balancing takes the access away to see who comes; it leaves device pages alone. */
  private mayBeNumaHint(pfn: Pfn): boolean {
    return this.numaScanned && this.survey.pgmapOf(pfn) === undefined;
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
    const exclusive = (m.pages.flags.get(mapping.npages > 1 ? head : pfn) & PG_anon_exclusive) !== 0;
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
    if ((m.pages.flags.get(head) & PG_ksm) !== 0) {
      this.checkMerged(mapping, vma, pfn);
      return;
    }
    const index = m.pages.index.get(head) + (pfn - head);
    const wanted = mapping.vpn - vma.vmStart + vma.vmPgoff;
    if (index !== wanted) {
      this.wrong('reverse map', mapping, `page offset ${index}, the area's is ${wanted} here`);
    }
    if ((word & 1) === 0) this.checkCached(mapping, vma, word >> 1, index, pfn);
    else this.checkAnchor(mapping, vma, word >> 1);
  }

  /** A page that KSM merged is read-only everywhere, and its places find every entry. */
  private checkMerged(mapping: Mapping, vma: Vma, page: Pfn): void {
    if (entryWritable(mapping.entry)) this.wrong('KSM', mapping, 'merged, but writable');
    const known = ksmPlaces(this.m, page).some(
      (place) => place.vma.id === vma.id && place.vpn === mapping.vpn,
    );
    if (!known) this.wrong('KSM', mapping, 'no place of the merged page leads here');
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

  private checkCached(mapping: Mapping, vma: Vma, id: number, index: number, pfn: Pfn): void {
    const { m } = this;
    const file = m.files.find(id);
    if (file === undefined || vma.file !== id || !file.iMmap.includes(vma.id)) {
      this.wrong('reverse map', mapping, `page of file ${id}, area of file ${vma.file}`);
      return;
    }
    const hugetlb = (m.pages.flags.get(this.survey.head(pfn)) & PG_hugetlb) !== 0;
    if (!hugetlb && m.journal.mapById(file.pages).get(index) !== pfn) {
      this.wrong('reverse map', mapping, `the cache of file ${id} has another page at ${index}`);
    }
  }
}

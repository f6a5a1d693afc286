// I17: what a process reads is what it, or whoever shares the memory with it, last wrote. A model of its own, fed
// with the steps and their results only, says which numbers each page may hold.

import { backingPage } from '../kernel/drivers/test-hmm-dmirror.ts';
import type { Area, AreaKind, Mm } from '../machine/entities.ts';
import type { Machine } from '../machine/machine.ts';
import type { StepResult } from '../scenario/runner.ts';
import type { SimpleStep, Step } from '../uapi/scenario.ts';
import type { Pfn, Vpn } from '../uapi/units.ts';
import { entryPfn, isRealSwapEntry } from '../uapi/pte.ts';
import type { Seen } from './at-rest.ts';
import type { Mapping } from './page-use.ts';
import type { Survey } from './survey.ts';
import { Findings, pageText, type Violation } from './violation.ts';

/** Page k of the file of 64 pages begins with this number + k. */
const FILE_FIRST_VALUE = 9000;

/** Numbers that a page may hold: one, or several after a step that failed half way. */
type Allowed = readonly number[];

/** Memory behind a file or a shared mapping: its pages by index, as far as they were written. */
interface SharedMemory {
  readonly written: Map<number, Allowed>;
  /**
   * Pages that reclaim must keep or write. A page of shared memory that was only read is mapped writable and clean;
   * HMM finds a writable entry, and the test driver makes nothing dirty, so what only a device wrote may be lost.
   */
  readonly dirty: Set<number>;
  initial(index: number): number;
}

/** What a model knows of one area of one process. */
interface AreaContent {
  readonly kind: AreaKind;
  readonly behind: SharedMemory;
  /** Pages of its own, in a private mapping. */
  readonly own: Map<number, Allowed>;
  /**
   * Pages that MADV_FREE gave up and the CPU has not written since. What a device writes there may be lost: HMM finds
   * a writable entry, so nothing makes the page dirty, and the test driver does not either.
   */
  readonly freed: Set<number>;
  /**
   * Pages that the CPU has certainly written since they were there. Others may be clean, whatever a device wrote: if a relative that shares one gives it up
   * with MADV_FREE, it is lost for all (`mm/madvise.c: madvise_free_pte_range`).
   */
  readonly cpuWritten: Set<number>;
  /** Pages that a child does not inherit, for it finds zeros; `maybe` after advice that failed half way. */
  readonly wiped: Map<number, 'yes' | 'maybe'>;
}

const memory = (initial: (index: number) => number): SharedMemory => ({
  written: new Map(),
  dirty: new Set(),
  initial,
});

type ProcessContent = Map<string, AreaContent>;

const isShared = (kind: AreaKind): boolean => kind === 'anon-shared' || kind === 'file-shared';

const union = (a: Allowed, b: Allowed): Allowed => [...new Set([...a, ...b])];

const forksLast = ({ op }: SimpleStep): number => (op === 'fork' ? 1 : 0);

const copyArea = (area: AreaContent): AreaContent => ({
  ...area,
  own: new Map(area.own),
  freed: new Set(area.freed),
  cpuWritten: new Set(area.cpuWritten),
  wiped: new Map(area.wiped),
});

/** Indices of pages, by what they are pages of. */
class Due<T> {
  private readonly indices = new Map<T, Set<number>>();

  add(of: T, index: number): void {
    const known = this.indices.get(of);
    if (known === undefined) this.indices.set(of, new Set([index]));
    else known.add(index);
  }

  of(of: T): Iterable<number> {
    return this.indices.get(of) ?? [];
  }

  clear(): void {
    this.indices.clear();
  }
}

export class ContentModel {
  private readonly processes = new Map<string, ProcessContent>([['A', new Map()]]);
  private readonly files = new Map<string, SharedMemory>();
  /** Pages of which the model thinks otherwise than before. */
  private readonly due = new Due<AreaContent>();
  private readonly dueBehind = new Due<SharedMemory>();
  private readonly m: Machine;

  constructor(private readonly survey: Survey) {
    this.m = survey.m;
  }

  /** Takes a step into account, then compares the pages that it may have changed, in the model or in the machine. */
  afterStep(step: Step, result: StepResult, { changes, touched }: Seen): Violation[] {
    const findings = new Findings();
    this.due.clear();
    this.dueBehind.clear();
    if (step.op === 'concurrent') {
      // in whatever order they ran, their numbers are allowed; a child may have what was written before it was born
      const both = step.steps.map((simple, i) => ({ simple, given: result.results?.[i] ?? result }));
      for (const { simple, given } of both.toSorted((a, b) => forksLast(a.simple) - forksLast(b.simple))) {
        this.apply(findings, simple, given, true);
      }
    } else {
      this.apply(findings, step, result, false);
    }
    for (const { mm, vpn, npages } of changes.removed) this.addPlaces(mm, vpn, npages);
    for (const { mm, vpn, npages } of changes.added) this.addPlaces(mm, vpn, npages);
    for (const pfn of touched.pages) this.addPlacesOf(pfn);
    this.compareDue(findings);
    return findings.found;
  }

  /** Compares every page of every process. */
  compareAll(): Violation[] {
    const findings = new Findings();
    for (const mm of this.m.mms.values()) {
      for (const area of mm.alive ? mm.areas : []) this.addPlaces(mm.id, area.start, area.npages);
    }
    this.compareDue(findings);
    return findings.found;
  }

  // --- what a step does ------------------------------------------------------------------------------------------

  private apply(findings: Findings, step: SimpleStep, result: StepResult, mixed: boolean): void {
    const failed = result.ret < 0;
    switch (step.op) {
      case 'mmap':
        // huge pages that are shared keep their bytes as shared memory does
        this.processes
          .get(step.proc)
          ?.set(step.vma, this.newArea(step.shared === true ? 'anon-shared' : step.kind, step.file));
        return;
      case 'file_create':
        if (!failed)
          this.files.set(
            step.file,
            memory((index) => step.value + index),
          );
        return;
      case 'fork':
        if (!failed) {
          const parent = this.processes.get(step.proc) ?? new Map<string, AreaContent>();
          this.processes.set(
            step.child,
            new Map([...parent].map(([name, area]) => [name, this.inherit(area)])),
          );
        }
        return;
      case 'exit':
        this.processes.delete(step.proc);
        return;
      case 'mremap':
        this.move(step.proc, step.vma, step.to);
        return;
      case 'munmap':
        if (!failed && !mixed) this.each(step, (area, index) => area.own.delete(index));
        return;
      case 'madvise':
        this.advise(step, failed || mixed);
        return;
      case 'write':
        this.each(step, (area, index, i) => {
          if (i >= result.ret) return;
          if (!mixed) area.freed.delete(index);
          area.cpuWritten.add(index);
          if (isShared(area.kind)) area.behind.dirty.add(index);
          this.put(area, index, [step.value + index], mixed);
        });
        return;
      case 'dev_write':
      case 'gpu_write':
        this.each(step, (area, index) => {
          const values = [step.value + index];
          const mayBeLost =
            area.freed.has(index) || (area.kind === 'anon-shared' && !area.behind.dirty.has(index));
          this.put(area, index, mayBeLost ? [...values, 0] : values, mixed || failed);
        });
        return;
      case 'file_read':
        this.compareFile(findings, step, result.values ?? []);
        return;
      case 'read':
      case 'dev_read':
      case 'gpu_read':
        if (!mixed) this.compareValues(findings, step, result.values ?? []);
        return;
      default:
        return;
    }
  }

  private newArea(kind: AreaKind, file: string | undefined): AreaContent {
    return {
      kind,
      behind: this.memoryBehind(kind, file ?? ''),
      own: new Map(),
      freed: new Set(),
      cpuWritten: new Set(),
      wiped: new Map(),
    };
  }

  private memoryBehind(kind: AreaKind, file: string): SharedMemory {
    if (kind !== 'file-private' && kind !== 'file-shared') return memory(() => 0);
    const known = this.files.get(file);
    if (known !== undefined) return known;
    const fresh = memory((index) => FILE_FIRST_VALUE + index);
    this.files.set(file, fresh);
    return fresh;
  }

  private move(proc: string, from: string, to: string): void {
    const areas = this.processes.get(proc);
    const area = areas?.get(from);
    if (areas === undefined || area === undefined) return;
    areas.set(to, area);
    // a move that failed leaves the pages in the old area
    const left = copyArea(area);
    areas.set(from, left);
    for (const index of area.own.keys()) {
      this.due.add(area, index);
      this.due.add(left, index);
    }
  }

  private advise(step: Extract<SimpleStep, { op: 'madvise' }>, uncertain: boolean): void {
    if (step.advice === 'DONTNEED') {
      this.each(step, (area, index) => {
        if (isShared(area.kind)) return;
        if (!uncertain && area.kind !== 'hugetlb') {
          area.own.delete(index);
          area.cpuWritten.delete(index);
          return;
        }
        // VMAs before the one that refused have lost their pages; what is left of a huge page of a pool stays
        area.cpuWritten.delete(index);
        const own = area.own.get(index);
        if (own !== undefined) area.own.set(index, union(own, this.behind(area, index)));
      });
    } else if (step.advice === 'FREE') {
      this.each(step, (area, index) => {
        const own = area.own.get(index);
        if (own === undefined || area.kind !== 'anon-private') return;
        area.own.set(index, union(own, [0]));
        area.freed.add(index);
        this.losesWithRelatives(area, step.vma, index);
      });
    } else if (step.advice === 'WIPEONFORK' || step.advice === 'KEEPONFORK') {
      this.each(step, (area, index) => {
        if (area.kind !== 'anon-private') return;
        if (uncertain) area.wiped.set(index, 'maybe');
        else if (step.advice === 'WIPEONFORK') area.wiped.set(index, 'yes');
        else area.wiped.delete(index);
      });
    }
  }

  /** What only a device wrote may be lost for those that share it, too. */
  private losesWithRelatives(given: AreaContent, name: string, index: number): void {
    for (const process of this.processes.values()) {
      const area = process.get(name);
      const own = area?.own.get(index);
      if (area === undefined || area === given || own === undefined) continue;
      if (area.kind === 'anon-private' && !area.cpuWritten.has(index)) area.own.set(index, union(own, [0]));
    }
  }

  private each(
    step: { proc: string; vma: string; page?: number | undefined; count?: number | undefined },
    change: (area: AreaContent, index: number, i: number) => void,
  ): void {
    const area = this.processes.get(step.proc)?.get(step.vma);
    const first = step.page ?? 0;
    if (area === undefined) return;
    const count = step.count ?? this.areaOf(step.proc, step.vma) - first;
    for (let i = 0; i < count; i++) {
      change(area, first + i, i);
      this.due.add(area, first + i);
    }
  }

  /** Length of an area, also of a process that has ended. */
  private areaOf(proc: string, name: string): number {
    const mm = this.m.mms.values().findLast((candidate) => candidate.name === proc);
    return mm?.areas.find((area) => area.name === name)?.npages ?? 0;
  }

  private put(area: AreaContent, index: number, values: Allowed, uncertain: boolean): void {
    const allowed = uncertain ? union(this.allowed(area, index), values) : values;
    if (isShared(area.kind)) {
      area.behind.written.set(index, allowed);
      this.dueBehind.add(area.behind, index);
    } else {
      area.own.set(index, allowed);
    }
  }

  /** What a child has of its parent's area. */
  private inherit(area: AreaContent): AreaContent {
    const copy = copyArea(area);
    for (const index of area.own.keys()) this.due.add(copy, index);
    for (const [index, certainty] of copy.wiped) {
      copy.cpuWritten.delete(index);
      const own = copy.own.get(index);
      if (own === undefined) continue;
      if (certainty === 'yes') copy.own.delete(index);
      else copy.own.set(index, union(own, [0]));
    }
    return copy;
  }

  private behind(area: AreaContent, index: number): Allowed {
    return area.behind.written.get(index) ?? [area.behind.initial(index)];
  }

  private allowed(area: AreaContent, index: number): Allowed {
    return area.own.get(index) ?? this.behind(area, index);
  }

  // --- comparison --------------------------------------------------------------------------------------------------

  private compareValues(
    findings: Findings,
    step: { op: string; proc: string; vma: string; page?: number | undefined },
    values: readonly number[],
  ): void {
    const area = this.processes.get(step.proc)?.get(step.vma);
    if (area === undefined || area.kind === 'device') return;
    values.forEach((value, i) => {
      const index = (step.page ?? 0) + i;
      const allowed = this.allowed(area, index);
      findings.expect(
        allowed.includes(value),
        'I17',
        () =>
          `${step.op} of ${step.proc} ${step.vma} page ${index} gave ${value}, written was ${allowed.join(' or ')}`,
      );
    });
  }

  private compareFile(
    findings: Findings,
    step: { file: string; page?: number | undefined },
    values: readonly number[],
  ): void {
    const file = this.files.get(step.file);
    values.forEach((value, i) => {
      const index = (step.page ?? 0) + i;
      const allowed = file?.written.get(index) ?? [file?.initial(index) ?? 0];
      if (!allowed.includes(value)) {
        findings.add(
          'I17',
          `file ${step.file} page ${index} gave ${value}, written was ${allowed.join(' or ')}`,
        );
      }
    });
  }

  private addPlaces(mm: number, vpn: Vpn, npages: number): void {
    const owner = this.m.mms.find(mm);
    const area = owner?.areas.find(({ start, npages: length }) => vpn >= start && vpn < start + length);
    const content = owner?.alive === true ? this.processes.get(owner.name)?.get(area?.name ?? '') : undefined;
    if (area === undefined || content === undefined) return;
    for (let at = vpn; at < vpn + npages; at++) this.due.add(content, at - area.start);
  }

  /** Where the bytes of a page are seen: through its entries, or those of the private page that it stands behind. */
  private addPlacesOf(pfn: Pfn): void {
    const { survey } = this;
    const page = survey.deviceOf.get(pfn) ?? pfn;
    for (const { mm, vpn, entry } of survey.mappersOf(page))
      this.addPlaces(mm, vpn + page - entryPfn(entry), 1);
  }

  private compareDue(findings: Findings): void {
    for (const mm of this.m.mms.values()) {
      const process = mm.alive ? this.processes.get(mm.name) : undefined;
      if (process === undefined) continue;
      for (const area of mm.areas) {
        const content = process.get(area.name);
        if (content === undefined || content.kind === 'device') continue;
        for (const index of this.due.of(content)) this.compareAt(findings, mm, area, content, index);
        for (const index of this.dueBehind.of(content.behind)) {
          this.compareAt(findings, mm, area, content, index);
        }
      }
    }
  }

  private compareAt(findings: Findings, mm: Mm, area: Area, content: AreaContent, index: number): void {
    const vpn = area.start + index;
    // pages that are not mapped any more belong to no process
    if (index >= area.npages || this.survey.vmaAt(mm.id, vpn) === undefined) return;
    const mapping = this.survey.tables.mappingAt(mm.id, vpn);
    if (mapping !== undefined && isRealSwapEntry(mapping.entry)) {
      this.compareSwapped(findings, mm, mapping, area, content, index);
    } else {
      this.comparePage(findings, mm, area, content, index, this.survey.pageAt(mm.id, vpn));
    }
  }

  private comparePage(
    findings: Findings,
    mm: Mm,
    area: Area,
    content: AreaContent,
    index: number,
    page: Pfn | undefined,
  ): void {
    const { m } = this;
    const own = content.own.get(index);
    const anon = page !== undefined && (m.pages.mapping.get(page - m.pages.tailOffset.get(page)) & 1) === 1;
    if (page === undefined || (!anon && !isShared(content.kind))) {
      // nothing of its own: the next access finds zeros or the file
      if (own === undefined) return;
      // a child of a process that reserved huge pages loses one when there is none for its parent's copy (`mm/hugetlb.c:
      // unmap_ref_private`): its next access ends with SIGBUS
      const taken = this.survey.vmaAt(mm.id, area.start + index)?.hugetlbUnmapped === true;
      if (!taken && !this.behind(content, index).some((value) => own.includes(value))) {
        findings.add('I17', `${mm.name} ${area.name} page ${index} is lost: written was ${own.join(' or ')}`);
      }
      content.own.delete(index);
      return;
    }
    const value = page === m.zeroPfn ? 0 : m.pages.content.get(backingPage(m, page));
    const untouched = own === undefined && !content.behind.written.has(index);
    if (untouched && value === content.behind.initial(index) && content.kind !== 'file-private') return;
    const allowed = this.allowed(content, index);
    if (!allowed.includes(value)) {
      // of two owners each finds the other's bytes
      if (this.survey.aliased.has(page)) {
        content.own.set(index, [value]);
        return;
      }
      const written = allowed.join(' or ');
      findings.add(
        'I17',
        `${mm.name} ${area.name} page ${index} in ${pageText(page)} holds ${value}, written was ${written}`,
      );
    }
    this.settle(content, index, value, allowed);
  }

  /** A page that is swapped out is in its slot, or still in the swap cache. */
  private compareSwapped(
    findings: Findings,
    mm: Mm,
    { entry }: Mapping,
    area: Area,
    content: AreaContent,
    index: number,
  ): void {
    const slot = entryPfn(entry);
    const cached = this.m.swapCache.get(slot);
    const value = cached === undefined ? this.m.swapContent.get(slot) : this.m.pages.content.get(cached);
    const allowed = this.allowed(content, index);
    if (!allowed.includes(value)) {
      const written = allowed.join(' or ');
      findings.add(
        'I17',
        `${mm.name} ${area.name} page ${index} in slot ${slot} holds ${value}, written was ${written}`,
      );
    }
    this.settle(content, index, value, allowed);
  }

  /** What was uncertain is known now; a private page of a file keeps its number from here on. */
  private settle(content: AreaContent, index: number, value: number, allowed: Allowed): void {
    if (isShared(content.kind)) {
      const certain = content.kind !== 'anon-shared' || content.behind.dirty.has(index);
      if (certain && allowed.length > 1) content.behind.written.set(index, [value]);
    } else if (content.kind === 'file-private' || !content.own.has(index)) {
      content.own.set(index, [value]);
    }
  }
}

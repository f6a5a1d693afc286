// Invariants of one operation: what its result promises, and what it may not have changed. They compare the machine
// before the step with the machine after it.

import type { PinHandle } from '../machine/entities.ts';
import type { Machine } from '../machine/machine.ts';
import type { StepRecord } from '../scenario/simulation.ts';
import { MIGRATE_CMA, MIGRATE_ISOLATE } from '../uapi/config.ts';
import { EventKind, holderId } from '../uapi/events.ts';
import { FOLL_LONGTERM, FOLL_WRITE } from '../uapi/gup-flags.ts';
import { PG_anon_exclusive, PG_ksm } from '../uapi/page-flags.ts';
import {
  entryPfn,
  entryWritable,
  isRealSwapEntry,
  ptePresent,
  pteDirty,
  pteWrite,
  pteYoung,
} from '../uapi/pte.ts';
import { kernelFunctionId } from '../uapi/source-refs.ts';
import { PTRS_PER_TABLE, type Pfn, type Vpn } from '../uapi/units.ts';
import { VM_DONTCOPY, VM_WIPEONFORK } from '../uapi/vm-flags.ts';
import { pageblockMigratetype } from '../kernel/mm/page-ref.ts';
import type { Seen } from './at-rest.ts';
import type { Mapping } from './page-use.ts';
import type { Changes, Survey } from './survey.ts';
import { Findings, pageText, type Violation } from './violation.ts';

/** A page that a handle pinned, where the pinner had it. */
interface PinnedPage {
  readonly handle: number;
  readonly mm: number;
  readonly vpn: Vpn;
  readonly pfn: Pfn;
}

/** Operations and advice that must leave device-coherent pages alone. */
const LEAVES_DEVICE_PAGES = new Set<string>([
  'COLD',
  'FREE',
  'PAGEOUT',
  'COLLAPSE',
  'mbind',
  'ksm_scan',
  'numa_scan',
  'move_pages',
]);
/** Operations that move pages and leave everything else as it was. */
const MIGRATES = new Set<string>(['migrate_to_dev', 'migrate_to_sys', 'mbind', 'move_pages']);
/** Steps after which a pinned page may be gone from its place. */
const UNMAPPING = new Set(['munmap', 'mremap', 'exit', 'concurrent']);

const FOLL_PIN = holderId('FOLL_PIN');
const CHECK_AND_MIGRATE = kernelFunctionId('check_and_migrate_movable_pages');

export class StepChecker {
  private pinned: PinnedPage[] = [];

  constructor(private readonly m: Machine) {}

  /** Checks what a step promised. */
  check(record: StepRecord, { survey, changes }: Seen): Violation[] {
    const findings = new Findings();
    this.checkPinned(findings, record, survey);
    const { step } = record;
    if (step.op === 'gup') {
      const handle = this.m.handles.values().find(({ name }) => name === step.as);
      if (handle !== undefined && record.result.ret >= 0) this.checkGup(findings, record, handle, survey);
      if (step.flags.includes('FOLL_LONGTERM')) this.checkLongtermMoves(findings, record, survey, changes);
    }
    if (MIGRATES.has(step.op)) this.checkMigration(findings, survey, changes);
    if (step.op === 'fork') this.checkFork(findings, step.proc, step.child, survey);
    if (LEAVES_DEVICE_PAGES.has(step.op === 'madvise' ? step.advice : step.op)) {
      this.checkDevicePagesUntouched(findings, record, survey);
    }
    return findings.found;
  }

  // --- GUP ----------------------------------------------------------------------------------------------------------

  /** I10, I11, I22: as many pages as reported, each where its process has it, fit to stay if pinned for long. */
  private checkGup(findings: Findings, record: StepRecord, handle: PinHandle, after: Survey): void {
    const { step, result } = record;
    findings.expect(
      handle.pages.length === result.ret,
      'I22',
      () => `${handle.name}: ${result.ret} pages reported, ${handle.pages.length} held`,
    );
    // a fast call that takes plain references looks at no page (try_grab_folio), and its slow way is not always taken
    const looks = handle.call.startsWith('pin') || !handle.call.includes('_fast');
    const longterm = (handle.gupFlags & FOLL_LONGTERM) !== 0 && looks && this.m.kernel.CONFIG_MIGRATION;
    handle.pages.forEach((pfn, i) => {
      const vpn = handle.start + i;
      const mapped = after.pageAt(handle.mm, vpn);
      findings.expect(
        mapped === pfn,
        'I10',
        () =>
          `${handle.name} page ${i}: got ${pageText(pfn)}, mapped is ${mapped === undefined ? 'none' : pageText(mapped)}`,
      );
      if (longterm)
        findings.expect(
          this.mayStay(after, pfn),
          'I11',
          () => `${handle.name}: long-term pin rests on ${pageText(pfn)}`,
        );
      if (handle.call.startsWith('pin') && pfn !== this.m.zeroPfn && (handle.gupFlags & FOLL_WRITE) !== 0) {
        this.pinned.push({ handle: handle.id, mm: handle.mm, vpn, pfn });
      }
    });
    if (longterm && step.op === 'gup') this.checkPasses(findings, record, handle);
  }

  private mayStay(survey: Survey, pfn: Pfn): boolean {
    if (pfn === this.m.zeroPfn) return true;
    if (survey.pgmapOf(pfn) !== undefined || this.m.rangeOf(pfn)?.zone === 'Movable') return false;
    const migratetype = pageblockMigratetype(this.m, pfn);
    return migratetype !== MIGRATE_CMA && migratetype !== MIGRATE_ISOLATE;
  }

  /** I28: without foreign references two passes are enough. */
  private checkPasses(findings: Findings, record: StepRecord, handle: PinHandle): void {
    const { log } = this.m.journal;
    let passes = 0;
    for (let i = record.begin; i < record.operationEnd; i++) {
      if (log.kindAt(i) === EventKind.SPAN_BEGIN && log.idAt(i) === CHECK_AND_MIGRATE) passes++;
    }
    findings.expect(passes <= 2, 'I28', () => `${handle.name}: ${passes} passes`);
  }

  /** I27: a long-term pin hands out no device page, and pages that may stay keep their place. */
  private checkLongtermMoves(findings: Findings, record: StepRecord, survey: Survey, changes: Changes): void {
    for (const pfn of changes.appeared) {
      if (survey.pgmapOf(pfn) !== undefined)
        findings.add('I27', `long-term pin: ${pageText(pfn)} of a device is new`);
    }
    if (record.result.ret < 0) return;
    for (const { mm, vpn, entry, npages } of changes.removed) {
      const pfn = entryPfn(entry);
      // a page that belongs to others too, or that may not be written, may be copied
      if (npages > 1 || !entryWritable(entry) || !ptePresent(entry) || !this.mayStay(survey, pfn)) continue;
      const now = survey.pageAt(mm, vpn);
      findings.expect(
        now === pfn,
        'I27',
        () =>
          `long-term pin: ${pageText(pfn)} may stay, now ${now === undefined ? 'none' : pageText(now)} is there`,
      );
    }
  }

  /** I18: while a page pinned for writing stays mapped by the pinner, its entry keeps the page. */
  private checkPinned(findings: Findings, record: StepRecord, after: Survey): void {
    const { step } = record;
    const unmaps = UNMAPPING.has(step.op) || (step.op === 'madvise' && step.advice === 'DONTNEED');
    this.pinned = this.pinned.filter((pin) => {
      if (this.m.handles.find(pin.handle) === undefined) return false;
      const now = after.pageAt(pin.mm, pin.vpn);
      if (now === pin.pfn) return true;
      // reclaim unmaps a page of a file before it sees the pin; the next fault finds the same page again
      if (now === undefined && (this.m.pages.mapping.get(after.head(pin.pfn)) & 1) === 0) return true;
      findings.expect(
        // a process that was killed gives its memory up in whatever step that was
        unmaps || !this.m.mms.get(pin.mm).alive,
        'I18',
        () => `pinned ${pageText(pin.pfn)} was replaced by ${now === undefined ? 'nothing' : pageText(now)}`,
      );
      return false;
    });
  }

  // --- others --------------------------------------------------------------------------------------------------------

  /** I26: a page that moved keeps what its entry and its owner knew; only the frame differs. */
  private checkMigration(findings: Findings, survey: Survey, changes: Changes): void {
    for (const old of changes.removed) {
      const now = survey.tables.mappingAt(old.mm, old.vpn);
      if (old.npages > 1 || now === undefined || now.npages > 1) continue;
      if (isRealSwapEntry(old.entry) || isRealSwapEntry(now.entry)) continue;
      const [from, to] = [entryPfn(old.entry), entryPfn(now.entry)];
      if (from === to || survey.uses.isZeroPage(from) || survey.uses.isZeroPage(to)) continue;
      const text = (what: string, was: unknown, is: unknown) => () =>
        `${pageText(from)} moved to ${pageText(to)}: ${what} was ${String(was)}, is ${String(is)}`;
      const [wasWritable, isWritable] = [entryWritable(old.entry), entryWritable(now.entry)];
      findings.expect(wasWritable === isWritable, 'I26', text('writable', wasWritable, isWritable));
      if (ptePresent(old.entry) && ptePresent(now.entry)) {
        findings.expect(
          pteWrite(old.entry) === pteWrite(now.entry),
          'I26',
          text('RW', pteWrite(old.entry), pteWrite(now.entry)),
        );
        findings.expect(!pteYoung(old.entry) || pteYoung(now.entry), 'I26', text('young', true, false));
        findings.expect(!pteDirty(old.entry) || pteDirty(now.entry), 'I26', text('dirty', true, false));
      }
    }
  }

  /** I31: a pinned page stays the parent's own; the child gets a copy. */
  private checkFork(findings: Findings, parentName: string, childName: string, after: Survey): void {
    const { m } = this;
    const alive = m.mms.values().filter((mm) => mm.alive);
    const parent = alive.find((mm) => mm.name === parentName);
    const child = alive.find((mm) => mm.name === childName);
    if (parent === undefined || child === undefined) return;
    for (const mapping of after.tables.mappings(parent.id)) {
      const theirs = after.tables.mappingAt(child.id, mapping.vpn);
      const vma = after.vmaAt(parent.id, mapping.vpn);
      findings.expect(
        theirs === undefined || vma === undefined || (vma.vmFlags & (VM_DONTCOPY | VM_WIPEONFORK)) === 0,
        'I31',
        () => `fork: 0x${mapping.vpn.toString(16)} was not to be copied, the child has an entry`,
      );
      const pfn = entryPfn(mapping.entry);
      if (theirs === undefined || isRealSwapEntry(mapping.entry) || entryPfn(theirs.entry) !== pfn) continue;
      const head = after.head(pfn);
      if ((m.pages.mapping.get(head) & 1) === 0) continue;
      findings.expect(
        !entryWritable(mapping.entry) && !entryWritable(theirs.entry) && !this.isExclusive(mapping, head),
        'I31',
        () => `fork: ${pageText(pfn)} is shared and writable or exclusive`,
      );
      const pins = after.held(head)[FOLL_PIN];
      const small = head === pfn && (m.pages.compoundMapcount.get(head) ?? 0) === 0;
      findings.expect(
        !small || pins === 0 || !parent.hasPinned,
        'I31',
        () => `fork: pinned ${pageText(pfn)} is shared with the child`,
      );
    }
  }

  private isExclusive(mapping: Mapping, head: Pfn): boolean {
    const pfn = mapping.npages > 1 ? head : entryPfn(mapping.entry);
    return (this.m.pages.flags.get(pfn) & PG_anon_exclusive) !== 0;
  }

  /**
   * I32: no count and no entry of a device-coherent page is different afterwards. Except of one that was merged before
   * it went to the device: the scanner still finds it by its content (`mm/ksm.c: stable_tree_search`).
   */
  private checkDevicePagesUntouched(findings: Findings, record: StepRecord, survey: Survey): void {
    const { m } = this;
    const { log } = m.journal;
    const isCoherent = (pfn: Pfn): boolean => survey.pgmapOf(pfn)?.type === 'MEMORY_DEVICE_COHERENT';
    const seen = new Set<string>();
    for (let i = record.begin; i < record.end; i++) {
      const kind = log.kindAt(i);
      const ofEntry = kind === EventKind.COLUMN && log.idAt(i) === m.entries.id;
      const row = log.rowAt(i);
      // its first event has the value before the step
      if ((kind !== EventKind.REF && !ofEntry) || seen.has(`${kind} ${row}`)) continue;
      seen.add(`${kind} ${row}`);
      const old = log.oldAt(i);
      const page = ofEntry ? entryPfn(old) : row;
      const isMerged = (m.pages.flags.get(page) & PG_ksm) !== 0;
      if (!isCoherent(page) || isMerged || (ofEntry && !ptePresent(old))) continue;
      const now = ofEntry ? m.entries.get(row) : m.pages.refcount.get(row);
      const what = ofEntry ? `entry ${row % PTRS_PER_TABLE}` : 'its count';
      if (now !== old) findings.add('I32', `${pageText(page)}: ${record.step.op} changed ${what}`);
    }
  }
}

// A column of numbers over a huge sparse index, in sections that are shared with keyframes. Who writes one packs what the
// keyframe holds of it, or writes a copy.

import { EventKind } from '../uapi/events.ts';
import { asElement, type Elements, type ElementType, isBlank, newElements, zerosOf } from './elements.ts';
import {
  pack,
  type Packed,
  packedValue,
  type Progression,
  progressionOf,
  progressionOfPacked,
  unpack,
  withLine,
} from './packed.ts';
import type { Recorder } from './recorder.ts';

/**
 * Rows of a section: what is copied when one of them is written for the first time after a keyframe. Small enough
 * that a keyframe costs little where few pages changed, large enough that a chunk of a big step lies in one.
 */
export const SECTION_ROWS = 4096;
export const SECTION_MASK = SECTION_ROWS - 1;
/** Rows by which changes are told apart: the pages of a pageblock, the entries of a page table. */
export const BLOCK_ROWS = 512;
/** Rows that a column keeps as arrays; what big steps have written beyond them rests packed until somebody asks. */
const WARM_ROWS = 2 ** 19;
/** Sections that are looked at for a rest at one keyframe: those that cannot be packed stay, and would be tried each time. */
const RESTS_AT_ONCE = 64;
/** Rows of a packed section that are read one after another before it is unpacked. */
const COLD_READS = 1024;
/** Arrays that wait for the next section. */
const SPARE_SECTIONS = 128;

/** Contents of one section as keyframes hold them: from keyframe `at[i]` on it is `kept[i]`. */
interface Versions {
  readonly at: number[];
  readonly kept: (Elements | Packed | undefined)[];
}

/** Arrays that several machines share: nobody writes them any more. */
const lent = new WeakSet<Elements>();

/**
 * A column of numbers (page frames, page-table entries). A section exists once one of its rows is written; absent
 * rows read 0. A section that a keyframe holds is copied before it is written.
 */
export class Column {
  /** As arrays, the one that was needed last behind the others. */
  private readonly sections = new Map<number, Elements>();
  /** Sections that rest packed; each is in one of both. */
  private readonly cold = new Map<number, Packed>();
  /** Arrays of sections that rest now, for the next ones. */
  private readonly spare: Elements[] = [];
  /** The same of sections that held nothing any more: all zeros. */
  private readonly blank: Elements[] = [];
  private lastNo = -1;
  private last: Elements | undefined;
  private coldNo = -1;
  private coldReads = 0;
  /** Sections that nobody else holds. All others are copied when written. */
  private readonly owned = new Set<number>();
  private ownNo = -1;
  private own: Elements = zerosOf('i32');
  /** Sections that may differ from the keyframe on which the state rests. */
  private readonly dirty = new Set<number>();
  private readonly versions = new Map<number, Versions>();
  /** The state is left for a moment only: what it is made of is not packed, to be back in no time. */
  staysUnpacked = false;
  /** Which of its versions a section is, as long as it is not dirty. */
  private readonly current = new Map<number, number>();
  /** Blocks whose content changed since somebody last asked, by writing, undo, redo or a keyframe; undefined: nobody asks. */
  private touched: Set<number> | undefined;
  private lastTouched = -1;

  constructor(
    private readonly recorder: Recorder,
    readonly id: number,
    readonly name: string,
    private readonly type: ElementType,
    private readonly rows = SECTION_ROWS,
  ) {}

  get(row: number): number {
    const no = Math.floor(row / this.rows);
    if (no !== this.lastNo) {
      const packed = this.cold.size === 0 ? undefined : this.cold.get(no);
      if (packed !== undefined && this.staysCold(no))
        return packedValue(packed, this.rows, row & (this.rows - 1));
      this.last = this.live(no);
      this.lastNo = no;
    }
    return this.last === undefined ? 0 : this.last[row & (this.rows - 1)];
  }

  /** Whether to leave a section packed though one of its rows is read: until many in a row were. */
  private staysCold(no: number): boolean {
    if (no !== this.coldNo) this.coldReads = 0;
    this.coldNo = no;
    return this.coldReads++ < COLD_READS;
  }

  set(row: number, value: number): void {
    const old = this.get(row);
    if (old === value) return;
    const now = asElement(this.type, value);
    this.poke(row, now);
    this.recorder.record(EventKind.COLUMN, this.id, row, old, now);
  }

  /** Writes without an event; for what has events of another kind, and for the journal's undo and redo. */
  poke(row: number, value: number): void {
    // big steps touch single pages between many that stay lines
    if (this.recorder.isBulk && !this.sections.has(Math.floor(row / this.rows)))
      this.writeLine(row, 1, value, 0);
    else this.writable(row)[row & (this.rows - 1)] = value;
  }

  /** The elements of the section that holds a row, to be written without events; for loops over many rows. */
  writable(row: number): Elements {
    const no = Math.floor(row / this.rows);
    if (this.touched !== undefined) this.touch(row, this.touched);
    if (no !== this.ownNo) this.takeOwn(no);
    return this.own;
  }

  /** The same, where `n` rows from that one on are written. */
  writableRows(row: number, n: number): Elements {
    const elements = this.writable(row);
    if (this.touched !== undefined) this.touchRows(row, n, this.touched);
    return elements;
  }

  /**
   * Writes neighbouring rows that go up or down evenly, without events; for big steps. What is packed, or was all zeros,
   * is not unpacked for it.
   */
  writeLine(first: number, n: number, value: number, step: number): void {
    for (let at = 0; at < n; ) {
      const row = (first + at) & (this.rows - 1);
      const length = Math.min(n - at, this.rows - row);
      const no = Math.floor((first + at) / this.rows);
      const from = value + step * at;
      if (length === this.rows) this.putPacked(no, [0, asElement(this.type, from), step]);
      else if (!this.putLine(no, row, length, asElement(this.type, from), step)) {
        const elements = this.writable(first + at);
        if (step === 0) elements.fill(from, row, row + length);
        else for (let i = row, now = from; i < row + length; i++, now += step) elements[i] = now;
      }
      if (this.touched !== undefined) this.touchRows(first + at, length, this.touched);
      at += length;
    }
  }

  /** The array of the section that holds a row, to read; undefined: there is none, it is packed or all zeros. */
  unpacked(row: number): Elements | undefined {
    return this.sections.get(Math.floor(row / this.rows));
  }

  /** Whether neighbouring rows all hold one value, without unpacking anything. */
  isConstant(first: number, n: number, value: number): boolean {
    for (let at = 0; at < n; ) {
      const line = this.progression(first + at, n - at);
      if (line.value !== value) return false;
      at += line.step === 0 ? line.n : 1;
    }
    return true;
  }

  /** One section to read; undefined: all its rows are 0. Whoever keeps it sees it change, or not. */
  section(no: number): Elements | undefined {
    return this.live(no);
  }

  /** The section that holds a row, to read; the elements of a section of zeros where there is none. */
  readable(row: number): Elements {
    const found = this.live(Math.floor(row / this.rows));
    if (found !== undefined) return found;
    return zerosOf(this.type);
  }

  /** One row, without unpacking anything: for who reads rows here and there. */
  peek(row: number): number {
    return this.progression(row, 1).value;
  }

  /** Neighbouring rows from one on that go up or down evenly, without unpacking anything. @param most - at least 1 */
  progression(row: number, most: number): Progression {
    const no = Math.floor(row / this.rows);
    const at = row & (this.rows - 1);
    const within = Math.min(most, this.rows - at);
    const elements = this.sections.get(no);
    if (elements !== undefined) return progressionOf(elements, at, within);
    const packed = this.cold.get(no);
    if (packed !== undefined) return progressionOfPacked(packed, this.rows, at, within);
    return { value: 0, step: 0, n: within };
  }

  /**
   * Blocks of BLOCK_ROWS rows whose content changed since the last call, in whatever way: for one who keeps an aggregate.
   * undefined at the first call: all that there are.
   */
  takeTouched(): ReadonlySet<number> | undefined {
    const { touched } = this;
    this.touched = new Set();
    this.lastTouched = -1;
    return touched;
  }

  /** How many sections exist. */
  get sectionCount(): number {
    return this.sections.size + this.cold.size;
  }

  /** Numbers of the sections that exist, ascending. */
  sectionNumbers(): number[] {
    return [...this.sections.keys(), ...this.cold.keys()].sort((a, b) => a - b);
  }

  /** Blocks of BLOCK_ROWS rows of which anything was ever written, ascending. */
  writtenBlocks(): number[] {
    const blocks = new Set<number>();
    for (const no of this.sectionNumbers()) this.touchSection(no, blocks);
    return [...blocks];
  }

  // --- keyframes ------------------------------------------------------------------------------------------------

  /**
   * The state is that of keyframe `at`, the newest, from now on.
   *
   * @param sweep - whether to look for sections of which only zeros are left, and for some that can rest
   * @returns the sections that may have changed before
   */
  freeze(at: number, sweep: boolean): readonly number[] {
    const changed = [...this.dirty];
    for (const no of changed) {
      if (sweep) this.dropZeros(no);
      const content = this.sections.get(no) ?? this.cold.get(no);
      let versions = this.versions.get(no);
      if (versions === undefined) {
        versions = { at: [], kept: [] };
        this.versions.set(no, versions);
      }
      if (versions.kept.length === 0 || versions.kept.at(-1) !== content) {
        versions.at.push(at);
        versions.kept.push(content);
      }
      this.current.set(no, versions.kept.length - 1);
    }
    this.dirty.clear();
    this.owned.clear();
    this.ownNo = -1;
    if (sweep) this.rest();
    return changed;
  }

  /**
   * Puts what differs back as it was at a keyframe, on which the state rests from now on.
   *
   * @param between - sections that changed between that keyframe and the one on which the state rests; undefined: any
   */
  restore(at: number, between: Iterable<number> | undefined): void {
    for (const no of between ?? this.versions.keys()) this.restoreSection(no, at);
    for (const no of this.dirty) this.restoreSection(no, at);
    this.lastNo = -1;
    this.ownNo = -1;
  }

  /** Puts one section back as it was at a keyframe. */
  restoreSection(no: number, at: number): void {
    const index = this.versionAt(no, at);
    if (!this.dirty.has(no) && (this.current.get(no) ?? -1) === index) return;
    const kept = index < 0 ? undefined : this.versions.get(no)?.kept[index];
    if (kept === undefined) {
      this.takeOut(no);
      this.cold.delete(no);
    } else if ('lines' in kept) {
      // most of what a jump passes nobody looks at: who does unpacks it
      this.takeOut(no);
      this.cold.set(no, kept);
    } else {
      this.takeOut(no);
      this.sections.set(no, kept);
      this.cold.delete(no);
    }
    this.current.set(no, index);
    this.dirty.delete(no);
    if (this.touched !== undefined) this.touchSection(no, this.touched);
  }

  /** Forgets keyframes from `at` on. @param sections - those that the keyframes changed */
  forget(at: number, sections: Iterable<number>): void {
    for (const no of sections) {
      const versions = this.versions.get(no);
      if (versions === undefined) continue;
      while ((versions.at.at(-1) ?? -1) >= at) {
        versions.at.pop();
        versions.kept.pop();
      }
      if (versions.at.length === 0) this.versions.delete(no);
      this.dirty.add(no);
    }
  }

  /** Takes over the state of the same column of another machine; what either writes later is written apart. */
  adopt(other: Column): void {
    other.owned.clear();
    other.ownNo = -1;
    for (const [no, elements] of other.sections) {
      lent.add(elements);
      this.sections.set(no, elements);
      this.dirty.add(no);
    }
    for (const [no, packed] of other.cold) {
      this.cold.set(no, packed);
      this.dirty.add(no);
    }
    this.lastNo = -1;
  }

  /** Memory of the state, and of what only keyframes hold. */
  bytes(): { readonly stateBytes: number; readonly historyBytes: number } {
    let stateBytes = 0;
    let historyBytes = 0;
    for (const elements of this.sections.values()) stateBytes += elements.byteLength;
    for (const { lines } of this.cold.values()) stateBytes += lines.length * 8;
    for (const [no, { kept }] of this.versions) {
      const live = this.sections.get(no) ?? this.cold.get(no);
      for (const one of kept) {
        if (one === undefined || one === live) continue;
        historyBytes += 'lines' in one ? one.lines.length * 8 : one.byteLength;
      }
    }
    return { stateBytes, historyBytes };
  }

  /** Takes a section's array out of the state; one that no keyframe holds is there for the next section. */
  private takeOut(no: number): void {
    const elements = this.sections.get(no);
    if (elements === undefined) return;
    const isFree =
      this.owned.has(no) ||
      (this.staysUnpacked ? this.isPacked(no, elements) : this.packVersion(no, elements));
    if (isFree && this.spare.length < SPARE_SECTIONS) this.spare.push(elements);
    this.sections.delete(no);
    this.owned.delete(no);
  }

  /** Whether the version that a section is as long as it is not dirty is packed, so that its array is the state's alone. */
  private isPacked(no: number, elements: Elements): boolean {
    const version = this.versions.get(no)?.kept[this.current.get(no) ?? -1];
    return version !== undefined && 'lines' in version && !this.dirty.has(no) && !lent.has(elements);
  }

  private dropZeros(no: number): void {
    const elements = this.sections.get(no);
    if (elements === undefined || !isBlank(elements)) return;
    this.sections.delete(no);
    // nobody else has what the state owned
    if (this.owned.has(no) && this.blank.length < SPARE_SECTIONS) this.blank.push(elements);
    if (this.lastNo === no) this.lastNo = -1;
  }

  /** Which of a section's versions is that of a keyframe; -1: it was not there. */
  private versionAt(no: number, at: number): number {
    const versions = this.versions.get(no);
    if (versions === undefined) return -1;
    let low = 0;
    let high = versions.at.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (versions.at[middle] <= at) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** A section as an array; undefined: all its rows are 0. */
  private live(no: number): Elements | undefined {
    const found = this.sections.get(no);
    if (found !== undefined || this.cold.size === 0) return found;
    const packed = this.cold.get(no);
    if (packed === undefined) return undefined;
    const elements = this.spare.pop() ?? this.blank.pop() ?? newElements(this.type, this.rows);
    unpack(packed, elements);
    this.cold.delete(no);
    this.sections.set(no, elements);
    if (this.sections.size * this.rows > 2 * WARM_ROWS) this.restReadOnes();
    return elements;
  }

  /** Packs sections that a keyframe holds until few enough are left: those first that were needed before the others. */
  private rest(): void {
    if (this.sections.size * this.rows <= WARM_ROWS) return;
    let most = Math.min(this.sections.size, RESTS_AT_ONCE);
    for (const [no, elements] of this.sections) {
      if (most-- === 0 || this.sections.size * this.rows <= WARM_ROWS) break;
      this.sections.delete(no);
      if (this.dirty.has(no) || !this.packVersion(no, elements)) {
        this.sections.set(no, elements); // behind the others
        continue;
      }
      this.restPacked(no);
      // packed, so no keyframe has the array either
      if (this.spare.length < SPARE_SECTIONS) this.spare.push(elements);
    }
  }

  /** An array of zeros for a section. */
  private freshElements(): Elements {
    return this.blank.pop() ?? this.spare.pop()?.fill(0) ?? newElements(this.type, this.rows);
  }

  /** The same for those that were only read, whose packed form is at hand. Who writes an array has it as dirty. */
  private restReadOnes(): void {
    const ready = [...this.sections.keys()].slice(0, Math.floor(this.sections.size / 2));
    for (const no of ready) if (!this.dirty.has(no) && this.restPacked(no)) this.sections.delete(no);
  }

  private restPacked(no: number): boolean {
    const packed = this.versions.get(no)?.kept[this.current.get(no) ?? -1];
    if (packed === undefined || !('lines' in packed)) return false;
    this.cold.set(no, packed);
    this.owned.delete(no);
    if (this.lastNo === no) this.lastNo = -1;
    if (this.ownNo === no) this.ownNo = -1;
    return true;
  }

  private takeOwn(no: number): void {
    let elements = this.live(no);
    if (elements === undefined) {
      elements = this.freshElements();
      this.sections.set(no, elements);
    } else if (!this.owned.has(no) && !this.packVersion(no, elements)) {
      elements = elements.slice();
      this.sections.set(no, elements);
    }
    if (this.lastNo === no) this.last = elements;
    this.owned.add(no);
    this.dirty.add(no);
    this.ownNo = no;
    this.own = elements;
  }

  /** Packs the version whose array the state shares, so that the state has the array for itself; false: it cannot. */
  private packVersion(no: number, elements: Elements): boolean {
    const kept = this.versions.get(no)?.kept;
    const index = this.current.get(no) ?? -1;
    const version = kept?.[index];
    if (kept === undefined || version === undefined || lent.has(elements)) return false;
    // packed before, and not written since
    if ('lines' in version) return !this.dirty.has(no);
    if (version !== elements) return false;
    const packed = pack(elements);
    if (packed === undefined) return false;
    kept[index] = packed;
    return true;
  }

  /** Writes a line into a section that is no array; false: it is one, or has to be. */
  private putLine(no: number, row: number, n: number, value: number, step: number): boolean {
    if (this.sections.has(no)) return false;
    const packed = this.cold.get(no);
    if (packed === undefined && value === 0 && step === 0) return true;
    const changed = withLine(packed, this.rows, row, n, value, step);
    if (changed !== undefined) this.putPacked(no, changed.lines);
    return changed !== undefined;
  }

  /** Makes a section lines. What a keyframe holds of it stays as it is. */
  private putPacked(no: number, lines: readonly number[]): void {
    this.takeOut(no);
    if (lines.length === 3 && lines[1] === 0 && lines[2] === 0) this.cold.delete(no);
    else this.cold.set(no, { lines, stride: 1 });
    this.dirty.add(no);
    if (this.lastNo === no) this.lastNo = -1;
    if (this.ownNo === no) this.ownNo = -1;
  }

  private touch(row: number, touched: Set<number>): void {
    const block = Math.floor(row / BLOCK_ROWS);
    if (block === this.lastTouched) return;
    this.lastTouched = block;
    touched.add(block);
  }

  private touchSection(no: number, touched: Set<number>): void {
    this.touchRows(no * this.rows, this.rows, touched);
  }

  private touchRows(first: number, n: number, touched: Set<number>): void {
    const last = Math.floor((first + n - 1) / BLOCK_ROWS);
    for (let block = Math.floor(first / BLOCK_ROWS); block <= last; block++) touched.add(block);
  }
}

// A machine with one process, for the tests of GUP.

import { bootMachine } from '../../scenario/boot.ts';
import type { Area, GupCall, Mm } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { DEFAULT_KERNEL, type KernelConfig, type MachinePresetName } from '../../uapi/config.ts';
import { errnoName } from '../../uapi/errno.ts';
import { EventKind } from '../../uapi/events.ts';
import { FOLL_FLAGS, type FollFlagName } from '../../uapi/gup-flags.ts';
import { machinePreset } from '../../uapi/presets.ts';
import { type Pfn } from '../../uapi/units.ts';
import { KERNEL_MESSAGES } from '../sched/bug.ts';
import { cpuAccess } from './cpu-access.ts';
import { newAddressSpace } from './filemap.ts';
import { type GupOptions } from './gup-walk.ts';
import { mmapRegion } from './mmap.ts';
import { mappedFrame, walkPte } from './page-table.ts';
import { lruAddDrainAll } from './swap.ts';
import { vmaLookup } from './vma.ts';

import { GUP_FUNCTIONS } from './gup-calls.ts';

/** Runs a function that must not have to sleep for ever. */
export const run = <T>(task: Sleeps<T>): T => {
  for (let i = 0; i < 1000; i++) {
    const { done, value } = task.next();
    if (done === true) return value;
  }
  throw new Error('it sleeps and sleeps');
};

/** The value of flags. */
export const bits = (...names: FollFlagName[]): number =>
  names.reduce((sum, name) => sum | FOLL_FLAGS[name], 0);

/** A machine with one process and one private area of its, of which pages 0 and 1 are written. */
export class Bench {
  readonly m: Machine;
  readonly start: number;

  constructor(
    kind: Area['kind'] = 'anon-private',
    kernel: Partial<KernelConfig> = {},
    preset: MachinePresetName = 'guest',
  ) {
    this.m = bootMachine(machinePreset(preset, []), { ...DEFAULT_KERNEL, ...kernel });
    const npages = kind === 'hugetlb' ? 512 : 8;
    this.start = mmapRegion(this.m, this.mm, { name: 'buf', npages, prot: 3, kind }).vmStart;
    this.write(0);
    this.write(1);
    lruAddDrainAll(this.m);
  }

  get mm(): Mm {
    return this.m.mms.get(1);
  }

  write(page: number): void {
    run(cpuAccess(this.m, this.mm, this.start + page, true));
  }

  read(page: number): void {
    run(cpuAccess(this.m, this.mm, this.start + page, false));
  }

  frame(page: number): Pfn {
    return mappedFrame(this.m, this.mm, this.start + page);
  }

  count(page: number): number {
    return this.m.pages.refcount.get(this.frame(page));
  }

  has(page: number, flag: number): boolean {
    return (this.m.pages.flags.get(this.frame(page)) & flag) !== 0;
  }

  row(page: number): number {
    return walkPte(this.m, this.mm, this.start + page);
  }

  entry(page: number): number {
    return this.m.entries.get(this.row(page));
  }

  setEntry(page: number, entry: number): void {
    this.m.entries.set(this.row(page), entry);
  }

  vmFlags(add: number, remove = 0): void {
    const vma = vmaLookup(this.m, this.mm, this.start);
    if (vma === undefined) throw new Error('no area');
    this.m.vmas.update(vma.id, { vmFlags: (vma.vmFlags | add) & ~remove });
  }

  file(kind: 'secretmem' | 'fsdax' | 'device'): void {
    const vma = vmaLookup(this.m, this.mm, this.start);
    if (vma !== undefined) this.m.vmas.update(vma.id, { file: newAddressSpace(this.m, kind, kind, 8) });
  }

  /** Pages got, or the name of the error. */
  gup(
    call: GupCall,
    flags: number,
    { page = 0, n = 1, ...options }: { page?: number; n?: number } & GupOptions = {},
  ): number | string {
    const { id } = run(GUP_FUNCTIONS[call](this.m, this.start + page, n, flags, 1, options));
    return id < 0 ? errnoName(id) : id;
  }

  /** Warnings printed so far. */
  warnings(): string[] {
    const { log } = this.m.journal;
    const lines: string[] = [];
    for (let i = 0; i < log.length; i++) {
      if (log.kindAt(i) === EventKind.LOG) lines.push(KERNEL_MESSAGES[log.idAt(i)] ?? '?');
    }
    return lines;
  }
}

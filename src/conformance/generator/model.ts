// What a generator believes of the machine while its program runs: processes, areas and the rights of their pages,
// references, files, open devices. It follows results only, so that what it believes can be wrong; then a step fails.

import type { StepResult } from '../../core/index.ts';
import type { SimpleStep, Step, StepOf } from '../../core/uapi/scenario.ts';
import { AREA_SORTS, type AreaSort, type AreaSpec, devicesOf, type MachineKind, pick } from './program.ts';

/** Rights of a page, as far as the model believes; a page that is not mapped has 0. */
export const UNMAPPED = 0;
export const NO_ACCESS = 1;
export const READABLE = 2;
export const WRITABLE = 3;

export interface ModelArea {
  readonly name: string;
  readonly sort: AreaSort;
  readonly rights: Uint8Array;
  readonly dontfork: Set<number>;
}

/** Pages of an area that a device has for itself. */
export interface ExclusiveRange {
  readonly vma: string;
  readonly page: number;
  readonly count: number;
  readonly device: number;
}

export interface ModelProcess {
  readonly name: string;
  readonly areas: ModelArea[];
  /** Devices that it has open. */
  readonly open: Set<number>;
  exclusive?: ExclusiveRange;
}

export interface ModelHandle {
  readonly name: string;
  readonly proc: string;
  readonly pin: boolean;
}

interface RangeStep {
  readonly proc: string;
  readonly vma: string;
  readonly page?: number | undefined;
  readonly count?: number | undefined;
}

export const KINDS: Readonly<Record<AreaSort, StepOf<'mmap'>['kind']>> = {
  anon: 'anon-private',
  'read-only': 'anon-private',
  huge: 'anon-private',
  shmem: 'anon-shared',
  'file-private': 'file-private',
  'file-shared': 'file-shared',
  hugetlb: 'hugetlb',
  device: 'device',
  'huge-shmem': 'anon-shared',
  'hugetlb-shared': 'hugetlb',
};

/** Of the pool of huge pages. */
export const isHugetlb = (sort: AreaSort): boolean => sort === 'hugetlb' || sort === 'hugetlb-shared';

export const isHuge = (sort: AreaSort): boolean =>
  sort === 'huge' || sort === 'huge-shmem' || isHugetlb(sort);

/** Pages of an area; no more than the smallest file has. */
export const lengthOf = ({ sort, size }: AreaSpec): number => {
  if (isHugetlb(sort)) return 512 * (1 + (size % 2));
  if (sort === 'huge' || sort === 'huge-shmem') return pick([512, 1024, 512, 700], size);
  return 4 + (size % 9);
};

const childOf = (parent: ModelProcess, name: string): ModelProcess => ({
  name,
  areas: parent.areas.map((area) => ({
    ...area,
    rights: area.rights.map((rights, page) => (area.dontfork.has(page) ? UNMAPPED : rights)),
    dontfork: new Set(),
  })),
  open: new Set(),
});

/** Follows what became of the steps of a program. */
export class ProgramModel {
  readonly processes: ModelProcess[] = [{ name: 'A', areas: [], open: new Set() }];
  /** Names of files made by file_create, with their lengths. */
  readonly files: (readonly [name: string, pages: number])[] = [];
  readonly devices: readonly number[];
  readonly handles: ModelHandle[] = [];
  private born = 1;
  private areasMade = 0;
  private handlesMade = 0;
  private stepsMade = 0;

  readonly kind: MachineKind;

  constructor(kind: MachineKind) {
    this.kind = kind;
    this.devices = devicesOf(kind).map(({ id }) => id);
  }

  /** Name of the child of the next fork. */
  get nextChild(): string {
    return this.born < 26 ? String.fromCharCode(65 + this.born) : `P${this.born}`;
  }

  newArea(): string {
    return `v${++this.areasMade}`;
  }

  newHandle(): string {
    return `h${++this.handlesMade}`;
  }

  /** A number that nobody has written before. */
  newValue(): number {
    return (this.stepsMade + 1) * 1000;
  }

  /** Takes the result of a step into account. */
  done(step: Step, result: StepResult): void {
    this.stepsMade++;
    if (step.op === 'concurrent') {
      step.steps.forEach((simple, i) => this.follow(simple, result.results?.[i] ?? result));
    } else {
      this.follow(step, result);
    }
  }

  private follow(step: SimpleStep, result: StepResult): void {
    const process = this.processes.find(({ name }) => name === step.proc);
    if (result.signal === 'SIGKILL') this.bury(step.proc);
    if ('device' in step && step.device !== undefined && step.op !== 'dev_close')
      process?.open.add(step.device);
    if (result.ret < 0) return;
    switch (step.op) {
      case 'mmap':
        this.followMmap(step, process);
        return;
      case 'fork':
        this.born++;
        if (process !== undefined) this.processes.push(childOf(process, step.child));
        return;
      case 'exit':
        this.bury(step.proc);
        return;
      case 'gup':
        if (result.ret > 0 && step.no_pages !== true)
          this.handles.push({ name: step.as, proc: step.proc, pin: step.call.startsWith('pin') });
        return;
      case 'unpin':
      case 'put':
        this.handles.splice(
          this.handles.findIndex(({ name }) => name === step.handle),
          1,
        );
        return;
      case 'munmap':
        this.setRights(step, UNMAPPED);
        return;
      case 'mprotect':
        this.setRights(step, step.prot === '' ? NO_ACCESS : step.prot === 'r' ? READABLE : WRITABLE);
        return;
      case 'mremap':
        this.followMremap(step, process);
        return;
      case 'madvise':
        if (step.advice === 'DONTFORK') this.eachPage(step, (area, page) => area.dontfork.add(page));
        if (step.advice === 'DOFORK') this.eachPage(step, (area, page) => area.dontfork.delete(page));
        return;
      case 'file_create':
        this.files.push([step.file, step.pages]);
        return;
      case 'dev_exclusive':
        if (process !== undefined)
          process.exclusive = {
            vma: step.vma,
            page: step.page ?? 0,
            count: step.count ?? 1,
            device: step.device,
          };
        return;
      case 'dev_close':
        process?.open.delete(step.device);
        return;
      default:
        return;
    }
  }

  /** The OOM killer may have ended processes that had nothing to do with a step. */
  keepLiving(names: readonly string[]): void {
    const gone = this.processes.filter(({ name }) => !names.includes(name));
    for (const { name } of gone) this.bury(name);
  }

  private bury(name: string): void {
    const at = this.processes.findIndex((process) => process.name === name);
    if (at >= 0) this.processes.splice(at, 1);
  }

  private followMmap(step: StepOf<'mmap'>, process: ModelProcess | undefined): void {
    const rights = new Uint8Array(step.pages).fill(step.prot === 'rw' ? WRITABLE : READABLE);
    const sort = AREA_SORTS.find(
      (candidate) =>
        KINDS[candidate] === step.kind &&
        isHuge(candidate) === (step.align !== undefined) &&
        (candidate === 'hugetlb-shared') === (step.shared === true),
    );
    process?.areas.push({ name: step.vma, sort: sort ?? 'anon', rights, dontfork: new Set() });
  }

  private followMremap(step: StepOf<'mremap'>, process: ModelProcess | undefined): void {
    const area = process?.areas.find(({ name }) => name === step.vma);
    if (process === undefined || area === undefined) return;
    process.areas.push({ ...area, name: step.to, rights: area.rights.slice() });
    area.rights.fill(UNMAPPED);
  }

  private setRights(step: RangeStep, rights: number): void {
    this.eachPage(step, (area, page) => {
      if (area.rights[page] !== UNMAPPED) area.rights[page] = rights;
    });
  }

  private eachPage(step: RangeStep, change: (area: ModelArea, page: number) => void): void {
    const area = this.processes
      .find(({ name }) => name === step.proc)
      ?.areas.find(({ name }) => name === step.vma);
    if (area === undefined) return;
    const first = step.page ?? 0;
    const end = Math.min(first + (step.count ?? area.rights.length), area.rights.length);
    for (let page = first; page < end; page++) change(area, page);
  }
}

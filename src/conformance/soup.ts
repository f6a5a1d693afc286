// A stress soup of random operations, as xfstests would run: three processes, two devices, little memory. It promises
// nothing about single results, only that the kernel never stops, that what a process reads is what it wrote, and that
// lists, counts and references add up.

import {
  createSimulation,
  parseScenario,
  type Simulation,
  StepError,
  type StepResult,
} from '../core/index.ts';
import { RestChecker } from '../core/invariants/at-rest.ts';
import { Ledger } from '../core/machine/holders.ts';
import type { PatchNumber } from '../core/uapi/config.ts';
import type { SimpleStep } from '../core/uapi/scenario.ts';

export interface SoupOptions {
  readonly ops: number;
  readonly seed: number;
  /** Patches of the series in the kernel. */
  readonly patches: readonly PatchNumber[];
  /** Operations between two checks of everything. */
  readonly checkEvery: number;
}

export interface SoupOutcome {
  readonly ops: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Could not even be asked for: no such process, handle or device. */
  readonly refused: number;
  readonly checks: number;
  readonly oomKills: number;
  /** Of all results, so that two runs can be compared. */
  readonly hash: number;
  readonly problems: readonly string[];
}

/** Operations of one machine; then a new one boots, so that history needs no more memory than this. */
const OPS_PER_MACHINE = 2000;
const PROCESSES = ['A', 'B', 'C'];
const AREAS = ['a', 'b', 'c'];
const AREA_PAGES = 48;

type Random = (below: number) => number;

/** Kernel's own xorshift would do as well: repeatable numbers from a seed. */
const randomFrom = (seed: number): Random => {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % below;
  };
};

const pick = <T>(random: Random, from: readonly T[]): T => {
  const found = from[random(from.length)];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
};

/** What each page of each process must hold; absent: not known. */
class Shadow {
  private readonly values = new Map<string, number>();

  private key(proc: string, vma: string, page: number): string {
    return `${proc}.${vma}.${page}`;
  }

  set(proc: string, vma: string, page: number, value: number | undefined): void {
    const key = this.key(proc, vma, page);
    if (value === undefined) this.values.delete(key);
    else this.values.set(key, value);
  }

  get(proc: string, vma: string, page: number): number | undefined {
    return this.values.get(this.key(proc, vma, page));
  }

  forget(proc: string): void {
    for (const key of this.values.keys()) if (key.startsWith(`${proc}.`)) this.values.delete(key);
  }

  copy(from: string, to: string): void {
    for (const [key, value] of this.values) {
      if (key.startsWith(`${from}.`)) this.values.set(`${to}${key.slice(from.length)}`, value);
    }
  }
}

type MakeStep = (random: Random, proc: string, n: number) => SimpleStep;

const part = (random: Random) => {
  const page = random(AREA_PAGES - 8);
  return { vma: pick(random, AREAS), page, count: 1 + random(8) };
};

const ADVICES = [
  'DONTNEED',
  'COLD',
  'PAGEOUT',
  'HUGEPAGE',
  'NOHUGEPAGE',
  'POPULATE_READ',
  'POPULATE_WRITE',
] as const;

/** Operations with their weights. */
const MAKERS: readonly (readonly [weight: number, make: MakeStep])[] = [
  [
    6,
    (random, proc) => ({
      op: 'mmap',
      proc,
      vma: pick(random, AREAS),
      pages: AREA_PAGES,
      prot: 'rw',
      kind: 'anon-private',
    }),
  ],
  [1, (random, proc) => ({ op: 'munmap', proc, ...part(random) })],
  [20, (random, proc, n) => ({ op: 'write', proc, ...part(random), value: n * 100 })],
  [14, (random, proc) => ({ op: 'read', proc, ...part(random) })],
  [14, (random, proc) => ({ op: 'migrate_to_dev', proc, ...part(random), device: random(2) })],
  [5, (random, proc) => ({ op: 'migrate_to_sys', proc, ...part(random), device: random(2) })],
  [5, (random, proc) => ({ op: 'dev_read', proc, ...part(random), device: random(2) })],
  [5, (random, proc, n) => ({ op: 'dev_write', proc, ...part(random), device: random(2), value: n * 100 })],
  [3, (random, proc) => ({ op: 'dev_exclusive', proc, ...part(random), device: random(2) })],
  [2, (random, proc) => ({ op: 'snapshot', proc, ...part(random), device: random(2) })],
  [4, (random, proc) => ({ op: 'madvise', proc, ...part(random), advice: pick(random, ADVICES) })],
  [2, (random, proc) => ({ op: 'mlock', proc, ...part(random) })],
  [2, (random, proc) => ({ op: 'munlock', proc, ...part(random) })],
  [
    3,
    (random, proc) => ({
      op: 'mprotect',
      proc,
      ...part(random),
      prot: pick(random, ['r', 'rw', 'rw'] as const),
    }),
  ],
  [3, (random, proc) => ({ op: 'fork', proc, child: pick(random, PROCESSES) })],
  [1, (_random, proc) => ({ op: 'exit', proc: proc === 'A' ? 'B' : proc })],
  [
    6,
    (random, proc, n) => ({
      op: 'gup',
      proc,
      ...part(random),
      call: pick(random, ['pin_user_pages', 'pin_user_pages_fast'] as const),
      flags: random(2) === 0 ? ['FOLL_WRITE', 'FOLL_LONGTERM'] : ['FOLL_WRITE'],
      as: `h${n}`,
    }),
  ],
  [6, (_, proc) => ({ op: 'unpin', proc, handle: '' })],
  [1, (random, proc) => ({ op: 'move_pages', proc, ...part(random) })],
  [1, (random, proc) => ({ op: 'numa_scan', proc, ...part(random) })],
  // a large area, so that memory gets short now and then
  [
    1,
    (random, proc) => ({
      op: 'mmap',
      proc,
      vma: pick(random, ['big1', 'big2', 'big3']),
      pages: 4096,
      prot: 'rw',
      kind: 'anon-private',
    }),
  ],
  [
    1,
    (random, proc, n) => ({
      op: 'write',
      proc,
      vma: pick(random, ['big1', 'big2', 'big3']),
      page: random(2500),
      count: 1 + random(1500),
      value: n * 100,
    }),
  ],
  [1, (random, proc) => ({ op: 'munmap', proc, vma: pick(random, ['big1', 'big2', 'big3']) })],
];
const TOTAL_WEIGHT = MAKERS.reduce((sum, [weight]) => sum + weight, 0);

/** What there is to choose from. */
interface Choice {
  readonly living: readonly string[];
  readonly handles: readonly string[];
  /** Mapped areas of a process. */
  areasOf(proc: string): readonly string[];
}

/** A step that makes sense most of the time: of a living process, in an area that it has. */
const nextStep = (random: Random, n: number, choice: Choice): SimpleStep => {
  const proc = pick(random, choice.living);
  let left = random(TOTAL_WEIGHT);
  let make: MakeStep | undefined;
  for (const [weight, candidate] of MAKERS) {
    left -= weight;
    if (left >= 0) continue;
    make = candidate;
    break;
  }
  if (make === undefined) throw new Error('weights do not add up');
  const step = make(random, proc, n);
  if (step.op === 'unpin')
    return choice.handles.length > 0
      ? { ...step, handle: pick(random, choice.handles) }
      : nextStep(random, n, choice);
  if (step.op === 'fork') {
    const free = PROCESSES.filter((name) => !choice.living.includes(name));
    return free.length > 0 ? { ...step, child: pick(random, free) } : nextStep(random, n, choice);
  }
  if (step.op === 'exit' && (choice.living.length === 1 || !choice.living.includes(step.proc)))
    return nextStep(random, n, choice);
  const mapped = choice.areasOf(step.proc);
  if (step.op === 'mmap') return mapped.includes(step.vma) ? nextStep(random, n, choice) : step;
  if (!('vma' in step) || mapped.includes(step.vma)) return step;
  const small = mapped.filter((name) => AREAS.includes(name));
  if (small.length > 0 && AREAS.includes(step.vma)) return { ...step, vma: pick(random, small) };
  return {
    op: 'mmap',
    proc,
    vma: step.vma,
    pages: AREAS.includes(step.vma) ? AREA_PAGES : 4096,
    prot: 'rw',
    kind: 'anon-private',
  };
};

/** One machine of the soup. */
class Pot {
  readonly sim: Simulation;
  private readonly random: Random;
  private readonly rest: RestChecker;
  private readonly shadow = new Shadow();
  private readonly handles: string[] = [];

  /** Nobody lives any more: the OOM killer may take everybody. */
  get empty(): boolean {
    return !this.sim.machine.mms.values().some(({ alive }) => alive);
  }

  constructor(random: Random, patches: readonly PatchNumber[], swap: number) {
    this.random = random;
    const scenario = parseScenario({
      machine: 'teaching',
      swap,
      devices: [
        { id: 0, kind: 'coherent' },
        { id: 1, kind: 'private' },
      ],
      steps: [],
    });
    this.sim = createSimulation(scenario, { kernel: { patches } });
    const { machine } = this.sim;
    this.rest = new RestChecker(machine, new Ledger(machine.journal));
  }

  /** Runs one operation. Returns its result, or undefined if it could not be asked for. @throws when the kernel stops */
  run(n: number, problems: string[]): StepResult | undefined {
    const { machine } = this.sim;
    const living = machine.mms.values().filter(({ alive }) => alive);
    const step = nextStep(this.random, n, {
      living: living.map(({ name }) => name),
      handles: this.handles,
      areasOf: (proc) => {
        const mm = living.find(({ name }) => name === proc);
        const vmas = mm?.vmas.map((id) => machine.vmas.get(id)) ?? [];
        const within = (start: number, npages: number): boolean =>
          vmas.some((vma) => vma.vmStart < start + npages && vma.vmEnd > start);
        return mm?.areas.filter(({ start, npages }) => within(start, npages)).map(({ name }) => name) ?? [];
      },
    });
    try {
      const { result } = this.sim.runStep(step);
      this.remember(step, result, problems);
      return result;
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      if (error.message.startsWith('the simulated kernel stopped'))
        problems.push(`${JSON.stringify(step)}: ${error.message}`);
      return undefined;
    }
  }

  check(): string[] {
    const violations = this.rest.check().filter(({ invariant, message }) => {
      // when a private page comes home, the test driver drops the entry of the process that sent it; after a fork
      // another one may have brought it home and keeps its stale entry, as in the kernel
      return invariant !== 'device page table' || !message.startsWith('device 1 ');
    });
    return violations.map(({ invariant, message }) => `${invariant}: ${message}`);
  }

  /** Takes a step into account in the shadow, and compares what was read. */
  private remember(step: SimpleStep, result: StepResult, problems: string[]): void {
    if (step.op === 'fork' && result.ret === 0) {
      this.shadow.forget(step.child);
      this.shadow.copy(step.proc, step.child);
    }
    if (step.op === 'exit') this.shadow.forget(step.proc);
    if (step.op === 'gup' && result.ret > 0) this.handles.push(step.as);
    if (step.op === 'unpin') this.handles.splice(this.handles.indexOf(step.handle), 1);
    if (!('vma' in step) || !('count' in step)) {
      if (step.op === 'mmap' || step.op === 'munmap') this.forgetArea(step.proc, step.vma);
      return;
    }
    const { proc, vma, page = 0, count = 1 } = step;
    for (let i = 0; i < count; i++) {
      const at = page + i;
      if (step.op === 'write' && i < result.ret) this.shadow.set(proc, vma, at, step.value + at);
      // a device that fails half way has written some of its pages; device 1 may reach stale ones, see check()
      if (step.op === 'dev_write')
        this.shadow.set(proc, vma, at, result.ret === 0 && step.device === 0 ? step.value + at : undefined);
      if (step.op === 'munmap' || (step.op === 'madvise' && step.advice === 'DONTNEED'))
        this.shadow.set(proc, vma, at, undefined);
      const compared = step.op === 'read' || (step.op === 'dev_read' && step.device === 0);
      if (compared && result.values !== undefined) {
        const expected = this.shadow.get(proc, vma, at);
        const got = result.values[i];
        if (expected !== undefined && got !== undefined && got !== expected)
          problems.push(`${JSON.stringify(step)}: page ${at} holds ${got}, not ${expected}`);
      }
    }
  }

  private forgetArea(proc: string, vma: string): void {
    for (let page = 0; page < 4096; page++) this.shadow.set(proc, vma, page, undefined);
  }
}

/**
 * Runs the soup; stops at the first problem.
 *
 * @param progress - called after each check with the number of operations done
 */
export const runSoup = (options: SoupOptions, progress?: (ops: number) => void): SoupOutcome => {
  const random = randomFrom(options.seed);
  const problems: string[] = [];
  const counts = { succeeded: 0, failed: 0, refused: 0, checks: 0, oomKills: 0 };
  let hash = 0;
  let done = 0;
  for (let machine = 0; done < options.ops && problems.length === 0; machine++) {
    const pot = new Pot(random, options.patches, machine % 2 === 0 ? 0 : 2048);
    const last = Math.min(options.ops, done + OPS_PER_MACHINE);
    while (done < last && problems.length === 0 && !pot.empty) {
      const result = pot.run(++done, problems);
      if (result === undefined) counts.refused++;
      else if (result.ret < 0) counts.failed++;
      else counts.succeeded++;
      if (result !== undefined) hash = (Math.imul(hash, 31) + result.ret + (result.values?.[0] ?? 0)) | 0;
      if (done % options.checkEvery !== 0 && done !== last && !pot.empty) continue;
      counts.checks++;
      problems.push(...pot.check().map((problem) => `after operation ${done}: ${problem}`));
      progress?.(done);
    }
    counts.oomKills += pot.sim.steps.reduce((sum, { vmstat }) => sum + (vmstat['oom_kill'] ?? 0), 0);
  }
  return { ops: done, ...counts, hash: hash >>> 0, problems };
};

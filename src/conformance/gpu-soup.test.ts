// TTM, ranges of shared virtual memory and processes at once, under many seeds: whatever the order, every page of VRAM
// and of system memory is accounted for, and processes read what was written.

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, StepError, type Step } from '../core/index.ts';
import { Invariants } from '../core/invariants/invariants.ts';
import { violationText } from '../core/invariants/violation.ts';
import { KERNEL_MESSAGES } from '../core/kernel/sched/bug.ts';
import { freeVramPages } from '../core/kernel/drivers/ttm-buddy.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import { DECISIONS, EventKind } from '../core/uapi/events.ts';
import type { SimpleStep } from '../core/uapi/scenario.ts';
import { gpuScenario } from './checked-run.ts';

/** Numbers from a seed: a linear congruence is enough to choose steps. */
const chooser = (seed: number): (<T>(from: readonly T[]) => T) => {
  let state = seed * 2654435761 + 12345;
  return (from) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const chosen = from[Math.floor((state / 2 ** 32) * from.length)];
    if (chosen === undefined) throw new Error('nothing to choose from');
    return chosen;
  };
};

const PAGES = 12;
type Pick = ReturnType<typeof chooser>;

const range = (pick: Pick): { page: number; count: number } => {
  const page = pick([0, 2, 4, 7]);
  return { page, count: pick([1, 2, 5]) };
};

/** One operation of process A on its memory, of the GPUs on it, or of B on VRAM. */
const operation = (pick: Pick, held: Set<string>): SimpleStep => {
  const A = { proc: 'A', vma: 'buf' } as const;
  const device = pick([0, 1]);
  const as = `h${held.size}`;
  switch (pick(['ask', 'attr', 'attr', 'gpu', 'gpu', 'cpu', 'advise', 'pin', 'bo', 'bo', 'protect'])) {
    case 'ask':
      return {
        op: 'svm_get_attr',
        ...A,
        ...range(pick),
        attrs: [{ type: 'PREFERRED_LOC' }, { type: 'GRANULARITY' }, { type: 'ACCESS', device }],
      };
    case 'attr':
      return {
        op: 'svm_attr',
        ...A,
        ...range(pick),
        attrs: [
          pick([
            { type: 'PREFETCH_LOC', loc: device } as const,
            { type: 'PREFETCH_LOC', loc: 'system' } as const,
            { type: 'PREFERRED_LOC', loc: device } as const,
            { type: 'ACCESS_IN_PLACE', device } as const,
            { type: 'ACCESS', device } as const,
          ]),
        ],
      };
    case 'gpu':
      return pick([true, false])
        ? { op: 'gpu_read', ...A, ...range(pick), device }
        : { op: 'gpu_write', ...A, ...range(pick), device, value: pick([500, 600, 700]) };
    case 'cpu':
      return pick([true, false])
        ? { op: 'read', ...A, ...range(pick) }
        : { op: 'write', ...A, ...range(pick), value: pick([100, 200, 300]) };
    case 'advise':
      return { op: 'madvise', ...A, ...range(pick), advice: 'DONTNEED' };
    case 'protect':
      return { op: 'mprotect', ...A, prot: 'rw' };
    case 'pin':
      held.add(as);
      return {
        op: 'gup',
        ...A,
        ...range(pick),
        call: 'pin_user_pages_fast',
        flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
        as,
      };
    default:
      return {
        op: 'bo_alloc',
        proc: 'B',
        device,
        bo: `bo${pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])}`,
        pages: pick([512, 1024, 2048, 3072]),
        kind: pick(['gem', 'kfd']),
      };
  }
};

const BEGIN: Step[] = [
  { op: 'mmap', proc: 'A', vma: 'buf', pages: PAGES, prot: 'rw', kind: 'anon-private' },
  { op: 'write', proc: 'A', vma: 'buf', value: 100 },
  { op: 'fork', proc: 'A', child: 'B' },
  { op: 'munmap', proc: 'B', vma: 'buf' },
];

const soup = (
  seed: number,
  kind: 'coherent' | 'private',
  xnack: boolean,
): { problems: string[]; ran: number; evictions: number; swapouts: number } => {
  const pick = chooser(seed);
  // every other machine is so small to TTM that objects are swapped out; one in seven has devices of no vendor
  const gpu = {
    xnack,
    ...(seed % 2 === 0 ? { pagesLimit: 1024 } : {}),
    ...(seed % 7 === 1 ? { model: 'generic-accelerator' as const } : {}),
  };
  const sim = createSimulation(parseScenario(gpuScenario(BEGIN, { kind, gpu })));
  const invariants = new Invariants(sim);
  const free = (): number => zoneInfo(sim.machine).reduce((sum, zone) => sum + zone.free, 0);
  const atBoot = free();
  const problems = invariants.afterBoot().map(violationText);
  const held = new Set<string>();
  let ran = 0;
  let panicked = false;
  const run = (step: Step): void => {
    if (panicked) return;
    try {
      const record = sim.runStep(step);
      problems.push(
        ...invariants.afterStep(record).map((found) => `step ${record.index}: ${violationText(found)}`),
      );
      ran++;
    } catch (error) {
      // two tasks may ask for one name; everything else that cannot be run is a mistake
      if (!(error instanceof StepError)) throw error;
      // the defects of v6.1 that gpu-defects.test.ts builds by hand; the step is taken back
      const known =
        error.defect === 'svm.fence-under-mutex'
          ? error.message.includes('waits for mutex migrate_mutex')
          : error.defect === 'svm.bo-freed' ||
            error.defect === 'svm.bo-null' ||
            (error.defect !== undefined && kind === 'private');
      // B's buffer objects go only when their restore has ended (kfd_process_notifier_release cancels it and waits): if that
      // restore itself has no memory, killing B does not help, and out_of_memory has nobody else
      panicked = error.message.endsWith('System is deadlocked on memory');
      if (error.field !== 'bo' && !known && !panicked) throw error;
    }
  };
  for (const step of BEGIN) run(step);
  for (let i = 0; i < 12; i++) {
    const steps = [operation(pick, held), operation(pick, held), operation(pick, held)];
    // v6.1 forgets that a range was invalidated when it cuts it before the restore (svm_range_clone begins with 0), and
    // then lets queues run with entries that are no longer true: with XNACK off attributes are given alone
    const alone = !xnack && steps.some(({ op }) => op === 'svm_attr');
    if (alone) for (const step of steps) run(step);
    else run({ op: 'concurrent', proc: 'A', seed: seed * 100 + i, steps });
    const objects = sim.machine.ttmBos.values().filter(({ name }) => name !== '');
    if (objects.length > 7) for (const { name } of objects) run({ op: 'bo_free', proc: 'B', bo: name });
  }
  for (const { name } of sim.machine.handles.values()) run({ op: 'unpin', proc: 'A', handle: name });
  run({ op: 'exit', proc: 'A' });
  run({ op: 'exit', proc: 'B' });
  const { machine: m } = sim;
  for (const { gpu, free: blocks } of panicked ? [] : m.vramManagers.values())
    if (freeVramPages(blocks) !== m.gpus.get(gpu).vramPages) problems.push(`GPU ${gpu} has lost VRAM`);
  // the first process was there at boot, with its top table
  if (!panicked && free() !== atBoot + 1)
    problems.push(`${free() - atBoot} pages of system memory more than at boot`);
  let evictions = 0;
  let swapouts = 0;
  for (let i = 0; i < m.journal.log.length; i++) {
    const event = m.journal.log.kindAt(i);
    const id = m.journal.log.idAt(i);
    if (event === EventKind.DECISION && DECISIONS[id] === 'ttm.waits-for-fence') evictions++;
    if (event === EventKind.DECISION && DECISIONS[id] === 'ttm.swapped-out') swapouts++;
    const message = event === EventKind.LOG ? KERNEL_MESSAGES[id] : undefined;
    if (message === 'svm.bo-missing') problems.push(message);
  }
  sim.seek(0);
  sim.seek(sim.length);
  problems.push(...invariants.atEnd().map(violationText));
  return { problems, ran, evictions, swapouts };
};

/**
 * Seeds that once found something, run always: a page with two owners is pinned long-term (66), a range points to a freed
 * object (147, 150), a page is left without an object (138), the machine panics (488), a killed process' last pages (1208).
 */
const TELLING = [66, 138, 147, 150, 488, 1208];
/** By hand: `GPU_SEED_FIRST=2001 GPU_SEEDS=1000` runs seeds 2001 to 3000. */
const SEED_COUNT = Number(process.env['GPU_SEEDS'] ?? 12);
const SEED_FIRST = Number(process.env['GPU_SEED_FIRST'] ?? 1);

// scene 39 of the catalogue: everything at once, and nothing is lost
describe('GPUs, processes and TTM at once', { timeout: 300_000 + SEED_COUNT * 1000 }, () => {
  test.each([
    ['coherent', true],
    ['coherent', false],
    ['private', true],
    ['private', false],
  ] as const)('%s memory, XNACK %s: nothing is lost under any seed', (kind, xnack) => {
    let evicted = 0;
    let swapped = 0;
    const seeds = Array.from({ length: SEED_COUNT }, (_, i) => SEED_FIRST + i);
    for (const seed of new Set([...seeds, ...TELLING])) {
      const { problems, ran, evictions, swapouts } = soup(seed, kind, xnack);
      expect([seed, ...problems.slice(0, 5)]).toEqual([seed]);
      expect(ran).toBeGreaterThan(10);
      evicted += evictions;
      swapped += swapouts;
    }
    expect(evicted).toBeGreaterThan(0);
    expect(swapped).toBeGreaterThan(0);
  });
});

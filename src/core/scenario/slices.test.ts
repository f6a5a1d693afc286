// When a slice of a big step ends is up to the clock; what stands in the timeline is not.

import { expect, it } from 'vitest';
import { createSimulation, parseScenario, parseStep, type Simulation, type Step } from '../index.ts';
import { type DecisionId, DECISIONS, EventKind } from '../uapi/events.ts';

const AREA = { proc: 'A', vma: 'buf' };
const PAGES = 80_000;

const BIG: readonly Step[] = [
  { op: 'write', ...AREA, value: 1 },
  { op: 'migrate_to_dev', ...AREA, device: 0 },
  { op: 'gup', ...AREA, call: 'pin_user_pages', flags: ['FOLL_WRITE', 'FOLL_LONGTERM'], as: 'h' },
  { op: 'fork', proc: 'A', child: 'B' },
  { op: 'munmap', proc: 'B', vma: 'buf', page: 7, count: 70_001 },
].map((step) => parseStep(step));

const fresh = (): Simulation => {
  const sim = createSimulation(
    parseScenario({
      machine: 'lab-node',
      devices: [{ id: 0, kind: 'coherent' }],
      steps: [{ step: { op: 'mmap', ...AREA, pages: PAGES, prot: 'rw', kind: 'anon-private' } }],
    }),
  );
  sim.runAll();
  return sim;
};

/** All that the state holds, by column and section; sections of zeros are none. */
const contents = ({ machine }: Simulation): string[] =>
  machine.journal.allColumns().flatMap((column) =>
    column.sectionNumbers().flatMap((no) => {
      const elements = column.section(no);
      if (elements === undefined || !elements.some((value: number) => value !== 0)) return [];
      let hash = 7;
      for (const value of elements) hash = (Math.imul(hash, 31) + (value % 2 ** 31)) | 0;
      return [`${column.name} ${no}: ${hash}`];
    }),
  );

const FIELDS = ['kind', 'id', 'provenance', 'parent', 'row', 'old', 'now'] as const;

/** The first event in which two timelines differ: as an array, each would be compared in more time than it is made in. */
const timelineDifference = (a: Simulation, b: Simulation) => {
  const [ours, theirs] = [a.machine.journal.log, b.machine.journal.log];
  if (ours.length !== theirs.length) return { ours: ours.length, theirs: theirs.length };
  for (let i = 0; i < ours.length; i++) {
    const [our, their] = [ours.at(i), theirs.at(i)];
    const isSame = FIELDS.every((field) => Object.is(our[field], their[field]));
    if (!isSame) return { our, their };
  }
  return undefined;
};

/** @param elsewhere - goes to another position in every pause, by its number */
const runSliced = (
  sim: Simulation,
  step: Step,
  every: number,
  elsewhere?: (pause: number) => number,
): number => {
  let left = every;
  let pauses = 0;
  const slices = sim.runStepInSlices(step, () => left-- > 0);
  while (slices.next().done !== true) {
    left = every;
    pauses += 1;
    if (elsewhere === undefined) continue;
    const live = contents(sim);
    sim.seek(elsewhere(pauses));
    sim.seek(sim.reached);
    expect(contents(sim)).toEqual(live);
  }
  return pauses;
};

it('runs a step of many pages as a big one wherever the machine stood before', () => {
  const sim = fresh();
  for (const step of BIG.slice(0, 2)) {
    sim.seek(0);
    expect(sim.runStep(step).isBig).toBe(true);
  }
});

it('has the same timeline and the same state however it was sliced, and wherever somebody went meanwhile', () => {
  const whole = fresh();
  const short = fresh();
  const visited = fresh();
  for (const [i, step] of BIG.entries()) {
    whole.runStep(step);
    expect(runSliced(short, step, 3)).toBeGreaterThan(3);
    const { length } = visited;
    expect(runSliced(visited, step, 41 + i, (pause) => (pause * 7919) % length)).toBeGreaterThan(0);
    expect(timelineDifference(short, whole)).toBeUndefined();
    expect(timelineDifference(visited, whole)).toBeUndefined();
  }
  const atEnd = contents(whole);
  expect(contents(short)).toEqual(atEnd);
  expect(contents(visited)).toEqual(atEnd);
  // and so at every position
  for (const position of [0.9, 0.2, 0.55, 0.75, 0.4].map((part) => Math.floor(whole.length * part))) {
    for (const sim of [whole, short, visited]) sim.seek(position);
    const there = contents(whole);
    expect(contents(short)).toEqual(there);
    expect(contents(visited)).toEqual(there);
  }
});

it('lets go in every step that walks over entries, and is no other for it', () => {
  const whole = fresh();
  const short = fresh();
  const part = { ...AREA, count: 4200 };
  const steps = [
    { op: 'write', ...part, value: 1 },
    { op: 'mprotect', ...part, prot: 'r' },
    { op: 'mprotect', ...part, prot: 'rw' },
    { op: 'madvise', ...part, advice: 'COLD' },
    { op: 'madvise', ...part, advice: 'PAGEOUT' },
    { op: 'numa_scan', ...part },
    { op: 'mlock', ...part },
    { op: 'munlock', ...part },
    { op: 'move_pages', ...part },
    { op: 'move_pages', ...part, node: 1 },
    { op: 'mbind', ...part, node: 0 },
    { op: 'isolate', ...part },
    { op: 'isolate', ...part, undo: true },
    { op: 'madvise', ...part, advice: 'MERGEABLE' },
    { op: 'ksm_scan', ...part },
    { op: 'madvise', ...part, advice: 'UNMERGEABLE' },
    { op: 'snapshot', ...part, device: 0 },
    { op: 'concurrent', proc: 'A', seed: 3, steps: [5, 6].map((value) => ({ op: 'write', ...part, value })) },
  ].map((step) => parseStep(step));
  for (const step of steps) {
    whole.runStep(step);
    const pauses = runSliced(short, step, 0);
    const changesOnlyTheArea = step.op === 'madvise' && step.advice === 'MERGEABLE';
    expect(changesOnlyTheArea || pauses > 8).toBe(true);
    expect(timelineDifference(short, whole)).toBeUndefined();
  }
  expect(contents(short)).toEqual(contents(whole));
});

// kfd_migrate.c: svm_migrate_vma_to_vram, svm_migrate_vma_to_ram; mm/hmm.c: hmm_range_fault; mm/memremap.c: memunmap_pages
it('lets go in what a GPU does with pages that are not plain, with objects, and when its driver goes', () => {
  const PLENTY = 5000;
  const buf = { proc: 'A', vma: 'buf' } as const;
  const started = (): Simulation => {
    const mapped = { op: 'mmap', ...buf, pages: PLENTY, prot: 'rw', kind: 'anon-private' };
    const devices = [0, 1].map((id) => ({ id, kind: 'coherent' }));
    const scenario = { machine: 'lab-node', gpu: {}, devices, steps: [{ step: mapped }] };
    const sim = createSimulation(parseScenario(scenario));
    sim.runAll();
    return sim;
  };
  const prefetch = (loc: number | 'system') => ({
    op: 'svm_attr',
    ...buf,
    attrs: [{ type: 'PREFETCH_LOC', loc }],
  });
  const [whole, short] = [started(), started()];
  const object = { proc: 'A', bo: 'weights' } as const;
  const TABLES = Math.floor(PLENTY / 512);
  // each with how often it has to let go at least
  const steps: readonly (readonly [Record<string, unknown>, number])[] = [
    [{ op: 'write', ...buf, value: 1 }, TABLES],
    // a plain range is looked at table by table before it moves
    [prefetch(0), 2 * TABLES],
    [{ op: 'fork', proc: 'A', child: 'B' }, TABLES],
    // pages that are shared are copied one by one
    [{ op: 'gpu_write', ...buf, device: 0, value: 5 }, PLENTY / 64],
    [{ op: 'fork', proc: 'A', child: 'C' }, TABLES],
    // then collected by tables, and copied
    [prefetch(1), 5 * (PLENTY / 64)],
    [{ op: 'exit', proc: 'B' }, TABLES],
    [prefetch('system'), TABLES],
    [{ op: 'bo_alloc', ...object, device: 0, pages: 2 ** 18, kind: 'kfd' }, 0],
    [{ op: 'bo_write', ...object, value: 3 }, 8],
    [{ op: 'bo_free', ...object }, 0],
    // VRAM that was written is cleared for the next one
    [{ op: 'bo_alloc', ...object, device: 0, pages: 2 ** 18, kind: 'kfd' }, 0],
    [{ op: 'bo_free', ...object }, 0],
    [{ op: 'munmap', ...buf }, TABLES],
    // a page of each 2 MiB of struct pages, and the sections of the aperture
    [{ op: 'unbind', proc: 'A', device: 0 }, 500],
  ];
  for (const [step, least] of steps) {
    const parsed = parseStep(step);
    const { begin, end, result } = whole.runStep(parsed);
    expect(result.ret, JSON.stringify(step)).toBeGreaterThanOrEqual(0);
    // none of them tells of its pages one by one
    expect(end - begin, JSON.stringify(step)).toBeLessThan(PLENTY);
    expect(runSliced(short, parsed, 0), JSON.stringify(step)).toBeGreaterThanOrEqual(least);
    expect(timelineDifference(short, whole)).toBeUndefined();
  }
  expect(contents(short)).toEqual(contents(whole));
});

// ttm_pool.c: ttm_pool_alloc; amdgpu_ttm.c: amdgpu_bo_move; ttm_tt.c: ttm_tt_swapout, ttm_tt_swapin
it('lets go while objects of a GPU get system memory, move there, are swapped, and give it back', () => {
  const started = (): Simulation => {
    const steps = [{ step: { op: 'mmap', ...AREA, pages: 1, prot: 'rw', kind: 'anon-private' } }];
    const devices = [{ id: 0, kind: 'coherent' }];
    const scenario = { machine: 'teaching', gpu: { pagesLimit: 3000 }, devices, steps };
    const sim = createSimulation(parseScenario(scenario), { bigStepPages: 512 });
    sim.runAll();
    return sim;
  };
  const [whole, short] = [started(), started()];
  const alloc = { op: 'bo_alloc', proc: 'A', device: 0, pages: 1500, kind: 'gem' };
  // each with what TTM decides in it, and how often it has to let go at least
  const steps: readonly (readonly [Record<string, unknown>, DecisionId | undefined, number])[] = [
    [{ ...alloc, bo: 'a' }, undefined, 0],
    [{ op: 'bo_write', proc: 'A', bo: 'a', value: 7 }, undefined, 1],
    [{ ...alloc, bo: 'b' }, undefined, 0],
    [{ ...alloc, bo: 'c' }, 'ttm.moved-to-tt', 2 + 1500 / 64],
    [{ ...alloc, bo: 'd' }, 'ttm.moved-to-tt', 2 + 1500 / 64],
    [{ ...alloc, bo: 'e' }, 'ttm.swapped-out', 2 + 1500 / 64],
    [{ op: 'bo_write', proc: 'A', bo: 'a', value: 8 }, 'ttm.swapped-in', 2 + 1500 / 64],
    [{ op: 'bo_free', proc: 'A', bo: 'a' }, 'ttm.freed', 2],
    [{ op: 'bo_free', proc: 'A', bo: 'd' }, 'ttm.freed', 0],
  ];
  for (const [step, decided, least] of steps) {
    const parsed = parseStep(step);
    const { begin, end, result } = whole.runStep(parsed);
    expect(result.ret, JSON.stringify(step)).toBe(0);
    const { log } = whole.machine.journal;
    const said = Array.from({ length: end - begin }, (_, i) => log.at(begin + i))
      .filter(({ kind }) => kind === EventKind.DECISION || kind === EventKind.DECISIONS)
      .map(({ id }) => DECISIONS[id]);
    if (decided !== undefined) expect(said).toContain(decided);
    expect(runSliced(short, parsed, 0), JSON.stringify(step)).toBeGreaterThanOrEqual(least);
    expect(timelineDifference(short, whole)).toBeUndefined();
  }
  expect(contents(short)).toEqual(contents(whole));
  // and it is what an object's pages go through one by one
  const detailed = createSimulation(whole.scenario, { bigStepPages: Number.POSITIVE_INFINITY });
  detailed.runAll();
  for (const [step] of steps) detailed.runStep(parseStep(step));
  expect(contents(detailed)).toEqual(contents(whole));
});

it('lets go while a process dies for want of memory', () => {
  const started = (): Simulation => {
    const buf = { vma: 'buf', pages: 8000, prot: 'rw', kind: 'anon-private' };
    const steps = [
      { op: 'mmap', proc: 'A', ...buf },
      { op: 'write', ...AREA, count: 1, value: 1 },
      { op: 'fork', proc: 'A', child: 'B' },
      { op: 'munmap', proc: 'B', vma: 'buf' },
      { op: 'mmap', proc: 'B', ...buf, vma: 'more', pages: 7900 },
      { op: 'write', ...AREA, value: 1 },
    ];
    const sim = createSimulation(
      parseScenario({ machine: 'teaching', devices: [], steps: steps.map((step) => ({ step })) }),
    );
    sim.runAll();
    return sim;
  };
  const [whole, short] = [started(), started()];
  const write = parseStep({ op: 'write', proc: 'B', vma: 'more', value: 9 });
  const { vmstat, result } = whole.runStep(write);
  expect([vmstat['oom_kill'], result.ret]).toEqual([1, 7900]);
  expect(runSliced(short, write, 0)).toBeGreaterThan(30);
  expect(timelineDifference(short, whole)).toBeUndefined();
  expect(contents(short)).toEqual(contents(whole));
});

// kswapd is a thread beside whoever waits for it, and lets go after each cluster of 32 pages, as try_to_free_pages does
it('lets go while memory is reclaimed to a swap device', () => {
  const area = (proc: string, vma: string, pages: number) => ({
    op: 'mmap',
    proc,
    vma,
    pages,
    prot: 'rw',
    kind: 'anon-private',
  });
  const started = (): Simulation => {
    const steps = [area('A', 'buf', 28_000), { op: 'write', ...AREA, count: 13_400, value: 1 }].map(
      (step) => ({ step }),
    );
    const scenario = { machine: 'teaching', swap: 30_000, devices: [], steps };
    const sim = createSimulation(parseScenario(scenario), { bigStepPages: 256 });
    sim.runAll();
    return sim;
  };
  const [whole, short] = [started(), started()];
  const steps = [
    // a step that is not big, and comes to be about too many pages
    { op: 'write', ...AREA, page: 13_400, count: 250, value: 5 },
    { op: 'write', ...AREA, page: 13_650, count: 14_350, value: 9 },
    // what was swapped out comes back, and pushes others out
    { op: 'read', ...AREA, count: 6000 },
    { op: 'fork', proc: 'A', child: 'B' },
  ].map((step) => parseStep(step));
  for (const [i, step] of steps.entries()) {
    const { vmstat, isBig } = whole.runStep(step);
    expect(isBig).toBe(true);
    expect(vmstat['pgsteal_kswapd']).toBeGreaterThan([600, 13_000, 6000, 900][i]);
    expect(runSliced(short, step, 0)).toBeGreaterThan([600, 13_000, 6000, 60][i]);
    expect(timelineDifference(short, whole)).toBeUndefined();
  }
  expect(contents(short)).toEqual(contents(whole));
});

it('leaves nothing of a step that was taken back in a pause, also after somebody went elsewhere', () => {
  const sim = fresh();
  const [write, migrate] = BIG;
  sim.runStep(write);
  const before = contents(sim);
  const { length } = sim;
  const slices = sim.runStepInSlices(migrate, () => false);
  for (let i = 0; i < 40; i++) slices.next();
  sim.seek(length - 1);
  slices.return(sim.steps[0]);
  expect(sim.length).toBe(length);
  expect(contents(sim)).toEqual(before);
  sim.runStep(migrate);
  const other = fresh();
  for (const step of [write, migrate]) other.runStep(step);
  expect(timelineDifference(sim, other)).toBeUndefined();
  expect(contents(sim)).toEqual(contents(other));
});

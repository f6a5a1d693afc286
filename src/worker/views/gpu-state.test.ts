// What panels are told of machines with GPUs.

import { expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { DECISIONS, EventKind } from '../../core/uapi/events.ts';
import { memmapPages } from '../../core/uapi/units.ts';
import { EVICTION_SCENES } from '../../scenarios/eviction.ts';
import { GPU_OBJECT_SCENES } from '../../scenarios/gpu-objects.ts';
import { GPU_BOOT_SCENES } from '../../scenarios/gpu-boot.ts';
import { workloadScenario } from '../../scenarios/frontier.ts';
import { GPU_SVM_SCENES } from '../../scenarios/gpu-svm.ts';
import type { CostOverrides } from '../../core/uapi/cost-model.ts';
import type { CostsView, GpuStateView, IomemView } from '../protocol-gpu.ts';
import type { ViewQuery, ViewResult } from '../protocol-views.ts';
import { Session } from '../session.ts';

/** Pages of a step that is too big to be told page by page. */
const BIG = 20_000;

const open = (name: string) =>
  openScenario(
    [...EVICTION_SCENES, ...GPU_OBJECT_SCENES, ...GPU_BOOT_SCENES, ...GPU_SVM_SCENES].find(
      (candidate) => candidate.name === name,
    )?.scenario,
  );

const openScenario = (scenario: unknown) => {
  const session = new Session();
  const opened = session.handle({ kind: 'open', id: 1, runId: 'run', scenario });
  if (opened?.kind !== 'opened') throw new Error(JSON.stringify(opened));
  const view = (position: number, query: ViewQuery): ViewResult => {
    const answer = session.handle({ kind: 'view', id: 2, runId: 'run', position, query });
    if (answer?.kind !== 'viewed') throw new Error(JSON.stringify(answer));
    return answer.result;
  };
  const behind = (step: number): number => opened.run.steps[step]?.end ?? 0;
  return {
    run: opened.run,
    iomem: (step: number): IomemView => {
      const result = view(behind(step), { view: 'iomem' });
      if (result.view !== 'iomem') throw new Error(result.view);
      return result.data;
    },
    gpu: (step: number, position = behind(step)): GpuStateView => {
      const result = view(position, { view: 'gpu' });
      if (result.view !== 'gpu') throw new Error(result.view);
      return result.data;
    },
    costs: (overrides: CostOverrides): CostsView => {
      const result = view(0, { view: 'costs', overrides });
      if (result.view !== 'costs') throw new Error(result.view);
      return result.data;
    },
  };
};

test('/proc/iomem is empty at first, and has Soft Reserved once the kernel has its map', () => {
  const { iomem: at } = open('spm-honoured');
  expect(at(1)).toMatchObject({ text: '', stagesDone: 2, pgmaps: [] });
  // scenario-catalogue.md §2: "4 ranges"
  expect(at(2).text.match(/: Soft Reserved\n/g)).toHaveLength(4);
  expect(at(4).pgmaps).toMatchObject([{ device: 0, memmapPages: 2 ** 18, pagesInUse: 0, linearMap: true }]);
  expect(at(2).efi.filter(({ specialPurpose }) => specialPurpose)).toHaveLength(4);
});

test('each registration shows its checks in order, where it stopped and with what', () => {
  const { iomem: at } = open('aperture-refused');
  const states = (step: number): string[] =>
    at(step).registrations.map(({ device, outcome, refusal, stages }) =>
      [device, outcome, refusal?.errno, stages.find(({ state }) => state === 'failed')?.stage].join(' '),
    );
  expect(states(3)).toEqual([]);
  expect(states(4)).toEqual(['0 registered  ']);
  // pagemap_range asks for another pagemap first, then for RAM, then whether it can be addressed
  expect(states(14).slice(1)).toEqual([
    '1 refused ENXIO ram',
    '1 refused ENOMEM overlap',
    '1 refused EINVAL aligned',
    '1 refused EINVAL addressable',
    '1 registered  ',
  ]);
  expect(at(4).registrations[0]?.stages.map(({ stage, state }) => `${stage} ${state}`)).toEqual([
    'type passed',
    'overlap passed',
    'ram passed',
    'addressable passed',
    'aligned passed',
    'memmap passed',
    'direct-map passed',
    'zone-span passed',
  ]);
});

test('memory of the page allocator, with the attribute honoured and not: 256 GiB more, less struct pages', () => {
  const [honoured, ignored] = [open('spm-honoured'), open('spm-ignored')];
  expect(honoured.iomem(2)).toMatchObject({ managedPages: 0, softReserve: true, coldBoot: true });
  const [less, more] = [honoured.iomem(3), ignored.iomem(3)];
  expect(more.managedPages - less.managedPages).toBe(2 ** 26 - memmapPages(2 ** 26));
  expect(ignored.iomem(4).registrations).toMatchObject([{ outcome: 'refused', refusal: { errno: 'ENXIO' } }]);
  expect(honoured.iomem(4).deviceZones).toEqual([{ node: 0, spanned: 2 ** 24 }]);
});

test('VRAM, objects and ranges at any position: before and behind an eviction', () => {
  const { gpu: at } = open('ttm-evicts');
  const before = at(4);
  expect(before.gpus).toMatchObject([{ device: 0, vramPages: 4096, freePages: 4080 }]);
  expect(before.bos).toMatchObject([
    { kind: 'svm', process: 'A', npages: 16, place: 'vram', pagesInUse: 15 },
  ]);
  expect(before.ranges).toMatchObject([
    {
      process: 'A',
      first: 'A buf+0',
      npages: 16,
      actual: 'GPU 0',
      places: [
        { place: 'GPU 0', pages: 15 },
        { place: 'system', pages: 1 },
      ],
    },
  ]);
  const behind = at(5);
  expect(behind.bos).toMatchObject([{ kind: 'kfd', name: 'big', process: 'B', place: 'vram' }]);
  expect(behind.ranges).toMatchObject([{ actual: 'system', places: [{ place: 'system', pages: 16 }] }]);
  // whoever has a compute object has opened the GPUs
  expect(behind.processes.map(({ name }) => name)).toEqual(['A', 'B']);
  expect(behind.processes[0]).toMatchObject({ queues: 'run', counters: [{ pagesIn: 16, pagesOut: 15 }] });
});

test('a page that is pinned in VRAM stands with the object that it blocks, and with the one that got its VRAM', () => {
  const [intent, asCoded] = [open('ttm-intent').gpu(5), open('ttm-as-coded').gpu(5)];
  const pin = { page: 'A buf+5', handle: 'mr', process: 'A', pin: true, longterm: true };
  expect(intent.bos).toMatchObject([{ kind: 'svm', place: 'vram', held: [pin] }]);
  // reference machine-and-drivers.md §4.5, 5b: the block goes to B while the NIC still points there
  expect(asCoded.bos.filter(({ held }) => held.length > 0)).toMatchObject([{ kind: 'kfd', held: [pin] }]);
  const aliased = asCoded.ranges.flatMap(({ rows }) => rows.filter((row) => row.aliased));
  expect(aliased.map(({ name }) => name)).toEqual(['A buf+5']);
  expect(
    open('ttm-evicts')
      .gpu(5)
      .bos.flatMap(({ held }) => held),
  ).toEqual([]);
});

test('both page tables of a range, its notifier, and what the DMA engine copied', () => {
  const { gpu: at } = open('ttm-evicts');
  const behind = at(3);
  expect(behind.copies).toEqual({ chunks: 1, toVram: 16, toSystem: 0 });
  const [range] = behind.ranges;
  expect(range?.notifier).toEqual({ startVpn: range?.startVpn, npages: 16 });
  expect(range?.rows).toHaveLength(16);
  for (const { cpu, gpus, entry } of range?.rows ?? []) {
    expect([entry, cpu.place, cpu.device]).toEqual(['present', 'coherent', 0]);
    expect([cpu.pfn, -1]).toContain(gpus[0]?.pfn);
  }
  expect(at(5).copies).toMatchObject({ toVram: 0, toSystem: 15 });
  // of a step whose pages are not written down one by one, all are counted
  const big = openScenario(
    workloadScenario(
      {
        gpus: 1,
        pagesPerGpu: BIG,
        iterations: 0,
        checkpointEvery: 1,
        checkpointPages: 0,
        memory: 'coherent',
      },
      { name: 'big', title: '', about: '' },
    ).scenario,
  );
  const copies = big.run.steps.map((_, step) => big.gpu(step).copies);
  expect(copies.at(-1)).toMatchObject({ toVram: BIG, toSystem: 0 });
  expect(copies.at(-1)?.chunks).toBeGreaterThan(0);
  expect(copies.slice(0, -1).map(({ chunks, toVram }) => chunks + toVram)).toEqual([0, 0, 0]);
});

test('pages in private VRAM count as being there, though the CPU has no present entry', () => {
  const [range] = open('svm-private-touch').gpu(3).ranges;
  expect(range?.places).toEqual([{ place: 'GPU 0', pages: 64 }]);
});

test('costs add up over the steps, and follow figures that somebody puts in', () => {
  const { run, costs } = open('ttm-evicts');
  const { total, steps, model } = costs({});
  expect(steps).toHaveLength(run.steps.length);
  expect(steps.reduce((sum, { serialNs }) => sum + serialNs, 0)).toBeCloseTo(total.serialNs, 3);
  expect(total.pin).toMatchObject({ pagesMoved: 1, pagesLeft: 0 });
  expect(model.ops['gup.longterm.migrate'].class).toBe('assumed');
  const own = costs({ ops: { 'gup.longterm.migrate': 10_000 } });
  expect(own.total.serialNs - total.serialNs).toBeCloseTo(7000, 3);
  expect(own.model.ops['gup.longterm.migrate'].class).toBe('measured');
});

test('a user pointer stands on the panel, and while it waits to be looked up its process says so', () => {
  const { run, gpu: at } = open('userptr-follows');
  expect(at(2).userptrs).toMatchObject([
    { name: 'user', process: 'A', device: 0, first: 'buf+0', npages: 4, mapped: 4, invalid: 0 },
  ]);
  const { begin, end } = run.steps[3] ?? { begin: 0, end: 0 };
  const during = Array.from({ length: end - begin }, (_, i) => at(3, begin + i)).find(
    ({ processes }) => processes[0]?.queues === 'stopped',
  );
  expect(during?.processes).toMatchObject([{ name: 'A', evictedUserptrs: 1 }]);
  expect(during?.userptrs).toMatchObject([{ invalid: 1 }]);
  // its memory is gone
  expect(at(5).userptrs).toMatchObject([{ mapped: 0 }]);
  expect(at(6).userptrs).toEqual([]);
});

test('a process whose objects were evicted says that they are to come back', () => {
  const { gpu: at } = open('process-evicted');
  const scene = GPU_OBJECT_SCENES.find(({ name }) => name === 'process-evicted');
  const sim = createSimulation(parseScenario(structuredClone(scene?.scenario)));
  sim.runAll();
  const { log } = sim.machine.journal;
  const moved = (i: number): boolean =>
    log.kindAt(i) === EventKind.DECISION && DECISIONS[log.idAt(i)] === 'ttm.moved-to-tt';
  let left = sim.steps[3]?.begin ?? 0;
  while (left < log.length && !moved(left)) left++;
  const { processes, bos } = at(3, left + 1);
  expect(processes).toMatchObject([{ name: 'A', queues: 'stopped', restoreDue: true }]);
  expect(bos.find(({ kind }) => kind === 'kfd')).toMatchObject({ name: 'a', place: 'tt' });
  // it is back, at the cost of the other one
  expect(at(3).bos.map(({ name, place }) => [name, place])).toEqual([
    ['a', 'vram'],
    ['frame', 'tt'],
  ]);
});

test('an object that was swapped out says so, and looks for no VRAM', () => {
  const { gpu: at } = open('ttm-swaps-out');
  const placed = (step: number): unknown[] =>
    at(step).bos.map(({ name, place, swapped, seeking }) => [name, place, swapped, seeking]);
  expect(placed(5)).toEqual([
    ['first', 'system', true, false],
    ['second', 'tt', false, false],
    ['scanout', 'vram', false, false],
    ['more', 'vram', false, false],
  ]);
  expect(placed(6).slice(0, 2)).toEqual([
    ['first', 'tt', false, false],
    ['second', 'system', true, false],
  ]);
});

test('the way of an eviction, station by station, and how far it has come (§4.3)', () => {
  const { gpu, run } = open('ttm-evicts');
  const stations = (position: number): string[] =>
    gpu(5, position).eviction.stations.map(({ station, isDone }) => `${isDone ? '+' : '-'} ${station}`);
  const end = run.steps[5]?.end ?? 0;
  expect(stations(end)).toEqual(
    ['no-space', 'victim', 'waits', 'worker', 'home', 'signaled', 'gutted', 'allocated'].map(
      (id) => `+ ${id}`,
    ),
  );
  const waits = gpu(5).eviction.stations[2]?.position ?? 0;
  expect(stations(waits).slice(1, 4)).toEqual(['+ victim', '+ waits', '- worker']);
  // 16 pages, of which the pin has moved one
  expect(gpu(5).eviction.stations.find(({ station }) => station === 'home')?.npages).toBe(15);
  expect(gpu(3).eviction.stations).toEqual([]);
});

test('in the worlds that never shipped the way is another one (§4.5)', () => {
  const stations = (name: string): string[] =>
    open(name)
      .gpu(5)
      .eviction.stations.map(({ station }) => station);
  expect(stations('ttm-intent')).toEqual(expect.arrayContaining(['left', 'in-use', 'timed-out']));
  expect(stations('ttm-intent')).not.toContain('allocated');
  expect(stations('ttm-as-coded')).toEqual(expect.arrayContaining(['signaled', 'gutted', 'aliased']));
  expect(stations('process-evicted')).toEqual([]);
});

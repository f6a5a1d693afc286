// The cost model: figures of machine-and-drivers.md §5 and §1.4, and what the series' question costs in a workload.

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, StepError, type Step } from '../core/index.ts';
import type { Simulation } from '../core/index.ts';
import { runCosts, stepCosts } from '../core/scenario/run-costs.ts';
import { type World, type WorldFigure, worldsReport } from '../core/scenario/worlds.ts';
import { type CostReport, pinQuestion } from '../core/timeline/costs.ts';
import {
  DEFAULT_COSTS,
  type DEFAULT_LINKS,
  type DEFAULT_OPS,
  type FigureClass,
  withOverrides,
} from '../core/uapi/cost-model.ts';
import { type Workload, workloadScenario } from '../scenarios/frontier.ts';
import { gpuScenario } from './checked-run.ts';

const PEAK = withOverrides(DEFAULT_COSTS, { efficiency: 1 });
const moved = (pages: number, kind: 'coherent' | 'private' = 'coherent'): CostReport => {
  const steps: Step[] = [
    { op: 'mmap', proc: 'A', vma: 'buf', pages, prot: 'rw', kind: 'anon-private' },
    { op: 'write', proc: 'A', vma: 'buf', value: 1 },
    { op: 'svm_attr', proc: 'A', vma: 'buf', attrs: [{ type: 'PREFETCH_LOC', loc: 0 }] },
  ];
  const sim = createSimulation(parseScenario(gpuScenario(steps, { kind })));
  sim.runAll();
  const [, , prefetch] = stepCosts(sim, PEAK);
  if (prefetch === undefined) throw new Error('no third step');
  return prefetch.report;
};

describe('figures (§5.1 to §5.3)', () => {
  test('each says where it is from; what the kernel fixes, vendors state, or nobody knows are told apart', () => {
    const figures = [...Object.values(DEFAULT_COSTS.links), ...Object.values(DEFAULT_COSTS.ops)];
    expect(figures.filter(({ source }) => source === '')).toEqual([]);
    expect(DEFAULT_COSTS.links['if.cpu_gpu']).toMatchObject({ value: 36e9, class: 'vendor-stated' });
    expect(DEFAULT_COSTS.links['ddr.socket']).toMatchObject({ value: 204.8e9, class: 'derived' });
    expect(DEFAULT_COSTS.ops['migrate.page.cpu']).toMatchObject({ value: 1500, class: 'assumed' });
    expect(DEFAULT_COSTS.ops['ttm.wait']).toMatchObject({ value: 15e9, class: 'kernel' });
  });

  /** Rows of the tables, in bytes a second, in nanoseconds, and what class each is. */
  test.each<[keyof typeof DEFAULT_LINKS, number, FigureClass]>([
    ['hbm', 1.6e12, 'vendor-stated'],
    ['if.cpu_gpu', 36e9, 'vendor-stated'],
    ['if.gcd_pair', 200e9, 'vendor-stated'],
    ['if.gcd_remote', 50e9, 'vendor-stated'],
    ['ddr.socket', 204.8e9, 'derived'],
    ['ddr.numa', 51.2e9, 'derived'],
    ['pcie4x16', 31.5e9, 'derived'],
    ['pcie3x16', 15.75e9, 'derived'],
  ])('§5.1: %s is %d, %s', (link, value, of) => {
    expect(DEFAULT_COSTS.links[link]).toMatchObject({ value, class: of });
  });

  test.each<[keyof typeof DEFAULT_OPS, number]>([
    ['cpu.load.ddr', 100],
    ['cpu.load.hbm.coherent', 350],
    ['gpu.load.hbm', 500],
    ['gpu.load.ddr', 900],
    ['fault.minor', 700],
    ['fault.cow', 1000],
    ['fault.private.to_ram', 20_000],
    ['tlb.shootdown', 4000],
    ['migrate.page.cpu', 1500],
    ['sdma.chunk.setup', 10_000],
    ['gup.fast', 50],
    ['gup.slow', 400],
    ['gup.longterm.migrate', 3000],
    ['gpu.retry_fault', 30_000],
    ['gpu.tlb.flush', 5000],
    ['queue.quiesce', 1e6],
    ['queue.resume', 1e6],
  ])('§5.3: %s is %d ns, assumed', (op, value) => {
    expect(DEFAULT_COSTS.ops[op]).toMatchObject({ value, class: 'assumed' });
    expect(DEFAULT_COSTS.efficiency).toMatchObject({ value: 0.7, class: 'assumed' });
  });

  test('§5.3: pt.walk is 300 ns, "1000 cycles ≈ 300 ns at 3.5 GHz", a developer’s word; each page that the CPU reads costs one', () => {
    expect(DEFAULT_COSTS.ops['pt.walk']).toMatchObject({ value: 300, class: 'derived' });
    const reads: Step[] = [
      { op: 'mmap', proc: 'A', vma: 'buf', pages: 8, prot: 'rw', kind: 'anon-private' },
      { op: 'write', proc: 'A', vma: 'buf', value: 1 },
      { op: 'read', proc: 'A', vma: 'buf' },
    ];
    const sim = createSimulation(parseScenario(gpuScenario(reads)));
    sim.runAll();
    const [, , read] = stepCosts(sim, DEFAULT_COSTS);
    expect(read?.report.nsByKind['access by CPU']).toBe(8 * (100 + 300));
  });

  test('"with 4 GPUs the links are the bottleneck, with 8 GCDs the DDR is (288 > 204.8)" (§5.2)', () => {
    const { links } = DEFAULT_COSTS;
    expect(4 * links['if.cpu_gpu'].value).toBeLessThan(links['ddr.socket'].value);
    expect(8 * links['if.cpu_gpu'].value).toBe(288e9);
    expect(8 * links['if.cpu_gpu'].value).toBeGreaterThan(links['ddr.socket'].value);
  });

  test('break-even: a move of 2 MiB is worth about 2,400 reads by the CPU at 350 ns (§5.5, X6)', () => {
    const { nsByKind } = moved(512);
    const move = nsByKind['copies by DMA'] + nsByKind.migration;
    const reads = move / DEFAULT_COSTS.ops['cpu.load.hbm.coherent'].value;
    expect(reads).toBeGreaterThan(2350);
    expect(reads).toBeLessThan(2450);
  });

  test('a figure that somebody puts in is marked as theirs; nonsense is left out', () => {
    const model = withOverrides(DEFAULT_COSTS, {
      ops: { 'fault.minor': 250, 'fault.cow': -1 },
      efficiency: 0,
    });
    expect(model.ops['fault.minor']).toMatchObject({ value: 250, class: 'measured' });
    expect(model.ops['fault.cow']).toEqual(DEFAULT_COSTS.ops['fault.cow']);
    expect(model.efficiency).toEqual(DEFAULT_COSTS.efficiency);
  });
});

test('eight GCDs at once: bound by the memory of the socket, not by their links (§5.1 rule, §5.2, scene 40)', () => {
  const steps = Array.from({ length: 8 }, (_, id): Step[] => {
    const proc = `P${id}`;
    return [
      { op: 'fork', proc: 'A', child: proc },
      { op: 'mmap', proc, vma: 'buf', pages: 512, prot: 'rw', kind: 'anon-private' },
      { op: 'write', proc, vma: 'buf', value: 1 },
      { op: 'svm_attr', proc, vma: 'buf', attrs: [{ type: 'PREFETCH_LOC', loc: id }] },
    ];
  }).flat();
  const sim = createSimulation(parseScenario(gpuScenario(steps, { machine: 'frontier', devices: 8 })));
  sim.runAll();
  // nothing but the copies takes time
  const free = Object.fromEntries(Object.keys(PEAK.ops).map((name) => [name, 1e-9]));
  const report = runCosts(sim, withOverrides(PEAK, { ops: free }));
  const bytes = 8 * 2 ** 21;
  expect(report.bytesByLink['if.cpu_gpu']).toBe(bytes);
  expect(report.overlappedNs).toBeCloseTo((bytes / 204.8e9) * 1e9, 0);
  expect(report.overlappedNs).toBeGreaterThan((2 ** 21 / 36e9) * 1e9);
});

test('the bytes of a buffer object go by DMA, not by the CPU (amdgpu_bo_move)', () => {
  const object = (proc: string, bo: string, pin: boolean): Step => ({
    op: 'bo_alloc',
    proc,
    device: 0,
    bo,
    pages: 4096,
    kind: 'gem',
    ...(pin ? { pin: true } : {}),
  });
  const steps: Step[] = [
    { op: 'fork', proc: 'A', child: 'B' },
    object('B', 'victim', false),
    object('A', 'scanout', true),
  ];
  const sim = createSimulation(parseScenario(gpuScenario(steps, { devices: 1 })));
  sim.runAll();
  const { nsByKind, bytesByLink } = runCosts(sim, PEAK);
  expect(bytesByLink['if.cpu_gpu']).toBe(4096 * 4096);
  expect(nsByKind['copies by CPU']).toBe(0);
  expect(nsByKind['copies by DMA']).toBeGreaterThan((4096 * 4096) / 36);
});

describe('a block of 2 MiB (§5.2, §5.5)', { timeout: 60_000 }, () => {
  const coherent = moved(512);

  test('58.3 µs over Infinity Fabric, 66.6 µs over PCIe 4, at peak; one chunk to set up', () => {
    const setup = DEFAULT_COSTS.ops['sdma.chunk.setup'].value;
    expect(coherent.nsByKind['copies by DMA'] - setup).toBeCloseTo(58_254, -1);
    expect(moved(512, 'private').nsByKind['copies by DMA'] - setup).toBeCloseTo(66_576, -1);
    expect(coherent.bytesByLink).toEqual({ 'if.cpu_gpu': 2 ** 21 });
  });

  test('the CPU work of the pages dominates: 512 times 1.5 µs', () => {
    const { nsByKind } = coherent;
    expect(nsByKind.migration).toBe(512 * 1500);
    expect(nsByKind.migration).toBeGreaterThan(10 * nsByKind['copies by DMA']);
  });
});

describe('the workload', { timeout: 120_000 }, () => {
  const SIZE = { gpus: 2, pagesPerGpu: 16, iterations: 4, checkpointEvery: 2, checkpointPages: 4 } as const;
  const costs = (change: Partial<Workload>): CostReport => {
    const scene = workloadScenario(
      { ...SIZE, memory: 'coherent', ...change },
      { name: 'w', title: 'w', about: '' },
    );
    const sim = createSimulation(parseScenario(structuredClone(scene.scenario)));
    sim.runAll();
    return runCosts(sim, DEFAULT_COSTS);
  };

  test('coherent: no CPU fault after the start, and each checkpoint page moves once', () => {
    const report = costs({});
    expect(report.pin).toMatchObject({ pagesMoved: 8, pagesLeft: 0, failedEvictions: 0 });
    expect(report.accesses['cpu device']).toBeGreaterThan(0);
    expect(report.nsByKind.faults).toBe(32 * DEFAULT_COSTS.ops['fault.minor'].value);
  });

  test('private: the CPU pays a fault and a copy for each look, so it takes longer', () => {
    const [coherent, ofPrivate] = [costs({}), costs({ memory: 'private' })];
    expect(ofPrivate.accesses['cpu device']).toBe(0);
    expect(ofPrivate.nsByKind.faults).toBeGreaterThan(coherent.nsByKind.faults);
    expect(ofPrivate.serialNs).toBeGreaterThan(coherent.serialNs);
  });

  test('system only: nothing moves and no pin costs a move, but all access of the GPUs goes over the link', () => {
    const report = costs({ memory: 'system' });
    expect(report.pin.pagesMoved).toBe(0);
    expect(report.nsByKind.migration).toBe(0);
    expect(report.accesses['gpu local']).toBe(0);
    expect(report.bytesByLink['if.cpu_gpu'] ?? 0).toBe(2 * 16 * 4 * 4096);
  });

  test('what did migration on pin cost, what would staying have cost?', () => {
    const answer = pinQuestion(costs({}), costs({ longtermPolicy: 'intent' }));
    expect(answer.pagesMoved).toBe(8);
    expect(answer.movingNs).toBeGreaterThan(8 * 3000);
    expect(answer.farAccessNs).toBeGreaterThan(0);
    expect(answer).toMatchObject({ pagesHeld: 8, failedEvictions: 0, waitingNs: 0 });
  });

  test('one program in five worlds: all that answers the question of the series, with a second process that needs VRAM', () => {
    const run = (change: Partial<Workload>): Simulation => {
      const program = { ...SIZE, keepsPins: true, rivalPages: 4096, machine: 'teaching' } as const;
      const scene = workloadScenario(
        { ...program, memory: 'coherent', ...change },
        { name: 'w', title: 'w', about: '' },
      );
      const sim = createSimulation(parseScenario(structuredClone(scene.scenario)));
      for (const { step } of sim.scenario.steps) {
        try {
          sim.runStep(step);
        } catch (error) {
          // what the second process did not get it cannot give back; as coded, a range meets its old page, which is in use
          const aliased = change.longtermPolicy === 'as-coded' && step.op === 'gpu_write';
          if (!(error instanceof StepError) || (step.op !== 'bo_free' && !aliased)) throw error;
        }
      }
      return sim;
    };
    const { rows, questions } = worldsReport(
      {
        coherent: run({}),
        private: run({ memory: 'private' }),
        system: run({ memory: 'system' }),
        intent: run({ longtermPolicy: 'intent' }),
        'as-coded': run({ longtermPolicy: 'as-coded' }),
      },
      DEFAULT_COSTS,
    );
    const row = (figure: WorldFigure): Partial<Record<World, number>> =>
      rows.find((each) => each.figure === figure)?.values ?? {};
    expect(row('pinMovedPages')).toEqual({ coherent: 8, private: 0, system: 0, intent: 0, 'as-coded': 0 });
    expect(row('pinHeldPages')).toMatchObject({ coherent: 0, intent: 8, 'as-coded': 8 });
    expect(row('failedEvictions')).toMatchObject({ coherent: 0, private: 0, intent: 2, 'as-coded': 0 });
    expect(questions.intent).toMatchObject({
      pagesMoved: 8,
      pagesHeld: 8,
      failedEvictions: 2,
      waitingNs: 30e9,
    });
    expect(questions['as-coded']).toMatchObject({ pagesMoved: 8, failedEvictions: 0, waitingNs: 0 });
    expect(row('serialNs').coherent).toBeLessThan(row('serialNs').intent ?? 0);
    expect(row('linkBytes').system).toBeGreaterThan(0);
  });

  test('lanes at once take less than one after the other, and never less than the slowest lane', () => {
    const report = costs({});
    expect(report.overlappedNs).toBeLessThan(report.serialNs);
    expect(report.overlappedNs).toBe(Math.max(...Object.values(report.nsByLane)));
  });

  test('runs on the generic device with the same steps', () => {
    const report = costs({ model: 'generic-accelerator' });
    expect(report.pin.pagesMoved).toBe(8);
    expect(Object.keys(report.bytesByLink)).toContain('generic.coherent');
  });

  test('a big step, which tells only how often things happened, costs what it costs page by page', () => {
    const { scenario } = workloadScenario(
      { ...SIZE, pagesPerGpu: 64, memory: 'coherent' },
      { name: 'w', title: 'w', about: '' },
    );
    const [small, big] = [1e9, 32].map((bigStepPages) => {
      const sim = createSimulation(parseScenario(structuredClone(scenario)), { bigStepPages });
      sim.runAll();
      return {
        report: runCosts(sim, DEFAULT_COSTS),
        bigSteps: sim.steps.filter(({ isBig }) => isBig).length,
      };
    });
    if (small === undefined || big === undefined) throw new Error('no runs');
    expect([small.bigSteps, big.bigSteps > 0]).toEqual([0, true]);
    expect(big.report.pin).toMatchObject({ pagesMoved: small.report.pin.pagesMoved });
    for (const kind of ['faults', 'migration', 'copies by DMA', 'access by GPU', 'TLB shootdowns'] as const)
      expect([kind, Math.round(big.report.nsByKind[kind])]).toEqual([
        kind,
        Math.round(small.report.nsByKind[kind]),
      ]);
    expect(big.report.bytesByLink).toEqual(small.report.bytesByLink);
  });
});

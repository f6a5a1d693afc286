// Steps of GPUs over many pages leave the same whether they are followed event by event or run as big steps.

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Scenario, type Step } from '../core/index.ts';
import { RSS_ANON } from '../core/machine/machine.ts';
import { svmBoKrefRow } from '../core/machine/scalars.ts';
import { GIB_PAGES } from '../core/uapi/units.ts';
import { workloadScenario, type Workload } from '../scenarios/frontier.ts';
import { GPU_SVM_SCENES } from '../scenarios/gpu-svm.ts';
import { gpu, prefetch, svmAttr, writtenBy } from '../scenarios/gpu-steps.ts';
import { EVICTION_SCENES } from '../scenarios/eviction.ts';
import { GPU_OBJECT_SCENES } from '../scenarios/gpu-objects.ts';
import { PINNER_SCENES } from '../scenarios/pinners.ts';
import { scene } from '../scenarios/scene.ts';
import { bigStepDifferences } from './big-steps.ts';
import { gpuScenario } from './checked-run.ts';

const parsed = (scenario: unknown): Scenario => parseScenario(structuredClone(scenario));

const workload = (change: Partial<Workload>): Scenario =>
  parsed(
    workloadScenario(
      {
        gpus: 2,
        pagesPerGpu: 1200,
        iterations: 2,
        checkpointEvery: 1,
        checkpointPages: 700,
        memory: 'coherent',
        ...change,
      },
      { name: 'w', title: 'w', about: '' },
    ).scenario,
  );

describe('GPU steps as big steps', { timeout: 300_000 }, () => {
  test('the workload, in each kind of memory and in the world that never was', () => {
    for (const change of [
      {},
      { memory: 'private' },
      { memory: 'system' },
      { longtermPolicy: 'as-coded' },
      { machine: 'teaching' },
      { machine: 'teaching', pagesPerGpu: 4096, checkpointPages: 4096 },
    ] as const)
      expect(bigStepDifferences(workload(change), 0), JSON.stringify(change)).toEqual([]);
  });

  test('ranges that go to and fro, with XNACK and without, of every size', () => {
    const to = (loc: number | 'system', page: number, count: number): Step => prefetch(loc, { page, count });
    const steps: Step[] = [
      ...writtenBy('A', 1500),
      svmAttr([
        { type: 'ACCESS_IN_PLACE', device: 0 },
        { type: 'ACCESS_IN_PLACE', device: 1 },
      ]),
      to(0, 0, 1500),
      to(1, 100, 700),
      { op: 'gpu_write', proc: 'A', vma: 'buf', device: 0, value: 7 },
      to('system', 0, 900),
      { op: 'gpu_read', proc: 'A', vma: 'buf', device: 1 },
      {
        op: 'gup',
        proc: 'A',
        vma: 'buf',
        page: 300,
        count: 1100,
        call: 'pin_user_pages',
        flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
        as: 'mr',
      },
      to('system', 0, 1500),
      { op: 'unpin', proc: 'A', handle: 'mr' },
      to(0, 0, 1500),
      to('system', 0, 1500),
      { op: 'munmap', proc: 'A', vma: 'buf' },
      { op: 'exit', proc: 'A' },
    ];
    for (const kind of ['coherent', 'private'] as const)
      for (const xnack of [true, false])
        for (const big of [0, 512])
          expect(
            bigStepDifferences(parsed(gpuScenario(steps, { kind, gpu: { xnack } })), big),
            `${kind}, XNACK ${xnack}, from ${big} pages`,
          ).toEqual([]);
  });

  // migrate_vma_collect_hole: never-touched anonymous memory is a page to be made, and hmm_range_fault asks for the rest
  test('ranges in which few pages are there, or none', () => {
    const area = (vma: string, pages: number): Step => ({
      op: 'mmap',
      proc: 'A',
      vma,
      pages,
      prot: 'rw',
      kind: 'anon-private',
    });
    const write = (page: number, count: number): Step => ({
      op: 'write',
      proc: 'A',
      vma: 'buf',
      page,
      count,
      value: 10 * page,
    });
    const steps: Step[] = [
      area('buf', 1800),
      write(0, 3),
      write(600, 1),
      write(1023, 2),
      write(1790, 2),
      svmAttr([{ type: 'PREFERRED_LOC', loc: 1 }]),
      prefetch(0, { page: 0, count: 1100 }),
      { op: 'read', proc: 'A', vma: 'buf', page: 1200, count: 2 },
      { op: 'gpu_write', proc: 'A', vma: 'buf', device: 1, page: 1500, count: 1, value: 5 },
      { op: 'madvise', proc: 'A', vma: 'buf', page: 400, count: 300, advice: 'DONTNEED' },
      prefetch('system'),
      { op: 'madvise', proc: 'A', vma: 'buf', page: 100, count: 1600, advice: 'DONTNEED' },
      prefetch(0),
      prefetch(1),
      area('never', 700),
      prefetch(1, { vma: 'never' }),
      prefetch('system', { vma: 'never' }),
      area('mapped', 600),
      svmAttr([{ type: 'ACCESS_IN_PLACE', device: 0 }], { vma: 'mapped' }),
      prefetch(0, { vma: 'mapped' }),
      { op: 'munmap', proc: 'A', vma: 'never' },
      { op: 'exit', proc: 'A' },
    ];
    for (const [kind, xnack, big] of [
      ['coherent', true, 0],
      ['private', false, 0],
      ['coherent', false, 1024],
      ['private', true, 1024],
    ] as const)
      expect(
        bigStepDifferences(parsed(gpuScenario(steps, { kind, machine: 'teaching', gpu: { xnack } })), big),
        `${kind}, XNACK ${xnack}, from ${big} pages`,
      ).toEqual([]);
  });

  test('a range of which little is there costs little, and one fault of a GPU moves all of it', () => {
    const pages = 4 * GIB_PAGES;
    const { scenario } = scene(
      { name: 'sparse', title: 'sparse', about: '', machine: 'frontier', gpu: gpu() },
      [{ id: 0, kind: 'coherent' }],
      [
        { op: 'mmap', proc: 'A', vma: 'buf', pages, prot: 'rw', kind: 'anon-private' },
        { op: 'write', proc: 'A', vma: 'buf', page: 70_000, count: 3, value: 1 },
        svmAttr([{ type: 'PREFERRED_LOC', loc: 0 }]),
        { op: 'gpu_write', proc: 'A', vma: 'buf', device: 0, page: 5, count: 1, value: 7 },
        prefetch(0),
      ],
    );
    const sim = createSimulation(parsed(scenario));
    sim.runAll();
    const { machine, steps } = sim;
    expect(steps.map(({ isBig }) => isBig)).toEqual([false, false, true, true, true]);
    expect(machine.scalars.get(svmBoKrefRow(1))).toBe(GIB_PAGES + 1);
    expect(machine.rss.get(1 * 4 + RSS_ANON)).toBe(pages);
    // an array for each would be 100 bytes a page
    expect(machine.journal.bytes().stateBytes / pages).toBeLessThan(12);
  });

  test('every scene with GPUs on the teaching machine', () => {
    const scenes = [...GPU_SVM_SCENES, ...PINNER_SCENES, ...EVICTION_SCENES, ...GPU_OBJECT_SCENES];
    for (const { name, scenario } of scenes.filter(({ scenario: { machine } }) => machine === 'teaching'))
      expect(bigStepDifferences(parsed(scenario), 0), name).toEqual([]);
  });

  test('the end of a process with objects in both memories and ranges, and it lets go of the worker meanwhile', () => {
    const steps: Step[] = [
      { op: 'bo_alloc', proc: 'A', device: 0, bo: 'scanout', pages: 3072, kind: 'gem', pin: true },
      { op: 'bo_alloc', proc: 'A', device: 0, bo: 'spilled', pages: 2048, kind: 'gem' },
      { op: 'bo_alloc', proc: 'A', device: 0, bo: 'own', pages: 256, kind: 'kfd' },
      ...writtenBy('A', 600),
      prefetch(0, { page: 0, count: 512 }),
    ];
    const end: Step = { op: 'exit', proc: 'A' };
    expect(bigStepDifferences(parsed(gpuScenario([...steps, end], { devices: 1 })), 0)).toEqual([]);
    const sim = createSimulation(parsed(gpuScenario(steps, { devices: 1 })), { bigStepPages: 0 });
    sim.runAll();
    expect(sim.machine.ttmBos.values().map(({ memType }) => memType)).toContain('tt');
    // a slice that ends as soon as it may: one for each part of an object's pages, too
    const slices = sim.runStepInSlices(end, () => false);
    const during: number[] = [];
    while (slices.next().done !== true) during.push(sim.machine.ttmBos.values().length);
    expect(during.filter((objects) => objects > 0 && objects < 4).length).toBeGreaterThan(3);
  });
});

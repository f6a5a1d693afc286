// Steps of GPUs over many pages leave the same whether they are followed event by event or run as big steps.

import { describe, expect, test } from 'vitest';
import { parseScenario, type Scenario, type Step } from '../core/index.ts';
import { workloadScenario, type Workload } from '../scenarios/frontier.ts';
import { GPU_SVM_SCENES } from '../scenarios/gpu-svm.ts';
import { prefetch, svmAttr, writtenBy } from '../scenarios/gpu-steps.ts';
import { EVICTION_SCENES } from '../scenarios/eviction.ts';
import { GPU_OBJECT_SCENES } from '../scenarios/gpu-objects.ts';
import { PINNER_SCENES } from '../scenarios/pinners.ts';
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

  test('every scene with GPUs on the teaching machine', () => {
    const scenes = [...GPU_SVM_SCENES, ...PINNER_SCENES, ...EVICTION_SCENES, ...GPU_OBJECT_SCENES];
    for (const { name, scenario } of scenes.filter(({ scenario: { machine } }) => machine === 'teaching'))
      expect(bigStepDifferences(parsed(scenario), 0), name).toEqual([]);
  });
});

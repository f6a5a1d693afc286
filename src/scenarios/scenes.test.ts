import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, StepError, type Simulation } from '../core/index.ts';
import { runCosts } from '../core/scenario/run-costs.ts';
import { DEFAULT_COSTS } from '../core/uapi/cost-model.ts';
import { KERNEL_DEFECTS } from '../core/uapi/defects.ts';
import { EventKind, decisionIndex } from '../core/uapi/events.ts';
import { FRONTIER_NODE } from './frontier.ts';
import { SCENES } from './index.ts';

const sceneOf = (name: string) => SCENES.find((candidate) => candidate.name === name);

const run = (name: string): Simulation => {
  const scene = sceneOf(name);
  const sim = createSimulation(parseScenario(structuredClone(scene?.scenario)));
  sim.runAll();
  return sim;
};

const decisionsIn = (
  { machine: { journal } }: Simulation,
  id: Parameters<typeof decisionIndex>[0],
  begin: number,
  end: number,
): number => {
  let found = 0;
  for (let i = begin; i < end; i++) {
    if (journal.log.idAt(i) !== decisionIndex(id)) continue;
    const kind = journal.log.kindAt(i);
    if (kind === EventKind.DECISION) found++;
    // a big step says how often
    if (kind === EventKind.DECISIONS) found += journal.log.rowAt(i);
  }
  return found;
};

const decisions = (sim: Simulation, id: Parameters<typeof decisionIndex>[0]): number =>
  decisionsIn(sim, id, 0, sim.machine.journal.log.length);

const results = (sim: Simulation): string[] =>
  sim.steps.map(({ result }) => result.errno ?? String(result.ret));

describe('scenes made by hand', () => {
  test('have names of their own', () => {
    expect(new Set(SCENES.map(({ name }) => name)).size).toBe(SCENES.length);
  });

  // the whole node runs in the benchmark; its steps are those of the small ones, which run here
  test.each(SCENES.filter((scene) => scene !== FRONTIER_NODE).map(({ name }) => [name]))(
    '%s runs',
    (name) => {
      const sim = run(name);
      expect(sim.steps).toHaveLength(sim.scenario.steps.length);
    },
  );

  test('frontier-node: the steps of the small scene, with other numbers; 14,680,064 pages a GPU (scene 40)', () => {
    const shape = (name: string): unknown =>
      sceneOf(name)
        ?.scenario.steps.slice(0, 48)
        .map(({ step }) => [step.op, 'vma' in step ? step.vma : '']);
    expect(parseScenario(FRONTIER_NODE.scenario).machine).toBe('frontier');
    expect(shape('frontier-node')).toEqual(shape('frontier-coherent'));
    expect(FRONTIER_NODE.scenario.steps[0]?.step).toMatchObject({ op: 'mmap', pages: 14_680_064 });
  });

  test('frontier-ranks: eight processes at once; reads cause no fault, a block of each goes home for its pin, in the end all (scene 40)', () => {
    const sim = run('frontier-ranks');
    const [reads, pins] = sim.steps.slice(-5);
    expect(reads?.vmstat['pgfault'] ?? 0).toBe(0);
    expect(reads?.result.results?.map(({ accesses }) => accesses?.['cpu device'])).toEqual(Array(8).fill(16));
    expect(pins?.result.results?.map(({ ret }) => ret)).toEqual(Array(8).fill(4));
    expect(runCosts(sim, DEFAULT_COSTS).pin.pagesMoved).toBe(32);
    expect(sim.machine.svmBos.values()).toEqual([]);
  });

  test('frontier-second-job: with the rule the second process has all VRAM of each GPU', () => {
    const sim = run('frontier-second-job');
    const asked = sim.steps.filter(({ step }) => step.op === 'bo_alloc');
    expect(asked.map(({ result }) => result.errno ?? result.ret)).toEqual(
      Array.from({ length: 16 }, () => 0),
    );
    // for that the ranges of the first one had to go home
    expect(decisions(sim, 'ttm.waits-for-fence')).toBe(8);
  });

  test('frontier-second-job where pins stay (intent): no eviction ends, and the second process gets no VRAM for its data', () => {
    const scenario = {
      ...structuredClone(sceneOf('frontier-second-job')?.scenario),
      config: { longtermPolicy: 'intent' },
    };
    const sim = createSimulation(parseScenario(scenario));
    sim.runAll();
    const asked = sim.steps.filter(({ step }) => step.op === 'bo_alloc' && step.kind === 'kfd');
    expect(asked.map(({ result }) => result.errno)).toEqual(Array.from({ length: 8 }, () => 'ENOMEM'));
  });

  test('longterm-pin: pinned pages do not go to the device, unpinned ones do', () => {
    expect(results(run('longterm-pin'))).toEqual(['0', '4', '0', '4', 'ENOENT', '0', '0']);
  });

  test('short-pin: the driver moves nothing while the pin lasts', () => {
    const sim = run('short-pin');
    expect(sim.steps.slice(4).map(({ result }) => result.cpages)).toEqual([0, undefined, 2]);
  });

  test('busy-page: fails once, then succeeds', () => {
    expect(results(run('busy-page')).slice(4)).toEqual(['EBUSY', '0', '4', '0']);
  });

  test('movable-zone: the pages leave the zone', () => {
    const sim = run('movable-zone');
    expect(decisions(sim, 'pinnable.movable')).toBeGreaterThan(0);
    expect(decisions(sim, 'longterm.second-pass')).toBe(1);
  });

  test('cpu-touch: only the private pages fault', () => {
    const sim = run('cpu-touch');
    expect(sim.steps.slice(6).map(({ vmstat }) => vmstat['pgfault'] ?? 0)).toEqual([0, 2]);
  });

  // scene 25 of the catalogue
  test('fork-and-pin: the pinned page is copied early', () => {
    expect(decisions(run('fork-and-pin'), 'fork.early-copy')).toBe(1);
  });

  test('wait-for-migration: the child sleeps on a migration entry', () => {
    expect(decisions(run('wait-for-migration'), 'sleep.migration-entry')).toBeGreaterThan(0);
  });

  // scene 13 of the catalogue
  test('two-owners: only the owner moves the pages', () => {
    const sim = run('two-owners');
    expect(sim.steps[3]?.result.cpages).toBe(0);
    expect(sim.steps[4]?.result.perms).toEqual(['coherent-remote:w', 'coherent-remote:w']);
    expect(sim.steps[5]?.result.cpages).toBe(2);
  });

  test('device-full: what does not fit stays', () => {
    const sim = run('device-full');
    expect(decisions(sim, 'device.exhausted')).toBe(32);
    expect(results(sim)).toEqual(['0', '4128', 'ENOENT', '0', '0']);
  });

  test('spm-ignored: memory with the attribute is RAM, and cannot be registered', () => {
    expect(results(run('spm-honoured'))[4]).toBe('0');
    expect(results(run('spm-ignored'))[4]).toBe('ENXIO');
  });

  test('aperture-refused: each with its own error', () => {
    const all = results(run('aperture-refused'));
    expect([5, 7, 9, 11, 13].map((step) => all[step])).toEqual(['ENXIO', 'ENOMEM', 'EINVAL', 'EINVAL', '0']);
  });

  // machine-and-drivers.md §4.5: only the way by system memory brings it back
  test('svm-sticky: the page comes back only by way of system memory', () => {
    const sim = run('svm-sticky');
    const already = sim.steps.map(({ begin, end }) => decisionsIn(sim, 'svm.already-there', begin, end));
    expect(already).toEqual([0, 0, 0, 0, 0, 1, 0, 0]);
  });

  test('svm-refused: the checks of svm_range_check_attr and svm_range_is_valid, each with its reason', () => {
    const sim = run('svm-refused');
    expect(results(sim).slice(2)).toEqual(['EINVAL', 'EINVAL', '0', 'EFAULT', '0']);
    expect(decisions(sim, 'svm.refused-gpu')).toBe(2);
    expect(decisions(sim, 'svm.refused-hole')).toBe(1);
    expect(decisions(run('spm-ignored'), 'svm.refused-gpu')).toBe(1);
  });

  test('faults of Linux itself: the last step stands where Linux would, and nothing can follow', () => {
    const ends = (['deadlock', 'livelock', 'page-twice', 'bo-freed', 'bo-null', 'two-hives'] as const).map(
      (name) => {
        const sim = run(`defect-${name}`);
        const found = results(sim).length;
        expect(() => sim.runStep({ op: 'read', proc: 'A', vma: 'buf' })).toThrow('stands still since step');
        expect(sim.steps).toHaveLength(found);
        // going back to boot frees it
        sim.restart();
        sim.runAll();
        return sim.steps.at(-1)?.result.standstill;
      },
    );
    expect(ends).toEqual(KERNEL_DEFECTS);
  });

  test('without gpu.standstill the same steps are refused, and the machine goes on', () => {
    for (const name of [
      'defect-deadlock',
      'defect-livelock',
      'defect-page-twice',
      'defect-bo-freed',
      'defect-bo-null',
      'defect-two-hives',
    ]) {
      const { standstill, ...gpu } = sceneOf(name)?.scenario.gpu ?? {};
      expect(standstill).toBe(true);
      const sim = createSimulation(parseScenario({ ...structuredClone(sceneOf(name)?.scenario), gpu }));
      expect(() => sim.runAll()).toThrow(StepError);
      expect(sim.runStep({ op: 'read', proc: 'A', vma: 'buf', page: 0, count: 1 }).result.ret).toBe(1);
    }
  });

  test('eviction: with the rule the other process gets VRAM; without, it fails or gets a page in use', () => {
    expect(results(run('ttm-evicts')).slice(5)).toEqual(['0', '1', '0']);
    expect(results(run('ttm-intent')).slice(5)).toEqual(['ENOMEM', '1', '0', '0']);
    const coded = run('ttm-as-coded');
    expect(decisions(coded, 'ttm.aliased')).toBe(1);
    expect(coded.steps[7]?.result.values).toEqual([666]);
  });

  // scenario-catalogue.md §31: populated in Movable; "faulted inside the pin … none free …→ the fault fails"
  test('pinnable-hugetlb: refused where it is mapped, passed over where it is not; a short pin stays in place', () => {
    expect(results(run('pinnable-hugetlb')).slice(2)).toEqual(['ENOMEM', '4', '0', '0', '0', 'EFAULT', '1']);
  });

  test('who pins: long-term pins take the pages out of VRAM, all others leave them there', () => {
    for (const name of ['rdma', 'io-uring', 'vfio', 'v4l2'])
      expect(decisions(run(`pins-${name}`), 'longterm.pin-becomes-reference')).toBe(4);
    for (const name of ['o-direct', 'process-vm'])
      expect(decisions(run(`pins-${name}`), 'longterm.pin-becomes-reference')).toBe(0);
  });
});

// Not AMD's alone: another device, as data (other sizes, another link, no hive, another order of eviction), runs the same
// scenes with the same driver code, and the rule of the series is the same (machine-and-drivers.md §4.4).

import { describe, expect, test } from 'vitest';
import { parseScenario, type Scenario, type Step } from '../core/index.ts';
import { pageZone } from '../core/kernel/mm/page-ref.ts';
import { runCosts } from '../core/scenario/run-costs.ts';
import { DEFAULT_COSTS } from '../core/uapi/cost-model.ts';
import { DEVICE_MODEL, type DeviceModelName, maxRangePages } from '../core/uapi/device-model.ts';
import { movesPages, PINNERS } from '../core/uapi/pinners.ts';
import { GIB_PAGES } from '../core/uapi/units.ts';
import { DEFECT_SCENES } from '../scenarios/defects.ts';
import { FRONTIER_NODE } from '../scenarios/frontier.ts';
import { type Scene, SCENES } from '../scenarios/index.ts';
import { PINNER_SCENES } from '../scenarios/pinners.ts';
import { framesOf, gpuScenario, resultTexts, runChecked, stepOf } from './checked-run.ts';
import { map, places, prefetch, sizes } from './svm-fixture.ts';
import { other, take } from './ttm-fixture.ts';

const onGeneric = ({ scenario }: Scene): Scenario =>
  parseScenario({
    ...structuredClone(scenario),
    gpu: { ...scenario.gpu, model: 'generic-accelerator' },
  });

/** All scenes with a GPU, but for the one that takes minutes; also the faults of the driver's code, which is the same. */
const RUN_HERE: readonly Scene[] = SCENES.filter(
  (scene) => scene.scenario.gpu !== undefined && scene !== FRONTIER_NODE,
);

describe('the generic device', { timeout: 300_000 }, () => {
  test('its ranges and blocks have their own sizes', () => {
    const model = DEVICE_MODEL['generic-accelerator'];
    expect(maxRangePages(model, model.vramPages)).toBe(8192);
    expect([model.granularity, model.copyChunkPages]).toEqual([4, 16]);
    // "the xGMI hive if the GPU is in one, else the device itself" (§3.1)
    const { machine: m } = runChecked(gpuScenario([], { gpu: { model: 'generic-accelerator' } })).sim;
    expect(m.pgmaps.values().map(({ owner }) => owner)).toEqual([1, 2]);
  });

  test('its own sizes of ranges and copies, its link and its policies are what the same steps go by', () => {
    const on = (
      model: DeviceModelName,
      steps: readonly Step[],
      extra: Parameters<typeof gpuScenario>[1] = {},
    ) => runChecked(gpuScenario(steps, { devices: 1, ...extra, gpu: { model } }));
    const object = (bo: string, pages: number, proc = 'A'): Step =>
      ({
        ...take(pages, 'gem', proc),
        bo,
      }) as Step;
    const seen = (model: DeviceModelName): unknown => {
      const moved = on(model, [...map(256), prefetch(0), prefetch('system')]);
      const { machine: m } = moved.sim;
      const copies = moved.sim.callTotals(stepOf(moved, 2)).get('svm_migrate_copy_memory_gart') ?? 0;
      const home = new Set(framesOf(moved).map((pfn) => pageZone(m, pfn)?.name));
      const read: Step = { op: 'read', proc: 'A', vma: 'buf', page: 20, count: 1 };
      const touched = places(on(model, [...map(64), prefetch(0), read], { kind: 'private' }));
      const evicted = on(model, [other, object('old', 512), object('large', 2048), object('new', 2048, 'B')]);
      const left = evicted.sim.machine.ttmBos.values().filter(({ memType }) => memType === 'vram');
      const most = { ...object('most', 64 * GIB_PAGES - 2048), pin: true } as Step;
      const whole = on(model, [most, object('one', 1)], { machine: 'lab-node' }).sim.machine;
      const { links } = DEFAULT_COSTS;
      const used = Object.entries(runCosts(moved.sim, DEFAULT_COSTS).bytesByLink).flatMap(([link, bytes]) =>
        bytes > 0 && link in links && !link.startsWith('ddr') && link !== 'hbm' ? [link] : [],
      );
      return {
        largestRange: Math.max(...sizes(moved)),
        copies,
        cameHomeTo: [...home],
        broughtHomeByOneTouch: touched.split('0').length - 1,
        staysInVram: left.map(({ name }) => name),
        wholeVram: whole.ttmBos.values().map(({ memType }) => memType),
        link: used,
      };
    };
    expect([seen('mi250x-gcd'), seen('generic-accelerator')]).toEqual([
      {
        largestRange: 256,
        copies: 1,
        cameHomeTo: ['Normal'],
        broughtHomeByOneTouch: 64,
        staysInVram: ['large', 'new'],
        // 8 MiB are kept back
        wholeVram: ['vram', 'tt'],
        link: ['if.cpu_gpu'],
      },
      {
        largestRange: 128,
        copies: 16,
        cameHomeTo: ['Movable'],
        broughtHomeByOneTouch: 16,
        staysInVram: ['old', 'new'],
        wholeVram: ['vram', 'vram'],
        link: ['generic.coherent'],
      },
    ]);
  });

  test.each(RUN_HERE.map((scene) => [scene.name, scene] as const))(
    '%s runs, nothing is lost, and each step ends as on the other device',
    (_, scene) => {
      // a world that never shipped gives VRAM away that is in use; who stands still for ever keeps its locks
      const leaves = scene.scenario.config?.longtermPolicy !== undefined || DEFECT_SCENES.includes(scene);
      const [run, there] = [runChecked(onGeneric(scene)), runChecked(structuredClone(scene.scenario))];
      expect(run.records).toHaveLength(scene.scenario.steps.length);
      if (!leaves) expect(run.violations).toEqual([]);
      expect(resultTexts(run.records)).toEqual(resultTexts(there.records));
      expect(run.records.map(({ result }) => result.standstill)).toEqual(
        there.records.map(({ result }) => result.standstill),
      );
    },
  );

  test.each(Object.values(PINNERS).map((pinner) => [pinner.name, pinner] as const))(
    '%s finds its pages as on the other device',
    (name, pinner) => {
      const scene = PINNER_SCENES.find((each) => each.name === `pins-${name}`);
      if (scene === undefined) throw new Error('no such scene');
      const [mine, other] = [runChecked(onGeneric(scene)), runChecked(structuredClone(scene.scenario))];
      expect(resultTexts(mine.records)).toEqual(resultTexts(other.records));
      const moved = mine.records.at(3)?.vmstat['nr_foll_pin_released'] ?? 0;
      expect(moved > 0).toBe(movesPages(pinner));
      expect(mine.violations).toEqual([]);
    },
  );
});

// Not AMD's alone: another device, as data (other sizes, another link, no hive, another order of eviction), runs the same
// scenes with the same driver code, and the rule of the series is the same (machine-and-drivers.md §4.4).

import { describe, expect, test } from 'vitest';
import { parseScenario, type Scenario } from '../core/index.ts';
import { DEVICE_MODEL, maxRangePages } from '../core/uapi/device-model.ts';
import { movesPages, PINNERS } from '../core/uapi/pinners.ts';
import { DEFECT_SCENES } from '../scenarios/defects.ts';
import { FRONTIER_NODE } from '../scenarios/frontier.ts';
import { type Scene, SCENES } from '../scenarios/index.ts';
import { PINNER_SCENES } from '../scenarios/pinners.ts';
import { gpuScenario, resultTexts, runChecked } from './checked-run.ts';

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

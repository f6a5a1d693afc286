// Not AMD's alone: another device, as data (other sizes, another link, no hive, another order of eviction), runs the same
// scenes with the same driver code, and the rule of the series is the same (machine-and-drivers.md §4.4).

import { describe, expect, test } from 'vitest';
import { parseScenario, type Scenario } from '../core/index.ts';
import { DEVICE_MODEL, maxRangePages } from '../core/uapi/device-model.ts';
import { movesPages, PINNERS } from '../core/uapi/pinners.ts';
import { EVICTION_SCENES } from '../scenarios/eviction.ts';
import { FRONTIER_SCENES } from '../scenarios/frontier.ts';
import { GPU_BOOT_SCENES } from '../scenarios/gpu-boot.ts';
import { GPU_SVM_SCENES } from '../scenarios/gpu-svm.ts';
import { GPU_OBJECT_SCENES } from '../scenarios/gpu-objects.ts';
import { PINNER_SCENES } from '../scenarios/pinners.ts';
import type { Scene } from '../scenarios/scene.ts';
import { resultTexts, runChecked } from './checked-run.ts';

const onGeneric = ({ scenario }: Scene): Scenario =>
  parseScenario({
    ...structuredClone(scenario),
    gpu: { ...scenario.gpu, model: 'generic-accelerator' },
  });

describe('the generic device', { timeout: 300_000 }, () => {
  test('its ranges and blocks have their own sizes', () => {
    const model = DEVICE_MODEL['generic-accelerator'];
    expect(maxRangePages(model, model.vramPages)).toBe(8192);
    expect([model.granularity, model.copyChunkPages]).toEqual([4, 16]);
  });

  test.each(
    [...GPU_SVM_SCENES, ...GPU_BOOT_SCENES, ...EVICTION_SCENES, ...GPU_OBJECT_SCENES].map(
      (scene) => [scene.name, scene] as const,
    ),
  )('%s runs, and nothing is lost', (_, scene) => {
    // a world that never shipped gives VRAM away that is in use
    const hypothetical = scene.scenario.config?.longtermPolicy !== undefined;
    const run = runChecked(onGeneric(scene));
    expect(run.records).toHaveLength(scene.scenario.steps.length);
    if (!hypothetical) expect(run.violations).toEqual([]);
  });

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

  test('the workload runs, and each checkpoint page moves once', () => {
    const scene = FRONTIER_SCENES.find(({ name }) => name === 'frontier-coherent');
    if (scene === undefined) throw new Error('no such scene');
    const run = runChecked(onGeneric(scene));
    expect(run.records.every(({ result }) => result.errno === undefined)).toBe(true);
  });
});

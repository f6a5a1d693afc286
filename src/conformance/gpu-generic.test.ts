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
import { resultTexts, runChecked } from './checked-run.ts';

const onGeneric = ({ scenario }: Scene): Scenario =>
  parseScenario({
    ...structuredClone(scenario),
    gpu: { ...scenario.gpu, model: 'generic-accelerator' },
  });

/** Scenes that run on any device; what is about faults of one driver's code, or of the size of one machine, does not. */
const RUN_HERE: readonly Scene[] = SCENES.filter(
  (scene) => scene.scenario.gpu !== undefined && !DEFECT_SCENES.includes(scene) && scene !== FRONTIER_NODE,
);

describe('the generic device', { timeout: 300_000 }, () => {
  test('its ranges and blocks have their own sizes', () => {
    const model = DEVICE_MODEL['generic-accelerator'];
    expect(maxRangePages(model, model.vramPages)).toBe(8192);
    expect([model.granularity, model.copyChunkPages]).toEqual([4, 16]);
  });

  test('of the scenes with a GPU only these are about one driver, or one machine', () => {
    const others = SCENES.filter((scene) => scene.scenario.gpu !== undefined && !RUN_HERE.includes(scene));
    expect(others.map(({ name }) => name)).toEqual([
      'defect-deadlock',
      'defect-livelock',
      'defect-page-twice',
      'defect-bo-freed',
      'defect-bo-null',
      'defect-two-hives',
      'frontier-node',
    ]);
  });

  test.each(RUN_HERE.map((scene) => [scene.name, scene] as const))(
    '%s runs, nothing is lost, and each step ends as on the other device',
    (_, scene) => {
      // a world that never shipped gives VRAM away that is in use
      const hypothetical = scene.scenario.config?.longtermPolicy !== undefined;
      const run = runChecked(onGeneric(scene));
      expect(run.records).toHaveLength(scene.scenario.steps.length);
      if (!hypothetical) expect(run.violations).toEqual([]);
      expect(resultTexts(run.records)).toEqual(
        resultTexts(runChecked(structuredClone(scene.scenario)).records),
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

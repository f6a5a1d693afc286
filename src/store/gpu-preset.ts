// The shown scenario on the other device preset: amdgpu's MI250X, or a generic device of no vendor.

import type { DeviceModelName } from '../core/uapi/device-model.ts';
import { SCENES } from '../scenarios/index.ts';
import type { AppActions, AppState } from './app.ts';
import { contrastingScenario, otherGpu } from './compare.ts';
import { runTitle } from './run-title.ts';
import { gpuPresets } from '../words/gpu-presets.ts';

type Shown = Pick<AppState, 'scenario' | 'playback'>;

const other = (scenario: unknown): unknown => contrastingScenario('other-gpu', scenario);
const withoutTitle = (scenario: unknown): string => JSON.stringify({ ...Object(scenario), title: '' });

/** The scene of the catalogue that a scenario is; undefined: none. */
const sceneOf = (scenario: unknown): string | undefined =>
  SCENES.find((scene) => withoutTitle(other(other(scene.scenario))) === withoutTitle(scenario))?.name;

const SUFFIXES = Object.values(gpuPresets).map(({ suffix }) => suffix);

/** `… (generic GPU)`, and without it on the way back. */
const titleThere = (title: string, to: DeviceModelName): string => {
  const here = SUFFIXES.find((suffix) => title.endsWith(suffix));
  return here === undefined ? `${title}${gpuPresets[to].suffix}` : title.slice(0, -here.length);
};

/** Opens the same steps on the other device, at the end of the same step; what was chosen and added stays. */
export const openOnOtherPreset = async (state: Shown, actions: AppActions): Promise<boolean> => {
  const { given, run, machine, kernel, added } = state.scenario;
  const to = otherGpu(given);
  if (run === undefined || to === undefined) return false;
  const step = run.steps.findLast(({ begin }) => begin < state.playback.position)?.index ?? -1;
  const options = { machine, kernel, added, at: { step, offset: Number.MAX_SAFE_INTEGER } };
  const there = other(given);
  const scene = sceneOf(there);
  if (scene !== undefined) return await actions.openByName(scene, options);
  const title = titleThere(runTitle(state) ?? '', to);
  return await actions.openScenario({ ...Object(there), title }, options);
};

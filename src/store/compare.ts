// A second run of the same scenario, under another kernel or with other devices, in lockstep with the one that is shown.

import {
  DEFAULT_KERNEL,
  KERNEL_SWITCHES,
  type KernelConfig,
  type KernelSwitch,
  LONGTERM_POLICIES,
  type LongtermPolicy,
} from '../core/uapi/config.ts';
import type { DeviceModelName } from '../core/uapi/device-model.ts';
import { buildablePatches } from '../core/uapi/patches.ts';
import type { RunId, RunInfo } from '../worker/protocol.ts';
import { type Context, report, update } from './context.ts';

/** What is different in the other run. */
export type Contrast =
  | 'whole-series'
  | 'without-series'
  | `without-patch-${3 | 4 | 5 | 6 | 7 | 10}`
  | `without-${KernelSwitch}`
  | 'follow-page-v6.0'
  /** Both readings of that version at once. */
  | 'linux-6.0'
  | 'private-devices'
  | 'coherent-devices'
  | 'other-gpu'
  | `policy-${LongtermPolicy}`
  /** All three policies at once: two other runs. */
  | 'policies';

export const CONTRASTS: readonly Contrast[] = [
  'without-series',
  'without-patch-3',
  'without-patch-4',
  'without-patch-5',
  'without-patch-6',
  'without-patch-7',
  'without-patch-10',
  'without-CONFIG_MIGRATION',
  'without-CONFIG_CMA',
  'without-CONFIG_DEVICE_PRIVATE',
  'without-CONFIG_TRANSPARENT_HUGEPAGE',
  'linux-6.0',
  'follow-page-v6.0',
  'private-devices',
  'coherent-devices',
  'other-gpu',
  'whole-series',
  'policies',
  'policy-on',
  'policy-intent',
  'policy-as-coded',
];

export const isContrast = (text: string): text is Contrast => CONTRASTS.some((contrast) => contrast === text);

export interface CompareSlice {
  readonly runId: RunId;
  /** What is compared with; undefined: nothing. */
  readonly contrast: Contrast | undefined;
  /** The other run, once it is open. */
  readonly other: RunInfo | undefined;
  readonly otherRunId: RunId;
  /** A third run in step with the two; undefined: there is none. */
  readonly beside: BesideRun | undefined;
}

export interface BesideRun {
  readonly contrast: Contrast;
  readonly run: RunInfo;
  readonly runId: RunId;
}

export interface CompareActions {
  /** Opens the other run beside the one that is shown; undefined closes it. */
  readonly compareWith: (contrast: Contrast | undefined) => Promise<boolean>;
}

export const initialCompare: CompareSlice = {
  runId: '',
  contrast: undefined,
  other: undefined,
  otherRunId: '',
  beside: undefined,
};

const PATCH = /^without-patch-(\d+)$/;

/** The kernel of the other run, out of that of the shown one. */
export const contrastingKernel = (contrast: Contrast, kernel: KernelConfig): Partial<KernelConfig> => {
  const { version: _version, ...own } = kernel;
  if (contrast === 'whole-series') return { ...own, patches: DEFAULT_KERNEL.patches };
  if (contrast === 'without-series') return { ...own, patches: [] };
  const policy = LONGTERM_POLICIES.find((each) => contrast === `policy-${each}`);
  if (policy !== undefined) return { ...own, longtermPolicy: policy };
  if (contrast === 'follow-page-v6.0') return { ...own, followPage: 'v6.0' };
  if (contrast === 'linux-6.0') return { ...own, followPage: 'v6.0', longtermCheck: 'v6.0' };
  const patch = PATCH.exec(contrast)?.[1];
  if (patch !== undefined)
    return { ...own, patches: buildablePatches(kernel.patches.filter((number) => number !== Number(patch))) };
  const name = KERNEL_SWITCHES.find((each) => contrast === `without-${each}`);
  return name === undefined ? own : { ...own, [name]: false };
};

interface Step {
  readonly step?: unknown;
}
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The one of the two models that the GPUs of a scenario are not; undefined: it has none. */
export const otherGpu = (scenario: unknown): DeviceModelName | undefined => {
  if (!isRecord(scenario) || !isRecord(scenario['gpu'])) return undefined;
  return scenario['gpu']['model'] === 'generic-accelerator' ? 'mi250x-gcd' : 'generic-accelerator';
};

/** The scenario with all its devices of one kind or model, and without answers that were recorded with others. */
export const contrastingScenario = (contrast: Contrast, scenario: unknown): unknown => {
  const kind =
    contrast === 'private-devices' ? 'private' : contrast === 'coherent-devices' ? 'coherent' : undefined;
  const isModel = contrast === 'other-gpu';
  if ((kind === undefined && !isModel) || !isRecord(scenario)) return scenario;
  const { devices, steps, name, title, boot, machine, config, swap, gpu, gigantic, overcommit } = scenario;
  const of = isModel && isRecord(gpu) ? { ...gpu, model: otherGpu(scenario) } : gpu;
  return {
    ...Object.fromEntries(
      Object.entries({ name, title, boot, machine, config, swap, gpu: of, gigantic, overcommit }).filter(
        ([, value]) => value !== undefined,
      ),
    ),
    devices: Array.isArray(devices)
      ? devices.map((device: unknown) => (isRecord(device) && !isModel ? { ...device, kind } : device))
      : devices,
    steps: Array.isArray(steps) ? steps.map((entry: Step, n) => ({ n, step: entry.step })) : steps,
  };
};

/** What is opened for a contrast: one other run, or the two other policies. */
const contrastsOf = (contrast: Contrast, kernel: KernelConfig): readonly Contrast[] =>
  contrast === 'policies'
    ? LONGTERM_POLICIES.filter((policy) => policy !== kernel.longtermPolicy).map(
        (policy): Contrast => `policy-${policy}`,
      )
    : [contrast];

export const compareActions = (context: Context): CompareActions => {
  let asked = 0;
  const close = (): void => {
    const { otherRunId, beside } = context.store.getState().compare;
    if (otherRunId !== '') context.link.close(otherRunId);
    if (beside !== undefined) context.link.close(beside.runId);
  };
  /** @returns undefined, and said, when it cannot be opened */
  const open = async (contrast: Contrast, run: RunInfo, mine: number): Promise<BesideRun | undefined> => {
    const { scenario } = context.store.getState();
    const { machine, added } = scenario;
    const runId = `compare${mine}-${contrast}`;
    const opened = await context.link.ask({
      kind: 'open',
      runId,
      scenario: contrastingScenario(contrast, scenario.given),
      kernel: contrastingKernel(contrast, run.kernel),
      added,
      ...(machine === undefined ? {} : { machine }),
    });
    if (mine === asked) update(context, 'scenario', { working: undefined });
    if (mine !== asked || context.store.getState().scenario.runId !== scenario.runId) {
      context.link.close(runId);
      return undefined;
    }
    if (opened.kind === 'failed') {
      report(context, { about: 'open', place: opened.place, message: opened.message });
      return undefined;
    }
    return { contrast, run: opened.run, runId };
  };
  const compareWith = async (contrast: Contrast | undefined): Promise<boolean> => {
    asked += 1;
    const mine = asked;
    const { runId, run } = context.store.getState().scenario;
    if (contrast === undefined || run === undefined) {
      close();
      update(context, 'compare', initialCompare);
      return false;
    }
    const [first, second] = contrastsOf(contrast, run.kernel);
    if (first === undefined) return false;
    const other = await open(first, run, mine);
    if (other === undefined) return false;
    const beside = second === undefined ? undefined : await open(second, run, mine);
    if (mine !== asked || (second !== undefined && beside === undefined)) {
      context.link.close(other.runId);
      return false;
    }
    close();
    update(context, 'compare', { runId, contrast, other: other.run, otherRunId: other.runId, beside });
    return true;
  };
  return { compareWith: async (contrast) => await context.idle.during(compareWith(contrast)) };
};

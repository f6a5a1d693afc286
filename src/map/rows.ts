// Which banks a run is about, and which of them are shown large.

import type { Moment, StepInfo } from '../store/views.ts';
import { type Bank, rangeOf } from './layout.ts';

/** More windows on devices than this at once leave none of them room. */
const MAX_DEVICES = 2;
/** The same of nodes besides the first. */
const MAX_NODES = 2;

/** What the windows are chosen by. */
export type BusyMoment = Pick<Moment, 'step' | 'processes' | 'moves' | 'handles'>;

const numberOf = (value: unknown): readonly number[] => (typeof value === 'number' ? [value] : []);

const isRecord = (value: unknown): value is StepInfo['step'] => typeof value === 'object' && value !== null;

/** What each task of a step does. */
const tasksOf = ({ step }: StepInfo): readonly StepInfo['step'][] =>
  Array.isArray(step['steps']) ? step['steps'].filter(isRecord) : [step];

/** Devices that a task names, in its attributes, too. */
const devicesNamedIn = (task: StepInfo['step']): readonly number[] => {
  const attrs: readonly unknown[] = Array.isArray(task['attrs']) ? task['attrs'] : [];
  const named = attrs.filter(isRecord).flatMap((attr) => Object.values(attr).flatMap(numberOf));
  return [...numberOf(task['device']), ...named];
};

const namedDevices = (step: StepInfo): readonly number[] => tasksOf(step).flatMap(devicesNamedIn);

/** Frames that the memory or the pin that a step is about has now. */
const framesOf = (step: StepInfo, moment: BusyMoment): readonly number[] =>
  tasksOf(step).flatMap((task) => framesOfTask(task, moment));

const framesOfTask = (step: StepInfo['step'], { processes, handles }: BusyMoment): readonly number[] => [
  ...processes
    .filter(({ name }) => name === step['proc'])
    .flatMap(({ areas }) => areas.filter(({ name }) => name === step['vma']))
    .flatMap(({ rows }) => rows.map(({ pfn }) => pfn)),
  ...handles.filter(({ name }) => name === step['handle']).flatMap(({ pfns }) => pfns),
];

/** Devices of what happens now: those that the step names, and those where its pages are. */
const devicesAt = (banks: readonly Bank[], steps: readonly StepInfo[], moment: BusyMoment): Set<number> => {
  const deviceOf = (pfn: number): number =>
    banks.find((bank) => rangeOf(bank, pfn) !== undefined)?.device ?? -1;
  const moving = moment.moves.flatMap(({ src, dst }) => [src, dst]);
  for (let at = Math.max(0, moment.step); at >= 0; at--) {
    const step = steps[at];
    if (step === undefined) continue;
    const frames = [...framesOf(step, moment), ...(at === moment.step ? moving : [])];
    const devices = [...namedDevices(step), ...frames.map(deviceOf)].filter((device) => device >= 0);
    if (devices.length > 0) return new Set(devices.slice(0, MAX_DEVICES));
  }
  return new Set();
};

/** Nodes of what moves now, then of what processes and pins have. */
const nodesAt = (banks: readonly Bank[], { moves, processes, handles }: BusyMoment): ReadonlySet<number> => {
  const nodes = banks.filter(({ kind }) => kind === 'system');
  const found = new Set<number>();
  if (nodes.length < 2) return found;
  const frames = [
    ...moves.flatMap(({ src, dst }) => [src, dst]),
    ...processes.flatMap(({ areas }) => areas.flatMap(({ rows }) => rows.map(({ pfn }) => pfn))),
    ...handles.flatMap(({ pfns }) => pfns),
  ];
  for (const pfn of frames) {
    const node = nodes.find((bank) => rangeOf(bank, pfn) !== undefined)?.node ?? 0;
    if (node > 0) found.add(node);
    if (found.size === MAX_NODES) break;
  }
  return found;
};

const known = new WeakMap<BusyMoment, { readonly of: readonly unknown[]; readonly names: string }>();

/** The same as one text, for whoever looks often: it is worked out once a moment. */
export const busyNames = (
  banks: readonly Bank[],
  steps: readonly StepInfo[],
  moment: BusyMoment | undefined,
): string => {
  const found = moment === undefined ? undefined : known.get(moment);
  if (found?.of[0] === banks && found.of[1] === steps) return found.names;
  const names = [...busyBanks(banks, steps, moment)].join();
  if (moment !== undefined) known.set(moment, { of: [banks, steps], names });
  return names;
};

/**
 * Names of the banks whose windows are open by themselves: all memory in one, the first node and others where pages lie
 * now, and the devices that some step names. Of many devices only those of what happens now.
 */
export const busyBanks = (
  banks: readonly Bank[],
  steps: readonly StepInfo[],
  moment: BusyMoment | undefined,
): ReadonlySet<string> => {
  const named = new Set(steps.flatMap(namedDevices));
  const isCrowded = named.size > MAX_DEVICES && moment !== undefined;
  const devices = isCrowded ? devicesAt(banks, steps, moment) : named;
  const nodes = moment === undefined ? new Set<number>() : nodesAt(banks, moment);
  const isBusy = ({ kind, device, node }: Bank): boolean =>
    kind === 'whole' || (device < 0 ? node === 0 || nodes.has(node) : devices.has(device));
  return new Set(banks.filter(isBusy).map(({ id }) => id));
};

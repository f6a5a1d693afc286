// How each GPU's driver tried to register its VRAM: the checks in the kernel's order, and where it stopped. Read off the
// log once; a position shows those events that have happened.

import { KERNEL_MESSAGES, type KernelMessage } from '../../core/kernel/sched/bug.ts';
import { type DecisionId, DECISIONS, EventKind } from '../../core/uapi/events.ts';
import { REGISTRATION_STAGES, type RegistrationStage } from '../../core/uapi/registration.ts';
import { KERNEL_FUNCTIONS, type KernelFunctionName } from '../../core/uapi/source-refs.ts';
import type { Position } from '../protocol.ts';
import type { RegistrationView } from '../protocol-gpu.ts';
import type { Run } from '../run.ts';

/** Which stage a message of the kernel ends, and with what. Kernel: `mm/memremap.c: memremap_pages, pagemap_range` */
const REFUSALS: Partial<
  Record<KernelMessage, { readonly stage: RegistrationStage; readonly errno: string }>
> = {
  'memremap.no-device-private': { stage: 'type', errno: 'EINVAL' },
  'memremap.no-migrate-to-ram': { stage: 'type', errno: 'EINVAL' },
  'memremap.no-page-free': { stage: 'type', errno: 'EINVAL' },
  'memremap.no-owner': { stage: 'type', errno: 'EINVAL' },
  'memremap.invalid-type': { stage: 'type', errno: 'EINVAL' },
  'conflicting-mapping': { stage: 'overlap', errno: 'ENOMEM' },
  'memremap.attempted-on-ram': { stage: 'ram', errno: 'ENXIO' },
  'memremap.exceeds-range': { stage: 'addressable', errno: 'EINVAL' },
  'memremap.misaligned': { stage: 'aligned', errno: 'EINVAL' },
  'memremap.section-present': { stage: 'memmap', errno: 'EEXIST' },
};

/** Which stages are behind once a function was entered, or a decision taken. */
const ENTERED: Partial<Record<KernelFunctionName, RegistrationStage>> = {
  pagemap_range: 'type',
  vmemmap_populate: 'aligned',
};
const DECIDED: Partial<Record<DecisionId, RegistrationStage>> = {
  'pgmap.memmap': 'memmap',
  'pgmap.direct-map': 'direct-map',
  'pgmap.zone-span': 'zone-span',
};

type Fact =
  | { readonly at: Position; readonly kind: 'passed'; readonly stage: RegistrationStage }
  | { readonly at: Position; readonly kind: 'memmap'; readonly memmapPages: number }
  | {
      readonly at: Position;
      readonly kind: 'refused';
      readonly stage: RegistrationStage;
      readonly errno: string;
      readonly message: KernelMessage;
    }
  | { readonly at: Position; readonly kind: 'asked'; readonly start: number; readonly end: number }
  | { readonly at: Position; readonly kind: 'registered' | 'failed' | 'searched' };

interface Attempt {
  readonly device: number;
  readonly step: number;
  readonly begin: Position;
  readonly facts: Fact[];
}

const factsOf = (run: Run, index: number): Fact[] => {
  const { log } = run.sim.machine.journal;
  const at = index + 1;
  switch (log.kindAt(index)) {
    case EventKind.SPAN_BEGIN: {
      const name = KERNEL_FUNCTIONS[log.idAt(index)]?.name;
      if (name === undefined) return [];
      if (name === 'get_free_mem_region') return [{ at, kind: 'searched' }];
      const stage = ENTERED[name];
      if (stage === undefined) return [];
      const passed: Fact = { at, kind: 'passed', stage };
      if (name !== 'pagemap_range') return [passed];
      return [passed, { at, kind: 'asked', start: log.rowAt(index), end: log.oldAt(index) }];
    }
    case EventKind.DECISION: {
      const { id, row } = log.at(index);
      const decision = DECISIONS[id];
      const stage = decision === undefined ? undefined : DECIDED[decision];
      if (stage === undefined) return [];
      const passed: Fact = { at, kind: 'passed', stage };
      return stage === 'memmap' ? [passed, { at, kind: 'memmap', memmapPages: row }] : [passed];
    }
    case EventKind.LOG: {
      const message = KERNEL_MESSAGES[log.idAt(index)];
      if (message === undefined) return [];
      if (message === 'kfd.registered') return [{ at, kind: 'registered' }];
      if (message === 'kfd.register-failed') return [{ at, kind: 'failed' }];
      const refusal = REFUSALS[message];
      return refusal === undefined ? [] : [{ at, kind: 'refused', ...refusal, message }];
    }
    default:
      return [];
  }
};

const isProbe = (fn: number): boolean => KERNEL_FUNCTIONS[fn]?.name === 'amdgpu_device_init';

/** All attempts within some events, which belong to a step or to the boot. */
const attemptsIn = (
  run: Run,
  [from, to]: readonly [Position, Position],
  step: number,
  devices: readonly number[],
): Attempt[] => {
  const { log } = run.sim.machine.journal;
  const attempts: Attempt[] = [];
  for (let i = from; i < to; i++) {
    if (log.kindAt(i) === EventKind.SPAN_BEGIN && isProbe(log.idAt(i)))
      attempts.push({ device: devices[attempts.length] ?? -1, step, begin: i + 1, facts: [] });
    attempts.at(-1)?.facts.push(...factsOf(run, i));
  }
  return attempts;
};

interface Index {
  steps: number;
  readonly attempts: Attempt[];
}
const INDEXES = new WeakMap<Run, Index>();

const indexOf = (run: Run): Index => {
  const { sim } = run;
  const known = INDEXES.get(run);
  const { devices, gpu } = sim.machine.config;
  const index = known ?? {
    steps: 0,
    // the test driver's devices register while the machine comes up, too, but as no GPU does
    attempts:
      gpu === undefined
        ? []
        : attemptsIn(
            run,
            [0, sim.bootEnd],
            -1,
            devices.map(({ id }) => id),
          ),
  };
  if (known === undefined) INDEXES.set(run, index);
  for (const { index: step, step: what, begin, end } of sim.steps.slice(index.steps)) {
    if (what.op === 'probe') index.attempts.push(...attemptsIn(run, [begin, end], step, [what.device]));
    index.steps = step + 1;
  }
  return index;
};

const stageStates = (
  facts: readonly Fact[],
  isPrivate: boolean,
  over: boolean,
): RegistrationView['stages'] => {
  const refused = facts.find((fact) => fact.kind === 'refused');
  const last = Math.max(
    -1,
    ...facts.map((fact) => (fact.kind === 'passed' ? REGISTRATION_STAGES.indexOf(fact.stage) : -1)),
  );
  const refusedAt = refused === undefined ? Infinity : REGISTRATION_STAGES.indexOf(refused.stage);
  return REGISTRATION_STAGES.filter((stage) => !(isPrivate && stage === 'direct-map')).map((stage) => {
    const i = REGISTRATION_STAGES.indexOf(stage);
    if (i === refusedAt) return { stage, state: 'failed' as const };
    if (i <= last || (i < refusedAt && refused !== undefined)) return { stage, state: 'passed' as const };
    return { stage, state: over || refused !== undefined ? ('not-reached' as const) : ('pending' as const) };
  });
};

/** Every attempt that has begun, oldest first. */
export const registrationsAt = (run: Run, position: Position): RegistrationView[] =>
  indexOf(run)
    .attempts.filter(({ begin }) => begin <= position)
    .map(({ device, step, facts }) => {
      const known = facts.filter(({ at }) => at <= position);
      const refused = known.find((fact) => fact.kind === 'refused');
      const memmap = known.find((fact) => fact.kind === 'memmap');
      const asked = known.find((fact) => fact.kind === 'asked');
      const registered = known.some(({ kind }) => kind === 'registered');
      const over = registered || known.some(({ kind }) => kind === 'failed');
      const isPrivate =
        known.some(({ kind }) => kind === 'searched') ||
        run.sim.machine.config.devices.find(({ id }) => id === device)?.kind === 'private';
      return {
        device,
        step,
        isPrivate,
        stages: stageStates(known, isPrivate, over),
        outcome: registered ? 'registered' : over || refused !== undefined ? 'refused' : 'running',
        ...(refused === undefined ? {} : { refusal: { errno: refused.errno, message: refused.message } }),
        ...(asked === undefined ? {} : { asked: { start: asked.start, npages: asked.end - asked.start } }),
        ...(memmap === undefined ? {} : { memmapPages: memmap.memmapPages }),
      };
    });

// Steps of machines with GPUs: the boot, the driver's life, ranges of shared virtual memory, buffer objects.

import { type GpuAccessResult, gpuAccess } from '../kernel/drivers/amdgpu-access.ts';
import {
  amdgpuBoCreate,
  amdgpuBoUnref,
  amdgpuCsBoValidate,
  amdgpuFillBuffer,
} from '../kernel/drivers/amdgpu-client.ts';
import { amdgpuProbe, amdgpuRemove } from '../kernel/drivers/amdgpu-device.ts';
import { type SvmQuery, svmRangeGetAttr } from '../kernel/drivers/amdgpu-get-attr.ts';
import { kfdCreateProcess, kfdLookupProcessByMm } from '../kernel/drivers/amdgpu-process.ts';
import {
  type SvmAttr,
  svmFlagBits,
  svmRangeSetAttr,
  svmRangeSwitchXnack,
} from '../kernel/drivers/amdgpu-svm.ts';
import { freeUserptr, initUserPages } from '../kernel/drivers/amdgpu-userptr.ts';
import { nextBootStage } from '../kernel/mm/e820.ts';
import { type Gpu, type KfdProcess, UNDEFINED_LOCATION } from '../machine/gpu.ts';
import type { Machine } from '../machine/machine.ts';
import type { Sleeps } from '../machine/ops.ts';
import { SVM_FLAGS, type SvmFlagName } from '../uapi/device-model.ts';
import type { StepOf, SvmAttribute, SvmQuestion } from '../uapi/scenario.ts';
import { apertureOf, bootStage } from './boot.ts';
import { processNamed, type Range, rangeOf } from './step-names.ts';
import { fromErrno, StepError, type StepResult } from './step-result.ts';

export type GpuStep = StepOf<
  | 'boot'
  | 'probe'
  | 'unbind'
  | 'svm_attr'
  | 'svm_get_attr'
  | 'set_xnack'
  | 'gpu_read'
  | 'gpu_write'
  | 'bo_alloc'
  | 'bo_write'
  | 'bo_free'
>;

/** Steps that no process takes: the kernel itself does them. */
export const isKernelStep = (op: string): boolean => op === 'boot' || op === 'probe' || op === 'unbind';

/** A GPU that the machine does not have, for the driver to refuse. */
const NO_GPU = -2;

const gpuOfDevice = (m: Machine, configId: number): Gpu | undefined => {
  const device = m.devices.values().find((candidate) => candidate.configId === configId);
  return device === undefined ? undefined : m.gpus.find(device.id);
};

const gpuNumbered = (m: Machine, configId: number): Gpu => {
  const gpu = gpuOfDevice(m, configId);
  if (gpu === undefined) throw new StepError('device', `the machine has no GPU ${configId}`);
  return gpu;
};

/** The process on the GPUs; it opens them now if it has not yet. */
const kfdProcessOf = (m: Machine, mm: number): KfdProcess =>
  kfdLookupProcessByMm(m, mm) ?? kfdCreateProcess(m, mm);

const idOf = (m: Machine, configId: number): number => gpuOfDevice(m, configId)?.id ?? NO_GPU;

const attrOf = (m: Machine, attr: SvmAttribute): SvmAttr => {
  switch (attr.type) {
    case 'PREFERRED_LOC':
    case 'PREFETCH_LOC': {
      const loc =
        attr.loc === 'system' ? 0 : attr.loc === 'undefined' ? UNDEFINED_LOCATION : idOf(m, attr.loc);
      return { type: attr.type, loc };
    }
    case 'ACCESS':
    case 'ACCESS_IN_PLACE':
    case 'NO_ACCESS':
      return { type: attr.type, gpu: idOf(m, attr.device) };
    case 'SET_FLAGS':
    case 'CLR_FLAGS':
      return { type: attr.type, flags: svmFlagBits(attr.flags) };
    case 'GRANULARITY':
      return attr;
  }
};

const queryOf = (m: Machine, question: SvmQuestion): SvmQuery =>
  'device' in question ? { type: question.type, gpu: idOf(m, question.device) } : question;

const SVM_FLAG_NAMES = Object.keys(SVM_FLAGS) as readonly SvmFlagName[];

/** An answer of the driver in the words of a scenario. */
const attributeOf = (m: Machine, attr: SvmAttr): SvmAttribute => {
  const configId = (gpu: number): number => m.devices.get(gpu).configId;
  switch (attr.type) {
    case 'PREFERRED_LOC':
    case 'PREFETCH_LOC': {
      const { type, loc } = attr;
      if (loc === UNDEFINED_LOCATION) return { type, loc: 'undefined' };
      return { type, loc: loc === 0 ? 'system' : configId(loc) };
    }
    case 'ACCESS':
    case 'ACCESS_IN_PLACE':
    case 'NO_ACCESS':
      return { type: attr.type, device: configId(attr.gpu) };
    case 'SET_FLAGS':
    case 'CLR_FLAGS': {
      const { type, flags } = attr;
      return { type, flags: SVM_FLAG_NAMES.filter((flag) => (flags & SVM_FLAGS[flag]) !== 0) };
    }
    case 'GRANULARITY':
      return attr;
  }
};

function* runGetAttr(m: Machine, step: StepOf<'svm_get_attr'>): Sleeps<StepResult> {
  const { mm, start, npages } = rangeOf(m, step);
  const process = kfdProcessOf(m, mm.id);
  const queries = step.attrs.map((question) => queryOf(m, question));
  const answers = yield* svmRangeGetAttr(m, start, npages, process.id, queries);
  if (typeof answers === 'number') return fromErrno(answers);
  return { ret: 0, attrs: answers.map((answer) => attributeOf(m, answer)) };
}

const runBoot = (m: Machine, { stage }: StepOf<'boot'>): StepResult => {
  const next = nextBootStage(m);
  if (next === undefined)
    throw new StepError('stage', 'the machine runs already: only one with gpu.coldBoot boots in steps');
  if (stage !== next) throw new StepError('stage', `the next stage is ${next}`);
  bootStage(m, stage);
  return { ret: 0 };
};

const runProbe = (m: Machine, step: StepOf<'probe'>): StepResult => {
  const config = m.config.devices.find(({ id }) => id === step.device);
  const model = m.config.gpu?.model;
  if (config === undefined || model === undefined)
    throw new StepError('device', `the machine has no GPU ${step.device}`);
  if (nextBootStage(m) !== undefined) throw new StepError('op', 'the machine has not booted yet');
  if (gpuOfDevice(m, step.device) !== undefined)
    throw new StepError('device', `GPU ${step.device} has its driver already`);
  const { start, pages } = apertureOf(config);
  return fromErrno(amdgpuProbe(m, config, model, { start: step.start ?? start, pages: step.pages ?? pages }));
};

const accessResult = ({ ret, done, faults, values, accesses }: GpuAccessResult): StepResult => ({
  ...fromErrno(ret),
  cpages: done,
  faults,
  ...(values.length > 0 ? { values } : {}),
  accesses: {
    'gpu local': accesses.local,
    'gpu system': accesses.system,
    'gpu package': accesses.package,
    'gpu peer': accesses.peer,
  },
});

function* runGpuAccess(m: Machine, step: StepOf<'gpu_read'> | StepOf<'gpu_write'>): Sleeps<StepResult> {
  const { mm, start, npages, first }: Range = rangeOf(m, step);
  const gpu = gpuNumbered(m, step.device);
  const process = kfdProcessOf(m, mm.id);
  const value = step.op === 'gpu_write' ? step.value + first : undefined;
  return accessResult(yield* gpuAccess(m, start, npages, gpu, process.id, value));
}

const boNamed = (m: Machine, mm: number, name: string): number => {
  const bo = m.ttmBos.values().find((candidate) => candidate.name === name && candidate.mm === mm);
  if (bo === undefined) throw new StepError('bo', `there is no buffer object ${name}`);
  return bo.id;
};

function* runUserptr(m: Machine, step: StepOf<'bo_alloc'>, gpu: number): Sleeps<StepResult> {
  const { vma, page = 0 } = step;
  if (vma === undefined) throw new StepError('vma', 'a userptr is about memory of an area');
  const { mm, start, npages } = rangeOf(m, { proc: step.proc, vma, page, count: step.pages });
  if (m.userptrs.values().some(({ name }) => name === step.bo))
    throw new StepError('bo', `there is a buffer object ${step.bo} already`);
  const process = kfdProcessOf(m, mm.id).id;
  return fromErrno(yield* initUserPages(m, { process, gpu, name: step.bo, start, npages }));
}

function* runBoAlloc(m: Machine, step: StepOf<'bo_alloc'>): Sleeps<StepResult> {
  const mm = processNamed(m, step.proc).id;
  if (m.ttmBos.values().some(({ name, mm: owner }) => name === step.bo && owner === mm))
    throw new StepError('bo', `there is a buffer object ${step.bo} already`);
  const gpu = gpuNumbered(m, step.device);
  if (step.kind === 'userptr') return yield* runUserptr(m, step, gpu.id);
  const bo = yield* amdgpuBoCreate(m, {
    gpu: gpu.id,
    name: step.bo,
    kind: step.kind,
    mm,
    npages: step.pages,
    pin: step.pin === true,
  });
  return fromErrno(bo);
}

/** What one step of a GPU does, as a task. @throws StepError when it cannot be run */
export function* runGpuStep(m: Machine, step: GpuStep): Sleeps<StepResult> {
  if (m.config.gpu === undefined)
    throw new StepError('op', `${step.op} needs a machine with GPUs: a scenario with "gpu"`);
  switch (step.op) {
    case 'boot':
      return runBoot(m, step);
    case 'probe':
      return runProbe(m, step);
    case 'unbind':
      return fromErrno(yield* amdgpuRemove(m, gpuNumbered(m, step.device).id));
    case 'svm_attr': {
      const { mm, start, npages } = rangeOf(m, step);
      const process = kfdProcessOf(m, mm.id);
      const attrs = step.attrs.map((attr) => attrOf(m, attr));
      return fromErrno(yield* svmRangeSetAttr(m, start, npages, process.id, attrs));
    }
    case 'svm_get_attr':
      return yield* runGetAttr(m, step);
    case 'set_xnack': {
      const process = kfdProcessOf(m, processNamed(m, step.proc).id);
      return fromErrno(svmRangeSwitchXnack(m, process.id, step.enabled));
    }
    case 'gpu_read':
    case 'gpu_write':
      return yield* runGpuAccess(m, step);
    case 'bo_alloc':
      return yield* runBoAlloc(m, step);
    case 'bo_write': {
      const bo = boNamed(m, processNamed(m, step.proc).id, step.bo);
      const err = yield* amdgpuCsBoValidate(m, bo);
      if (err === 0) yield* amdgpuFillBuffer(m, bo, step.value);
      return fromErrno(err);
    }
    case 'bo_free': {
      const userptr = m.userptrs.values().find(({ name }) => name === step.bo);
      if (userptr !== undefined) {
        freeUserptr(m, userptr.id);
        return { ret: 0 };
      }
      yield* amdgpuBoUnref(m, boNamed(m, processNamed(m, step.proc).id, step.bo));
      return { ret: 0 };
    }
  }
}

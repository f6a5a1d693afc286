// Steps on the test driver's devices: the commands of its file, and the file itself.

import {
  type DmirrorCommand,
  dmirrorIoctl,
  dmirrorOpen,
  dmirrorRelease,
} from '../kernel/drivers/test-hmm.ts';
import { type DmirrorResult } from '../kernel/drivers/test-hmm-dmirror.ts';
import type { Dmirror, DmirrorDevice, Mm } from '../machine/entities.ts';
import type { Machine } from '../machine/machine.ts';
import type { Sleeps } from '../machine/ops.ts';
import { ENOENT } from '../uapi/errno.ts';
import type { StepOf } from '../uapi/scenario.ts';
import { processNamed, type Range, rangeOf } from './step-names.ts';
import { failed, fromErrno, ok, StepError, type StepResult } from './step-result.ts';

/** dev_read reports no more than these. */
const MAX_DEVICE_VALUES = 64;

/** The device that a step means by its number. */
export const deviceNumbered = (m: Machine, configId: number): DmirrorDevice | undefined =>
  m.devices.values().find((candidate) => candidate.configId === configId);

/** The process's mirror on a device; opened now if it is not open. */
export const openDevice = (m: Machine, mm: Mm, configId: number): Dmirror => {
  if (m.config.gpu !== undefined)
    throw new StepError('op', "this machine's devices are GPUs: they have no commands of the test driver");
  const device = deviceNumbered(m, configId);
  if (device === undefined) throw new StepError('device', `the machine has no device ${configId}`);
  const open = m.dmirrors.values().find((dmirror) => dmirror.mm === mm.id && dmirror.device === device.id);
  return open ?? dmirrorOpen(m, mm.id, device.id);
};

const deviceResult = (step: DeviceStep, given: DmirrorResult): StepResult => {
  if (given.ret < 0) return failed(given.ret);
  const mirror = 'mirror' in step && step.mirror === true ? { mirror: given.values } : {};
  switch (step.op) {
    case 'dev_read':
      return {
        ret: 0,
        cpages: given.cpages,
        faults: given.faults,
        values: given.values.slice(0, MAX_DEVICE_VALUES),
        ...mirror,
      };
    case 'dev_check_exclusive':
      return ok();
    case 'dev_write':
      return { ret: 0, cpages: given.cpages, faults: given.faults };
    case 'snapshot':
      return { ret: 0, cpages: given.cpages, perms: given.perms };
    default:
      return { ret: 0, cpages: given.cpages, ...mirror };
  }
};

type DeviceStep =
  | StepOf<'dev_read'>
  | StepOf<'dev_write'>
  | StepOf<'migrate_to_dev'>
  | StepOf<'migrate_to_sys'>
  | StepOf<'dev_exclusive'>
  | StepOf<'dev_check_exclusive'>
  | StepOf<'snapshot'>;

const commandOf = (step: DeviceStep, { first, npages }: Range): DmirrorCommand => {
  switch (step.op) {
    case 'dev_read':
      return { kind: 'read', wanted: step.mirror === true ? npages : MAX_DEVICE_VALUES };
    case 'dev_write':
      return { kind: 'write', value: step.value + first };
    case 'migrate_to_dev':
      return { kind: 'migrate-to-dev', wantsValues: step.mirror === true };
    case 'migrate_to_sys':
      return { kind: 'migrate-to-sys' };
    case 'dev_exclusive':
      return { kind: 'exclusive' };
    case 'dev_check_exclusive':
      return { kind: 'check-exclusive' };
    case 'snapshot':
      return { kind: 'snapshot' };
  }
};

export function* runDevice(m: Machine, step: DeviceStep): Sleeps<StepResult> {
  const range = rangeOf(m, step);
  const dmirror = openDevice(m, range.mm, step.device);
  const given = yield* dmirrorIoctl(m, range.start, range.npages, dmirror, commandOf(step, range));
  return deviceResult(step, given);
}

/** Opens, closes or empties a device. */
export function* runDeviceFile(
  m: Machine,
  step: StepOf<'dev_open'> | StepOf<'dev_close'> | StepOf<'dev_evict'>,
): Sleeps<StepResult> {
  const mm = processNamed(m, step.proc);
  const device = deviceNumbered(m, step.device);
  const open = m.dmirrors.values().find((dmirror) => dmirror.mm === mm.id && dmirror.device === device?.id);
  switch (step.op) {
    case 'dev_open':
      if (device === undefined) return failed(-ENOENT);
      if (open !== undefined)
        throw new StepError('device', `${mm.name} has device ${step.device} open already`);
      dmirrorOpen(m, mm.id, device.id);
      return ok();
    case 'dev_close':
      if (open === undefined)
        throw new StepError('device', `${mm.name} has not opened device ${step.device}`);
      yield* dmirrorRelease(m, open);
      return ok();
    case 'dev_evict':
      // the driver checks the range and then ignores it
      return fromErrno(
        (yield* dmirrorIoctl(m, 0, 1, openDevice(m, mm, step.device), { kind: 'release' })).ret,
      );
  }
}

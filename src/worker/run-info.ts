// What the page learns of a run when it is opened.

import type { MachineConfig, MemoryRange } from '../core/uapi/config.ts';
import type { Agreement, MachineInfo, RangeInfo, RunInfo, StepInfo } from './protocol.ts';
import type { Run } from './run.ts';
import { hasFailed } from './views/captions.ts';

interface Opened {
  readonly run: Run;
  readonly source: RunInfo['source'];
  readonly agreement: Agreement;
}

const rangeInfo = (config: MachineConfig, range: MemoryRange): RangeInfo => {
  const device = config.devices.find(({ start }) => start === range.start);
  const isDevice = range.kind === 'soft-reserved' && device !== undefined;
  return {
    id: isDevice ? `device ${device.id}` : `${range.kind} ${range.start.toString(16)}`,
    start: range.start,
    npages: range.end - range.start,
    kind: isDevice ? device.kind : range.kind === 'ram' ? 'ram' : 'mmio',
    node: range.node,
    zone: isDevice ? 'Device' : (range.zone ?? ''),
    cma: range.cma === true,
    reserved: range.reserved ?? '',
    device: isDevice ? device.id : -1,
  };
};

/** Private memory lies in no range of the firmware. */
const privateRanges = (config: MachineConfig): RangeInfo[] =>
  config.devices
    .filter(({ kind }) => kind === 'private')
    .map(({ id, start, pages, node }) => ({
      id: `device ${id}`,
      start,
      npages: pages,
      kind: 'private',
      node,
      zone: 'Device',
      cma: false,
      reserved: '',
      device: id,
    }));

export const machineInfo = (config: MachineConfig): MachineInfo => {
  const ranges = [...config.ranges.map((range) => rangeInfo(config, range)), ...privateRanges(config)];
  return {
    preset: config.preset,
    title: config.title,
    cpus: config.cpus,
    totalPages: ranges.reduce((sum, { npages, kind }) => sum + (kind === 'mmio' ? 0 : npages), 0),
    ranges: ranges.toSorted((a, b) => a.start - b.start),
  };
};

export const runInfo = ({ run, source, agreement }: Opened): RunInfo => {
  const { sim } = run;
  const { name, title } = sim.scenario;
  return {
    name,
    title,
    source,
    machine: machineInfo(sim.machine.config),
    kernel: sim.machine.kernel,
    steps: sim.steps.map(
      ({ index, step, begin, end, result }): StepInfo => ({
        index,
        step,
        begin,
        end,
        result: { ...result },
        failed: hasFailed(result),
      }),
    ),
    bootEnd: sim.bootEnd,
    length: sim.length,
    branches: sim.branches,
    agreement,
  };
};

// What the page learns of a run when it is opened.

import type { MachineConfig, MemoryRange } from '../core/uapi/config.ts';
import { nodeDistance, topologyOf } from '../core/uapi/topology.ts';
import { kernelOf } from '../core/scenario/simulation.ts';
import type {
  LeftOutStep,
  Agreement,
  MachineInfo,
  RangeInfo,
  RunInfo,
  SelftestReport,
  StepInfo,
} from './protocol.ts';
import type { Run } from './run.ts';
import { hasFailed } from './views/captions.ts';
import { kernelLogOf } from './views/kernel-log.ts';
import { briefResult } from './views/step-results.ts';

/** A run that is open, with what was found out while it was opened. */
export interface OpenRun {
  readonly run: Run;
  readonly source: RunInfo['source'];
  readonly agreement: Agreement;
  readonly leftOut: readonly LeftOutStep[];
  readonly selftest: SelftestReport | undefined;
}

/** Numbers of the devices whose driver has registered their memory. */
type Registered = ReadonlySet<number>;

/** Without a driver that registers it, memory of a device has no page frames to show. */
const rangeInfo = (config: MachineConfig, registered: Registered, range: MemoryRange): RangeInfo => {
  const device = config.devices.find(({ start, id }) => start === range.start && registered.has(id));
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
const privateRanges = (config: MachineConfig, registered: Registered): RangeInfo[] =>
  config.devices
    .filter(({ kind, id }) => kind === 'private' && registered.has(id))
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

/** Memory that other drivers have registered: the page allocator never has any of it, and files map it. */
const mappedRanges = ({ mappedMemory = [] }: MachineConfig): RangeInfo[] =>
  mappedMemory.map(({ id, kind, start, pages, node }) => ({
    id: `device ${id}`,
    start,
    npages: pages,
    kind,
    node,
    zone: 'Device',
    cma: false,
    reserved: '',
    device: id,
  }));

export const machineInfo = (config: MachineConfig, registered: Registered): MachineInfo => {
  const ranges = [
    ...config.ranges.map((range) => rangeInfo(config, registered, range)),
    ...privateRanges(config, registered),
    ...mappedRanges(config),
  ];
  return {
    preset: config.preset,
    title: config.title,
    cpus: config.cpus,
    totalPages: ranges.reduce((sum, { npages, kind }) => sum + (kind === 'mmio' ? 0 : npages), 0),
    ranges: ranges.toSorted((a, b) => a.start - b.start),
    distances: Array.from({ length: 1 + Math.max(...ranges.map(({ node }) => node)) }, (_, node) =>
      nodeDistance(0, node),
    ),
    links: topologyOf(config).links.map(({ from, to, link }) => ({ from, to: to === 'cpu' ? -1 : to, link })),
  };
};

export const runInfo = ({ run, source, agreement, leftOut, selftest }: OpenRun): RunInfo => {
  const { sim } = run;
  const { name, title } = sim.scenario;
  return {
    name,
    title,
    source,
    machine: machineInfo(
      sim.machine.config,
      new Set(sim.machine.devices.values().map(({ configId }) => configId)),
    ),
    kernel: sim.machine.kernel,
    ownKernel: kernelOf(sim.scenario),
    steps: sim.steps.map(
      ({ index, step, begin, end, result, isBig }): StepInfo => ({
        index,
        step,
        begin,
        end,
        result: briefResult(result),
        failed: hasFailed(result),
        isBig,
      }),
    ),
    bootEnd: sim.bootEnd,
    length: sim.length,
    branches: sim.branches,
    leftOut,
    agreement,
    selftest,
    kernelLog: kernelLogOf(run),
  };
};

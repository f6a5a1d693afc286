// A GPU reads and writes the memory of a process: through its own page table, with faults or without.

import type { Dmirror } from '../../machine/entities.ts';
import type { Gpu } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { Sleeps } from '../../machine/ops.ts';
import { EAGAIN, EFAULT } from '../../uapi/errno.ts';
import type { Pfn, Vpn } from '../../uapi/units.ts';
import { condResched } from '../sched/locks.ts';
import { isDevicePrivatePage, pagePgmap } from '../mm/page-ref.ts';
import { accessManyPages } from './amdgpu-bulk.ts';
import { packageOf } from './amdgpu-device.ts';
import { svmRangeRestorePages } from './amdgpu-fault.ts';
import { gpuEntry } from './amdgpu-map.ts';
import { gpuPageTable, tickGpuClock } from './amdgpu-process.ts';

/** Where the page is that a GPU reaches: in its own memory, in the system's, in another GPU's of its package or elsewhere. */
export type GpuDistance = 'local' | 'system' | 'package' | 'peer';
const NO_ACCESSES: Readonly<Record<GpuDistance, number>> = { local: 0, system: 0, package: 0, peer: 0 };

/** What a kernel on the GPU did. */
export interface GpuAccessResult {
  /** 0; -EFAULT, -EPERM or -EACCES: a fault that nobody repaired; -EAGAIN: the queues do not run. */
  readonly ret: number;
  readonly done: number;
  readonly faults: number;
  readonly values: readonly number[];
  readonly accesses: Readonly<Record<GpuDistance, number>>;
}

/** Replays of one access after which the GPU counts as hanging. */
const MAX_REPLAYS = 64;
/** More values than these nobody is told. */
export const REPORTED_VALUES = 64;

/** Whose memory a page is, as a GPU sees it. */
const distance = (m: Machine, gpu: Gpu, pfn: Pfn): GpuDistance => {
  const pgmap = pagePgmap(m, pfn);
  if (pgmap === undefined) return 'system';
  if (pgmap.id === gpu.pgmap) return 'local';
  const other = m.gpus.find(pgmap.device);
  return other !== undefined && packageOf(m, other) === packageOf(m, gpu) ? 'package' : 'peer';
};

/** Private pages that fork left shared: coherent ones and those of the system were copied before they were mapped. */
const sharedPages = (m: Machine, first: Pfn, npages: number): number => {
  const { mapcount } = m.pages;
  if (!isDevicePrivatePage(m, first) || mapcount.isConstant(first, npages, 1)) return 0;
  let shared = 0;
  for (let pfn = first; pfn < first + npages; pfn++) if (mapcount.get(pfn) > 1) shared++;
  return shared;
};

/** Until the queues run. False: they stay stopped. */
function* queuesRun(m: Machine, process: number): Sleeps<boolean> {
  let expired = false;
  const runs = (): boolean => !m.kfdProcesses.get(process).queuesStopped;
  const free = (): boolean => runs() || expired;
  const expire = (): void => {
    expired = true;
  };
  while (!free()) yield { kind: 'fence', free, expire };
  return runs();
}

/** The entry for one page, after as many faults as it takes; -errno: there will be none. */
function* entryFor(
  m: Machine,
  vpn: Vpn,
  gpu: Gpu,
  process: number,
  table: Dmirror,
  write: boolean,
  faults: { count: number },
): Sleeps<Pfn | number> {
  for (let replays = 0; replays < MAX_REPLAYS; replays++) {
    if (!(yield* queuesRun(m, process))) return -EAGAIN;
    const entry = gpuEntry(m, table, vpn);
    if (entry !== undefined && (!write || entry.write)) return entry.pfn;
    m.trace.decide('gpu.fault', vpn, gpu.id);
    faults.count++;
    const ret = yield* svmRangeRestorePages(m, vpn, write, gpu.id, process);
    if (ret !== 0) {
      m.trace.decide('gpu.fatal-fault', vpn, gpu.id);
      return ret;
    }
    yield* condResched(m, 'GPU replays the access');
    // a fault that was dropped as a repetition comes again later
    const now = gpuEntry(m, table, vpn);
    if (now === undefined || (write && !now.write)) tickGpuClock(m);
  }
  return -EFAULT;
}

/**
 * A kernel on the GPU reads or writes the first number of each page of a range.
 *
 * Ours: stands for the hardware.
 *
 * @param value - to be written in the first page, and one more in each further one; undefined: read
 */
export function* gpuAccess(
  m: Machine,
  start: Vpn,
  npages: number,
  gpu: Gpu,
  process: number,
  value: number | undefined,
): Sleeps<GpuAccessResult> {
  const { mm, dead } = m.kfdProcesses.get(process);
  const table = gpuPageTable(m, mm, gpu.id);
  if (dead || table === undefined)
    return { ret: -EFAULT, done: 0, faults: 0, values: [], accesses: NO_ACCESSES };
  const faults = { count: 0 };
  const values: number[] = [];
  const accesses = { ...NO_ACCESSES };
  let ret = 0;
  let done = 0;
  let shared = 0;
  const reached = (first: Pfn, many: number): void => {
    accesses[distance(m, gpu, first)] += many;
    if (value !== undefined) shared += sharedPages(m, first, many);
  };
  for (; done < npages; done++) {
    // the first values of a read are reported
    while (value !== undefined || done >= REPORTED_VALUES) {
      const next = value === undefined ? undefined : value + done;
      const many = accessManyPages(m, table, start + done, start + npages, next, reached);
      if (many === 0) break;
      done += many;
      yield* condResched(m, 'GPU accesses');
    }
    if (done === npages) break;
    const pfn = yield* entryFor(m, start + done, gpu, process, table, value !== undefined, faults);
    if (pfn < 0) {
      ret = pfn;
      break;
    }
    if (value !== undefined) m.pages.content.set(pfn, value + done);
    else if (values.length < REPORTED_VALUES) values.push(m.pages.content.get(pfn));
    reached(pfn, 1);
  }
  if (ret < 0 && ret !== -EAGAIN) m.kfdProcesses.update(process, { dead: true });
  if (shared > 0) m.trace.decide('gpu.wrote-shared', start, shared, gpu.id);
  m.trace.decide(value === undefined ? 'gpu.read' : 'gpu.wrote', start, done, gpu.id);
  return { ret, done, faults: faults.count, values, accesses };
}

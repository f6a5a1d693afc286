// What the GPU driver does with many pages in one go, for big steps. The mechanisms, whose every effect on the state is
// here too, are amdgpu-migrate.ts: svmMigrateVmaToVram, svmMigrateVmaToRam and svmMigratePageFree, amdgpu-notifier.ts:
// svmRangeCpuInvalidatePagetables, and amdgpu-access.ts: gpuAccess.

import type { DevPagemap, Dmirror, Vma } from '../../machine/entities.ts';
import { SECTION_MASK, SECTION_ROWS } from '../../machine/column.ts';
import type { Gpu } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { DEVICE_CALLOC, DEVICE_CFREE, DEVICE_FRESH, deviceRow, svmBoKrefRow } from '../../machine/scalars.ts';
import { SVM_FLAGS } from '../../uapi/device-model.ts';
import type { Pfn, Vpn } from '../../uapi/units.ts';
import { condResched } from '../sched/locks.ts';
import { anonVmaPrepare } from '../mm/anon-vma.ts';
import {
  eachHole,
  fillHoles,
  framesAreFree,
  invalidateFromHole,
  partsOfRange,
  type RangeParts,
} from '../mm/migrate-hole-bulk.ts';
import {
  allocRangeTargets,
  beginRangeMigration,
  moveChunkToDevice,
  moveChunkToSystem,
} from '../mm/migrate-vma-bulk.ts';
import { mmuIntervalSetSeq } from '../mm/mmu-notifier.ts';
import { pagePgmap } from '../mm/page-ref.ts';
import { countCalls, countDecisions, inChunks, runLength, unfollowed } from '../mm/plain-pages.ts';
import { releaseSvmBoAsync } from './amdgpu-bo.ts';
import { modelOf, pgmapOwner } from './amdgpu-device.ts';
import { gpuPageTable } from './amdgpu-process.ts';
import { RANGE_SUBSCRIPTIONS } from './amdgpu-range.ts';

/** Pages of holes that are filled in one go. */
const SLICE_PAGES = 8 * SECTION_ROWS;
/** Tag of an entry that the GPU may write through; the lowest bits of `pfn * 4 + tag`. */
const TAG_WRITE = 3;

const add = (m: Machine, row: number, by: number): void => m.scalars.set(row, m.scalars.get(row) + by);

// --- to VRAM ----------------------------------------------------------------------------------------------------------

/** Calls `each` for the parts of blocks of VRAM that a stretch of a buffer object is, in its order. */
const eachBlock = (
  m: Machine,
  gpu: Gpu,
  svmBo: number,
  boPage: number,
  npages: number,
  each: (first: Pfn, npages: number) => void,
): void => {
  let before = 0;
  for (const { start, order } of m.ttmBos.get(m.svmBos.get(svmBo).bo).blocks) {
    const from = Math.max(0, boPage - before);
    const to = Math.min(2 ** order, boPage + npages - before);
    before += 2 ** order;
    if (from < to) each(gpu.vramStart + start + from, to - from);
  }
};

/** Frames of VRAM for the pages of a buffer object from one on. */
const takeVramPages = (
  m: Machine,
  gpu: Gpu,
  svmBo: number,
  boPage: number,
  n: number,
  dst: Float64Array,
): void => {
  let at = 0;
  eachBlock(m, gpu, svmBo, boPage, n, (first, npages) => {
    for (let i = 0; i < npages; i++) dst[at++] = first + i;
  });
  for (at = 0; at < n; ) {
    const length = Math.abs(runLength(dst, at, n));
    m.pages.zoneDeviceData.writeLine(dst[at], length, svmBo, 0);
    at += length;
  }
  countTaken(m, gpu, svmBo, n);
};

const countTaken = (m: Machine, gpu: Gpu, svmBo: number, n: number): void => {
  add(m, svmBoKrefRow(svmBo), n);
  add(m, deviceRow(gpu.id, DEVICE_CALLOC), n);
  add(m, deviceRow(gpu.id, DEVICE_FRESH), -n);
};

/** How many copies by DMA there are: one for each chunk of each run of frames that follow each other. */
class Copies {
  private full = 0;
  private run = 0;
  private next: Pfn = -1;

  constructor(private readonly chunkPages: number) {}

  add(pfns: Float64Array, n: number): void {
    for (let at = 0; at < n; ) {
      const length = Math.max(1, runLength(pfns, at, n));
      if (pfns[at] !== this.next) {
        this.full += Math.ceil(this.run / this.chunkPages);
        this.run = 0;
      }
      this.run += length;
      this.next = pfns[at] + length;
      at += length;
    }
  }

  /** Something lies between: the run ends, even if the next frame follows. */
  interrupt(): void {
    this.next = -1;
  }

  get count(): number {
    return this.full + Math.ceil(this.run / this.chunkPages);
  }
}

/** Calls of the copy: one for each chunk of pages that follow each other and have something to be copied. */
const countCopies = (
  m: Machine,
  gpu: Gpu,
  svmBo: number,
  boPage: number,
  start: Vpn,
  { present }: RangeParts,
): void => {
  const { copyChunkPages } = modelOf(gpu);
  let copies = 0;
  for (let at = 0; at < present.length; at += 2)
    eachBlock(
      m,
      gpu,
      svmBo,
      boPage + present[at] - start,
      present[at + 1] - present[at],
      (_first, npages) => {
        copies += Math.ceil(npages / copyChunkPages);
      },
    );
  countCalls(m, ['svm_migrate_copy_to_vram'], 1);
  countCalls(m, ['svm_migrate_copy_memory_gart'], copies);
};

/** Holes of a range as stretches that lie together in VRAM, none larger than a slice should last. */
const holesInVram = (
  m: Machine,
  gpu: Gpu,
  svmBo: number,
  boPage: number,
  start: Vpn,
  end: Vpn,
  parts: RangeParts,
): { readonly vpn: Vpn; readonly first: Pfn; readonly n: number }[] => {
  const stretches: { vpn: Vpn; first: Pfn; n: number }[] = [];
  eachHole(parts, start, end, (from, to) => {
    let vpn = from;
    eachBlock(m, gpu, svmBo, boPage + from - start, to - from, (first, npages) => {
      for (let at = 0; at < npages; ) {
        // whole sections of the device's frames, so that what is written of them is one line
        const n = Math.min(npages - at, SLICE_PAGES - ((first + at) % SLICE_PAGES));
        stretches.push({ vpn, first: first + at, n });
        vpn += n;
        at += n;
      }
    });
  });
  return stretches;
};

/** Every hole gets its page before a page of system memory is given back: tables are not made of those. */
function* fillHolesOfRange(
  m: Machine,
  vma: Vma,
  holes: ReturnType<typeof holesInVram>,
  end: Vpn,
  gpu: Gpu,
  svmBo: number,
  pgmap: DevPagemap,
): Sleeps<Vma> {
  if (holes.length === 0) return vma;
  invalidateFromHole(m, vma, holes[0].vpn, end, pgmapOwner(gpu));
  const anchored = anonVmaPrepare(m, m.vmas.get(vma.id));
  for (const { vpn, first, n } of holes) {
    m.pages.zoneDeviceData.writeLine(first, n, svmBo, 0);
    countTaken(m, gpu, svmBo, n);
    fillHoles(m, anchored, vpn, n, first, pgmap);
    yield* condResched(m, 'svm_migrate_copy_done');
  }
  return anchored;
}

/**
 * Moves a range of plain pages to VRAM; where it has none they are made there.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_migrate.c: svm_migrate_vma_to_vram`; the mechanism is amdgpu-migrate.ts
 *
 * @returns whether it did; false: the range is none of these, and nothing was done
 */
export function* moveRangeToVram(
  m: Machine,
  start: Vpn,
  end: Vpn,
  gpu: Gpu,
  svmBo: number,
  vma: Vma,
  boPage: number,
): Sleeps<boolean> {
  const pgmap = m.pgmaps.find(gpu.pgmap);
  const parts = pgmap === undefined ? undefined : yield* partsOfRange(m, vma, start, end, 'system');
  if (pgmap === undefined || parts === undefined) return false;
  const holes = holesInVram(m, gpu, svmBo, boPage, start, end, parts);
  if (!holes.every(({ first, n }) => framesAreFree(m, first, n))) return false;
  beginRangeMigration(m, vma, start, end, pgmapOwner(gpu));
  countCopies(m, gpu, svmBo, boPage, start, parts);
  const anchored = yield* fillHolesOfRange(m, vma, holes, end, gpu, svmBo, pgmap);
  for (let at = 0; at < parts.present.length; at += 2) {
    const to = parts.present[at + 1];
    for (let vpn = parts.present[at]; vpn < to; ) {
      const page = boPage + vpn - start;
      vpn += moveChunkToDevice(m, anchored, vpn, to, pgmap, (n, dst) =>
        takeVramPages(m, gpu, svmBo, page, n, dst),
      );
      yield* condResched(m, 'svm_migrate_copy_done');
    }
  }
  return true;
}

// --- to system memory -------------------------------------------------------------------------------------------------

/**
 * Moves a range of plain pages from VRAM to system memory.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_migrate.c: svm_migrate_vma_to_ram`; the mechanism is amdgpu-migrate.ts
 *
 * @returns whether it did; false: the range is none of these, and nothing was done
 */
export function* moveRangeToRam(
  m: Machine,
  start: Vpn,
  end: Vpn,
  gpu: Gpu,
  vma: Vma,
  gfp: number,
): Sleeps<boolean> {
  const pgmap = m.pgmaps.find(gpu.pgmap);
  const parts = pgmap === undefined ? undefined : yield* partsOfRange(m, vma, start, end, pgmap);
  if (pgmap === undefined || parts === undefined) return false;
  const { present, holes } = parts;
  const taken = yield* allocRangeTargets(m, gfp, end - start - holes, () =>
    beginRangeMigration(m, vma, start, end, pgmapOwner(gpu)),
  );
  if (taken === undefined) return false;
  countCalls(m, ['svm_migrate_copy_to_ram'], 1);
  // a hole gets no page: the driver names none
  countDecisions(m, ['migrate.hole', 'migrate.no-destination'], holes);
  const copies = new Copies(modelOf(gpu).copyChunkPages);
  let done = 0;
  for (let at = 0; at < present.length; at += 2) {
    copies.interrupt();
    for (let vpn = present[at]; vpn < present[at + 1]; ) {
      const n = moveChunkToSystem(m, vma, vpn, present[at + 1], pgmap, taken.subarray(done), (pfns, many) =>
        copies.add(pfns, many),
      );
      vpn += n;
      done += n;
      yield* condResched(m, 'svm_migrate_copy_done');
    }
  }
  countCalls(m, ['svm_migrate_copy_memory_gart'], copies.count);
  return true;
}

/**
 * Pages of VRAM are free again.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_migrate.c: svm_migrate_page_free`, many times
 */
export const freeVramPages = (m: Machine, pfns: Float64Array, n: number): void => {
  countCalls(m, ['svm_migrate_page_free'], n);
  const pgmap = pagePgmap(m, pfns[0])?.id;
  const device = m.devices.values().find((candidate) => candidate.pgmap === pgmap);
  if (device !== undefined) {
    add(m, deviceRow(device.id, DEVICE_CFREE), n);
    add(m, deviceRow(device.id, DEVICE_FRESH), n);
  }
  const { zoneDeviceData } = m.pages;
  for (let at = 0; at < n; ) {
    const svmBo = zoneDeviceData.get(pfns[at]);
    let next = at + 1;
    while (next < n && zoneDeviceData.get(pfns[next]) === svmBo) next++;
    add(m, svmBoKrefRow(svmBo), at - next);
    if (m.scalars.get(svmBoKrefRow(svmBo)) === 0) releaseSvmBoAsync(m, svmBo);
    at = next;
  }
};

// --- invalidation -----------------------------------------------------------------------------------------------------

/**
 * Each page of a part of a range is invalidated by itself, for a reason other than munmap.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_svm.c: svm_range_cpu_invalidate_pagetables`, many times
 *
 * @param one - the mechanism for one page, where it has to decide anew each time
 */
export const invalidateRangePages = (
  m: Machine,
  rangeId: number,
  event: MmuNotifierRange,
  one: (vpn: Vpn) => void,
): void => {
  const { start, end, mm } = event;
  const range = m.svmRanges.get(rangeId);
  const stops = !m.kfdProcesses.get(range.process).xnack || (range.flags & SVM_FLAGS.GPU_ALWAYS_MAPPED) !== 0;
  if (stops || range.children.length > 0 || range.start === range.last) {
    for (let vpn = start; vpn < end; vpn++) one(vpn);
    return;
  }
  mmuIntervalSetSeq(m, mm, RANGE_SUBSCRIPTIONS + rangeId);
  const n = end - start;
  countCalls(m, ['svm_range_cpu_invalidate_pagetables', 'svm_range_evict', 'svm_range_unmap_from_gpus'], n);
  if (!range.mappedToGpu) return;
  for (const gpu of [...range.access, ...range.accessInPlace]) {
    const table = gpuPageTable(m, mm, gpu);
    if (table === undefined) continue;
    m.journal.mapById(table.pt).dropRun(start, n);
    countCalls(m, ['kfd_smi_event_unmap_from_gpu'], n);
    countDecisions(m, ['smi.unmap-from-gpu', 'svm.unmapped'], n);
  }
};

// --- access by the GPU ------------------------------------------------------------------------------------------------

/** Neighbouring pages that a GPU can reach at once: their entries are there, and so are their frames, one after another. */
interface Reach {
  readonly first: Pfn;
  readonly step: number;
  readonly n: number;
}

/**
 * The next pages that a GPU can reach at once, all in one section of memory.
 *
 * Ours: the hardware, many times; the mechanism is amdgpu-access.ts: entryFor
 */
const reachablePages = (m: Machine, table: Dmirror, vpn: Vpn, end: Vpn, write: boolean): Reach => {
  // value + 1; 0: absent
  const { value, step, n: most } = m.journal.mapById(table.pt).column.progression(vpn, end - vpn);
  const word = value - 1;
  if (word < 0 || (write && word % 4 !== TAG_WRITE)) return { first: 0, step: 0, n: 0 };
  const first = Math.floor(word / 4);
  const apart = step === 4 || step === -4 ? step / 4 : 0;
  const row = first & SECTION_MASK;
  const room = apart === 0 ? 1 : apart === 1 ? SECTION_ROWS - row : row + 1;
  const n = unfollowed(
    m,
    Math.min(most, room),
    (numbers, i) => numbers.has(vpn + i) || numbers.has(first + i * apart),
  );
  return { first, step: apart, n };
};

/**
 * A GPU writes or reads pages whose entries are there.
 *
 * Ours: the hardware, many times; the mechanism is amdgpu-access.ts: gpuAccess
 *
 * @param value - to be written in the first page, and one more in each further one; undefined: read
 * @param reached - is told of each run of neighbouring frames
 * @returns how many pages; 0: the next one is none of these
 */
export const accessManyPages = (
  m: Machine,
  table: Dmirror,
  vpn: Vpn,
  end: Vpn,
  value: number | undefined,
  reached: (first: Pfn, npages: number) => void,
): number => {
  if (!inChunks(m)) return 0;
  const { first, step, n } = reachablePages(m, table, vpn, end, value !== undefined);
  if (n === 0) return 0;
  const lowest = step === -1 ? first - n + 1 : first;
  if (value !== undefined) m.pages.content.writeLine(lowest, n, step === -1 ? value + n - 1 : value, step);
  reached(lowest, n);
  if (m.trace.tally !== undefined) m.trace.tally.pages += n;
  return n;
};

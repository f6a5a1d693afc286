// What the GPU driver does with many pages in one go, for big steps. The mechanisms, whose every effect on the state is
// here too, are amdgpu-migrate.ts: svmMigrateVmaToVram, svmMigrateVmaToRam and svmMigratePageFree, amdgpu-notifier.ts:
// svmRangeCpuInvalidatePagetables, and amdgpu-access.ts: gpuAccess.

import type { Dmirror, Vma } from '../../machine/entities.ts';
import { SECTION_MASK, SECTION_ROWS } from '../../machine/column.ts';
import type { Gpu } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import { MAP_ROWS } from '../../machine/number-map.ts';
import type { MmuNotifierRange, Sleeps } from '../../machine/ops.ts';
import { DEVICE_CALLOC, DEVICE_CFREE, DEVICE_FRESH, deviceRow, svmBoKrefRow } from '../../machine/scalars.ts';
import { SVM_FLAGS } from '../../uapi/device-model.ts';
import type { Pfn, Vpn } from '../../uapi/units.ts';
import { condResched } from '../sched/locks.ts';
import {
  allocRangeTargets,
  beginRangeMigration,
  moveChunkToDevice,
  moveChunkToSystem,
  rangeIsPlain,
} from '../mm/migrate-vma-bulk.ts';
import { mmuIntervalSetSeq } from '../mm/mmu-notifier.ts';
import { pagePgmap } from '../mm/page-ref.ts';
import { countCalls, countDecisions, inChunks, runLength, unfollowed } from '../mm/plain-pages.ts';
import { releaseSvmBoAsync } from './amdgpu-bo.ts';
import { modelOf, pgmapOwner } from './amdgpu-device.ts';
import { gpuPageTable } from './amdgpu-process.ts';
import { RANGE_SUBSCRIPTIONS } from './amdgpu-range.ts';

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
    const row = dst[at] & SECTION_MASK;
    m.pages.zoneDeviceData.writableSection(dst[at]).fill(svmBo, row, row + length);
    at += length;
  }
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

  get count(): number {
    return this.full + Math.ceil(this.run / this.chunkPages);
  }
}

/**
 * Moves a range of plain pages to VRAM.
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
  if (pgmap === undefined || !rangeIsPlain(m, vma, start, end, 'system')) return false;
  beginRangeMigration(m, vma, start, end, pgmapOwner(gpu));
  countCalls(m, ['svm_migrate_copy_to_vram'], 1);
  const { copyChunkPages } = modelOf(gpu);
  let copies = 0;
  eachBlock(m, gpu, svmBo, boPage, end - start, (_first, npages) => {
    copies += Math.ceil(npages / copyChunkPages);
  });
  countCalls(m, ['svm_migrate_copy_memory_gart'], copies);
  for (let vpn = start; vpn < end; ) {
    const page = boPage + vpn - start;
    vpn += moveChunkToDevice(m, vma, vpn, end, pgmap, (n, dst) => takeVramPages(m, gpu, svmBo, page, n, dst));
    yield* condResched(m, 'svm_migrate_copy_done');
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
  if (pgmap === undefined || !rangeIsPlain(m, vma, start, end, pgmap)) return false;
  const taken = yield* allocRangeTargets(m, gfp, end - start);
  if (taken === undefined) return false;
  beginRangeMigration(m, vma, start, end, pgmapOwner(gpu));
  countCalls(m, ['svm_migrate_copy_to_ram'], 1);
  const copies = new Copies(modelOf(gpu).copyChunkPages);
  for (let vpn = start; vpn < end; ) {
    const n = moveChunkToSystem(m, vma, vpn, end, pgmap, taken.subarray(vpn - start), (pfns, many) =>
      copies.add(pfns, many),
    );
    vpn += n;
    yield* condResched(m, 'svm_migrate_copy_done');
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
    countDecisions(m, ['svm.unmapped'], n);
  }
};

// --- access by the GPU ------------------------------------------------------------------------------------------------

/** Most pages of one look: those of one section of a page table. */
const words = new Float64Array(MAP_ROWS);

/**
 * How many pages from an address on a GPU can reach at once: their entries are there and lie in one range of memory.
 *
 * Ours: the hardware, many times; the mechanism is amdgpu-access.ts: entryFor
 *
 * @param pfns - gets the frames
 */
const reachablePages = (
  m: Machine,
  table: Dmirror,
  vpn: Vpn,
  end: Vpn,
  write: boolean,
  pfns: Float64Array,
): number => {
  const row = vpn % MAP_ROWS;
  const kept = m.journal.mapById(table.pt).section(vpn);
  const most = Math.min(end - vpn, MAP_ROWS - row);
  let n = 0;
  for (; n < most; n++) {
    // value + 1; 0: absent
    const word = (kept?.[row + n] ?? 0) - 1;
    if (word < 0 || (write && word % 4 !== TAG_WRITE)) break;
    pfns[n] = Math.floor(word / 4);
  }
  return unfollowed(m, n, (numbers, i) => numbers.has(vpn + i) || numbers.has(pfns[i]));
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
  const n = reachablePages(m, table, vpn, end, value !== undefined, words);
  for (let at = 0; at < n; ) {
    const run = runLength(words, at, n);
    const length = Math.abs(run);
    if (value !== undefined) {
      const content = m.pages.content.writableSection(words[at]);
      for (let i = at; i < at + length; i++) content[words[i] % SECTION_ROWS] = value + i;
    }
    reached(words[at], length);
    at += length;
  }
  if (m.trace.tally !== undefined) m.trace.tally.pages += n;
  return n;
};

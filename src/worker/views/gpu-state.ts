// VRAM, ranges and the physical address space, as panels ask for them.

import { allSvmRangesOf, gpuPageTable } from '../../core/kernel/drivers/amdgpu-process.ts';
import { freeVramPages } from '../../core/kernel/drivers/ttm-buddy.ts';
import {
  bootStagesDone,
  e820Table,
  EFI_MEMORY_SP,
  efiMemoryMap,
  iomemText,
} from '../../core/kernel/mm/e820.ts';
import { zoneInfo } from '../../core/kernel/mm/zoneinfo.ts';
import { pagePgmap } from '../../core/kernel/mm/page-ref.ts';
import type { SvmRange, TtmBo, UserptrBo } from '../../core/machine/gpu.ts';
import type { Machine } from '../../core/machine/machine.ts';
import {
  KFD_FAULTS,
  KFD_PAGE_IN,
  KFD_PAGE_OUT,
  kfdCounterRow,
  pgmapRefRow,
  svmBoKrefRow,
} from '../../core/machine/scalars.ts';
import { BOOT_STAGES } from '../../core/uapi/scenario.ts';
import { SVM_FLAGS } from '../../core/uapi/device-model.ts';
import type { Position } from '../protocol.ts';
import type { PteRow } from '../protocol-moment.ts';
import type { GpuBoView, GpuStateView, IomemView, SvmRangeView, UserptrView } from '../protocol-gpu.ts';
import type { Run } from '../run.ts';
import { evictionAt } from './eviction.ts';
import { copiesInStep, heldInVram, rowsIn, rowsOfRange } from './gpu-pages.ts';
import type { Places } from './places.ts';
import { sceneAt } from './scene.ts';
import { registrationsAt } from './registrations.ts';

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0);

export const iomemAt = (run: Run, position: Position): IomemView => {
  run.seek(position);
  const m = run.sim.machine;
  const efi = efiMemoryMap(m.config);
  const zones = zoneInfo(m);
  const hasMemory = bootStagesDone(m) === BOOT_STAGES.length;
  return {
    text: iomemText(m),
    efi: efi.map(({ start, npages, type, attribute }) => ({
      start,
      npages,
      type,
      specialPurpose: (attribute & EFI_MEMORY_SP) !== 0,
    })),
    e820: e820Table(efi, m.config.gpu?.softReserve ?? true).map(({ start, end, type }) => ({
      start,
      npages: end - start,
      type,
    })),
    stagesDone: bootStagesDone(m),
    coldBoot: m.config.gpu?.coldBoot ?? false,
    softReserve: m.config.gpu?.softReserve ?? true,
    managedPages: hasMemory ? sumOf(zones.map(({ managed }) => managed)) : 0,
    freePages: hasMemory ? sumOf(zones.map(({ free }) => free)) : 0,
    deviceZones: zones
      .filter(({ name }) => name === 'Device')
      .map(({ node, spanned }) => ({ node, spanned })),
    registrations: registrationsAt(run, position),
    pgmaps: m.pgmaps.values().map(({ id, device, type, start, end, node, memmap, linearMap }) => ({
      device: m.devices.find(device)?.configId ?? -1,
      type,
      start,
      npages: end - start,
      node,
      memmapPages: memmap.reduce((sum, { order }) => sum + 2 ** order, 0),
      linearMap,
      // the registration's own reference goes last
      pagesInUse: Math.max(0, m.scalars.get(pgmapRefRow(id)) - 1),
      leaving: m.gpus.find(device)?.gone ?? false,
    })),
  };
};

/** `system`, `undefined`, `GPU 1` */
const placeText = (m: Machine, loc: number): string =>
  loc === 0 ? 'system' : loc < 0 ? 'undefined' : `GPU ${m.devices.find(loc)?.configId ?? '?'}`;

const configIds = (m: Machine, gpus: readonly number[]): number[] =>
  gpus.map((id) => m.devices.find(id)?.configId ?? -1).sort((a, b) => a - b);

const fenceOf = (m: Machine, { fence: id }: TtmBo): GpuBoView['fence'] => {
  const fence = m.fences.find(id);
  if (fence === undefined) return 'none';
  if (fence.signaled) return 'signaled';
  return fence.enabled ? 'waiting' : 'armed';
};

const boView = (m: Machine, bo: TtmBo, held: ReturnType<typeof heldInVram>): GpuBoView => {
  const vramStart = m.gpus.find(bo.gpu)?.vramStart ?? 0;
  const svmBo = m.svmBos.values().find((candidate) => candidate.bo === bo.id);
  const holders = m.svmRanges.values().filter((range) => range.svmBo === svmBo?.id && range.ttmRes).length;
  return {
    id: bo.id,
    device: m.devices.find(bo.gpu)?.configId ?? -1,
    name: bo.name,
    kind: bo.kind,
    process: m.mms.find(bo.mm)?.name ?? '',
    npages: bo.npages,
    place: bo.memType,
    pinned: bo.pinCount > 0,
    fence: fenceOf(m, bo),
    blocks: bo.blocks.map(({ start, order }) => ({ start: vramStart + start, npages: 2 ** order })),
    pagesInUse: svmBo === undefined ? 0 : m.scalars.get(svmBoKrefRow(svmBo.id)) - holders,
    // an object that was evicted is as placeless, but its range knows it
    seeking: bo.memType === 'system' && svmBo === undefined && bo.swapStorage === 0,
    swapped: bo.swapStorage !== 0,
    evicting: svmBo?.evicting ?? false,
    held: held.get(bo.id) ?? [],
  };
};

/** Where the pages of a range are, by what the CPU's entries say; pages on their way are nowhere. */
const placesOf = (m: Machine, rows: readonly PteRow[], { start, last }: SvmRange): SvmRangeView['places'] => {
  const counts = new Map<string, number>();
  for (const { entry, vpn, npages, pfn } of rows) {
    if (pfn < 0 || (entry !== 'present' && entry !== 'device-private')) continue;
    const pages = Math.min(vpn + npages, last + 1) - Math.max(vpn, start);
    const place = placeText(m, pagePgmap(m, pfn)?.device ?? 0);
    counts.set(place, (counts.get(place) ?? 0) + pages);
  }
  return [...counts].map(([place, pages]) => ({ place, pages }));
};

const userptrView = (m: Machine, bo: UserptrBo, places: Places): UserptrView => {
  const { mm } = m.kfdProcesses.get(bo.process);
  const table = gpuPageTable(m, mm, bo.gpu);
  const { name: process } = m.mms.get(mm);
  return {
    id: bo.id,
    name: bo.name,
    process,
    device: m.devices.find(bo.gpu)?.configId ?? -1,
    first: places.nameOfVpn(process, bo.start),
    npages: bo.npages,
    mapped:
      table === undefined
        ? 0
        : m.journal.mapById(table.pt).keysBetween(bo.start, bo.start + bo.npages).length,
    invalid: bo.invalid,
  };
};

/** VRAM and ranges at a position. */
export const gpuStateAt = (run: Run, position: Position): GpuStateView => {
  const scene = sceneAt(run, position);
  const { m, places } = scene;
  const gpus = m.gpus.values();
  const held = heldInVram(m, places);
  return {
    hasDriver: m.config.gpu !== undefined,
    gpus: gpus.map(({ id, model, connectedToCpu, hive, vramStart, vramPages, pgmap }) => {
      const man = m.vramManagers.values().find((candidate) => candidate.gpu === id);
      return {
        device: m.devices.find(id)?.configId ?? -1,
        model,
        coherent: connectedToCpu,
        hive,
        vramStart,
        vramPages,
        registered: pgmap !== 0,
        freePages: freeVramPages(man?.free ?? []),
        lru: man?.lru ?? [],
      };
    }),
    bos: m.ttmBos.values().map((bo) => boView(m, bo, held)),
    processes: m.kfdProcesses.values().map(({ id, mm, queuesStopped, dead, ...process }) => ({
      name: m.mms.get(mm).name,
      xnack: process.xnack,
      evictedRanges: process.evictedRanges,
      restoreScheduled: process.restoreScheduled,
      evictedUserptrs: process.evictedUserptrs,
      restoreDue: process.restoreDue,
      queues: dead ? 'dead' : queuesStopped ? 'stopped' : 'run',
      counters: gpus.map(({ id: gpu }) => ({
        device: m.devices.find(gpu)?.configId ?? -1,
        faults: m.scalars.get(kfdCounterRow(id, gpu, KFD_FAULTS)),
        pagesIn: m.scalars.get(kfdCounterRow(id, gpu, KFD_PAGE_IN)),
        pagesOut: m.scalars.get(kfdCounterRow(id, gpu, KFD_PAGE_OUT)),
      })),
    })),
    userptrs: m.userptrs.values().map((bo) => userptrView(m, bo, places)),
    ranges: m.kfdProcesses.values().flatMap(({ id, mm }) =>
      allSvmRangesOf(m, id).map((range): SvmRangeView => {
        const all = rowsIn(places, mm, range);
        const { rows, more } = rowsOfRange(m, places, mm, range, all);
        return {
          process: m.mms.get(mm).name,
          first: places.nameOfVpn(m.mms.get(mm).name, range.start),
          startVpn: range.start,
          npages: range.last - range.start + 1,
          preferred: placeText(m, range.preferredLoc),
          prefetched: placeText(m, range.prefetchLoc),
          actual: placeText(m, range.actualLoc),
          granularity: range.granularity,
          flags: Object.entries(SVM_FLAGS).flatMap(([name, bit]) =>
            (range.flags & bit) === 0 ? [] : [name],
          ),
          access: configIds(m, range.access),
          accessInPlace: configIds(m, range.accessInPlace),
          mapped: range.mappedToGpu,
          invalid: range.invalid,
          bo: m.svmBos.find(range.svmBo)?.bo ?? 0,
          boOffset: range.offset,
          places: placesOf(m, all, range),
          notifier:
            range.notifierStart < 0
              ? undefined
              : { startVpn: range.notifierStart, npages: range.notifierLast - range.notifierStart + 1 },
          work: range.work === 'NULL' ? '' : range.work,
          rows,
          moreRows: more,
        };
      }),
    ),
    copies: copiesInStep(run, position),
    eviction: evictionAt(run, scene, position),
  };
};

// Pages of ranges in the tables of the CPU and of each GPU; who holds frames of VRAM; what the DMA engine has copied.

import { gpuEntry } from '../../core/kernel/drivers/amdgpu-map.ts';
import { gpuPageTable } from '../../core/kernel/drivers/amdgpu-process.ts';
import type { SvmRange, TtmBo } from '../../core/machine/gpu.ts';
import type { Machine } from '../../core/machine/machine.ts';
import { decisionIndex, EventKind, unpackPages } from '../../core/uapi/events.ts';
import { FOLL_LONGTERM } from '../../core/uapi/gup-flags.ts';
import { kernelFunctionId } from '../../core/uapi/source-refs.ts';
import type { GpuBoView, GpuCopies, SvmPageRow } from '../protocol-gpu.ts';
import type { Position } from '../protocol.ts';
import type { PteRow } from '../protocol-moment.ts';
import type { Run } from '../run.ts';
import { deviceOf, residenceOf } from './frames.ts';
import type { Places } from './places.ts';

/** Rows of a range that are sent. */
const MAX_ROWS = 64;
/** Pages of a handle that are looked at one by one. */
const MAX_HELD = 4096;
/** Events of a step that are looked through. */
const MAX_EVENTS = 400_000;

const frameOf = (m: Machine, pfn: number): SvmPageRow['cpu'] => ({
  pfn,
  place: pfn < 0 ? '' : residenceOf(m, pfn),
  device: pfn < 0 ? -1 : deviceOf(m, pfn),
});

/** Whether VRAM of a GPU that a process still has belongs to an object that is none of its ranges'. */
const isAliased = (m: Machine, pfn: number): boolean => {
  const bo = boAt(m, pfn);
  return bo !== undefined && bo.kind !== 'svm';
};

/** Rows of a process's tables that a range covers, some of them in part. */
export const rowsIn = (places: Places, mmId: number, { start, last }: SvmRange): PteRow[] =>
  places.areas
    .filter(({ mm }) => mm.id === mmId)
    .flatMap(({ rows }) => rows.filter(({ vpn, npages }) => vpn <= last && vpn + npages > start));

/**
 * The CPU's entries of a range beside those of each GPU, a row a page or a run of alike pages.
 *
 * @param all - what rowsIn says
 */
export const rowsOfRange = (
  m: Machine,
  places: Places,
  mmId: number,
  { start, last }: SvmRange,
  all: readonly PteRow[],
): { readonly rows: readonly SvmPageRow[]; readonly more: number } => {
  const tables = m.gpus.values().map(({ id }) => ({
    device: m.devices.find(id)?.configId ?? -1,
    table: gpuPageTable(m, mmId, id),
  }));
  const rows = all.slice(0, MAX_ROWS).map((row): SvmPageRow => {
    const vpn = Math.max(row.vpn, start);
    const pfn = row.pfn < 0 ? -1 : row.pfn + row.pfnStep * (vpn - row.vpn);
    return {
      vpn,
      name: places.nameOfVpn(m.mms.get(mmId).name, vpn),
      npages: Math.min(row.vpn + row.npages, last + 1) - vpn,
      entry: row.entry,
      writable: row.writable,
      cpu: frameOf(m, pfn),
      gpus: tables.map(({ device, table }) => {
        const entry = table === undefined ? undefined : gpuEntry(m, table, vpn);
        return entry === undefined
          ? { device, pfn: -1, write: false }
          : { device, pfn: entry.pfn, write: entry.write };
      }),
      aliased: pfn >= 0 && isAliased(m, pfn),
    };
  });
  return { rows, more: all.length - rows.length };
};

/** The object in whose VRAM a frame lies now. */
export const boAt = (m: Machine, pfn: number): TtmBo | undefined => {
  const gpu = m.gpus
    .values()
    .find(({ vramStart, vramPages }) => pfn >= vramStart && pfn < vramStart + vramPages);
  if (gpu === undefined) return undefined;
  const page = pfn - gpu.vramStart;
  return m.ttmBos
    .values()
    .find(
      (bo) =>
        bo.gpu === gpu.id && bo.blocks.some(({ start, order }) => page >= start && page < start + 2 ** order),
    );
};

/** Frames of VRAM that somebody holds by a handle, by the object in which they lie. */
export const heldInVram = (m: Machine, places: Places): ReadonlyMap<number, GpuBoView['held'][number][]> => {
  const held = new Map<number, GpuBoView['held'][number][]>();
  for (const { name, pages, gupFlags, call, mm } of m.handles.values()) {
    for (const pfn of pages.slice(0, MAX_HELD)) {
      const bo = boAt(m, pfn);
      if (bo === undefined) continue;
      const list = held.get(bo.id) ?? [];
      held.set(bo.id, list);
      list.push({
        pfn,
        page: places.ownersOf(pfn),
        handle: name,
        process: m.mms.find(mm)?.name ?? '',
        pin: call.startsWith('pin'),
        longterm: (gupFlags & FOLL_LONGTERM) !== 0,
      });
    }
  }
  return held;
};

const COPIER = kernelFunctionId('svm_migrate_copy_memory_gart');
/** Of whole buffer objects. */
const MOVER = kernelFunctionId('amdgpu_bo_move');
const COPIED = decisionIndex('copy.page');

/** What the DMA engines have copied in the step of a position, up to there. */
export const copiesInStep = (run: Run, position: Position): GpuCopies => {
  const { machine: m } = run.sim;
  const { log } = m.journal;
  const { begin } = run.stepAt(position);
  let [chunks, toVram, toSystem] = [0, 0, 0];
  // of a big step only runs of pages are written down, and how often a function was called
  const runs = { toVram: 0, toSystem: 0, chunks: 0 };
  const from = Math.max(begin, position - MAX_EVENTS);
  for (let i = from; i < position; i++) {
    const kind = log.kindAt(i);
    const id = log.idAt(i);
    const byDma = id === COPIER || id === MOVER;
    if (kind === EventKind.SPAN_BEGIN && byDma) chunks += 1;
    else if (kind === EventKind.CALLS && byDma) runs.chunks += log.rowAt(i);
    else if (kind === EventKind.PAGES) {
      const { outcome, npages } = unpackPages(id);
      if (outcome === 'migrated') runs[deviceOf(m, log.nowAt(i)) >= 0 ? 'toVram' : 'toSystem'] += npages;
    } else if (kind === EventKind.DECISION && id === COPIED) {
      const span = log.parentAt(i);
      if (span < 0 || (log.idAt(span) !== COPIER && log.idAt(span) !== MOVER)) continue;
      if (deviceOf(m, log.oldAt(i)) >= 0) toVram += 1;
      else toSystem += 1;
    }
  }
  // where the DMA engine was not asked, the CPU has copied
  if (runs.chunks === 0) return { chunks, toVram, toSystem };
  return {
    chunks: chunks + runs.chunks,
    toVram: toVram + runs.toVram,
    toSystem: toSystem + runs.toSystem,
  };
};

// What the events of a stretch of the log have touched: the only place where invariants between two steps read it.

import type { Machine } from '../machine/machine.ts';
import { DEVICE_BASE, LRU_BASE, ZONE_BASE } from '../machine/scalars.ts';
import { EventKind } from '../uapi/events.ts';
import { kernelFunctionId } from '../uapi/source-refs.ts';
import type { EntryRow, Pfn } from '../uapi/units.ts';

export interface Touched {
  /** Pages of which a count, a flag or another word of struct page was written. */
  readonly pages: Set<Pfn>;
  readonly entryRows: Set<EntryRow>;
  /** Keys of journalled maps, by map. */
  readonly maps: Map<number, Set<number>>;
  /** Entities were written: processes, areas, anchors, files, handles, devices. */
  cells: boolean;
  /** A per-CPU batch was written. */
  batches: boolean;
  /** A list or count of the page allocator. */
  buddy: boolean;
  /** A list or count of the LRU. */
  lru: boolean;
  /** A list or count of the test driver, or the reference of a pgmap. */
  devices: boolean;
  /** A slot of the swap device. */
  swap: boolean;
  /** NUMA balancing looked at a process. */
  numaScan: boolean;
}

const TASK_NUMA_WORK = kernelFunctionId('task_numa_work');

const noteScalar = (touched: Touched, row: number): void => {
  if (row >= DEVICE_BASE) touched.devices = true;
  else if (row >= ZONE_BASE) touched.buddy = true;
  else if (row >= LRU_BASE) touched.lru = true;
};

/** Reads the events in [begin, end). */
export const touchedBetween = (m: Machine, begin: number, end: number): Touched => {
  const touched: Touched = {
    pages: new Set(),
    entryRows: new Set(),
    maps: new Map(),
    cells: false,
    batches: false,
    buddy: false,
    lru: false,
    devices: false,
    swap: false,
    numaScan: false,
  };
  const { journal, entries, scalars, batches, swapMap } = m;
  const { log } = journal;
  const ofPages: boolean[] = [];
  for (const { id } of Object.values(m.pages)) ofPages[id] = true;
  for (let i = begin; i < end; i++) {
    switch (log.kindAt(i)) {
      case EventKind.SPAN_BEGIN:
        if (log.idAt(i) === TASK_NUMA_WORK) touched.numaScan = true;
        break;
      case EventKind.REF:
      case EventKind.HOLDER:
        touched.pages.add(log.rowAt(i));
        break;
      case EventKind.COLUMN: {
        const id = log.idAt(i);
        if (id === entries.id) touched.entryRows.add(log.rowAt(i));
        else if (ofPages[id]) touched.pages.add(log.rowAt(i));
        else if (id === scalars.id) noteScalar(touched, log.rowAt(i));
        else if (id === batches.id) touched.batches = true;
        else if (id === swapMap.id) touched.swap = true;
        break;
      }
      case EventKind.MAP: {
        const id = log.idAt(i);
        const keys = touched.maps.get(id);
        if (keys === undefined) touched.maps.set(id, new Set([log.rowAt(i)]));
        else keys.add(log.rowAt(i));
        break;
      }
      case EventKind.CELL:
        touched.cells = true;
        break;
      default:
        break;
    }
  }
  return touched;
};

// Names of the entries of the maps' legends, as links have them: what a link lets stand out has to be one of them.

import type { Moment } from '../worker/protocol-moment.ts';
import type { RunInfo } from '../worker/protocol.ts';
import { type MapMode, OWNER_FIRST, SHADES } from '../worker/protocol-map.ts';

const STATES = ['system', 'coherent', 'private', 'movable', 'moving', 'pin', 'longterm', 'kernel', 'free'];
const AGES = ['now', 'before', 'recent', 'old'];
const REFCOUNTS = ['one', 'two', 'few', 'many', 'pinned'];
const TYPES = ['movable', 'unmovable', 'reclaimable', 'highatomic', 'cma', 'isolate'];

/** Processes that a run has at any moment, in single tasks of a step, too. */
const processesIn = (value: unknown): readonly string[] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([field, part]) =>
        (field === 'proc' || field === 'child') && typeof part === 'string' ? [part] : processesIn(part),
      )
    : [];

/** @param run - its processes and the nodes of its machine have an entry each */
export const legendIds = (
  mode: MapMode,
  { steps, machine }: Pick<RunInfo, 'steps' | 'machine'>,
  moment: Pick<Moment, 'processes'> | undefined,
): readonly string[] => {
  switch (mode) {
    case 'state':
      return STATES;
    case 'owner': {
      const names = [...(moment?.processes.map(({ name }) => name) ?? []), ...processesIn(steps)];
      const count = Math.min(new Set(names).size, SHADES - OWNER_FIRST);
      return [...Array.from({ length: count }, (_, i) => `process-${i}`), 'several', 'nobody'];
    }
    case 'age':
      return AGES;
    case 'refcount':
      return REFCOUNTS;
    case 'node': {
      const nodes = new Set(machine.ranges.map(({ node }) => node).filter((node) => node >= 0));
      return [...nodes].toSorted((a, b) => a - b).map((node) => `node-${node}`);
    }
    case 'type':
      return TYPES;
  }
};

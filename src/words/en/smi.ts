// What is said of the events that a GPU's driver reports to profilers. Kernel words stand between backticks.

import type { SmiDecisionId } from '../../core/uapi/events.ts';
import type { SmiFunctionName } from '../../core/uapi/source-refs.ts';
import type { Told } from './captions/told.ts';
import { num, page, type Params, txt } from './phrases.ts';

const gpu = (p: Params): string => `GPU ${txt(p, 'device')}`;
const because = (p: Params): string => `\`${txt(p, 'trigger')}\``;
const size = (p: Params): string => txt(p, 'size');

const MOVES =
  'Who listens to the GPU’s system management interface learns of every move of a range, and what caused it.';
const FAULTS = 'A profiler takes the time between beginning and end for what the fault cost the GPU.';
const QUEUES = 'It is told on each GPU of the process, since the process has queues on all of them.';

export const smiDecisions: Readonly<Record<SmiDecisionId, Told>> = {
  'smi.migrate-start': {
    what: (p) =>
      `The driver reports \`MIGRATE_START\`: ${size(p)} from ${page(p)} on, because of ${because(p)}.`,
    why: MOVES,
  },
  'smi.migrate-end': {
    what: (p) =>
      `The driver reports \`MIGRATE_END\`: ${size(p)} from ${page(p)} on, because of ${because(p)}.`,
    why: MOVES,
  },
  'smi.page-fault-start': {
    what: (p) =>
      `The driver reports \`PAGE_FAULT_START\`: ${gpu(p)} ${num(p, 'write') === 1 ? 'writes' : 'reads'} ${page(p)}.`,
    why: FAULTS,
  },
  'smi.page-fault-end': {
    what: (p) =>
      `The driver reports \`PAGE_FAULT_END\`: ${gpu(p)} at ${page(p)}, ${num(p, 'migrated') === 1 ? 'with a migration' : 'without a migration'}.`,
    why: FAULTS,
  },
  'smi.queue-eviction': {
    what: (p) => `The driver reports \`QUEUE_EVICTION\` on ${gpu(p)}, because of ${because(p)}.`,
    why: QUEUES,
  },
  'smi.queue-restore': {
    what: (p) => `The driver reports \`QUEUE_RESTORE\` on ${gpu(p)}.`,
    why: QUEUES,
  },
  'smi.queue-restore-again': {
    what: (p) => `The driver reports \`QUEUE_RESTORE\` on ${gpu(p)}: it is tried again.`,
    why: 'Something changed while ranges were mapped again, so the queues stay stopped for another millisecond.',
  },
  'smi.unmap-from-gpu': {
    what: (p) => `The driver reports \`UNMAP_FROM_GPU\`: ${gpu(p)} at ${page(p)}, because of ${because(p)}.`,
    why: 'The CPU’s page table changes under the GPU, whose own entries go first.',
  },
};

export const smiFunctions: Readonly<Record<SmiFunctionName, string>> = {
  kfd_smi_event_migration_start: 'Reports that a part of a range begins to move.',
  kfd_smi_event_migration_end: 'Reports that it has moved.',
  kfd_smi_event_page_fault_start: 'Reports a fault of a GPU that is about to be repaired.',
  kfd_smi_event_page_fault_end: 'Reports that it was.',
  kfd_smi_event_queue_eviction: 'Reports that the queues of a process stop.',
  kfd_smi_event_queue_restore: 'Reports that they run again.',
  kfd_smi_event_queue_restore_rescheduled: 'Reports that they do not yet.',
  kfd_smi_event_unmap_from_gpu: 'Reports that entries of a GPU go.',
};

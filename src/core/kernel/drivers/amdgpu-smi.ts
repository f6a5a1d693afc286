// kfd_smi_events.c: what a profiler reads of each GPU's system management interface, event by event. Somebody always
// listens here; the kernel says nothing where nobody does.

import type { Gpu } from '../../machine/gpu.ts';
import type { Machine } from '../../machine/machine.ts';
import { QUEUE_EVICTION_TRIGGERS, type QueueEvictionTrigger } from '../../uapi/smi-events.ts';
import type { Vpn } from '../../uapi/units.ts';
import { atomic } from '../sched/kernel-function.ts';

/**
 * A part of a range begins to move.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_smi_events.c: kfd_smi_event_migration_start`
 *
 * @param from - 0 system memory, or a GPU; so is `to`
 * @param trigger - position in MIGRATE_TRIGGERS
 */
export const kfdSmiEventMigrationStart = atomic(
  'kfd_smi_event_migration_start',
  (m, _from: number, _to: number, trigger: number, start: Vpn, end: Vpn): void => {
    m.trace.decide('smi.migrate-start', start, end - start, trigger);
  },
);

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_smi_events.c: kfd_smi_event_migration_end` */
export const kfdSmiEventMigrationEnd = atomic(
  'kfd_smi_event_migration_end',
  (m, _from: number, _to: number, trigger: number, start: Vpn, end: Vpn): void => {
    m.trace.decide('smi.migrate-end', start, end - start, trigger);
  },
);

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_smi_events.c: kfd_smi_event_page_fault_start` */
export const kfdSmiEventPageFaultStart = atomic(
  'kfd_smi_event_page_fault_start',
  (m, gpu: number, vpn: Vpn, write: boolean): void => {
    m.trace.decide('smi.page-fault-start', vpn, gpu, write ? 1 : 0);
  },
);

/** Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_smi_events.c: kfd_smi_event_page_fault_end` */
export const kfdSmiEventPageFaultEnd = atomic(
  'kfd_smi_event_page_fault_end',
  (m, gpu: number, vpn: Vpn, migrated: boolean): void => {
    m.trace.decide('smi.page-fault-end', vpn, gpu, migrated ? 1 : 0);
  },
);

const eachGpu = (m: Machine, tell: (gpu: Gpu) => void): void => {
  for (const gpu of m.gpus.values()) if (!gpu.gone) tell(gpu);
};

const queueEviction = atomic('kfd_smi_event_queue_eviction', (m, gpu: number, trigger: number): void => {
  m.trace.decide('smi.queue-eviction', gpu, trigger);
});

/** On every GPU of the process. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_smi_events.c: kfd_smi_event_queue_eviction` */
export const kfdSmiEventQueueEviction = (m: Machine, trigger: QueueEvictionTrigger): void => {
  eachGpu(m, ({ id }) => queueEviction(m, id, QUEUE_EVICTION_TRIGGERS.indexOf(trigger)));
};

const queueRestore = atomic('kfd_smi_event_queue_restore', (m, gpu: number): void => {
  m.trace.decide('smi.queue-restore', gpu);
});

/** On every GPU of the process. Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_smi_events.c: kfd_smi_event_queue_restore` */
export const kfdSmiEventQueueRestore = (m: Machine): void => {
  eachGpu(m, ({ id }) => queueRestore(m, id));
};

/**
 * A restore did not come to its end and will be tried again.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_smi_events.c: kfd_smi_event_queue_restore_rescheduled`
 */
export const kfdSmiEventQueueRestoreRescheduled = atomic(
  'kfd_smi_event_queue_restore_rescheduled',
  (m): void => {
    eachGpu(m, ({ id }) => m.trace.decide('smi.queue-restore-again', id));
  },
);

/**
 * Entries of a GPU go.
 *
 * Kernel: `drivers/gpu/drm/amd/amdkfd/kfd_smi_events.c: kfd_smi_event_unmap_from_gpu`
 *
 * @param trigger - position in UNMAP_TRIGGERS
 */
export const kfdSmiEventUnmapFromGpu = atomic(
  'kfd_smi_event_unmap_from_gpu',
  (m, gpu: number, start: Vpn, _last: Vpn, trigger: number): void => {
    m.trace.decide('smi.unmap-from-gpu', start, gpu, trigger);
  },
);

// Why ranges move, queues stop and entries go, in the words of include/uapi/linux/kfd_ioctl.h. The position is the number.

/** Why a range moves. Kernel: enum KFD_MIGRATE_TRIGGERS. */
export const MIGRATE_TRIGGERS = ['PREFETCH', 'PAGEFAULT_GPU', 'PAGEFAULT_CPU', 'TTM_EVICTION'] as const;
export type MigrateTrigger = (typeof MIGRATE_TRIGGERS)[number];

/** Why all queues of a process stop; those that are not modelled are left out. Kernel: enum KFD_QUEUE_EVICTION_TRIGGERS. */
export const QUEUE_EVICTION_TRIGGERS = ['SVM', 'USERPTR', 'TTM'] as const;
export type QueueEvictionTrigger = (typeof QUEUE_EVICTION_TRIGGERS)[number];

/** Why entries leave the GPUs' tables. Kernel: enum KFD_SVM_UNMAP_TRIGGERS. */
export const UNMAP_TRIGGERS = ['MMU_NOTIFY', 'MMU_NOTIFY_MIGRATE', 'UNMAP_FROM_CPU'] as const;
export type UnmapTrigger = (typeof UNMAP_TRIGGERS)[number];

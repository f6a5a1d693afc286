// The comparison of the five types of device memory: it belongs to no run.

import type { MemoryTypeRow } from '../core/uapi/memory-types.ts';

/** Sent when the page of the types is opened. Answered by `memory-types`. */
export interface MemoryTypesRequest {
  readonly kind: 'memory-types';
  readonly id: number;
  /** '': no run. */
  readonly runId: '';
}

export interface MemoryTypesAnswer {
  readonly kind: 'memory-types';
  readonly id: number;
  /** '': no run. */
  readonly runId: '';
  readonly rows: readonly MemoryTypeRow[];
}

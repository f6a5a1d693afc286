// The way from a request for VRAM that is taken to its answer (machine-and-drivers.md §4.3).

/** What happens on it, each at one place of the kernel. */
export type EvictionStation =
  | 'no-space'
  | 'skipped'
  | 'victim'
  | 'waits'
  | 'worker'
  | 'home'
  | 'left'
  | 'in-use'
  | 'process-stopped'
  | 'signaled'
  | 'timed-out'
  | 'gutted'
  | 'moved'
  | 'swapped'
  | 'allocated'
  | 'aliased'
  | 'spilled'
  | 'queues-stopped'
  | 'queues-resumed'
  | 'restored';

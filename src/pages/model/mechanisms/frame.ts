// What is modelled: around the mechanisms.

import type { Mechanism } from './mechanism.ts';

export const FRAME: readonly Mechanism[] = [
  {
    family: 'frame',
    title: 'Time and traffic of a run',
    kernel: 'include/trace/events/kmem.h, migrate.h: what can be counted',
    state: 'simplified',
    how: 'Each call, copy and message of the trace times a figure that says where it is from: measured, stated by a vendor or assumed. Every figure can be changed. Left out: the network cards and NVMe drives of a Frontier node (four times 25 GB/s; 5.5 GB/s reading, 2 GB/s writing), as no step transfers over them, other rules of contention than the one bound by the socket’s memory, and ready-made sets of figures.',
    simplified: {
      'timeline/costs.ts: Reader':
        'A CPU’s access to memory of another node counts as if it were its own node’s (130 ns against 100). Each page table that a migration walks costs one flush of the TLBs; v6.1 flushes where an entry changed, and an exclusive page by itself.',
      'timeline/costs.ts: costsOf':
        'The work of a step is one lane: a copy does not overlap with the work of the CPU for its own migration.',
    },
    tests: ['conformance/gpu-costs.test.ts', 'conformance/gpu-cost-figures.test.ts'],
  },
  {
    family: 'frame',
    title: 'Invariants',
    kernel: 'VM_BUG_ON and what follows from it',
    state: 'exact',
    how: 'Every reference has a named holder, every mapping an entry, every free frame one list: checked over recordings, selftests and generated programs.',
    tests: ['core/invariants/invariants.test.ts', 'conformance/programs.test.ts', 'conformance/soup.test.ts'],
  },
  {
    family: 'frame',
    title: 'Memory controllers',
    kernel: 'mm/memcontrol.c',
    state: 'absent',
    how: 'Cgroups charge and limit memory; the series lets them move charges of coherent pages. A page in VRAM is charged like RAM, and reclaim cannot take it, so it counts against `memory.max` for as long as it is there. No scenario has more than one cgroup, and none has a limit.',
  },
  {
    family: 'frame',
    title: 'Files of /proc about a process',
    kernel: 'fs/proc/task_mmu.c: can_gather_numa_stats, smaps_account',
    state: 'absent',
    how: 'The files themselves are not written. `smaps` counts a page in VRAM as `Rss` and `Anonymous`, as the counters of a process here do; `numa_maps` passes over it, so that the pages of a range in VRAM are missing from every node.',
  },
  {
    family: 'frame',
    title: 'userfaultfd, protection keys, hwpoison on RAM',
    kernel: 'fs/userfaultfd.c; arch/x86/mm/pkeys.c; mm/memory-failure.c',
    state: 'absent',
    how: 'The series does not touch them, and no recording uses them.',
  },
  {
    family: 'frame',
    title: 'Compaction and memory hotplug',
    kernel: 'mm/compaction.c; mm/memory_hotplug.c',
    state: 'absent',
    how: 'Of hotplug only the isolation of pageblocks is here, because it decides which pages may be pinned.',
  },
  {
    family: 'frame',
    title: 'Time',
    kernel: 'kernel/time, kernel/sched',
    state: 'absent',
    how: 'Events have an order and no duration. Tasks run on simulated CPUs without priorities.',
  },
];

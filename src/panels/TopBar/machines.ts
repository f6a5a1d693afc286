// Machines on which a scenario can run.

import type { MachinePresetName } from '../../core/uapi/config.ts';

export const MACHINES: readonly { readonly preset: MachinePresetName; readonly label: string }[] = [
  { preset: 'guest', label: 'Recording guest, 2 GiB' },
  { preset: 'guest-movable', label: 'Guest with ZONE_MOVABLE' },
  { preset: 'guest-cma', label: 'Guest with CMA' },
  { preset: 'teaching', label: 'Teaching machine, 64 MiB' },
  { preset: 'lab-node', label: 'Lab node, 512 + 256 GiB' },
  { preset: 'frontier', label: 'Frontier node, 512 + 512 GiB' },
];

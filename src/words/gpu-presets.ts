// What is said of the two device presets on which a scenario with GPUs can run.

import type { DeviceModelName } from '../core/uapi/device-model.ts';

interface PresetWords {
  readonly label: string;
  /** Behind the label. */
  readonly about: string;
  /** Behind the title of a scenario that was made for the other one. */
  readonly suffix: string;
  /** What the control says that goes there. */
  readonly go: string;
}

export const gpuPresets: Readonly<Record<DeviceModelName, PresetWords>> = {
  'mi250x-gcd': {
    label: 'amdgpu preset',
    about: 'sizes, links and eviction of an AMD MI250X.',
    suffix: ' (amdgpu preset)',
    go: 'Run this scenario on the amdgpu preset',
  },
  'generic-accelerator': {
    label: 'Generic GPU',
    about:
      'invented, of no vendor. Smaller ranges and copies, another link, no hive, and the largest object is evicted first; the driver’s code is the same.',
    suffix: ' (generic GPU)',
    go: 'Run this scenario on the generic GPU',
  },
};

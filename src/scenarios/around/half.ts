// Steps that many scenes begin with: one area, half of it on the device.

import type { Step } from '../../core/uapi/scenario.ts';
import { written } from '../scene.ts';

/** The first half of the pages goes to device 0, the second stays in system memory. */
export const halfOnDevice = (pages: number): Step[] => [
  ...written('buf', pages),
  { op: 'migrate_to_dev', proc: 'A', vma: 'buf', page: 0, count: pages / 2, device: 0 },
];

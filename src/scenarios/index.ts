// Scenes made by hand: one file and one line here for each, in the order of the picker.

import { AROUND_SCENES } from './around/index.ts';
import { busyPage } from './busy-page.ts';
import { cpuTouch } from './cpu-touch.ts';
import { DEFECT_SCENES } from './defects.ts';
import { deviceFull } from './device-full.ts';
import { EVICTION_SCENES } from './eviction.ts';
import { GPU_OBJECT_SCENES } from './gpu-objects.ts';
import { forkAndPin } from './fork-and-pin.ts';
import { FRONTIER_NODE, FRONTIER_SCENES } from './frontier.ts';
import { GPU_BOOT_SCENES } from './gpu-boot.ts';
import { GPU_SVM_SCENES } from './gpu-svm.ts';
import { KERNEL_LOG_SCENES } from './kernel-log.ts';
import { labNode } from './lab-node.ts';
import { longtermPin } from './longterm-pin.ts';
import { TYPE_SCENES } from './memory-types.ts';
import { mixedRange } from './mixed-range.ts';
import { movableZone } from './movable-zone.ts';
import { PATCH_SCENES } from './patches.ts';
import { PINNABLE_SCENES } from './pinnable.ts';
import { PINNER_SCENES } from './pinners.ts';
import type { Scene } from './scene.ts';
import { shortPin } from './short-pin.ts';
import { twoOwners } from './two-owners.ts';
import { waitForMigration } from './wait-for-migration.ts';

export type { Scene } from './scene.ts';

export interface SceneGroup {
  /** Heading under which the picker lists them. */
  readonly group: string;
  readonly scenes: readonly Scene[];
}

export const SCENE_GROUPS: readonly SceneGroup[] = [
  {
    group: 'Scenes',
    scenes: [
      longtermPin,
      shortPin,
      busyPage,
      mixedRange,
      movableZone,
      cpuTouch,
      forkAndPin,
      twoOwners,
      waitForMigration,
      deviceFull,
      labNode,
    ],
  },
  { group: 'What may stay pinned for long', scenes: PINNABLE_SCENES },
  { group: 'The five types of device memory', scenes: TYPE_SCENES },
  { group: 'With and without a patch', scenes: PATCH_SCENES },
  { group: 'Around it', scenes: AROUND_SCENES },
  { group: 'The kernel log', scenes: KERNEL_LOG_SCENES },
  { group: 'From firmware to VRAM', scenes: GPU_BOOT_SCENES },
  { group: 'A GPU and a process', scenes: GPU_SVM_SCENES },
  { group: 'When VRAM is short', scenes: [...EVICTION_SCENES, ...GPU_OBJECT_SCENES] },
  { group: 'Faults of Linux 6.1 itself', scenes: DEFECT_SCENES },
  { group: 'Who pins in real life', scenes: PINNER_SCENES },
  { group: 'At scale', scenes: [...FRONTIER_SCENES, FRONTIER_NODE] },
];

export const SCENES: readonly Scene[] = SCENE_GROUPS.flatMap(({ scenes }) => scenes);

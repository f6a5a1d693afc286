// Whatever kernel is chosen for a scenario, it opens, and nobody claims to know what a real kernel did.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FOLLOW_PAGE_READINGS, KERNEL_SWITCHES, type KernelConfig } from '../core/uapi/config.ts';
import { parsePatches } from '../core/uapi/patches.ts';
import { FRONTIER_NODE } from '../scenarios/frontier.ts';
import { SCENES } from '../scenarios/index.ts';
import { Session } from './session.ts';

const SETS = [
  'none',
  '2-14',
  '1-2,4,8-9,11-14',
  '1-3,5-14',
  '1-4,6,8-9,11-14',
  '1-5,7-14',
  '1-6,8-14',
  '1-9,11-14',
];
const KERNELS: readonly Partial<KernelConfig>[] = [
  ...SETS.map((set) => ({ patches: parsePatches(set) })),
  ...KERNEL_SWITCHES.map((name) => ({ [name]: false })),
  ...FOLLOW_PAGE_READINGS.slice(1).map((followPage) => ({ followPage })),
  { longtermCheck: 'v6.0' },
];

const RECORDINGS = [
  'cma-longterm-pin',
  'coherent-longterm-pin-fast',
  'coherent-lru-advice',
  'hugetlb-longterm-pin',
  'mixed-kinds',
  'pin-mixed-busy',
  'private-exclusive',
  'thp-fork',
];
const recording = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../public/recordings/${name}.json`, import.meta.url), 'utf8'));

const SCENARIOS: readonly (readonly [string, unknown])[] = [
  ...SCENES.filter((scene) => scene !== FRONTIER_NODE).map(({ name, scenario }) => [name, scenario] as const),
  ...RECORDINGS.map((name) => [name, recording(name)] as const),
];

test.each(SCENARIOS)('%s opens on every kernel on offer', { timeout: 60_000 }, (_name, scenario) => {
  for (const kernel of KERNELS) {
    const answer = new Session().handle({ kind: 'open', id: 1, runId: 'run', scenario, kernel });
    if (answer?.kind !== 'opened') throw new Error(JSON.stringify([kernel, answer]));
    const { agreement, leftOut, steps } = answer.run;
    expect(agreement.kind).toBe('nothing-recorded');
    expect(leftOut.map(({ reason }) => reason).join(' ')).not.toContain('the simulated kernel stopped');
    expect(steps.length).toBeGreaterThan(0);
  }
});

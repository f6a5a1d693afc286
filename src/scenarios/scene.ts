// A scene made by hand: a scenario with what there is to see. Nothing was recorded of it.

import type { Scenario, Step } from '../core/uapi/scenario.ts';

export interface Scene {
  readonly name: string;
  readonly title: string;
  /** What there is to see, in a sentence or two. */
  readonly about: string;
  readonly scenario: Scenario;
}

type Devices = Scenario['devices'];
type Machine = NonNullable<Scenario['machine']>;

export const COHERENT: Devices = [{ id: 0, kind: 'coherent' }];
export const TWO_COHERENT: Devices = [
  { id: 0, kind: 'coherent' },
  { id: 1, kind: 'coherent' },
];
export const COHERENT_AND_PRIVATE: Devices = [
  { id: 0, kind: 'coherent' },
  { id: 1, kind: 'private' },
];

/** What a scene is and where it runs. */
type About = Omit<Scene, 'scenario'> & {
  readonly machine?: Machine;
  readonly boot?: Scenario['boot'];
  /** Where it is not the whole series. */
  readonly config?: Scenario['config'];
  /** Pages of a swap device. */
  readonly swap?: number;
  /** Pages of 2 MiB that the hugetlb pool may take beyond its size. */
  readonly overcommit?: number;
  /** The devices are GPUs with a real driver. */
  readonly gpu?: NonNullable<Scenario['gpu']>;
};

/** @param steps - in order; the file format numbers and wraps them */
export const scene = (
  { name, title, about, machine = 'teaching', boot = 'default', config, swap, overcommit, gpu }: About,
  devices: Devices,
  steps: readonly Step[],
): Scene => ({
  name,
  title,
  about,
  scenario: {
    format: 1,
    name,
    title,
    machine,
    boot,
    ...(config === undefined ? {} : { config }),
    ...(swap === undefined ? {} : { swap }),
    ...(overcommit === undefined ? {} : { overcommit }),
    ...(gpu === undefined ? {} : { gpu }),
    devices,
    steps: steps.map((step, n) => ({ n, step })),
  },
});

/** Steps that most scenes begin with: an area whose pages the process has written. */
export const written = (vma: string, pages: number): Step[] => [
  { op: 'mmap', proc: 'A', vma, pages, prot: 'rw', kind: 'anon-private' },
  { op: 'write', proc: 'A', vma, value: 100 },
];

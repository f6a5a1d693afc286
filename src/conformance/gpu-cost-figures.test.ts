// Every figure of the cost model counts: doubled, it changes what a run that meets it is told to take, and leaves what a
// run without a GPU takes alone (machine-and-drivers.md §5).

import { expect, test } from 'vitest';
import { createSimulation, parseScenario, type Simulation, type Step } from '../core/index.ts';
import { runCosts } from '../core/scenario/run-costs.ts';
import type { CostKind, CostReport } from '../core/timeline/costs.ts';
import {
  type CostModel,
  DEFAULT_COSTS,
  DEFAULT_LINKS,
  DEFAULT_OPS,
  type LinkName,
  type OpName,
  withOverrides,
} from '../core/uapi/cost-model.ts';
import { gpuScenario } from './checked-run.ts';
import { access, attr, gpuWrite, map, prefetch } from './svm-fixture.ts';
import { nicPins, other, take } from './ttm-fixture.ts';

const run = (steps: Step[], extra: Parameters<typeof gpuScenario>[1] = {}): (() => Simulation) => {
  let sim: Simulation | undefined;
  return () => {
    if (sim !== undefined) return sim;
    sim = createSimulation(parseScenario(gpuScenario(steps, { devices: 1, ...extra })));
    sim.runAll();
    return sim;
  };
};

const area = { proc: 'A', vma: 'buf' };
const read: Step = { op: 'read', ...area };
const write: Step = { op: 'write', ...area, value: 7 };
const gpuRead = (device: number): Step => ({ op: 'gpu_read', ...area, device });
const off: Step = { op: 'set_xnack', proc: 'A', enabled: false };
const drops: Step = { op: 'madvise', ...area, advice: 'DONTNEED' };
const stays = attr([{ type: 'PREFERRED_LOC', loc: 'system' }]);
const inPlace = attr([access(1, 'ACCESS_IN_PLACE')]);

const RUNS = {
  'no GPU in use': run([...map(4), read, other, write]),
  pins: run([
    ...map(4),
    prefetch(0),
    nicPins(0),
    { ...nicPins(0, 'get_user_pages'), call: 'get_user_pages_fast', as: 'io' } as Step,
  ]),
  coherent: run([...map(4), prefetch(0), read, gpuWrite(0, 0, 4), stays, prefetch('system'), gpuRead(0)]),
  private: run([...map(4), prefetch(0), read], { kind: 'private' }),
  generic: run([...map(4), prefetch(0)], { gpu: { model: 'generic-accelerator' } }),
  'generic, private': run([...map(4), prefetch(0)], {
    kind: 'private',
    gpu: { model: 'generic-accelerator' },
  }),
  'the other of the package': run([...map(4), prefetch(0), inPlace, gpuRead(1)], { devices: 2 }),
  'another package': run([...map(4), prefetch(0), attr([access(2, 'ACCESS_IN_PLACE')]), gpuRead(2)], {
    machine: 'lab-node',
    devices: 4,
  }),
  'GPU faults': run([...map(4), gpuWrite(0, 0, 4), drops]),
  'XNACK off': run([...map(4), off, attr([access(0)]), drops]),
  'compute objects': run([other, take(3072), take(2048, 'gem', 'A')]),
  'an eviction that cannot end': run([other, ...map(4), prefetch(0), nicPins(0), take(4096)], {
    config: { longtermPolicy: 'intent' },
  }),
} as const;
type Run = keyof typeof RUNS;

/** Where a figure counts: the run, and what of it is told. */
const OPS: Readonly<Record<OpName, readonly [Run, CostKind]>> = {
  'cpu.load.ddr': ['no GPU in use', 'access by CPU'],
  'cpu.load.hbm.coherent': ['coherent', 'access by CPU'],
  'pt.walk': ['no GPU in use', 'access by CPU'],
  'gpu.load.hbm': ['coherent', 'access by GPU'],
  'gpu.load.ddr': ['coherent', 'access by GPU'],
  'gpu.inFlight': ['coherent', 'access by GPU'],
  'gpu.access.bytes': ['coherent', 'access by GPU'],
  'fault.minor': ['no GPU in use', 'faults'],
  'fault.cow': ['no GPU in use', 'faults'],
  'fault.private.to_ram': ['private', 'faults'],
  'tlb.shootdown': ['coherent', 'TLB shootdowns'],
  'migrate.page.cpu': ['coherent', 'migration'],
  'sdma.chunk.setup': ['coherent', 'copies by DMA'],
  'gup.fast': ['pins', 'pins'],
  'gup.slow': ['pins', 'pins'],
  'gup.longterm.migrate': ['pins', 'pins'],
  'gpu.retry_fault': ['GPU faults', 'faults of the GPU'],
  'gpu.tlb.flush': ['GPU faults', 'TLB shootdowns'],
  'queue.quiesce': ['XNACK off', 'stopped queues'],
  'queue.resume': ['XNACK off', 'stopped queues'],
  'svm.restore.delay': ['XNACK off', 'stopped queues'],
  'kfd.restore.delay': ['compute objects', 'stopped queues'],
  'ttm.wait': ['an eviction that cannot end', 'waiting for VRAM'],
};
const LINKS: Readonly<Record<LinkName, readonly [Run, CostKind]>> = {
  hbm: ['coherent', 'access by GPU'],
  'if.cpu_gpu': ['coherent', 'copies by DMA'],
  'if.gcd_pair': ['the other of the package', 'access by GPU'],
  'if.gcd_remote': ['another package', 'access by GPU'],
  'ddr.socket': ['coherent', 'copies by DMA'],
  'ddr.numa': ['no GPU in use', 'copies by CPU'],
  pcie4x16: ['private', 'copies by DMA'],
  pcie3x16: ['generic, private', 'copies by DMA'],
  'generic.coherent': ['generic', 'copies by DMA'],
};

/** What the runs take by two models. */
const both = (name: Run, model: CostModel, base: CostModel = DEFAULT_COSTS): [CostReport, CostReport] => [
  runCosts(RUNS[name](), base),
  runCosts(RUNS[name](), model),
];
/** Kinds of time that differ. */
const changed = ([before, after]: [CostReport, CostReport]): string[] =>
  Object.entries(before.nsByKind).flatMap(([kind, ns]) =>
    ns === after.nsByKind[kind as CostKind] ? [] : [kind],
  );

test.each(Object.entries(OPS) as [OpName, readonly [Run, CostKind]][])(
  '%s doubled changes a run',
  (name, [where, kind]) => {
    const model = withOverrides(DEFAULT_COSTS, { ops: { [name]: 2 * DEFAULT_OPS[name].value } });
    expect(changed(both(where, model))).toEqual([kind]);
    const plain: readonly OpName[] = ['cpu.load.ddr', 'pt.walk', 'fault.minor', 'fault.cow'];
    if (!plain.includes(name)) expect(changed(both('no GPU in use', model))).toEqual([]);
  },
);

test.each(Object.entries(LINKS) as [LinkName, readonly [Run, CostKind]][])(
  '%s twice as fast changes a run',
  (name, [where, kind]) => {
    const rate = DEFAULT_LINKS[name].value;
    const model = withOverrides(DEFAULT_COSTS, { links: { [name]: 2 * rate } });
    // the memory behind a link bounds it only where it is the slower of both
    const slow = withOverrides(DEFAULT_COSTS, { links: { 'ddr.socket': 1e9 } });
    const two = name === 'ddr.socket' ? both(where, slow) : both(where, model);
    expect(changed(two)).toContain(kind);
    if (name !== 'ddr.numa' && name !== 'ddr.socket')
      expect(changed(both('no GPU in use', model))).toEqual([]);
  },
);

test('the efficiency counts wherever bytes go, and nowhere else', () => {
  const model = withOverrides(DEFAULT_COSTS, { efficiency: 0.35 });
  const [before, after] = both('coherent', model);
  expect(after.nsByKind['copies by DMA']).toBeGreaterThan(before.nsByKind['copies by DMA']);
  expect(after.nsByKind.migration).toBe(before.nsByKind.migration);
  expect(changed(both('XNACK off', model))).toEqual([]);
});

// Callers of follow_page, and what a device page is to them: with the series' fourth patch and without, as it was
// merged (v6.0), as it was mended (v6.1), and as earlier postings had it (FOLL_LRU).

import { describe, expect, it, test } from 'vitest';
import { createSimulation, parsePatches, parseScenario, type Simulation } from '../../index.ts';
import type { FollowPageReading, KernelConfig, MachinePresetName } from '../../uapi/config.ts';
import { NO_PFN } from '../../uapi/units.ts';
import { VM_MERGEABLE } from '../../uapi/vm-flags.ts';
import { getMergeablePage } from './ksm.ts';
import { mappedFrame } from './page-table.ts';
import { findVma } from './vma.ts';

const area = (op: string, more: object = {}): object => ({ op, proc: 'A', vma: 'buf', ...more });

/** Page 0 is on the device, page 1 in system memory, page 2 the zero page, page 3 nowhere. */
const machine = (kernel: Partial<KernelConfig> = {}, preset: MachinePresetName = 'guest'): Simulation => {
  const steps = [
    area('mmap', { pages: 4, prot: 'rw', kind: 'anon-private' }),
    area('write', { value: 100, page: 0, count: 2 }),
    area('migrate_to_dev', { device: 0, page: 0, count: 1 }),
    area('read', { page: 2, count: 1 }),
  ].map((step) => ({ step }));
  const sim = createSimulation(parseScenario({ devices: [{ id: 0, kind: 'coherent' }], steps }), {
    kernel,
    machine: preset,
  });
  sim.runAll();
  return sim;
};

const refs = ({ machine: m }: Simulation, page: number): number => {
  const mm = m.mms.get(1);
  return m.pages.refcount.get(mappedFrame(m, mm, (mm.areas[0]?.start ?? 0) + page));
};

const ask = (sim: Simulation, more: object = {}): readonly string[] | undefined =>
  sim.runStep(parseScenario({ devices: [], steps: [{ step: area('move_pages', more) }] }).steps[0].step)
    .result.nodes;

const mergeable = (sim: Simulation, page: number): boolean => {
  const { machine: m } = sim;
  const mm = m.mms.get(1);
  const vpn = (mm.areas[0]?.start ?? 0) + page;
  const vma = findVma(m, mm, vpn);
  if (vma !== undefined) m.vmas.update(vma.id, { vmFlags: vma.vmFlags | VM_MERGEABLE });
  return getMergeablePage(m, 1, vpn).next().value !== NO_PFN;
};

describe('move_pages', () => {
  it('without a node says where pages are; a device page is no page', () => {
    expect(ask(machine())).toEqual(['ENOENT', '0', 'EFAULT', 'EFAULT']);
  });

  it('without the fourth patch gives the node of a device page away', () => {
    expect(ask(machine({ patches: parsePatches('1-3,5-14') }))).toEqual(['0', '0', 'EFAULT', 'EFAULT']);
  });

  it('moves system memory to another node and leaves device pages alone', () => {
    const sim = machine({}, 'lab-node');
    expect(ask(sim)).toEqual(['ENOENT', '0', 'EFAULT', 'EFAULT']);
    expect(ask(sim, { node: 2 })).toEqual(['ENOENT', '2', 'EFAULT', 'EFAULT']);
    expect(ask(sim)).toEqual(['ENOENT', '2', 'EFAULT', 'EFAULT']);
    expect(ask(sim, { node: 2, page: 1, count: 1 })).toEqual(['2']);
    expect([refs(sim, 0), refs(sim, 1)]).toEqual([1, 1]);
  });

  it('without the fourth patch fails to isolate a device page', () => {
    const sim = machine({ patches: parsePatches('1-3,5-14') }, 'lab-node');
    expect(ask(sim, { node: 2 })).toEqual(['EBUSY', '2', 'EFAULT', 'EFAULT']);
    expect(refs(sim, 0)).toBe(1);
  });

  it('leaves a shared page to those who may move everything', () => {
    const sim = machine({}, 'lab-node');
    sim.runStep({ op: 'fork', proc: 'A', child: 'B' });
    expect(ask(sim, { node: 1, page: 1, count: 1 })).toEqual(['EACCES']);
  });

  it('knows no node without memory', () => {
    const sim = machine();
    const { result } = sim.runStep({ op: 'move_pages', proc: 'A', vma: 'buf', node: 7 });
    expect(result).toMatchObject({ ret: -1, errno: 'ENODEV' });
  });
});

describe('KSM', () => {
  it('may merge system memory and never a device page', () => {
    expect([mergeable(machine(), 1), mergeable(machine(), 0)]).toEqual([true, false]);
  });

  it('would merge a device page without the fourth patch', () => {
    expect(mergeable(machine({ patches: parsePatches('1-3,5-14') }), 0)).toBe(true);
  });
});

// machine-and-drivers.md §2.4, FOLL_LRU: a flag of earlier postings, not merged; scene 20 of its catalogue
/** Three readings of the same refusal: the status that move_pages gives, for query and move, and references left over. */
const READINGS: readonly (readonly [FollowPageReading, string, string, number])[] = [
  ['v6.1', 'ENOENT', 'ENOENT', 0],
  // as merged: each of the three callers forgot one reference
  ['v6.0', 'ENOENT', 'ENOENT', 3],
  // as posted before: the lookup says EEXIST, which move_pages may not tell
  ['FOLL_LRU', 'EEXIST', 'EFAULT', 0],
];

test.each(READINGS)('%s: query %s, move %s, %i references lost', (followPage, query, move, lost) => {
  const sim = machine({ followPage }, 'lab-node');
  expect(ask(sim, { page: 0, count: 1 })).toEqual([query]);
  expect(ask(sim, { page: 0, count: 1, node: 1 })).toEqual([move]);
  expect(mergeable(sim, 0)).toBe(false);
  expect(refs(sim, 0)).toBe(1 + lost);
  // a lost reference keeps the page on the device for ever
  const { result } = sim.runStep({
    op: 'migrate_to_sys',
    proc: 'A',
    vma: 'buf',
    page: 0,
    count: 1,
    device: 0,
  });
  expect(result.cpages).toBe(lost === 0 ? 1 : 0);
});

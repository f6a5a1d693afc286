// System memory of buffer objects: TTM's limit, objects that are swapped out, requests that fail rather than kill, and
// what the OOM killer gives back when its victim has memory on a GPU (machine-and-drivers.md §2.2, §4.3).

import { describe, expect, test } from 'vitest';
import type { Step } from '../core/index.ts';
import { ttmPagesAllocated, ttmPagesLimit } from '../core/kernel/drivers/ttm-tt.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import type { Machine } from '../core/machine/machine.ts';
import type { TtmBo } from '../core/machine/gpu.ts';
import { vmstatIndex } from '../core/uapi/events.ts';
import { type CheckedRun, decisionsOf, gpuScenario, resultTexts, runChecked, stepOf } from './checked-run.ts';

const other: Step = { op: 'fork', proc: 'A', child: 'B' };
const alloc = (proc: string, bo: string, pages: number, more: Partial<Step> = {}): Step =>
  ({ op: 'bo_alloc', proc, device: 0, bo, pages, kind: 'gem', ...more }) as Step;
const scanout = (bo: string, pages: number): Step => alloc('A', bo, pages, { pin: true } as Partial<Step>);
const write = (bo: string, value: number): Step => ({ op: 'bo_write', proc: 'B', bo, value });

const objectOf = ({ sim }: CheckedRun, name: string): TtmBo => {
  const bo = sim.machine.ttmBos.values().find((candidate) => candidate.name === name);
  if (bo === undefined) throw new Error(`there is no ${name}`);
  return bo;
};
const freePages = (m: Machine): number => zoneInfo(m).reduce((sum, { free }) => sum + free, 0);
const kills = ({ sim }: CheckedRun): number => sim.machine.vmstat.get(vmstatIndex('oom_kill'));

describe('the limit of TTM (ttm_tt.c: ttm_tt_mgr_init, ttm_tt_populate)', () => {
  test('is half of the system memory, or what ttm.pages_limit says', () => {
    const { machine: m } = runChecked(gpuScenario([])).sim;
    expect(ttmPagesLimit(m)).toBe(m.zones.reduce((sum, { managedPages }) => sum + managedPages, 0) / 2);
    const { machine: limited } = runChecked(gpuScenario([], { gpu: { pagesLimit: 100 } })).sim;
    expect(ttmPagesLimit(limited)).toBe(100);
  });

  /** Two objects of B leave for two of A that TTM has pinned; both together would exceed the limit. */
  const twoLeave: Step[] = [
    other,
    alloc('B', 'first', 2048),
    write('first', 5),
    alloc('B', 'second', 2048),
    write('second', 6),
    scanout('s1', 2048),
    scanout('s2', 2048),
  ];

  test('above it the object that came first goes to a file of shared memory, with its bytes', () => {
    const done = runChecked(gpuScenario(twoLeave, { devices: 1, gpu: { pagesLimit: 2048 } }));
    expect(decisionsOf(done, stepOf(done, -1), 'ttm.').filter((id) => id !== 'ttm.no-space')).toEqual([
      'ttm.victim',
      'ttm.over-limit',
      'ttm.swapped-out',
      'ttm.moved-to-tt',
      'ttm.allocated',
    ]);
    const { machine: m } = done.sim;
    const first = objectOf(done, 'first');
    expect([first.memType, first.ttPages.length]).toEqual(['system', 0]);
    const cache = m.journal.mapById(m.files.get(first.swapStorage).pages);
    expect(cache.keys()).toHaveLength(2048);
    expect(m.pages.content.get(cache.get(2047) ?? -1)).toBe(5);
    expect(objectOf(done, 'second').memType).toBe('tt');
    expect(ttmPagesAllocated(m)).toBe(2048);
    expect(done.violations).toEqual([]);
  });

  test('a command brings it back, for which the other one goes; nothing is lost in the end', () => {
    const done = runChecked(
      gpuScenario(
        [
          ...twoLeave,
          { op: 'bo_write', proc: 'B', bo: 'first', value: 8 },
          { op: 'exit', proc: 'A' },
          { op: 'exit', proc: 'B' },
        ],
        { devices: 1, gpu: { pagesLimit: 2048 } },
      ),
    );
    const story = decisionsOf(done, stepOf(done, 7), 'ttm.');
    expect(story).toEqual(['ttm.over-limit', 'ttm.swapped-out', 'ttm.swapped-in']);
    expect(ttmPagesAllocated(done.sim.machine)).toBe(0);
    const end = freePages(done.sim.machine);
    done.sim.seek(done.sim.bootEnd);
    // the first process was there at boot, with its top table
    expect(end).toBe(freePages(done.sim.machine) + 1);
    expect(done.violations).toEqual([]);
  });

  test('where no object can be swapped out TTM goes beyond it', () => {
    const done = runChecked(
      gpuScenario([other, alloc('B', 'first', 2048), scanout('s1', 4096)], {
        devices: 1,
        gpu: { pagesLimit: 1024 },
      }),
    );
    expect(decisionsOf(done, stepOf(done, -1), 'ttm.over-limit')).toHaveLength(1);
    expect(objectOf(done, 'first').memType).toBe('tt');
    expect(ttmPagesAllocated(done.sim.machine)).toBe(2048);
    expect(done.violations).toEqual([]);
  });
});

describe('a machine whose memory is full', { timeout: 60_000 }, () => {
  /** Writes in parts: a big step would leave out what the invariants follow. */
  const fill = (proc: string, vma: string, pages: number): Step[] => [
    { op: 'mmap', proc, vma, pages, prot: 'rw', kind: 'anon-private' },
    ...Array.from({ length: Math.ceil(pages / 4000) }, (_, i): Step => {
      const page = i * 4000;
      return { op: 'write', proc, vma, page, count: Math.min(4000, pages - page), value: 1 };
    }),
  ];

  test('refuses a buffer object rather than kill for it (amdgpu_bo_create: gfp_retry_mayfail)', () => {
    const done = runChecked(
      gpuScenario([other, scanout('s1', 4096), ...fill('B', 'some', 64), alloc('B', 'large', 16_000)], {
        devices: 1,
      }),
    );
    expect(resultTexts(done.records).at(-1)).toBe('ENOMEM');
    expect(kills(done)).toBe(0);
    expect(ttmPagesAllocated(done.sim.machine)).toBe(0);
    expect(done.violations).toEqual([]);
  });

  test('refuses an eviction in the same way: the victim stays where it is', () => {
    const { machine: m } = runChecked(gpuScenario([], { devices: 1 })).sim;
    const done = runChecked(
      gpuScenario(
        [
          other,
          alloc('B', 'first', 3000),
          write('first', 3),
          ...fill('A', 'all', freePages(m) - 2500),
          scanout('s1', 4096),
        ],
        { devices: 1 },
      ),
    );
    expect(resultTexts(done.records).at(-1)).toBe('ENOMEM');
    expect(objectOf(done, 'first').memType).toBe('vram');
    expect(kills(done)).toBe(0);
    expect(done.violations).toEqual([]);
  });

  test('a killed process gives back its buffer objects, ranges and queues at once (exit_files, kfd_process_wq_release)', () => {
    const { machine: boot } = runChecked(gpuScenario([], { devices: 1 })).sim;
    const wanted = freePages(boot) - 1500;
    const done = runChecked(
      gpuScenario(
        [
          other,
          scanout('s1', 3072),
          alloc('B', 'spilled', 3000),
          ...fill('B', 'mine', 512),
          { op: 'svm_attr', proc: 'B', vma: 'mine', attrs: [{ type: 'PREFETCH_LOC', loc: 0 }] },
          ...fill('B', 'most', Math.floor(wanted / 2)),
          // there is room for it only when all that B has is gone
          ...fill('A', 'all', wanted),
        ],
        { devices: 1 },
      ),
    );
    const { machine: m } = done.sim;
    const asked = done.records.find(({ step }) => step.op === 'bo_alloc' && step.bo === 'spilled');
    expect(asked && decisionsOf(done, asked, 'ttm.spilled')).toHaveLength(1);
    expect(kills(done)).toBe(1);
    expect(resultTexts(done.records).slice(-4)).toEqual(
      ['0', '4000', '4000', '4000', String(wanted - 12_000)].slice(-4),
    );
    expect(m.mms.values().map(({ name, alive }) => [name, alive])).toEqual([
      ['A', true],
      ['B', false],
    ]);
    expect(m.ttmBos.values().map(({ name }) => name)).toEqual(['s1']);
    expect([m.kfdProcesses.values(), m.svmRanges.values(), m.svmBos.values()]).toEqual([[], [], []]);
    expect(done.violations).toEqual([]);
  });
});

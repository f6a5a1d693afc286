// Why long-term pins move pages out of VRAM: the rule of the series, the two readings of a world without it, and what is
// left behind even with it (machine-and-drivers.md §4.3 to §4.5, scene 38 and X8 of the catalogue).

import { describe, expect, test } from 'vitest';
import type { Step } from '../core/index.ts';
import { freeVramPages } from '../core/kernel/drivers/ttm-buddy.ts';
import type { LongtermPolicy } from '../core/uapi/config.ts';
import {
  type CheckedRun,
  decisionsOf,
  gpuScenario,
  messagesOf,
  resultTexts,
  runChecked,
} from './checked-run.ts';
import { last, fill, other, take, nicPins, inVram } from './ttm-fixture.ts';

describe('a world without the rule (§4.5, scene 38; hypothetical)', { timeout: 60_000 }, () => {
  const run = (longtermPolicy: LongtermPolicy, steps: Step[] = []): CheckedRun =>
    runChecked(
      gpuScenario([other, ...fill(2), nicPins(3), take(4096), ...steps], {
        devices: 1,
        config: { longtermPolicy },
      }),
    );

  test('intent: one page keeps its 2 MiB; after 15 s the other process gets nothing', () => {
    const done = run('intent');
    expect(resultTexts(done.records).slice(-2)).toEqual(['1', 'ENOMEM']);
    expect(decisionsOf(done, last(done), 'ttm.timed-out')).toHaveLength(1);
    // scenario-catalogue.md §38: "1023 pages leave, 1 stays; its 2 MiB BO cannot be freed"
    const { machine: m } = done.sim;
    expect([inVram(done), 4096 - freeVramPages(m.vramManagers.get(1).free)]).toEqual([1, 512]);
    // scenario-catalogue.md §39: "which invariant breaks first …: no long-term pin on D"
    expect(done.violations[0]).toMatch(/^step 4: I11: mr: long-term pin rests on page/);
    // "… or spills to GTT": an object of graphics, after the same 15 s
    const gem = done.sim.runStep({ ...take(4096, 'gem'), bo: 'spills' } as Step);
    expect([gem.result.ret, decisionsOf(done, gem, 'ttm.spilled').length]).toEqual([0, 1]);
  });

  test('intent: 14 of 16 MiB can be had; when the NIC lets go, all of it', () => {
    const steps: Step[] = [
      take(3584),
      { op: 'bo_free', proc: 'B', bo: 'big3584' },
      { op: 'unpin', proc: 'A', handle: 'mr' },
      { ...take(4096), bo: 'again' } as Step,
    ];
    expect(resultTexts(run('intent', steps).records).slice(-4)).toEqual(['0', '0', '0', '0']);
  });

  test('as coded: nobody counts the page; VRAM goes to the other process while the NIC still writes there', () => {
    const done = run('as-coded');
    expect(resultTexts(done.records).slice(-2)).toEqual(['1', '0']);
    expect(inVram(done)).toBe(1);
    expect(messagesOf(done, last(done))).toEqual(['svm.not-last-reference']);
    expect(decisionsOf(done, last(done), 'ttm.aliased')).toHaveLength(1);
    const { machine: m } = done.sim;
    const range = m.svmRanges.values()[0];
    expect(range).toMatchObject({ actualLoc: 0, svmBo: 0 });
  });

  test('as coded: what the other process writes is what A reads: two owners of one place', () => {
    const done = run('as-coded', [
      { op: 'bo_write', proc: 'B', bo: 'big4096', value: 666 },
      { op: 'read', proc: 'A', vma: 'buf', page: 3, count: 1 },
    ]);
    expect(last(done).result.values).toEqual([666]);
  });

  test('a plain reference instead of a pin: three attempts (§5.4), a message, and the same (§4.5 5c), in every world', () => {
    for (const longtermPolicy of ['on', 'as-coded'] as const) {
      const done = runChecked(
        gpuScenario([other, ...fill(1), nicPins(3, 'get_user_pages'), take(4096)], {
          devices: 1,
          config: { longtermPolicy },
        }),
      );
      expect(decisionsOf(done, last(done), 'svm.pages-left')).toHaveLength(3);
      expect(messagesOf(done, last(done))[0]).toBe('svm.eviction-failed');
    }
  });

  test('pages of CMA and of ZONE_MOVABLE move in every world, as before the series', () => {
    const done = runChecked(
      gpuScenario(
        [
          { op: 'mmap', proc: 'A', vma: 'buf', pages: 1, prot: 'rw', kind: 'anon-private' },
          { op: 'write', proc: 'A', vma: 'buf', value: 1 },
          nicPins(0),
        ],
        { config: { longtermPolicy: 'as-coded' } },
      ),
    );
    expect(decisionsOf(done, last(done), 'longterm.second-pass')).toHaveLength(1);
    expect(done.violations).toEqual([]);
  });
});

describe('a residue with the rule (§4.5 6, X8)', { timeout: 60_000 }, () => {
  test('"a page that only a forked child still maps (the worker walks the owner’s page tables only)"', () => {
    const done = runChecked(
      gpuScenario(
        [
          { op: 'mmap', proc: 'A', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' },
          { op: 'write', proc: 'A', vma: 'buf', value: 1000 },
          { op: 'svm_attr', proc: 'A', vma: 'buf', attrs: [{ type: 'PREFETCH_LOC', loc: 0 }] },
          { op: 'fork', proc: 'A', child: 'B' },
          { op: 'write', proc: 'A', vma: 'buf', value: 2000 },
          { op: 'fork', proc: 'A', child: 'C' },
          take(4096, 'kfd', 'C'),
        ],
        { devices: 1 },
      ),
    );
    // as coded: nobody counts them, and C gets VRAM that B has mapped
    expect(resultTexts(done.records).at(-1)).toBe('0');
    expect(messagesOf(done, last(done))).toEqual(['svm.not-last-reference']);
    expect(decisionsOf(done, last(done), 'ttm.aliased')).toHaveLength(4);
  });
});

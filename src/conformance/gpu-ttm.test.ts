// TTM takes VRAM back: machine-and-drivers.md §3.11, §4.1 to §4.3, §4.5, the timers of §5.4, scenes 36 and 37 of the catalogue.

import { describe, expect, test } from 'vitest';
import type { Step } from '../core/index.ts';
import { pageZone } from '../core/kernel/mm/page-ref.ts';
import { allocBlocks, freeBlock, freeVramPages, wholeVram } from '../core/kernel/drivers/ttm-buddy.ts';
import { NO_PFN } from '../core/uapi/units.ts';
import {
  type CheckedRun,
  decisionsOf,
  framesOf,
  gpuScenario,
  messagesOf,
  resultTexts,
  runChecked,
  stepOf,
} from './checked-run.ts';
import { last, fill, other, take, nicPins, inVram } from './ttm-fixture.ts';

describe('the VRAM manager (§4.1)', () => {
  test('takes the upper end of the smallest block that is large enough, and joins buddies again', () => {
    const whole = wholeVram(4096);
    const one = allocBlocks(whole, 512, 9);
    expect(one?.blocks).toEqual([{ start: 3584, order: 9 }]);
    const two = allocBlocks(one?.free ?? [], 700, 9);
    // 700 pages are rounded up to 1024, and the last block is trimmed to its beginning
    expect(two?.blocks).toEqual([
      { start: 2048, order: 9 },
      { start: 2560, order: 7 },
      { start: 2688, order: 5 },
      { start: 2720, order: 4 },
      { start: 2736, order: 3 },
      { start: 2744, order: 2 },
    ]);
    expect(freeVramPages(two?.free ?? [])).toBe(4096 - 512 - 700);
    const all = [...(one?.blocks ?? []), ...(two?.blocks ?? [])].reduce(freeBlock, two?.free ?? []);
    expect(all.flatMap((list, order) => list.map((start) => [start, order]))).toEqual([[0, 12]]);
  });

  test('keeps 8 MiB back, the new object counted: what is beyond lies in system memory (§7, amdgpu_vram_mgr_new)', () => {
    // pinned, so that it does not make room
    const pages = 2 ** 24 - 2048;
    const all: Step = { op: 'bo_alloc', proc: 'A', device: 0, bo: 'all', pages, kind: 'gem', pin: true };
    const run = runChecked(gpuScenario([all, take(1, 'gem', 'A')], { machine: 'lab-node', devices: 1 }));
    expect(run.sim.machine.ttmBos.values().map(({ memType }) => memType)).toEqual(['vram', 'tt']);
  });

  test('compute objects leave 1/16384 of all memory for page tables (amdgpu_amdkfd_reserve_mem_limit, ESTIMATE_PT_SIZE)', () => {
    // all memory: 64 GiB of VRAM for each GPU, and what of 512 GiB was free when the driver began, that is all but a 64th
    const limit = (devices: number): string[] => {
      const last = 2 ** 18 - (devices * 2 ** 24 + 2 ** 27) / 2 ** 14;
      const steps = [63 * 2 ** 18, 2 ** 18 - 2048, last + 256, last].map((pages) => take(pages, 'kfd', 'A'));
      return resultTexts(runChecked(gpuScenario(steps, { machine: 'lab-node', devices })).records);
    };
    expect(limit(1)).toEqual(['0', 'ENOMEM', 'ENOMEM', '0']);
    expect(limit(2)).toEqual(['0', 'ENOMEM', 'ENOMEM', '0']);
  });

  test('a VRAM that is no power of two is whole again after any mix', () => {
    let free = wholeVram(3000);
    const held = [5, 512, 700, 1, 64].flatMap((npages) => {
      const found = allocBlocks(free, npages, 9);
      free = found?.free ?? free;
      return found?.blocks ?? [];
    });
    expect(freeVramPages(held.reduce(freeBlock, free))).toBe(3000);
  });
});

describe('eviction of a range with the rule of the series (§4.3, scene 37)', { timeout: 60_000 }, () => {
  const run = (): CheckedRun =>
    runChecked(gpuScenario([other, ...fill(2), nicPins(3), take(4096)], { devices: 1 }));

  test('the pinned page has moved before; all others leave, and the other process gets all of VRAM', () => {
    const done = run();
    expect(resultTexts(done.records).slice(-2)).toEqual(['1', '0']);
    expect(inVram(done)).toBe(0);
    expect(messagesOf(done, last(done))).toEqual([]);
    expect(done.violations).toEqual([]);
    // scenario-catalogue.md §37: "1023 pages move in all"; "The pinned S page is untouched", in Normal
    expect(decisionsOf(done, last(done), 'migrate.moved')).toHaveLength(1023);
    const { machine: m } = done.sim;
    const [mr = NO_PFN] = m.handles.values()[0]?.pages ?? [];
    const story = [m.pages.refcount.get(mr), pageZone(m, mr)?.name, framesOf(done)[3] === mr];
    expect(story).toEqual([1025, 'Normal', true]);
  });

  test('step by step: victim, fence, kernel thread, pages home, fence, VRAM; once for each buffer object', () => {
    const done = run();
    const story = decisionsOf(done, last(done), 'ttm.').filter((id) => id !== 'ttm.no-space');
    const object = ['ttm.victim', 'ttm.waits-for-fence', 'ttm.fence-signaled', 'ttm.gutted', 'ttm.freed'];
    expect(story).toEqual([...object, ...object, 'ttm.allocated']);
  });

  test('with XNACK off the queues stop, and the range is mapped in system memory afterwards', () => {
    const done = runChecked(
      gpuScenario(
        [
          other,
          { op: 'set_xnack', proc: 'A', enabled: false },
          ...fill(1),
          {
            op: 'svm_attr',
            proc: 'A',
            vma: 'buf',
            attrs: [{ type: 'ACCESS', device: 0 }],
          },
          take(4096),
        ],
        { devices: 1 },
      ),
    );
    expect(decisionsOf(done, last(done), 'svm.')).toEqual([
      'svm.queues-stopped',
      'svm.mapped',
      'svm.queues-resumed',
    ]);
    expect(done.violations).toEqual([]);
  });
});

describe('who may be evicted (§4.2)', { timeout: 60_000 }, () => {
  test('a process evicts its own ranges, oldest first, but not its own objects of compute', () => {
    const own = runChecked(gpuScenario([...fill(7), take(1024, 'kfd', 'A')], { devices: 1 }));
    expect(resultTexts(own.records).at(-1)).toBe('0');
    expect(own.sim.machine.svmRanges.values().map(({ actualLoc }) => actualLoc)).toEqual([
      1, 1, 1, 1, 1, 1, 0,
    ]);
    const objects = runChecked(gpuScenario([take(3000, 'kfd', 'A'), take(2000, 'kfd', 'A')], { devices: 1 }));
    expect(resultTexts(objects.records)).toEqual(['0', 'ENOMEM']);
    // a range that needs more than the object has left finds nothing that may go (amdkfd_fence_check_mm)
    const both = runChecked(gpuScenario([take(3800, 'kfd', 'A'), ...fill(1)], { devices: 1 }));
    expect(resultTexts(both.records).at(-1)).toBe('ENOMEM');
    expect(decisionsOf(both, last(both), 'ttm.')).toEqual(['ttm.no-space']);
    expect([...own.violations, ...objects.violations, ...both.violations]).toEqual([]);
  });

  test('an object that TTM has pinned is passed over', () => {
    const done = runChecked(
      gpuScenario([{ ...take(3000, 'gem', 'A'), pin: true } as Step, other, take(2000)], { devices: 1 }),
    );
    expect(resultTexts(done.records).at(-1)).toBe('ENOMEM');
    expect(decisionsOf(done, last(done), 'ttm.skipped-pinned')).toHaveLength(1);
  });

  describe("a process's objects of compute (§4.3, kfd_process.c: evict_process_worker, restore_process_worker)", () => {
    const object = (run: CheckedRun, name: string): string | undefined =>
      run.sim.machine.ttmBos.values().find((bo) => bo.name === name)?.memType;
    const kfd = (run: CheckedRun, index = -1): string[] => decisionsOf(run, stepOf(run, index), 'kfd.');
    const processes = (run: CheckedRun): [string | undefined, number, boolean][] => {
      const { kfdProcesses, mms } = run.sim.machine;
      return kfdProcesses
        .values()
        .map(({ mm, queueEvictions, restoreDue }) => [mms.get(mm).name, queueEvictions, restoreDue]);
    };

    test('move to system memory, its queues stop, and 100 ms later they are back at the cost of others', () => {
      const done = runChecked(
        gpuScenario([other, take(3072, 'kfd', 'B'), take(2048, 'gem', 'A')], { devices: 1 }),
      );
      expect(kfd(done)).toEqual(['kfd.process-evicted', 'kfd.process-restored']);
      expect(object(done, 'big3072')).toBe('vram');
      expect(object(done, 'big2048')).toBe('tt');
      expect(processes(done)).toContainEqual(['B', 0, false]);
      expect(done.violations).toEqual([]);
    });

    test('go after ranges, whose bytes need not be kept, though they came first (amdgpu_bo_create, priority)', () => {
      const done = runChecked(
        gpuScenario([other, take(3072, 'kfd', 'B'), ...fill(2), take(1024, 'gem', 'A')], { devices: 1 }),
      );
      expect(kfd(done)).toEqual([]);
      expect(object(done, 'big3072')).toBe('vram');
      expect(inVram(done)).toBe(0);
      expect(done.violations).toEqual([]);
    });

    test('one that would not fit beside those of others is refused before it is made, and nobody has to go (§3.11)', () => {
      const done = runChecked(
        gpuScenario([take(2048, 'kfd', 'A'), { op: 'fork', proc: 'A', child: 'B' }, take(4096)], {
          devices: 1,
        }),
      );
      expect(resultTexts(done.records).at(-1)).toBe('ENOMEM');
      expect(kfd(done)).toEqual(['kfd.refused-vram']);
      expect(decisionsOf(done, last(done), 'ttm.')).toEqual([]);
      expect(object(done, 'big2048')).toBe('vram');
      expect(done.violations).toEqual([]);
    });

    test('the bytes of one that was evicted come back with it', () => {
      const write: Step = { op: 'bo_write', proc: 'A', bo: 'big3072', value: 7 };
      const fork: Step = { op: 'fork', proc: 'A', child: 'B' };
      const done = runChecked(
        gpuScenario([take(3072, 'kfd', 'A'), write, fork, take(2048, 'gem')], { devices: 1 }),
      );
      const { machine: m } = done.sim;
      const mine = m.ttmBos.values().find(({ name }) => name === 'big3072');
      expect([mine?.memType, kfd(done)]).toEqual(['vram', ['kfd.process-evicted', 'kfd.process-restored']]);
      const first = m.gpus.get(1).vramStart + (mine?.blocks[0]?.start ?? 0);
      expect(m.pages.content.get(first)).toBe(7);
      expect(done.violations).toEqual([]);
    });

    test('one whose object was pinned away runs on with it in system memory (amdgpu_amdkfd_gpuvm_restore_process_bos)', () => {
      const done = runChecked(
        gpuScenario(
          [
            take(2048, 'kfd', 'A'),
            { op: 'fork', proc: 'A', child: 'B' },
            { op: 'bo_alloc', proc: 'B', device: 0, bo: 'scanout', pages: 4096, kind: 'gem', pin: true },
            { op: 'bo_free', proc: 'B', bo: 'scanout' },
          ],
          { devices: 1 },
        ),
      );
      expect(kfd(done, 2)).toEqual(['kfd.process-evicted', 'kfd.process-restored']);
      // nobody looks for VRAM for it until it is evicted again
      expect(object(done, 'big2048')).toBe('tt');
      expect(processes(done)).toEqual([['A', 0, false]]);
      expect(done.violations).toEqual([]);
    });
  });

  test('an object of graphics spills to system memory where there is no VRAM', () => {
    const done = runChecked(
      gpuScenario([{ ...take(4096, 'gem', 'A'), pin: true } as Step, take(64, 'gem', 'A')], { devices: 1 }),
    );
    expect(resultTexts(done.records).at(-1)).toBe('0');
    expect(decisionsOf(done, last(done), 'ttm.spilled')).toHaveLength(1);
    expect(done.violations).toEqual([]);
  });
});

describe('blocks and order (§4.1)', { timeout: 60_000 }, () => {
  test('"≤ 2 GiB per block", "2 MiB minimum block when the request is ≥ 2 MiB"', () => {
    const run = runChecked(
      gpuScenario([take(5 * 2 ** 18, 'kfd', 'A'), take(3, 'kfd', 'A')], { machine: 'lab-node', devices: 1 }),
    );
    const orders = run.sim.machine.ttmBos.values().map(({ blocks }) => blocks.map(({ order }) => order));
    // 5 GiB, and three pages
    expect(orders).toEqual([
      [19, 19, 18],
      [1, 0],
    ]);
  });

  test('"SVM BOs are evicted roughly in creation order, not in access order"', () => {
    const used: Step = { op: 'gpu_write', proc: 'A', vma: 'buf', page: 0, count: 1, device: 0, value: 9 };
    const done = runChecked(gpuScenario([...fill(7), used, used, take(1024, 'kfd', 'A')], { devices: 1 }));
    // svm_range_set_attr made that of the last range first; the GPU has used the first one since
    expect(done.sim.machine.svmRanges.values().map(({ actualLoc }) => actualLoc)).toEqual([
      1, 1, 1, 1, 1, 1, 0,
    ]);
    expect(done.violations).toEqual([]);
  });

  test('"a BO goes to the tail when its reservation is released after use/validation": also one that need not move', () => {
    const done = runChecked(
      gpuScenario([other, take(1024), take(1000), take(3000, 'gem', 'A')], { devices: 1 }),
    );
    const { machine: m } = done.sim;
    const order = (): string[] => m.vramManagers.get(1).lru.map((id) => m.ttmBos.get(id).name);
    // the first was evicted and came back for the other's, and its process has looked after both
    expect(order()).toEqual(['big1024', 'big1000']);
    done.sim.seek(stepOf(done, 2).end);
    expect(order()).toEqual(['big1024', 'big1000']);
    expect(done.violations).toEqual([]);
  });

  test('… and when it could not be evicted: the next one asks another', () => {
    const done = runChecked(
      gpuScenario(
        [other, ...fill(8), nicPins(7 * 512 + 3), take(512), { ...take(512), bo: 'again' } as Step],
        {
          devices: 1,
          config: { longtermPolicy: 'intent' },
        },
      ),
    );
    expect(resultTexts(done.records).slice(-2)).toEqual(['ENOMEM', '0']);
    expect(decisionsOf(done, last(done), 'ttm.timed-out')).toEqual([]);
  });
});

describe('timers as behaviour (§5.4)', { timeout: 60_000 }, () => {
  const off: Step = { op: 'set_xnack', proc: 'A', enabled: false };
  const mapped: Step = {
    op: 'svm_attr',
    proc: 'A',
    vma: 'buf',
    attrs: [{ type: 'ACCESS', device: 0 }],
  };
  const story = (run: CheckedRun): string[] =>
    decisionsOf(run, last(run), '').filter((id) => /^(ttm|svm|kfd)\./.test(id));

  test('the restore comes 1 ms after the queues stop, so behind the whole eviction, not between its pages', () => {
    const done = runChecked(gpuScenario([other, off, ...fill(1), mapped, take(4096)], { devices: 1 }));
    const at = (id: string): number => story(done).indexOf(id);
    expect(at('svm.queues-stopped')).toBeGreaterThan(at('ttm.waits-for-fence'));
    expect(at('svm.mapped')).toBeGreaterThan(at('ttm.allocated'));
    expect(at('svm.queues-resumed')).toBeGreaterThan(at('svm.mapped'));
  });

  test('an evicted process comes back after 100 ms: after the one that needed VRAM has it', () => {
    const done = runChecked(
      gpuScenario([other, take(3072, 'kfd', 'B'), take(2048, 'gem', 'A')], { devices: 1 }),
    );
    const told = story(done);
    expect(told.indexOf('kfd.process-restored')).toBeGreaterThan(told.indexOf('ttm.allocated'));
    expect(told.indexOf('kfd.process-evicted')).toBeLessThan(told.indexOf('ttm.allocated'));
  });

  test('TTM gives up after 15 s only when nothing else can bring the fence: all other work is done by then', () => {
    const done = runChecked(
      gpuScenario([other, off, ...fill(1), mapped, nicPins(3), take(4096)], {
        devices: 1,
        config: { longtermPolicy: 'intent' },
      }),
    );
    const told = story(done);
    expect(told.indexOf('ttm.timed-out')).toBeGreaterThan(told.indexOf('svm.queues-resumed'));
    expect(resultTexts(done.records).at(-1)).toBe('ENOMEM');
  });
});

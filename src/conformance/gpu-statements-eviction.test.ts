// Statements of machine-and-drivers.md about eviction, and about what a long-term pin leaves behind, that no other test
// cites (§4.2, §4.3, §4.5, §1.7).

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Step } from '../core/index.ts';
import { svmBoKref } from '../core/kernel/drivers/amdgpu-bo.ts';
import { amdgpuBoCreate } from '../core/kernel/drivers/amdgpu-client.ts';
import { allocPage } from '../core/kernel/mm/page-alloc.ts';
import { putPage } from '../core/kernel/mm/swap.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import { atOnce } from '../core/kernel/sched/locks.ts';
import { KFD_MEM_USED } from '../core/machine/scalars.ts';
import { GFP_HIGHUSER_MOVABLE } from '../core/uapi/gfp.ts';
import type { SimpleStep } from '../core/uapi/scenario.ts';
import { NO_PFN } from '../core/uapi/units.ts';
import { BOOT, probe } from '../scenarios/gpu-boot.ts';
import {
  decisionsOf,
  framesOf,
  gpuScenario,
  messagesOf,
  resultTexts,
  runChecked,
  stepOf,
} from './checked-run.ts';
import { attr, firstRange, gpuWrite, map, places, prefetch, ranges } from './svm-fixture.ts';
import { fill, inVram, last, nicPins, other, take } from './ttm-fixture.ts';

describe('an eviction (§4.2, §4.3)', { timeout: 60_000 }, () => {
  test('TTM’s pin_count "has nothing to do with GUP pins of pages": an object with a pinned page is a victim all the same', () => {
    const shortPin: Step = { ...nicPins(3), call: 'pin_user_pages', flags: ['FOLL_WRITE'] } as Step;
    const run = runChecked(gpuScenario([other, ...fill(1), shortPin, take(4096)], { devices: 1 }));
    run.sim.seek(last(run).begin);
    expect(run.sim.machine.ttmBos.values().map(({ pinCount }) => pinCount)).toEqual([0]);
    expect(run.sim.machine.pages.refcount.get(framesOf(run)[3] ?? NO_PFN)).toBe(1 + 1024);
    expect(decisionsOf(run, last(run), 'ttm.victim')).toHaveLength(1);
    expect(decisionsOf(run, last(run), 'ttm.skipped-pinned')).toEqual([]);
  });

  test('step 6, XNACK on: "A’s GPU mapping removed" before the fence is signalled; no queue stops', () => {
    const used = gpuWrite(0, 0, 512);
    const run = runChecked(gpuScenario([other, ...fill(1), used, take(4096)], { devices: 1 }));
    const said = decisionsOf(run, last(run), '');
    expect(said).toContain('svm.unmapped');
    expect(said.indexOf('svm.unmapped')).toBeLessThan(said.indexOf('ttm.fence-signaled'));
    expect(said.filter((id) => id.startsWith('svm.queues'))).toEqual([]);
    expect(run.violations).toEqual([]);
  });

  test('"If RAM is exhausted in step 5 → −ENOMEM, loop stops, remaining ranges are not processed, fence still signalled"', () => {
    const half = attr([{ type: 'GRANULARITY', value: 3 }], { page: 0, count: 4 });
    const { sim } = runChecked(gpuScenario([...map(8), prefetch(0), half], { devices: 1 }));
    const { machine: m } = sim;
    const run = { sim, records: sim.steps, violations: [] };
    // a task that reclaims takes the last page, and nobody dies for it
    m.current.memalloc = true;
    while (allocPage(m, GFP_HIGHUSER_MOVABLE) !== NO_PFN);
    const begin = m.journal.log.length;
    const asks = amdgpuBoCreate(m, { gpu: 1, name: 'all', kind: 'gem', mm: 9, npages: 4096, pin: false });
    while (m.works.length === 0) asks.next();
    for (let work = m.works.pop(); work !== undefined; work = m.works.pop()) atOnce(work.run);
    const during = { begin, end: m.journal.log.length };
    expect(sim.machine.fences.values().map(({ signaled }) => signaled)).toEqual([true]);
    expect(ranges(run).map(({ actualLoc }) => actualLoc)).toEqual([1, 1]);
    // the second range was never looked at; the object's VRAM goes to the other process with all eight pages in use
    expect(decisionsOf(run, during, 'migrate.selected')).toHaveLength(4);
    // "This was not the last reference" is said only where all went well
    expect(messagesOf(run, { begin, end: m.journal.log.length })).toEqual([]);
    expect([atOnce(() => asks) > 0, places(run)]).toEqual([true, '11111111']);
    expect(decisionsOf(run, { begin, end: m.journal.log.length }, 'ttm.aliased')).toHaveLength(8);
  });

  test('step 4: "get A’s mm (gone → drop reference, done; the fence is then signalled when the last page releases the svm_bo"', () => {
    const child: Step = { op: 'fork', proc: 'A', child: 'C' };
    const gone: Step = { op: 'exit', proc: 'A' };
    const asks = { ...take(4096), bo: 'again' } as Step;
    const run = runChecked(
      gpuScenario([other, ...fill(1), child, gone, take(4096), { op: 'exit', proc: 'C' }, asks], {
        devices: 1,
      }),
    );
    // the child's pages are those of an object whose ranges have gone with their process: nobody brings them home
    expect(resultTexts(run.records).slice(-3)).toEqual(['ENOMEM', '0', '0']);
    expect(decisionsOf(run, stepOf(run, -3), 'ttm.')).toContain('ttm.timed-out');
    expect(decisionsOf(run, stepOf(run, -3), 'ttm.fence-signaled')).toEqual([]);
    expect(decisionsOf(run, stepOf(run, -2), 'ttm.fence-signaled')).toHaveLength(1);
    expect(run.violations).toEqual([]);
  });

  test('step 10 and §5.4, "SVM restore delay: 1 ms": objects that leave one after the other stop the queues once', () => {
    const off: Step = { op: 'set_xnack', proc: 'A', enabled: false };
    const used = attr([{ type: 'ACCESS', device: 0 }]);
    const run = runChecked(gpuScenario([other, off, ...fill(2), used, take(4096)], { devices: 1 }));
    const said = decisionsOf(run, last(run), '');
    expect(said.filter((id) => id.startsWith('svm.queues'))).toEqual([
      'svm.queues-stopped',
      'svm.queues-resumed',
    ]);
    // within the millisecond both have gone, and the one who waited has its VRAM
    expect(said.filter((id) => id === 'ttm.gutted')).toHaveLength(2);
    expect(said.indexOf('svm.queues-resumed')).toBeGreaterThan(said.lastIndexOf('ttm.allocated'));
    expect(run.violations).toEqual([]);
  });

  test('"Ordinary KFD BO …: restore tried after 100 ms": two processes have left VRAM before the first wants it back', () => {
    const third: Step = { op: 'fork', proc: 'A', child: 'C' };
    const area: Step = { op: 'mmap', proc: 'A', vma: 'buf', pages: 1, prot: 'rw', kind: 'anon-private' };
    const has = (proc: string): Step => ({ ...take(1500), proc, bo: `of-${proc}` }) as Step;
    const run = runChecked(
      gpuScenario([area, other, third, has('A'), has('C'), take(3500, 'gem')], { devices: 1 }),
    );
    const said = decisionsOf(run, last(run), '');
    const [first, second] = said.flatMap((id, i) => (id === 'kfd.process-evicted' ? [i] : []));
    expect([resultTexts(run.records).at(-1), first !== undefined, second !== undefined]).toEqual([
      '0',
      true,
      true,
    ]);
    // nobody's restore moves anything before the one who asked has got all that it asked for
    const moves = said.flatMap((id, i) =>
      id === 'kfd.process-restored' || id === 'ttm.moved-to-vram' ? [i] : [],
    );
    expect(Math.min(...moves)).toBeGreaterThan(said.indexOf('ttm.allocated'));
    expect(second).toBeLessThan(said.indexOf('ttm.allocated'));
  });

  test('§5.4, "back-off also 100": a restore for which there is no memory is tried again as late as the first', () => {
    const { sim } = runChecked(gpuScenario([other, take(512)], { devices: 1, gpu: { pagesLimit: 512 } }));
    const { machine: m } = sim;
    const asks = (npages: number, pin: boolean) =>
      amdgpuBoCreate(m, { gpu: 1, name: `of-${npages}`, kind: 'gem', mm: 9, npages, pin });
    /** The one piece of work that is due. */
    const runWork = (): void => {
      const [work] = m.works;
      m.works = [];
      expect(work).toBeDefined();
      if (work !== undefined) atOnce(work.run);
    };
    const state = (): unknown[] => [
      m.works.map(({ delayed }) => delayed),
      m.kfdProcesses.values().map(({ restoreDue, queueEvictions }) => [restoreDue, queueEvictions]),
    ];
    const scanout = asks(4096, true);
    while (m.works.length === 0) scanout.next();
    runWork();
    atOnce(() => scanout);
    const due = [[true], [[true, 1]]];
    expect(state()).toEqual(due);
    // its bytes are in a file of shared memory now, and no page is left to bring them back to
    atOnce(() => asks(511, false));
    m.current.memalloc = true;
    const taken: number[] = [];
    const page = (): number => allocPage(m, GFP_HIGHUSER_MOVABLE);
    for (let pfn = page(); pfn !== NO_PFN; pfn = page()) taken.push(pfn);
    const begin = m.journal.log.length;
    runWork();
    const failed = { begin, end: m.journal.log.length };
    expect([decisionsOf({ sim }, failed, 'kfd.'), state()]).toEqual([['kfd.restore-failed'], due]);
    m.current.memalloc = false;
    for (const pfn of taken) putPage(m, pfn, 'allocation');
    runWork();
    expect(state()).toEqual([[], [[false, 0]]]);
  });

  test('in a machine that is full, somebody dies for the way home, and the VRAM goes to the one who asked (§2.2)', () => {
    const { machine: boot } = runChecked(gpuScenario([], { devices: 1 })).sim;
    const free = zoneInfo(boot).reduce((sum, zone) => sum + zone.free, 0);
    const rest: Step[] = [
      { op: 'fork', proc: 'A', child: 'C' },
      { op: 'munmap', proc: 'C', vma: 'buf' },
      ...map(free - 1500, 'most', 'C'),
    ];
    const steps = [other, ...fill(4), ...rest, take(4096)];
    const sim = createSimulation(parseScenario(gpuScenario(steps, { devices: 1 })));
    sim.runAll();
    const run = { sim, records: sim.steps, violations: [] };
    expect(resultTexts(run.records).at(-1)).toBe('0');
    expect(messagesOf(run, last(run))).toContain('oom.killed');
    expect(inVram(run)).toBe(0);
  });
});

describe('what a long-term pin, or a reference, leaves behind (§4.5)', { timeout: 60_000 }, () => {
  test('5c: "if the I/O ends in time the retry succeeds"', () => {
    const ends: Step = { op: 'put', proc: 'A', handle: 'mr' };
    const outcomes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((seed) => {
      const both: Step = { op: 'concurrent', proc: 'A', seed, steps: [take(4096), ends] as SimpleStep[] };
      const steps = [other, ...map(8), prefetch(0), nicPins(3, 'get_user_pages'), both];
      const run = runChecked(gpuScenario(steps, { devices: 1 }));
      expect([last(run).result.results?.map(({ ret }) => ret), run.violations]).toEqual([[0, 0], []]);
      const attempts = decisionsOf(run, last(run), 'svm.pages-left').length;
      return {
        attempts,
        failed: messagesOf(run, last(run)).includes('svm.eviction-failed'),
        left: inVram(run),
      };
    });
    const retried = outcomes.filter(({ attempts }) => attempts > 0 && attempts < 3);
    expect(retried.length).toBeGreaterThan(0);
    for (const outcome of retried) expect(outcome).toMatchObject({ failed: false, left: 0 });
  });

  test('"the VRAM page goes back to the BO as an unused slot (the BO keeps its full size), the GPU maps the system page over the fabric"', () => {
    const reads: Step = { op: 'gpu_read', proc: 'A', vma: 'buf', device: 0 };
    const run = runChecked(gpuScenario([...map(4), prefetch(0), gpuWrite(0), nicPins(2), reads]));
    const { machine: m } = run.sim;
    expect([places(run), firstRange(run)?.actualLoc]).toEqual(['1101', 1]);
    // the notifier took the entry away, and nobody told the driver more
    expect(decisionsOf(run, stepOf(run, -2), 'svm.unmapped').length).toBeGreaterThan(0);
    expect(m.ttmBos.values().map(({ npages }) => npages)).toEqual([4]);
    expect(svmBoKref(m, 1)).toBe(1 + 3);
    expect(last(run).result.accesses).toMatchObject({ 'gpu local': 3, 'gpu system': 1 });
    expect(run.violations).toEqual([]);
  });

  test('"only RAM-and-back (or to another GPU) … does, and while the pin is held that trip skips the page at the collect stage"', () => {
    const trip = [prefetch('system'), prefetch(0)];
    const unpin: Step = { op: 'unpin', proc: 'A', handle: 'mr' };
    // "neither a GPU fault nor a prefetch to the same GPU"
    const run = runChecked(
      gpuScenario([
        ...map(4),
        prefetch(0),
        nicPins(2),
        ...trip,
        unpin,
        prefetch(0),
        gpuWrite(0),
        prefetch(1),
      ]),
    );
    const at = (index: number): string => {
      run.sim.seek(stepOf(run, index).end);
      return places(run);
    };
    expect(decisionsOf(run, stepOf(run, 5), 'migrate.maybe-pinned')).toHaveLength(1);
    expect([3, 5, 7, 8, 9].map(at)).toEqual(['1101', '1101', '1101', '1101', '2222']);
    expect(run.violations).toEqual([]);
  });
});

test('§1.7: "Registered size is the whole VRAM rounded up to 2 MiB": 700 pages of private VRAM are two pieces; TTM has 700', () => {
  const odd: Step = probe(0, { pages: 700 });
  const asks = [
    { ...take(512, 'gem', 'A'), pin: true } as Step,
    { ...take(512, 'kfd', 'A'), bo: 'more' } as Step,
  ];
  const run = runChecked(
    gpuScenario([...BOOT, odd, ...asks], { kind: 'private', devices: 1, gpu: { coldBoot: true } }),
  );
  const { machine: m } = run.sim;
  expect(m.pgmaps.values().map(({ start, end }) => end - start)).toEqual([1024]);
  expect(m.scalars.get(KFD_MEM_USED)).toBe(1024 / 64);
  expect(resultTexts(run.records).slice(-2)).toEqual(['0', 'ENOMEM']);
});

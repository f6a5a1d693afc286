// Scenes of the scenario catalogue that no other test runs as a whole: each ends as it says there, and its question has
// the answer that is marked as right. Statements that are left: catalogue.test.ts, catalogue-pins.test.ts.

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Step } from '../core/index.ts';
import { isZoneDevicePage, pageZone } from '../core/kernel/mm/page-ref.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import type { Machine } from '../core/machine/machine.ts';
import { DEVICE_CFREE, deviceRow } from '../core/machine/scalars.ts';
import { MEMORY_TYPES } from '../core/uapi/memory-types.ts';
import { memoryTypeMatrix } from '../core/scenario/memory-types.ts';
import { NO_PFN } from '../core/uapi/units.ts';
import {
  type CheckedRun,
  decisionsOf,
  framesOf,
  gpuScenario,
  resultTexts,
  runChecked,
  stepOf,
} from './checked-run.ts';
import { fill, inVram, take } from './ttm-fixture.ts';

const A = { proc: 'A', vma: 'buf' } as const;
const area = (pages: number): Step => ({ op: 'mmap', ...A, pages, prot: 'rw', kind: 'anon-private' });
const write: Step = { op: 'write', ...A, value: 100 };
const toDevice: Step = { op: 'migrate_to_dev', ...A, device: 0 };
const toSystem: Step = { op: 'migrate_to_sys', ...A, device: 0 };
const pinLong = (page: number, count: number): Step => ({
  op: 'gup',
  ...A,
  page,
  count,
  call: 'pin_user_pages_fast',
  flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
  as: 'long',
});
const hold = (page: number, pin: boolean): Step => ({
  op: 'gup',
  ...A,
  page,
  count: 1,
  call: pin ? 'pin_user_pages' : 'get_user_pages',
  flags: [],
  as: `h${page}`,
});
/** With the test driver's coherent devices. */
const run = (steps: readonly Step[], extra: object = {}): CheckedRun =>
  runChecked({
    machine: 'teaching',
    devices: [{ id: 0, kind: 'coherent' }],
    ...extra,
    steps: steps.map((step) => ({ step })),
  });
/** `D` device, the first letter of its zone for a system page, `.` for none. */
const places = (done: CheckedRun): string =>
  framesOf(done)
    .map((pfn) => {
      const { machine: m } = done.sim;
      if (pfn < 0) return '.';
      return isZoneDevicePage(m, pfn) ? 'D' : (pageZone(m, pfn)?.name[0] ?? '?');
    })
    .join('');
const counts = ({ sim: { machine: m } }: CheckedRun, pfns: readonly number[]): string[] =>
  pfns.map((pfn) => `${m.pages.refcount.get(pfn)}/${m.pages.mapcount.get(pfn)}`);
const free = (m: Machine): number => zoneInfo(m).reduce((sum, zone) => sum + zone.free, 0);

describe('the machine, and pages that move', { timeout: 60_000 }, () => {
  test('scene 1: the first user pages come from Movable, "the highest zone first"', () => {
    const done = run([area(4), write]);
    expect([places(done), done.violations]).toEqual(['MMMM', []]);
  });

  test('scene 7: collect, unmap, copy, metadata, finalize: four pages on the device, 1/1, with their bytes; the snapshot says 0x42', () => {
    const done = run([area(4), write, toDevice, { op: 'snapshot', ...A, device: 0 }, { op: 'read', ...A }]);
    const frames = framesOf(done);
    expect([places(done), counts(done, frames)]).toEqual(['DDDD', ['1/1', '1/1', '1/1', '1/1']]);
    expect(stepOf(done, 3).result.perms).toEqual(Array.from({ length: 4 }, () => 'coherent-local:w'));
    expect(stepOf(done, 4).result.values).toEqual([100, 101, 102, 103]);
    const phases = [
      'migrate_vma_setup',
      'dmirror_migrate_alloc_and_copy',
      'migrate_vma_pages',
      'migrate_vma_finalize',
    ];
    const order = done.sim.callsOf(stepOf(done, 2)).filter((name) => phases.includes(name));
    expect(order).toEqual(phases);
    expect(done.violations).toEqual([]);
  });

  test('scene 9: home to Movable; the device gets its pages back, and the one freed last is the next: "LIFO"', () => {
    const again: Step[] = [
      toSystem,
      { op: 'write', ...A, page: 0, count: 1, value: 7 },
      { op: 'migrate_to_dev', ...A, page: 0, count: 1, device: 0 },
    ];
    const done = run([area(4), write, toDevice, ...again]);
    done.sim.seek(stepOf(done, 2).end);
    const before = framesOf(done);
    done.sim.seek(stepOf(done, 3).end);
    expect([places(done), done.sim.machine.scalars.get(deviceRow(1, DEVICE_CFREE))]).toEqual(['MMMM', 4]);
    done.sim.seek(done.sim.length);
    // the pages were freed in the order of their addresses
    expect(framesOf(done)[0]).toBe(before[3]);
    expect(done.violations).toEqual([]);
  });

  test('scene 11: "best effort per page": plain pages move, pinned and held ones stay, those on the device are not asked', () => {
    const done = run([
      area(5),
      write,
      { ...toDevice, page: 4, count: 1 } as Step,
      hold(1, true),
      hold(2, false),
      toDevice,
    ]);
    const said = (prefix: string): number => decisionsOf(done, stepOf(done, -1), prefix).length;
    expect(places(done)).toBe('DMMDD');
    expect([said('migrate.maybe-pinned'), said('migrate.check-page.extra-references')]).toEqual([1, 1]);
    expect(done.violations).toEqual([]);
  });

  test('scene 12: hugetlb "never" moves to a device: -EINVAL, and nothing is touched', () => {
    const huge: Step = { op: 'mmap', ...A, pages: 512, prot: 'rw', kind: 'hugetlb', align: '2M' };
    const done = run([huge, write, toDevice]);
    expect(resultTexts(done.records).at(-1)).toBe('EINVAL');
    expect(places(done)).toBe('M'.repeat(512));
    expect(done.violations).toEqual([]);
  });

  test('scene 14: munmap and exit: "page_free called 2 then 2 times", and no system memory comes of it but page tables', () => {
    const done = run([
      area(4),
      write,
      toDevice,
      { op: 'munmap', ...A, page: 0, count: 2 },
      { op: 'exit', proc: 'A' },
    ]);
    const { machine: m } = done.sim;
    const at = (index: number): number[] => {
      done.sim.seek(stepOf(done, index).end);
      return [m.scalars.get(deviceRow(1, DEVICE_CFREE)), free(m)];
    };
    const [before = [], half = [], end = []] = [2, 3, 4].map(at);
    expect([before[0], half[0], end[0]]).toEqual([0, 2, 4]);
    expect(half[1]).toBe(before[1]);
    expect((end[1] ?? 0) - (half[1] ?? 0)).toBeLessThan(6);
    expect(done.violations).toEqual([]);
  });

  test('scene 15: vm_normal_page: a page for S and D; none for what has the devmap bit', () => {
    const row = memoryTypeMatrix().find(({ property }) => property === 'normal-page')?.cells ?? [];
    const of = (type: (typeof MEMORY_TYPES)[number]): string | undefined => row[MEMORY_TYPES.indexOf(type)];
    expect([of('COHERENT'), of('FS_DAX'), of('GENERIC')]).toEqual(['true', 'false', 'false']);
  });
});

describe('long-term pins', { timeout: 60_000 }, () => {
  test('scene 27: the pin becomes a reference, the page moves, a second pass; a page of Normal, not Movable, with 1025', () => {
    const done = run([area(1), write, toDevice, pinLong(0, 1)]);
    const pin = stepOf(done, 3);
    const story = decisionsOf(done, pin, 'longterm.');
    expect(story.filter((id) => id !== 'longterm.unpinnable-count')).toEqual([
      'longterm.pin-becomes-reference',
      'longterm.second-pass',
      'longterm.all-pinnable',
    ]);
    expect(done.sim.callsOf(pin)).toContain('migrate_device_coherent_page');
    const [page = NO_PFN] = framesOf(done);
    expect([places(done), done.sim.machine.pages.refcount.get(page)]).toEqual(['N', 1025]);
    expect(done.violations).toEqual([]);
  });

  test('scene 28: of a mixed range all are unpinned and looked up again; the good page is not moved', () => {
    const device = { ...toDevice, page: 1, count: 1 } as Step;
    const done = run([
      area(3),
      write,
      pinLong(0, 1),
      { op: 'unpin', proc: 'A', handle: 'long' },
      device,
      { ...pinLong(0, 3), as: 'all' } as Step,
    ]);
    done.sim.seek(stepOf(done, 4).end);
    expect(places(done)).toBe('NDM');
    const [good] = framesOf(done);
    done.sim.seek(done.sim.length);
    expect([places(done), framesOf(done)[0]]).toEqual(['NNN', good]);
    expect(counts(done, framesOf(done)).map((each) => each.split('/')[0])).toEqual(['1025', '1025', '1025']);
    expect(decisionsOf(done, stepOf(done, -1), 'longterm.second-pass')).toHaveLength(1);
    expect(done.violations).toEqual([]);
  });

  test.each<[string, Step]>([
    ['(a) a reference that O_DIRECT holds', hold(0, false)],
    ['(c) a short pin', hold(0, true)],
  ])(
    'scene 32: %s on a D page: −EBUSY, it stays, its counts are restored, nothing is pinned',
    (_, holder) => {
      const done = run([area(1), write, toDevice, holder, pinLong(0, 1)]);
      const { machine: m } = done.sim;
      const [page = NO_PFN] = framesOf(done);
      const after = m.pages.refcount.get(page);
      expect([resultTexts(done.records).at(-1), places(done)]).toEqual(['EBUSY', 'D']);
      done.sim.seek(stepOf(done, 4).begin);
      expect(m.pages.refcount.get(page)).toBe(after);
      expect(done.violations).toEqual([]);
    },
  );

  test('scene 32: of an LRU page with one more reference −ENOMEM, after ten attempts', () => {
    const done = run([area(1), write, hold(0, false), pinLong(0, 1)]);
    expect([resultTexts(done.records).at(-1), places(done)]).toEqual(['ENOMEM', 'M']);
    expect(done.sim.callTotals(stepOf(done, 3)).get('try_to_migrate')).toBe(10);
    expect(done.violations).toEqual([]);
  });
});

describe('the driver', { timeout: 60_000 }, () => {
  test('scene 36: a second prefetch evicts the process’s own oldest objects; when TTM has pinned all, the GPU fault "works, slower"', () => {
    const scanout: Step = {
      op: 'bo_alloc',
      proc: 'B',
      device: 0,
      bo: 'scanout',
      pages: 1024,
      kind: 'gem',
      pin: true,
    };
    const other: Step = { op: 'fork', proc: 'A', child: 'B' };
    const more: Step[] = [
      { op: 'mmap', proc: 'A', vma: 'more', pages: 2048, prot: 'rw', kind: 'anon-private' },
      { op: 'write', proc: 'A', vma: 'more', value: 1 },
      { op: 'svm_attr', proc: 'A', vma: 'more', attrs: [{ type: 'PREFETCH_LOC', loc: 0 }] },
    ];
    const done = runChecked(gpuScenario([other, scanout, ...fill(6), ...more], { devices: 1 }));
    expect(resultTexts(done.records).at(-1)).toBe('0');
    expect(decisionsOf(done, stepOf(done, -1), 'ttm.gutted')).toHaveLength(4);
    expect(inVram(done)).toBe(1024);
    done.sim.seek(stepOf(done, 4).end);
    const first = done.sim.machine.svmRanges.values()[0];
    expect(first?.actualLoc).toBe(1);
    done.sim.seek(done.sim.length);
    // the oldest are those of the highest addresses: svm_range_set_attr begins with the last range
    expect(done.sim.machine.svmRanges.values().map(({ actualLoc }) => actualLoc)).toEqual([
      1, 1, 0, 0, 0, 0, 1, 1, 1, 1,
    ]);
    expect(done.violations).toEqual([]);
    const all: Step = {
      op: 'bo_alloc',
      proc: 'B',
      device: 0,
      bo: 'all',
      pages: 4096,
      kind: 'gem',
      pin: true,
    };
    const fault: Step = { op: 'gpu_write', proc: 'A', vma: 'buf', page: 0, count: 1, device: 0, value: 5 };
    const full = runChecked(gpuScenario([other, all, ...fill(1), fault], { devices: 1 }));
    expect(resultTexts(full.records).slice(-2)).toEqual(['ENOMEM', '0']);
    expect([inVram(full), full.violations]).toEqual([0, []]);
  });

  test('X2: from GPU to GPU two copies through DDR', () => {
    const to = (loc: number): Step => ({ op: 'svm_attr', ...A, attrs: [{ type: 'PREFETCH_LOC', loc }] });
    const done = runChecked(gpuScenario([area(4), write, to(0), to(1)]));
    expect(decisionsOf(done, stepOf(done, -1), 'copy.page')).toHaveLength(8);
    expect(done.violations).toEqual([]);
  });

  test('X3: a test device that goes: "every in-use page is migrated to system; allocation may not fail"', () => {
    const done = run([area(4), write, toDevice, { op: 'dev_evict', proc: 'A', device: 0 }]);
    expect([places(done), resultTexts(done.records).at(-1)]).toEqual(['MMMM', '0']);
    expect(done.sim.machine.pgmaps.values()).toEqual([]);
  });

  test('scene 38 asks how long one 4 KiB pin can hold an object of up to 1 GiB: "until the registration is released"', () => {
    const other: Step = { op: 'fork', proc: 'A', child: 'B' };
    const asks = (bo: string): Step => ({ ...take(4096), bo }) as Step;
    const steps = [
      other,
      ...fill(1),
      pinLong(3, 1),
      asks('one'),
      asks('two'),
      { op: 'unpin', proc: 'A', handle: 'long' } as Step,
      asks('three'),
    ];
    const sim = createSimulation(
      parseScenario(gpuScenario(steps, { devices: 1, config: { longtermPolicy: 'intent' } })),
    );
    sim.runAll();
    expect(resultTexts(sim.steps).slice(-4)).toEqual(['ENOMEM', 'ENOMEM', '0', '0']);
  });
});

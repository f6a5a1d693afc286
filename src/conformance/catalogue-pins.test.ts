// Statements of scenario-catalogue.md that neither a recording nor another test has, one run for all of a
// scenario: the units on fork, on get_user_pages and on the driver.

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Step } from '../core/index.ts';
import { svmRangeBestRestoreLocation } from '../core/kernel/drivers/amdgpu-fault.ts';
import { gpuById } from '../core/kernel/drivers/amdgpu-migrate.ts';
import { isZoneDevicePage, pageblockMigratetype, pageZone } from '../core/kernel/mm/page-ref.ts';
import { walkPte } from '../core/kernel/mm/page-table.ts';
import { UNDEFINED_LOCATION } from '../core/machine/gpu.ts';
import { DEVICE_CFREE, deviceRow } from '../core/machine/scalars.ts';
import { MIGRATE_CMA } from '../core/uapi/config.ts';
import { runCosts } from '../core/scenario/run-costs.ts';
import { DEFAULT_COSTS } from '../core/uapi/cost-model.ts';
import { DECISIONS, EventKind } from '../core/uapi/events.ts';
import { PG_anon_exclusive } from '../core/uapi/page-flags.ts';
import { pteWrite } from '../core/uapi/pte.ts';
import { GIB_PAGES, NO_PFN, type Pfn } from '../core/uapi/units.ts';
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
import { A, gup, read, refs, toDevice, withDevice, write } from './catalogue-fixture.ts';
import { access, attr, last, map, places } from './svm-fixture.ts';

const fork: Step = { op: 'fork', proc: 'A', child: 'B' };
const zoneOf = ({ sim: { machine: m } }: CheckedRun, pfn: Pfn): string | undefined =>
  isZoneDevicePage(m, pfn) ? 'D' : pageZone(m, pfn)?.name;

describe('Units IV and V', { timeout: 60_000 }, () => {
  test('scenario-catalogue.md §23: "A gets 4 S copies, B keeps the 4 D until exit, then they are freed to the device"; private: "two faults per page", and B’s are home, too', () => {
    const [coherent, ofPrivate] = (['coherent', 'private'] as const).map((kind) =>
      withDevice([...map(4), toDevice(), fork, write(200), { op: 'exit', proc: 'B' }], {
        devices: [{ id: 0, kind }],
      }),
    );
    if (coherent === undefined || ofPrivate === undefined) throw new Error('no runs');
    const at = (run: CheckedRun, index: number): [string, string, number] => {
      run.sim.seek(stepOf(run, index).end);
      const free = run.sim.machine.scalars.get(deviceRow(1, DEVICE_CFREE));
      return [places(run, 'A'), places(run, 'B'), free];
    };
    expect([at(coherent, 4), at(coherent, 5).slice(2)]).toEqual([['0000', '1111', 0], [4]]);
    expect(at(ofPrivate, 4)).toEqual(['0000', '0000', 4]);
    expect([coherent, ofPrivate].map((run) => stepOf(run, 4).vmstat['pgfault'])).toEqual([4, 8]);
    expect([...coherent.violations, ...ofPrivate.violations]).toEqual([]);
  });

  test('scenario-catalogue.md §22, §25: fork after a pin: page 0 of the child is a system copy, "parent keeps its pinned exclusive D; pages 1–3 shared", "r/m 2/2", read-only in both', () => {
    const run = withDevice([
      ...map(4),
      toDevice(),
      gup('h', 'pin_user_pages', ['FOLL_WRITE'], { page: 0, count: 1 }),
      fork,
    ]);
    const { machine: m } = run.sim;
    const writable = (proc: string): boolean[] => {
      const mm = m.mms.values().find(({ name }) => name === proc);
      const start = mm?.areas[0]?.start ?? -1;
      return [0, 1, 2, 3].map((i) => mm !== undefined && pteWrite(m.entries.get(walkPte(m, mm, start + i))));
    };
    expect([places(run), places(run, 'B')]).toEqual(['1111', '0111']);
    expect(refs(run, framesOf(run))).toEqual([1025, 2, 2, 2]);
    expect(framesOf(run).map((pfn) => m.pages.mapcount.get(pfn))).toEqual([1, 2, 2, 2]);
    const exclusive = framesOf(run).map((pfn) => (m.pages.flags.get(pfn) & PG_anon_exclusive) !== 0);
    expect(exclusive).toEqual([true, false, false, false]);
    // the copy is the child's alone, so its entry may be written, as the parent's
    expect([writable('A'), writable('B')]).toEqual([
      [true, false, false, false],
      [true, false, false, false],
    ]);
    expect(run.violations).toEqual([]);
  });

  test('scenario-catalogue.md §27: "r 1025 → … plain reference (r 2) → … migration entry, r 1"; the device has its page back; "pin S: r 1025"', () => {
    const run = withDevice(
      [...map(1), toDevice(), gup('h', 'pin_user_pages_fast', ['FOLL_WRITE', 'FOLL_LONGTERM'])],
      { machine: 'teaching' },
    );
    const { begin, end } = last(run);
    run.sim.seek(begin);
    const [old = NO_PFN] = framesOf(run);
    run.sim.seek(end);
    const [page = NO_PFN] = framesOf(run);
    const { log } = run.sim.machine.journal;
    const story = (pfn: Pfn): number[] => {
      const values: number[] = [];
      for (let i = begin; i < end; i++)
        if (log.kindAt(i) === EventKind.REF && log.at(i).row === pfn) values.push(log.at(i).now);
      return values;
    };
    // the pin; a plain reference, then the pin is dropped; a migration entry; freed to the device
    expect(story(old)).toEqual([1025, 1026, 2, 1, 0]);
    expect([story(page).at(-1), zoneOf(run, page)]).toEqual([1025, 'Normal']);
  });

  test('scenario-catalogue.md §28: S Normal, D, S in CMA, Z: "D is migrated singly, …, CMA migrated as a batch"; "S 1025, S′ 1025, S″ 1025, Z unchanged"', () => {
    const long = gup('long', 'pin_user_pages', ['FOLL_WRITE', 'FOLL_LONGTERM'], { page: 0, count: 1 });
    const run = withDevice(
      [
        { op: 'mmap', ...A, pages: 4, prot: 'rw', kind: 'anon-private' },
        write(100, { page: 0, count: 3 }),
        long,
        { op: 'unpin', proc: 'A', handle: 'long' },
        toDevice({ page: 1, count: 1 }),
        read({ page: 3, count: 1 }),
        gup('all', 'pin_user_pages', ['FOLL_LONGTERM']),
      ],
      { boot: 'cma' },
    );
    const { machine: m } = run.sim;
    const inCma = (): boolean[] => framesOf(run).map((pfn) => pageblockMigratetype(m, pfn) === MIGRATE_CMA);
    run.sim.seek(last(run).begin);
    const before = framesOf(run);
    const zeroRefs = m.pages.refcount.get(m.zeroPfn);
    expect([places(run), inCma(), before[3]]).toEqual(['0100', [false, false, true, false], m.zeroPfn]);
    run.sim.seek(last(run).end);
    const after = framesOf(run);
    expect([places(run), inCma()]).toEqual(['0000', [false, false, false, false]]);
    expect([after[0], after[3]]).toEqual([before[0], m.zeroPfn]);
    expect(refs(run, after.slice(0, 3))).toEqual([1025, 1025, 1025]);
    expect(m.pages.refcount.get(m.zeroPfn)).toBe(zeroRefs);
    const calls = run.sim.callTotals(last(run));
    expect([calls.get('migrate_device_coherent_page'), calls.get('migrate_pages')]).toEqual([1, 1]);
    expect(decisionsOf(run, last(run), 'longterm.second-pass')).toHaveLength(1);
    expect(run.violations).toEqual([]);
  });

  test('scenario-catalogue.md §29: "P’s PTE … (never asked: faulted first)": no question is about a page of a private device', () => {
    const run = withDevice(
      [...map(2), toDevice(), gup('h', 'pin_user_pages', ['FOLL_WRITE', 'FOLL_LONGTERM'])],
      {
        devices: [{ id: 0, kind: 'private' }],
      },
    );
    const { machine: m } = run.sim;
    const { log } = m.journal;
    const asked: string[] = [];
    for (let i = last(run).begin; i < last(run).end; i++) {
      const id = log.kindAt(i) === EventKind.DECISION ? (DECISIONS[log.idAt(i)] ?? '') : '';
      if (id.startsWith('pinnable.')) asked.push(isZoneDevicePage(m, log.at(i).row) ? 'device' : id);
    }
    expect(asked).toEqual(['pinnable.ordinary', 'pinnable.ordinary']);
    expect(last(run).vmstat['pgfault']).toBe(2);
  });

  test('scenario-catalogue.md §30: PIN_LONGTERM_BENCHMARK on 64 D pages: "64 S pinned, no warning"; with the rule off "“NOT pinnable but pinned” at the first page"', () => {
    const bench = (config: object): [string, string[], (string | undefined)[]] => {
      const run = withDevice(
        [
          ...map(64),
          toDevice(),
          { op: 'gup_test', ...A, cmd: 'PIN_LONGTERM_BENCHMARK', flags: ['FOLL_WRITE'] },
        ],
        { machine: 'teaching', config },
      );
      const { result, begin, end } = last(run);
      const { log } = run.sim.machine.journal;
      const warned: number[] = [];
      for (let i = begin; i < end; i++) if (log.kindAt(i) === EventKind.LOG) warned.push(log.rowAt(i));
      const lines = messagesOf(run, last(run)).map((line, i) => `${line} ${warned[i]}`);
      return [
        `${result.ret} ${result.got}`,
        lines,
        [...new Set(framesOf(run).map((pfn) => zoneOf(run, pfn)))],
      ];
    };
    const warning = ['gup_test.not-pinnable 0', 'gup_test.failure 0'];
    expect([{}, { longtermPolicy: 'intent' }, { longtermPolicy: 'as-coded' }].map(bench)).toEqual([
      ['0 64', [], ['Normal']],
      ['0 64', warning, ['D']],
      ['0 64', warning, ['D']],
    ]);
  });

  test('scenario-catalogue.md §31: "the free-list walk skips unpinnable ones while the task has the pin flag and hands out the Normal one"', () => {
    const pool = (vma: string): Step => ({
      op: 'mmap',
      proc: 'A',
      vma,
      pages: 512,
      prot: 'rw',
      kind: 'hugetlb',
      align: '2M',
    });
    const touch = (vma: string): Step => ({ op: 'write', proc: 'A', vma, page: 0, count: 1, value: 7 });
    const run = withDevice([
      pool('first'),
      touch('first'),
      { op: 'isolate', proc: 'A', vma: 'first' },
      // the page lies at the head of the free list now, in a block that is to be emptied
      { op: 'munmap', proc: 'A', vma: 'first' },
      pool('pinned'),
      gup('h', 'pin_user_pages', ['FOLL_WRITE', 'FOLL_LONGTERM'], { vma: 'pinned', page: 0, count: 4 }),
      pool('plain'),
      touch('plain'),
    ]);
    run.sim.seek(stepOf(run, 2).end);
    const [isolated = NO_PFN] = framesOf(run, 'A', 'first');
    run.sim.seek(run.sim.length);
    const [pinned = NO_PFN] = framesOf(run, 'A', 'pinned');
    const [plain = NO_PFN] = framesOf(run, 'A', 'plain');
    expect([stepOf(run, 5).result.ret, pinned === isolated, plain]).toEqual([4, false, isolated]);
    // "pins a huge page in Normal: in place, refcount and pincount + n"
    expect(refs(run, [pinned, plain])).toEqual([5, 1]);
  });

  test('scenario-catalogue.md §32: −EBUSY, and "its entry in the device’s table is gone all the same"; a foreign pin on an LRU page of Movable gives −ENOMEM after 10 attempts', () => {
    const run = withDevice([
      ...map(2),
      toDevice(),
      { op: 'dev_read', ...A, device: 0 },
      gup('io', 'get_user_pages', ['FOLL_WRITE'], { page: 1, count: 1 }),
      gup('long', 'pin_user_pages', ['FOLL_WRITE', 'FOLL_LONGTERM'], { page: 1, count: 1 }),
    ]);
    const { machine: m } = run.sim;
    const mirror = (): number => m.journal.mapById(m.dmirrors.values()[0]?.pt ?? -1).size;
    const after = mirror();
    expect([resultTexts(run.records).at(-1), places(run)]).toEqual(['EBUSY', '11']);
    run.sim.seek(last(run).begin);
    expect([mirror(), after]).toEqual([2, 1]);
    const foreign = withDevice(
      [
        ...map(1),
        gup('short', 'pin_user_pages', ['FOLL_WRITE']),
        gup('long', 'pin_user_pages', ['FOLL_WRITE', 'FOLL_LONGTERM']),
      ],
      { machine: 'teaching' },
    );
    expect([resultTexts(foreign.records).at(-1), zoneOf(foreign, framesOf(foreign)[0] ?? NO_PFN)]).toEqual([
      'ENOMEM',
      'Movable',
    ]);
    expect(foreign.sim.callTotals(last(foreign)).get('try_to_migrate')).toBe(10);
    expect([...run.violations, ...foreign.violations]).toEqual([]);
  });
});

describe('Unit VI', { timeout: 60_000 }, () => {
  test('scenario-catalogue.md §34: "preferred_loc {none, this GPU, other GPU, system} × access {ACCESS, IN_PLACE, NONE} × actual {RAM, this, other}": "as the table", in one hive and in two', () => {
    const [SYSTEM, THIS, OTHER] = [0, 1, 2];
    const NONE = UNDEFINED_LOCATION;
    /** The table of machine-and-drivers.md §3.8: the first line that fits. */
    const expected = (oneHive: boolean, preferred: number, right: string, actual: number): number => {
      if (preferred === THIS || preferred === SYSTEM) return preferred;
      if (preferred === OTHER && oneHive) return OTHER;
      if (right === 'ACCESS') return THIS;
      if (right === 'NONE') return -1;
      return actual === OTHER && !oneHive ? SYSTEM : actual;
    };
    for (const hives of [
      [1, 1],
      [1, 2],
    ]) {
      const run = runChecked(gpuScenario([...map(4), attr([access(0)])], { gpu: { hives } }));
      const { machine: m } = run.sim;
      const gpu = gpuById(m, THIS);
      const [range] = m.svmRanges.values();
      if (gpu === undefined || range === undefined) throw new Error('no range');
      for (const preferredLoc of [NONE, THIS, OTHER, SYSTEM])
        for (const right of ['ACCESS', 'IN_PLACE', 'NONE'])
          for (const actualLoc of [SYSTEM, THIS, OTHER]) {
            m.svmRanges.update(range.id, {
              preferredLoc,
              actualLoc,
              access: right === 'ACCESS' ? [THIS] : [],
              accessInPlace: right === 'IN_PLACE' ? [THIS] : [],
            });
            const found = svmRangeBestRestoreLocation(m, range.id, gpu);
            const row = [hives.join(), preferredLoc, right, actualLoc];
            expect([...row, found]).toEqual([
              ...row,
              expected(hives[1] === 1, preferredLoc, right, actualLoc),
            ]);
          }
    }
  });

  test('scenario-catalogue.md §35: XNACK off: no page is pinned while the GPU runs; "B keeps the D pages until exit"; XNACK on: "the same copies happen at the next GPU fault"', () => {
    const grants: Step = {
      op: 'svm_attr',
      ...A,
      attrs: [
        { type: 'ACCESS', device: 0 },
        { type: 'PREFETCH_LOC', loc: 0 },
      ],
    };
    const gpuWrites: Step = { op: 'gpu_write', ...A, device: 0, value: 500 };
    const steps = [...map(4), grants, gpuWrites, fork, gpuWrites, { op: 'exit', proc: 'B' } as Step];
    const seen = [false, true].map((xnack) => {
      const run = runChecked(gpuScenario(steps, { devices: 1, gpu: { xnack } }));
      expect([xnack, ...run.violations]).toEqual([xnack]);
      const at = (index: number): string[] => {
        run.sim.seek(stepOf(run, index).end);
        return [places(run), places(run, 'B')];
      };
      run.sim.seek(stepOf(run, 3).end);
      const held = refs(run, framesOf(run));
      const inUse = (index: number): number => {
        run.sim.seek(stepOf(run, index).end);
        return run.sim.machine.svmBos.values().length;
      };
      return [held, at(4), at(5), [inUse(5), inUse(6)], run.sim.machine.svmRanges.values()[0]?.actualLoc];
    });
    const copied = [
      ['0000', '1111'],
      [1, 1],
    ];
    expect(seen).toEqual([
      [[1, 1, 1, 1], ['0000', '1111'], ...copied, 1],
      [[1, 1, 1, 1], ['1111', '1111'], ...copied, 1],
    ]);
  });

  test('scenario-catalogue.md §40 in small: 8 processes, one per GCD: the CPU’s reads "cause 0 faults"; "8 × 512 = 4,096 D pages move by CPU copy"; "a further prefetch to the same GCD does not bring them back"', () => {
    const MIB_PAGES = 256;
    const pages = 3 * MIB_PAGES;
    const each = (step: (proc: string, device: number) => Step[]): Step[] =>
      Array.from({ length: 8 }, (_, device) => step(`P${device}`, device)).flat();
    const fetch = (proc: string, loc: number | 'system'): Step => ({
      op: 'svm_attr',
      proc,
      vma: 'buf',
      attrs: [{ type: 'PREFETCH_LOC', loc }],
    });
    const sim = createSimulation(parseScenario(gpuScenario([], { machine: 'frontier', devices: 8 })), {
      bigStepPages: 64,
    });
    const runs = (steps: readonly Step[]): CheckedRun => ({
      sim,
      records: steps.map((step) => sim.runStep(step)),
      violations: [],
    });
    runs(each((proc) => [{ op: 'fork', proc: 'A', child: proc }]));
    runs(each((proc, device) => [...map(pages, 'buf', proc), fetch(proc, device)]));
    const reads = runs(
      each((proc) =>
        [0, 1, 2].map((i): Step => ({ op: 'read', proc, vma: 'buf', page: i * MIB_PAGES, count: 1 })),
      ),
    );
    expect(reads.records.reduce((sum, { vmstat }) => sum + (vmstat['pgfault'] ?? 0), 0)).toBe(0);
    const registered = runs(
      each((proc, device) => [
        gup(`mr${device}`, 'pin_user_pages_fast', ['FOLL_WRITE', 'FOLL_LONGTERM'], {
          proc,
          page: 0,
          count: 512,
        }),
        { op: 'unpin', proc, handle: `mr${device}` },
        fetch(proc, device),
      ]),
    );
    const at = (): string[] => Array.from({ length: 8 }, (_, device) => places(registered, `P${device}`));
    expect(at()).toEqual(
      Array.from({ length: 8 }, (_, device) => '0'.repeat(512) + String(device + 1).repeat(pages - 512)),
    );
    expect(runCosts(sim, DEFAULT_COSTS).pin.pagesMoved).toBe(4096);
    runs(each((proc) => [fetch(proc, 'system')]));
    expect(new Set(at())).toEqual(new Set(['0'.repeat(pages)]));
    // "per-page kernel work (assumed 1.5 µs) 22 s per process", 14,680,064 pages each
    expect(((DEFAULT_COSTS.ops['migrate.page.cpu'].value * 56 * GIB_PAGES) / 1e9).toFixed(0)).toBe('22');
  });
});

// Statements of scenario-catalogue.md that neither a recording nor another test has, one run for all of a scenario.

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Simulation, type Step } from '../core/index.ts';
import { migrateVmaSetup } from '../core/kernel/mm/migrate-device.ts';
import { MIGRATE_VMA_SELECT_SYSTEM, type MigrateVma } from '../core/kernel/mm/migrate-vma.ts';
import { vmNormalPage } from '../core/kernel/mm/normal-page.ts';
import { isZoneDevicePage, pageblockMigratetype, pageZone } from '../core/kernel/mm/page-ref.ts';
import { walkPte } from '../core/kernel/mm/page-table.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import { KERNEL_MESSAGES } from '../core/kernel/sched/bug.ts';
import { DEVICE_CFREE, deviceRow } from '../core/machine/scalars.ts';
import { Bench, driveToEnd, migrateInto } from '../core/scenario/memory-types.ts';
import { MIGRATE_CMA } from '../core/uapi/config.ts';
import { runCosts } from '../core/scenario/run-costs.ts';
import { DEFAULT_COSTS } from '../core/uapi/cost-model.ts';
import { DECISIONS, EventKind } from '../core/uapi/events.ts';
import { PG_anon_exclusive } from '../core/uapi/page-flags.ts';
import { entryKind, mkEntry, PTE_SPECIAL, pteDirty, pteWrite, pteYoung } from '../core/uapi/pte.ts';
import { GIB_PAGES, NO_PFN, type Pfn } from '../core/uapi/units.ts';
import { VM_PFNMAP } from '../core/uapi/vm-flags.ts';
import { BOOT, probe } from '../scenarios/gpu-boot.ts';
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
import { last, map, places } from './svm-fixture.ts';

const A = { proc: 'A', vma: 'buf' } as const;
const toDevice = (extra: object = {}): Step => ({ op: 'migrate_to_dev', ...A, device: 0, ...extra }) as Step;
const toSystem = (extra: object = {}): Step => ({ op: 'migrate_to_sys', ...A, device: 0, ...extra }) as Step;
const read = (extra: object = {}): Step => ({ op: 'read', ...A, ...extra }) as Step;
const write = (value: number, extra: object = {}): Step => ({ op: 'write', ...A, value, ...extra }) as Step;
const fork: Step = { op: 'fork', proc: 'A', child: 'B' };
type Gup = Extract<Step, { op: 'gup' }>;
const gup = (as: string, call: Gup['call'], flags: Gup['flags'], extra: object = {}): Step => ({
  op: 'gup',
  ...A,
  call,
  flags,
  as,
  ...extra,
});
/** With the test driver's coherent devices; on the guest of the recordings where no other machine is named. */
const withDevice = (steps: readonly Step[], extra: object = {}): CheckedRun =>
  runChecked({ devices: [{ id: 0, kind: 'coherent' }], ...extra, steps: steps.map((step) => ({ step })) });
const zoneOf = ({ sim: { machine: m } }: CheckedRun, pfn: Pfn): string | undefined =>
  isZoneDevicePage(m, pfn) ? 'D' : pageZone(m, pfn)?.name;
const refs = ({ sim: { machine: m } }: CheckedRun, pfns: readonly Pfn[]): number[] =>
  pfns.map((pfn) => m.pages.refcount.get(pfn));
const freePages = ({ machine }: Simulation): number =>
  zoneInfo(machine).reduce((sum, zone) => sum + zone.free, 0);

describe('Unit I', { timeout: 60_000 }, () => {
  test('scenario-catalogue.md §1, §3: "device blocks are dark (not registered)"; then "4096 struct pages = 256 KiB taken from Normal", "every page refcount 0"', () => {
    const run = runChecked(gpuScenario([...BOOT, probe(0)], { gpu: { coldBoot: true } }));
    const { machine: m } = run.sim;
    const [device] = m.config.devices;
    if (device === undefined) throw new Error('no device');
    const frames = Array.from({ length: device.pages }, (_, i) => device.start + i);
    const seen = [3, 4].map((index) => {
      run.sim.seek(stepOf(run, index).end);
      return [m.pgmaps.values().length, frames.filter((pfn) => isZoneDevicePage(m, pfn)).length];
    });
    expect(seen).toEqual([
      [0, 0],
      [1, 4096],
    ]);
    expect(new Set(refs(run, frames))).toEqual(new Set([0]));
    const memmap = m.pgmaps.values()[0]?.memmap ?? [];
    expect(memmap.reduce((sum, { order }) => sum + 2 ** order, 0) * 4096).toBe(256 * 1024);
    expect(new Set(memmap.map(({ start }) => m.rangeOf(start)?.zone))).toEqual(new Set(['Normal']));
  });

  test('scenario-catalogue.md §4: generic memory: "migration refused (“unsupported type”)", with a message where a page would fill a hole', () => {
    const said = (['GENERIC', 'COHERENT'] as const).map((type) => {
      const bench = new Bench(type);
      const answer = migrateInto(bench, true);
      const { log } = bench.m.journal;
      const lines: string[] = [];
      for (let i = 0; i < log.length; i++)
        if (log.kindAt(i) === EventKind.LOG) lines.push(KERNEL_MESSAGES[log.idAt(i)] ?? '?');
      return [answer, lines];
    });
    expect(said).toEqual([
      ['refused', ['migrate.unsupported-type']],
      ['yes', []],
    ]);
  });

  test('scenario-catalogue.md §6: "16 GiB of DDR are struct pages (8 for DDR, 8 for HBM) = 3.1 % of DDR"', () => {
    const devices = Array.from({ length: 8 }, (_, id) => ({ id, kind: 'coherent' as const }));
    const sim = createSimulation(
      parseScenario({
        machine: 'frontier',
        gpu: { coldBoot: true },
        devices,
        steps: [...BOOT, ...devices.map(({ id }) => probe(id))].map((step) => ({ step })),
      }),
    );
    sim.runAll();
    const ddr = 512 * GIB_PAGES;
    const atEnd = ddr - freePages(sim);
    sim.seek(sim.steps[3]?.end ?? 0);
    const ofDdr = ddr - freePages(sim);
    // the kernel's image and what it needs to begin with is not free either
    expect([ofDdr, atEnd - ofDdr].map((pages) => Math.floor(pages / GIB_PAGES))).toEqual([8, 8]);
    expect((((2 * (atEnd - ofDdr)) / ddr) * 100).toFixed(1)).toBe('3.1');
  });
});

describe('Units II and III', { timeout: 60_000 }, () => {
  test('scenario-catalogue.md §9: the way home: snapshot 0x02, "PTE dirty/young as before (from a private device: clean and old)"', () => {
    const home = (['coherent', 'private'] as const).map((kind) => {
      const run = withDevice([...map(4), toDevice(), toSystem(), { op: 'snapshot', ...A, device: 0 }], {
        devices: [{ id: 0, kind }],
      });
      const { machine: m } = run.sim;
      const [mm] = m.mms.values();
      const row = mm === undefined ? -1 : walkPte(m, mm, mm.areas[0]?.start ?? -1);
      const entry = m.entries.get(row);
      return [last(run).result.perms?.join(' '), pteDirty(entry), pteYoung(entry)];
    });
    expect(home).toEqual([
      ['w w w w', true, true],
      ['w w w w', false, false],
    ]);
  });

  test('scenario-catalogue.md §11: "Stays: file (metadata phase)"; "A THP is split whole even if one page of it is asked for; held by any reference it refuses as a whole"', () => {
    const file = { proc: 'A', vma: 'file' } as const;
    const huge: Step[] = [
      { op: 'mmap', ...A, pages: 512, prot: 'rw', kind: 'anon-private', align: '2M' },
      { op: 'madvise', ...A, advice: 'HUGEPAGE' },
      write(1, { page: 0, count: 1 }),
    ];
    const run = withDevice([
      { op: 'mmap', ...file, pages: 1, prot: 'rw', kind: 'file-private' },
      { op: 'read', ...file },
      { op: 'migrate_to_dev', ...file, device: 0 },
      ...huge,
      gup('held', 'get_user_pages', [], { page: 7, count: 1 }),
      toDevice(),
      { op: 'put', proc: 'A', handle: 'held' },
      toDevice({ page: 3, count: 1 }),
    ]);
    const split = (index: number): number => stepOf(run, index).vmstat['thp_split_page'] ?? 0;
    // it is collected, unmapped and copied, and refused only then
    const story = decisionsOf(run, stepOf(run, 2), '').filter((id) => /^(migrate|copy)/.test(id));
    expect(story).toEqual(['migrate.selected', 'copy.page', 'migrate.file-refused', 'migrate.restored']);
    expect(places(run, 'A', 'file')).toBe('0');
    expect([split(7), split(9)]).toEqual([0, 1]);
    expect(places(run)).toBe('0001'.padEnd(512, '0'));
    run.sim.seek(stepOf(run, 7).end);
    expect(places(run)).toBe('0'.repeat(512));
    expect(run.violations).toEqual([]);
  });

  test('scenario-catalogue.md §12: "VM_PFNMAP, … a range crossing the VMA end, … an empty range": "−EINVAL each; nothing touched"', () => {
    const { machine: m } = withDevice(map(4)).sim;
    const [vma] = m.vmas.values();
    if (vma === undefined) throw new Error('no area');
    const special = { ...vma, vmFlags: vma.vmFlags | VM_PFNMAP };
    const ask = (start: number, end: number, area = vma): number => {
      const args: MigrateVma = {
        vma: area,
        start,
        end,
        src: [],
        dst: [],
        cpages: 0,
        pgmapOwner: 1,
        flags: MIGRATE_VMA_SELECT_SYSTEM,
        faultPage: NO_PFN,
      };
      return driveToEnd(migrateVmaSetup(m, start, end, args));
    };
    const { vmStart: start } = vma;
    const before = m.journal.log.length;
    const refused = [
      ask(start, start + 4, special),
      ask(start + 2, start + 5),
      ask(start - 1, start + 2),
      ask(start + 4, start + 5),
      ask(start + 1, start + 1),
    ];
    expect(refused).toEqual([-22, -22, -22, -22, -22]);
    for (let i = before; i < m.journal.log.length; i++)
      expect([EventKind.SPAN_BEGIN, EventKind.SPAN_END]).toContain(m.journal.log.kindAt(i));
    expect(ask(start, start + 4)).toBe(0);
  });

  test('scenario-catalogue.md §15: vm_normal_page of S, D, Z, fsdax and PFNMAP: "page, page, NULL, NULL, NULL"', () => {
    const run = withDevice([
      { op: 'mmap', ...A, pages: 3, prot: 'rw', kind: 'anon-private' },
      write(1, { page: 0, count: 2 }),
      toDevice({ page: 1, count: 1 }),
      read({ page: 2, count: 1 }),
    ]);
    const { machine: m } = run.sim;
    const [vma] = m.vmas.values();
    const [mm] = m.mms.values();
    if (vma === undefined || mm === undefined) throw new Error('no area');
    const own = [0, 1, 2].map((i) => m.entries.get(walkPte(m, mm, vma.vmStart + i)));
    const fsdax = new Bench('FS_DAX');
    expect(own.map(entryKind)).toEqual(['present', 'present', 'present']);
    const answers = [
      ...own.map((entry, i) => vmNormalPage(m, vma, vma.vmStart + i, entry)),
      vmNormalPage(fsdax.m, fsdax.vma, fsdax.start, fsdax.entry()),
      // remap_pfn_range makes each of its entries special
      vmNormalPage(m, vma, vma.vmStart, mkEntry(0x80000, PTE_SPECIAL)),
    ];
    const [system, device] = framesOf(run);
    expect(answers).toEqual([system, device, NO_PFN, NO_PFN, NO_PFN]);
    expect(places(run)).toBe('010');
  });
});

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

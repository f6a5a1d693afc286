// Statements of scenario-catalogue.md that neither a recording nor another test has, one run for all of a
// scenario: the units on the machine, on moving and on what is on no list.

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Simulation, type Step } from '../core/index.ts';
import { migrateVmaSetup } from '../core/kernel/mm/migrate-device.ts';
import { MIGRATE_VMA_SELECT_SYSTEM, type MigrateVma } from '../core/kernel/mm/migrate-vma.ts';
import { vmNormalPage } from '../core/kernel/mm/normal-page.ts';
import { isZoneDevicePage } from '../core/kernel/mm/page-ref.ts';
import { walkPte } from '../core/kernel/mm/page-table.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import { KERNEL_MESSAGES } from '../core/kernel/sched/bug.ts';
import { Bench, driveToEnd, migrateInto } from '../core/scenario/memory-types.ts';
import { EventKind } from '../core/uapi/events.ts';
import { entryKind, mkEntry, PTE_SPECIAL, pteDirty, pteYoung } from '../core/uapi/pte.ts';
import { GIB_PAGES, NO_PFN } from '../core/uapi/units.ts';
import { VM_PFNMAP } from '../core/uapi/vm-flags.ts';
import { BOOT, probe } from '../scenarios/gpu-boot.ts';
import { decisionsOf, framesOf, gpuScenario, runChecked, stepOf } from './checked-run.ts';
import { A, gup, read, refs, toDevice, toSystem, withDevice, write } from './catalogue-fixture.ts';
import { last, map, places } from './svm-fixture.ts';

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

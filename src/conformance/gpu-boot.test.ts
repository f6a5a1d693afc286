// From the firmware's map to usable VRAM: machine-and-drivers.md §1.1, §1.6, §1.7, §3.11, and scenes 2, 3 and 5 of the
// catalogue.

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, StepError, type Step } from '../core/index.ts';
import { efiMemoryMap, EFI_MEMORY_SP, e820Table, iomemText } from '../core/kernel/mm/e820.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import { getFreeMemRegion } from '../core/kernel/mm/resource.ts';
import { pageblockMigratetype, pageZone } from '../core/kernel/mm/page-ref.ts';
import { mappedFrame } from '../core/kernel/mm/page-table.ts';
import { KERNEL_MESSAGES } from '../core/kernel/sched/bug.ts';
import { KFD_MEM_USED } from '../core/machine/scalars.ts';
import { MIGRATE_UNMOVABLE } from '../core/uapi/config.ts';
import { DECISIONS, EventKind } from '../core/uapi/events.ts';
import { PG_reserved } from '../core/uapi/page-flags.ts';
import { machinePreset } from '../core/uapi/presets.ts';
import { GIB_PAGES, memmapPages, mibToPages } from '../core/uapi/units.ts';
import { BOOT, probe } from '../scenarios/gpu-boot.ts';
import {
  type CheckedRun,
  decisionsOf,
  gpuScenario,
  messagesOf,
  resultTexts,
  runChecked,
  stepOf,
} from './checked-run.ts';

const cold = (steps: Step[], extra: Parameters<typeof gpuScenario>[1] = {}): CheckedRun =>
  runChecked(
    gpuScenario([...BOOT, ...steps], {
      ...extra,
      gpu: { coldBoot: true, ...extra.gpu },
    }),
  );
const freePages = ({ sim }: CheckedRun): number =>
  zoneInfo(sim.machine).reduce((sum, { free }) => sum + free, 0);
const managed = ({ sim }: CheckedRun): number =>
  zoneInfo(sim.machine).reduce((sum, { managed: pages }) => sum + pages, 0);

describe('firmware (§1.1)', { timeout: 60_000 }, () => {
  test('memory of a coherent GPU is conventional memory with EFI_MEMORY_SP; of a private one it is not listed', () => {
    const config = machinePreset('lab-node', [
      { id: 0, kind: 'coherent' },
      { id: 1, kind: 'private' },
    ]);
    const special = efiMemoryMap(config).filter(({ attribute }) => (attribute & EFI_MEMORY_SP) !== 0);
    expect(special).toEqual([
      {
        start: 1024 * GIB_PAGES,
        npages: 64 * GIB_PAGES,
        type: 'EFI_CONVENTIONAL_MEMORY',
        attribute: 0x40008,
      },
    ]);
  });

  // scenario-catalogue.md §2: "4 ranges “Soft Reserved”"; arch/x86/kernel/e820.c: e820_nomerge
  test('e820 joins neighbours of RAM and leaves the range of each GPU by itself', () => {
    const map = efiMemoryMap(machinePreset('lab-node'));
    expect(e820Table(map, true)).toEqual([
      { start: 0, end: 2 * GIB_PAGES, type: 'E820_TYPE_RAM' },
      { start: 4 * GIB_PAGES, end: 514 * GIB_PAGES, type: 'E820_TYPE_RAM' },
      ...[0, 1, 2, 3].map((gpu) => ({
        start: (1024 + 64 * gpu) * GIB_PAGES,
        end: (1088 + 64 * gpu) * GIB_PAGES,
        type: 'E820_TYPE_SOFT_RESERVED',
      })),
    ]);
    expect(e820Table(map, false).map(({ type }) => type)).toEqual([
      'E820_TYPE_RAM',
      'E820_TYPE_RAM',
      'E820_TYPE_RAM',
    ]);
  });

  test('/proc/iomem of the lab node, as r_show prints it', () => {
    const { sim } = cold([], { machine: 'lab-node', devices: 4 });
    expect(iomemText(sim.machine)).toBe(
      [
        '00000000-7fffffff : System RAM',
        '80000000-ffffffff : PCI Bus 0000:00',
        '100000000-807fffffff : System RAM',
        '10000000000-10fffffffff : Soft Reserved',
        '11000000000-11fffffffff : Soft Reserved',
        '12000000000-12fffffffff : Soft Reserved',
        '13000000000-13fffffffff : Soft Reserved',
        '',
      ].join('\n'),
    );
  });

  test('with efi=nosoftreserve it is RAM: MemTotal grows by it without its struct pages, and registration fails with -ENXIO', () => {
    const honoured = cold([probe(0)], { machine: 'lab-node', devices: 4 });
    const ignored = cold([probe(0)], { machine: 'lab-node', devices: 4, gpu: { softReserve: false } });
    expect(managed(ignored) - managed(honoured)).toBe(256 * GIB_PAGES - memmapPages(256 * GIB_PAGES));
    expect(resultTexts([stepOf(honoured, -1), stepOf(ignored, -1)])).toEqual(['0', 'ENXIO']);
    expect(messagesOf(ignored, stepOf(ignored, -1))).toEqual([
      'memremap.attempted-on-ram',
      'kfd.register-failed',
    ]);
    expect(iomemText(ignored.sim.machine)).not.toContain('Soft Reserved');
  });

  test('step 3, "reserved and not added": memblock has the soft-reserved pages apart from what it adds', () => {
    const told = (softReserve: boolean): [number, number] => {
      const run = cold([], { machine: 'lab-node', devices: 4, gpu: { softReserve } });
      const { log } = run.sim.machine.journal;
      const { begin, end } = stepOf(run, 2);
      for (let i = begin; i < end; i++)
        if (log.kindAt(i) === EventKind.DECISION && DECISIONS[log.idAt(i)] === 'boot.memblock')
          return [log.at(i).row, log.at(i).old];
      return [-1, -1];
    };
    expect([told(true), told(false)]).toEqual([
      [6, 256 * GIB_PAGES],
      [3, 0],
    ]);
  });

  test('the stages come in order, and no process is there before the last', () => {
    const sim = createSimulation(parseScenario(gpuScenario([], { gpu: { coldBoot: true } })));
    const map: Step = { op: 'mmap', proc: 'A', vma: 'buf', pages: 1, prot: 'rw', kind: 'anon-private' };
    expect(() => sim.runStep({ op: 'boot', proc: 'kernel', stage: 'memblock' })).toThrow(StepError);
    expect(() => sim.runStep(map)).toThrow('there is no living process A');
    expect(() => sim.runStep(probe(0))).toThrow('has not booted');
    for (const step of BOOT) sim.runStep(step);
    expect(sim.runStep(map).result.ret).toBe(0);
  });
});

describe('devm_memremap_pages (§1.1, §1.2, §1.7)', { timeout: 60_000 }, () => {
  test('struct pages cost 1/64 of the memory, in system memory: 256 KiB here, 1 GiB for 64 GiB', () => {
    const small = cold([probe(0)]);
    expect(freePages(cold([])) - freePages(small)).toBe(64);
    // "from system RAM", as the kernel takes memory for itself
    const { machine: m } = small.sim;
    const [own] = m.pgmaps.values().flatMap(({ memmap }) => memmap.map(({ start }) => start));
    expect([pageZone(m, own ?? -1)?.name, pageblockMigratetype(m, own ?? -1)]).toEqual([
      'Normal',
      MIGRATE_UNMOVABLE,
    ]);
    const large = cold([probe(0)], { machine: 'lab-node', devices: 4 });
    expect(freePages(cold([], { machine: 'lab-node', devices: 4 })) - freePages(large)).toBe(GIB_PAGES);
  });

  test('all eight of a Frontier node cost 8 GiB, each from its own NUMA node (§1.4)', () => {
    const run = cold(
      Array.from({ length: 8 }, (_, id) => probe(id)),
      { machine: 'frontier', devices: 8 },
    );
    const { machine: m } = run.sim;
    const pages = m.pgmaps.values().flatMap(({ memmap }) => memmap.map(({ order }) => 2 ** order));
    expect(pages.reduce((sum, n) => sum + n, 0)).toBe(8 * GIB_PAGES);
    expect(m.pgmaps.values().map(({ node }) => node)).toEqual([3, 3, 1, 1, 0, 0, 2, 2]);
    // "1 section ↔ 2 MiB of vmemmap"; amdkfd "books it against its system-memory limit" (§1.2)
    expect(new Set(m.pgmaps.values().flatMap(({ memmap }) => memmap.map(({ order }) => order)))).toEqual(
      new Set([9]),
    );
    expect(m.scalars.get(KFD_MEM_USED)).toBe(8 * GIB_PAGES);
    for (const { node, memmap } of m.pgmaps.values())
      expect(new Set(memmap.map(({ start }) => m.rangeOf(start)?.node))).toEqual(new Set([node]));
  });

  test('ZONE_DEVICE spans the memory and has nothing present; MemTotal stays (§1.6)', () => {
    const run = cold([probe(0)]);
    expect(zoneInfo(run.sim.machine).find(({ name }) => name === 'Device')).toMatchObject({
      spanned: 4096,
      present: 0,
      managed: 0,
    });
    expect(managed(run)).toBe(managed(cold([])));
    expect(decisionsOf(run, stepOf(run, -1), 'pgmap.')).toEqual([
      'pgmap.memmap',
      'pgmap.direct-map',
      'pgmap.zone-span',
    ]);
  });

  test('amdkfd logs "HMM registered 65536MB device memory" for 64 GiB; a page of it is PG_reserved (§1.7, §1.1)', () => {
    const run = cold([probe(0)], { machine: 'lab-node', devices: 4 });
    const { machine: m } = run.sim;
    const { log } = m.journal;
    const megabytes: number[] = [];
    const registered = KERNEL_MESSAGES.indexOf('kfd.registered');
    for (let i = 0; i < log.length; i++)
      if (log.kindAt(i) === EventKind.LOG && log.idAt(i) === registered) megabytes.push(log.rowAt(i));
    expect(megabytes).toEqual([65_536]);
    const used = runChecked(
      gpuScenario([
        { op: 'mmap', proc: 'A', vma: 'buf', pages: 1, prot: 'rw', kind: 'anon-private' },
        { op: 'svm_attr', proc: 'A', vma: 'buf', attrs: [{ type: 'PREFETCH_LOC', loc: 0 }] },
      ]),
    ).sim.machine;
    const pfn = mappedFrame(used, used.mms.get(1), used.mms.get(1).areas[0]?.start ?? 0);
    expect(used.pages.flags.get(pfn) & PG_reserved).toBe(PG_reserved);
  });

  test('private memory lies below the top of the address space, in whole sections, without a direct map', () => {
    const run = cold([probe(0), probe(1, { pages: 700 })], { kind: 'private' });
    const { machine: m } = run.sim;
    const top = 2 ** 34;
    // "the whole VRAM rounded up to 2 MiB"
    expect(m.pgmaps.values().map(({ start, end }) => end - start)).toEqual([4096, 1024]);
    expect(m.pgmaps.values().map(({ start }) => start)).toEqual([top - 32768, top - 2 * 32768]);
    expect(m.pgmaps.values().map(({ type }) => type)).toEqual([
      'MEMORY_DEVICE_PRIVATE',
      'MEMORY_DEVICE_PRIVATE',
    ]);
    expect(decisionsOf(run, stepOf(run, -1), 'pgmap.')).toEqual(['pgmap.memmap', 'pgmap.zone-span']);
    expect(iomemText(m)).toContain('3ffff8000000-3ffff8ffffff : 0000:c1:00.0');
    // the next one goes down by its own size, as gfr_next does, until nothing is in its way; the reference has one section
    expect(getFreeMemRegion(m, 2 * 32768 + 1)).toBe(top - 6 * 32768);
  });

  test('where the devices stand is where the driver registers them', () => {
    for (const machine of ['teaching', 'lab-node', 'frontier'] as const) {
      for (const kind of ['coherent', 'private'] as const) {
        const { machine: m } = runChecked(gpuScenario([], { machine, kind })).sim;
        expect(m.pgmaps.values().map(({ start }) => start)).toEqual(
          m.config.devices.map(({ start }) => start),
        );
      }
    }
  });

  const own = machinePreset('teaching').devices[1]?.start ?? 0;
  test.each<[string, Parameters<typeof probe>[1], string, string]>([
    ['RAM', { start: 4 * GIB_PAGES + mibToPages(16) }, 'ENXIO', 'memremap.attempted-on-ram'],
    ["another GPU's memory", { start: 8 * GIB_PAGES }, 'ENOMEM', 'conflicting-mapping'],
    [
      'memory that ends in another’s',
      { start: 8 * GIB_PAGES - 512, pages: 1024 },
      'ENOMEM',
      'conflicting-mapping',
    ],
    [
      'memory around another’s',
      { start: 8 * GIB_PAGES - 512, pages: 5120 },
      'EEXIST',
      'memremap.section-present',
    ],
    ['no border of 2 MiB', { start: own + 3 }, 'EINVAL', 'memremap.misaligned'],
    ['no whole 2 MiB', { start: own, pages: 768 }, 'EINVAL', 'memremap.misaligned'],
    ['beyond 64 TiB', { start: 2 ** 34 - 2048 }, 'EINVAL', 'memremap.exceeds-range'],
  ])('an aperture over %s is refused: the GPU works, its ranges do not', (_, aperture, errno, message) => {
    const run = cold([
      probe(0),
      probe(1, aperture),
      { op: 'mmap', proc: 'A', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' },
      { op: 'svm_attr', proc: 'A', vma: 'buf', attrs: [{ type: 'ACCESS', device: 1 }] },
      { op: 'bo_alloc', proc: 'A', device: 1, bo: 'b', pages: 4, kind: 'gem' },
      // kfd_svm.c: svm_range_restore_pages: !KFD_IS_SVM_API_SUPPORTED
      { op: 'gpu_write', proc: 'A', vma: 'buf', page: 0, count: 1, device: 1, value: 1 },
    ]);
    expect(resultTexts(run.records).slice(-5)).toEqual([errno, '0', 'EINVAL', '0', 'EFAULT']);
    expect([decisionsOf(run, stepOf(run, -1), 'svm.'), run.sim.machine.svmRanges.values()]).toEqual([[], []]);
    expect(messagesOf(run, stepOf(run, 5))).toEqual([message, 'kfd.register-failed']);
  });

  test('private memory larger than the address space finds no hole: -ERANGE', () => {
    const run = cold([probe(0, { pages: 2 ** 34 })], { kind: 'private' });
    expect(resultTexts(run.records).at(-1)).toBe('ERANGE');
  });

  test('the driver leaves only when the last page is free, and gives the struct pages back', () => {
    const fill: Step[] = [
      { op: 'mmap', proc: 'A', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' },
      { op: 'write', proc: 'A', vma: 'buf', value: 1 },
      { op: 'svm_attr', proc: 'A', vma: 'buf', attrs: [{ type: 'PREFETCH_LOC', loc: 0 }] },
    ];
    const leave: Step = { op: 'unbind', proc: 'kernel', device: 0 };
    const run = cold([
      probe(0),
      ...fill,
      {
        op: 'concurrent',
        proc: 'A',
        seed: 1,
        steps: [leave, { op: 'munmap', proc: 'A', vma: 'buf' }],
      } as Step,
    ]);
    expect(stepOf(run, -1).result.results).toEqual([{ ret: 0 }, { ret: 0 }]);
    expect(run.sim.machine.pgmaps.values()).toEqual([]);
    // the process's own page tables were freed with the area
    expect(freePages(run)).toBe(freePages(cold(fill.slice(0, 1))));
    expect(() => cold([probe(0), ...fill, leave])).toThrow(
      'waits for the last page of device memory, and nothing runs beside it that could end that',
    );
    // a process that goes on has no page table on it any more, and none of its ranges names it
    const { sim } = cold([
      probe(0),
      probe(1),
      ...fill,
      { op: 'svm_attr', proc: 'A', vma: 'buf', attrs: [{ type: 'PREFERRED_LOC', loc: 'system' }] },
      { op: 'svm_attr', proc: 'A', vma: 'buf', attrs: [{ type: 'PREFETCH_LOC', loc: 'system' }] },
      { op: 'gpu_read', proc: 'A', vma: 'buf', device: 0 },
      { op: 'svm_attr', proc: 'A', vma: 'buf', attrs: [{ type: 'PREFERRED_LOC', loc: 0 }] },
      leave,
    ]);
    const left = sim.machine.gpus.values().map(({ id }) => id);
    expect(sim.machine.dmirrors.values().map(({ device }) => device)).toEqual(left);
    expect(sim.machine.svmRanges.values()).toMatchObject([{ access: left, preferredLoc: -1 }]);
  });
});

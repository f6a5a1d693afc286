// Statements of machine-and-drivers.md on which the work of GPUs rests and that no other test of GPUs cites: what the
// allocator, the LRU and every subsystem do with pages in VRAM (§2.1 to §2.4), timers (§5.4), and which memory is the
// default (§5.6). scenes 17, 18 and 22 of the catalogue, X9.

import { describe, expect, test } from 'vitest';
import { parseScenario, type Step } from '../core/index.ts';
import { isZoneDevicePage, pagePgmap, pageZone } from '../core/kernel/mm/page-ref.ts';
import { zoneInfo } from '../core/kernel/mm/zoneinfo.ts';
import { RSS_ANON } from '../core/machine/machine.ts';
import { WORLDS } from '../core/scenario/worlds.ts';
import { DEFAULT_OPS } from '../core/uapi/cost-model.ts';
import { vmstatIndex } from '../core/uapi/events.ts';
import { PG_lru } from '../core/uapi/page-flags.ts';
import { entryKind } from '../core/uapi/pte.ts';
import { walkPte } from '../core/kernel/mm/page-table.ts';
import { type CheckedRun, framesOf, gpuScenario, resultTexts, runChecked, stepOf } from './checked-run.ts';

const A = { proc: 'A', vma: 'buf' } as const;
const area = (pages: number, proc = 'A', vma = 'buf'): Step => ({
  op: 'mmap',
  proc,
  vma,
  pages,
  prot: 'rw',
  kind: 'anon-private',
});
const prefetch: Step = { op: 'svm_attr', ...A, attrs: [{ type: 'PREFETCH_LOC', loc: 0 }] };
const inVram = (pages: number): Step[] => [area(pages), { op: 'write', ...A, value: 100 }, prefetch];

/** `D` device, `S` system, `.` no page. */
const places = (run: CheckedRun, proc = 'A'): string =>
  framesOf(run, proc)
    .map((pfn) => (pfn < 0 ? '.' : isZoneDevicePage(run.sim.machine, pfn) ? 'D' : 'S'))
    .join('');
const count = ({ sim }: CheckedRun, counter: Parameters<typeof vmstatIndex>[0]): number =>
  sim.machine.vmstat.get(vmstatIndex(counter));

describe('which zone a page is asked for (§2.1)', { timeout: 60_000 }, () => {
  test('a long-term pin takes a D page to "the caller’s policy/CPU node, not the GPU’s node"', () => {
    const devices = [0, 1, 2, 3].map((id) => ({ id, kind: 'coherent' as const }));
    const scenario = parseScenario({
      machine: 'lab-node',
      gpu: {},
      devices,
      steps: [
        area(2),
        { op: 'write', ...A, value: 100 } as Step,
        { op: 'svm_attr', ...A, attrs: [{ type: 'PREFETCH_LOC', loc: 3 }] } as Step,
        {
          op: 'gup',
          ...A,
          call: 'pin_user_pages_fast',
          flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
          as: 'h',
        } as Step,
      ].map((step) => ({ step })),
    });
    const done = runChecked(scenario);
    const { machine: m } = done.sim;
    expect(m.pgmaps.values()[3]?.node).toBe(3);
    done.sim.seek(stepOf(done, 2).end);
    expect(framesOf(done).map((pfn) => pagePgmap(m, pfn)?.node)).toEqual([3, 3]);
    done.sim.seek(done.sim.length);
    expect(framesOf(done).map((pfn) => [m.rangeOf(pfn)?.node, pageZone(m, pfn)?.name])).toEqual([
      [0, 'Normal'],
      [0, 'Normal'],
    ]);
    expect(done.violations).toEqual([]);
  });
});

describe('allocator and OOM killer (§2.2)', { timeout: 60_000 }, () => {
  test('pages in VRAM count in the RSS of a victim, and its death frees them for the driver, not for others (X4)', () => {
    const { machine: boot } = runChecked(gpuScenario([], { devices: 1 })).sim;
    const free = zoneInfo(boot).reduce((sum, zone) => sum + zone.free, 0);
    const done = runChecked(
      gpuScenario(
        [
          ...inVram(3900),
          { op: 'fork', proc: 'A', child: 'B' },
          { op: 'munmap', proc: 'B', vma: 'buf' },
          // less than A has, and more than the machine
          ...[0, 1, 2, 3].flatMap((i): Step[] => [
            { op: 'fork', proc: 'B', child: `C${i}` },
            area(3800, `C${i}`, 'mine'),
            { op: 'write', proc: `C${i}`, vma: 'mine', value: 1 },
          ]),
        ],
        { devices: 1 },
      ),
    );
    const { machine: m } = done.sim;
    expect(3 * 3800).toBeLessThan(free);
    expect(
      m.mms
        .values()
        .filter(({ alive }) => !alive)
        .map(({ name }) => name)[0],
    ).toBe('A');
    // it had nothing in system memory, so others had to die, too
    expect(count(done, 'oom_kill')).toBe(2);
    expect(
      m.pgmaps
        .values()
        .flatMap(({ start, end }) => [m.pages.refcount.get(start), m.pages.refcount.get(end - 1)]),
    ).toEqual([0, 0]);
    expect(done.violations).toEqual([]);
  });
});

describe('LRU and reclaim (§2.3)', () => {
  test('a page in VRAM is on no list and is not paged out; once it was evicted it can be', () => {
    const scenario = gpuScenario(
      [
        ...inVram(4),
        { op: 'madvise', ...A, advice: 'PAGEOUT' },
        { op: 'fork', proc: 'A', child: 'B' },
        { op: 'munmap', proc: 'B', vma: 'buf' },
        { op: 'bo_alloc', proc: 'B', device: 0, bo: 'all', pages: 4096, kind: 'gem' },
        { op: 'madvise', ...A, advice: 'PAGEOUT' },
      ],
      { devices: 1, swap: 64 },
    );
    const done = runChecked(scenario);
    const { machine: m } = done.sim;
    const mm = m.mms.get(1);
    const kinds = [0, 1, 2, 3].map((i) =>
      entryKind(m.entries.get(walkPte(m, mm, (mm.areas[0]?.start ?? 0) + i))),
    );
    expect(kinds).toEqual(['swap', 'swap', 'swap', 'swap']);
    done.sim.seek(stepOf(done, 3).end);
    expect(places(done)).toBe('DDDD');
    for (const pfn of framesOf(done)) expect(m.pages.flags.get(pfn) & PG_lru).toBe(0);
    expect(done.violations).toEqual([]);
  });
});

describe('what subsystems do with a page in VRAM (§2.4)', { timeout: 60_000 }, () => {
  const advise = (advice: 'COLD' | 'PAGEOUT' | 'FREE' | 'DONTNEED' | 'MERGEABLE' | 'COLLAPSE'): Step => ({
    op: 'madvise',
    ...A,
    advice,
  });
  test.each<[string, Step[], string, string]>([
    ['a read by the CPU', [{ op: 'read', ...A }], 'DDDD', '4'],
    [
      'a write by the CPU, the page exclusive: reused in place',
      [{ op: 'write', ...A, value: 7 }],
      'DDDD',
      '4',
    ],
    [
      'mprotect to read-only and back',
      [
        { op: 'mprotect', ...A, prot: 'r' },
        { op: 'mprotect', ...A, prot: 'rw' },
      ],
      'DDDD',
      '0',
    ],
    [
      'NUMA hinting',
      [
        { op: 'numa_scan', ...A },
        { op: 'read', ...A },
      ],
      'DDDD',
      '4',
    ],
    ['mbind with MPOL_MF_MOVE', [{ op: 'mbind', ...A, node: 2 }], 'DDDD', '0'],
    ['move_pages', [{ op: 'move_pages', ...A, node: 2 }], 'DDDD', '0'],
    ['KSM', [{ op: 'write', ...A, value: 1 }, advise('MERGEABLE'), { op: 'ksm_scan', ...A }], 'DDDD', '0'],
    ['mlock', [{ op: 'mlock', ...A }], 'DDDD', '0'],
    ['MADV_COLD', [advise('COLD')], 'DDDD', '0'],
    ['MADV_PAGEOUT', [advise('PAGEOUT')], 'DDDD', '0'],
    ['MADV_FREE', [advise('FREE')], 'DDDD', '0'],
    ['MADV_DONTNEED', [advise('DONTNEED')], '....', '0'],
    ['MADV_COLLAPSE', [advise('COLLAPSE')], 'DDDD', 'EINVAL'],
  ])('%s', (_name, steps, expected, result) => {
    const done = runChecked(gpuScenario([...inVram(4), ...steps], { machine: 'lab-node', devices: 1 }));
    expect([places(done), resultTexts(done.records).at(-1)]).toEqual([expected, result]);
    expect(done.violations).toEqual([]);
  });

  test('move_pages says -ENOENT of each, moving or asking', () => {
    for (const node of [{ node: 2 }, {}]) {
      const done = runChecked(
        gpuScenario([...inVram(2), { op: 'move_pages', ...A, ...node }], { machine: 'lab-node', devices: 1 }),
      );
      expect(stepOf(done, -1).result.nodes).toEqual(['ENOENT', 'ENOENT']);
    }
  });

  test('fork shares it read-only; the next write makes a copy in system memory, and the other one keeps VRAM', () => {
    const fork: Step[] = [...inVram(4), { op: 'fork', proc: 'A', child: 'B' }];
    const shared = runChecked(gpuScenario(fork));
    expect([places(shared), places(shared, 'B')]).toEqual(['DDDD', 'DDDD']);
    expect(framesOf(shared, 'B')).toEqual(framesOf(shared));
    const written = runChecked(gpuScenario([...fork, { op: 'write', ...A, value: 9 }]));
    expect([places(written), places(written, 'B')]).toEqual(['SSSS', 'DDDD']);
    expect([...shared.violations, ...written.violations]).toEqual([]);
    // "refcount 1": alone again, it is written in place
    shared.sim.runStep({ op: 'exit', proc: 'B' });
    shared.sim.runStep({ op: 'write', ...A, value: 9 });
    expect(places(shared)).toBe('DDDD');
  });

  test('fork: "if the parent may have pinned it → copied for the child into system RAM"', () => {
    const pin: Step = { op: 'gup', ...A, page: 1, count: 2, call: 'pin_user_pages', flags: [], as: 'short' };
    const done = runChecked(gpuScenario([...inVram(4), pin, { op: 'fork', proc: 'A', child: 'B' }]));
    expect([places(done), places(done, 'B')]).toEqual(['DDDD', 'DSSD']);
    expect(done.violations).toEqual([]);
  });

  test('it counts in RssAnon; munmap gives it to the driver, and free system memory stays as it is', () => {
    const done = runChecked(gpuScenario([...inVram(4), { op: 'munmap', ...A }], { devices: 1 }));
    const { machine: m } = done.sim;
    const free = (): number => zoneInfo(m).reduce((sum, zone) => sum + zone.free, 0);
    const [before, after] = [stepOf(done, 2).end, stepOf(done, 3).end].map((position) => {
      done.sim.seek(position);
      return [m.rss.get(4 + RSS_ANON), m.ttmBos.values().length] as const;
    });
    expect([before, after]).toEqual([
      [4, 1],
      [0, 0],
    ]);
    done.sim.seek(stepOf(done, 2).end);
    const tables = free();
    done.sim.seek(stepOf(done, 3).end);
    // the page table of the area goes, too
    expect(free() - tables).toBeLessThan(4);
  });
});

describe('timers that are real (§5.4)', () => {
  test('1 ms until ranges and user pointers are mapped again, 100 ms until objects come back, 15 s for a fence', () => {
    expect(
      (['svm.restore.delay', 'kfd.restore.delay', 'ttm.wait'] as const).map((id) => DEFAULT_OPS[id]),
    ).toMatchObject([
      { value: 1e6, class: 'kernel' },
      { value: 1e8, class: 'kernel' },
      { value: 15e9, class: 'kernel' },
    ]);
  });
});

describe('deployed behaviour and this path (§5.6)', () => {
  test('coherent memory is the default, private memory stands beside it', () => {
    expect(WORLDS.slice(0, 2)).toEqual(['coherent', 'private']);
  });

  test('migrate on touch by the CPU is what private memory does; a coherent page stays', () => {
    const touch: Step = { op: 'read', ...A, page: 0, count: 1 };
    const results = (['coherent', 'private'] as const).map((kind) => {
      const done = runChecked(gpuScenario([...inVram(4), touch], { kind }));
      return places(done);
    });
    expect(results).toEqual(['DDDD', 'SSSS']);
  });

  test('with HSA_XNACK=0 a GPU’s access to plain memory is a fatal fault', () => {
    const done = runChecked(
      gpuScenario([area(1), { op: 'write', ...A, value: 1 }, { op: 'gpu_read', ...A, device: 0 }], {
        gpu: { xnack: false },
      }),
    );
    expect(resultTexts(done.records).at(-1)).toBe('EFAULT');
    expect(done.sim.machine.kfdProcesses.values()[0]?.dead).toBe(true);
  });
});

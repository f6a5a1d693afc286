// What each part of memory management does with a device-coherent page: reference zone-device-and-migration, patch 4,
// and gup-and-faults, "who skips device pages".

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Simulation } from '../../core/index.ts';
import { isZoneDevicePage } from '../../core/kernel/mm/page-ref.ts';
import { walkPte } from '../../core/kernel/mm/page-table.ts';
import { HUGETLB_SURPLUS } from '../../core/machine/scalars.ts';
import { KERNEL_MESSAGES } from '../../core/kernel/sched/bug.ts';
import { EventKind, type VmstatCounter, vmstatIndex } from '../../core/uapi/events.ts';
import { PG_ksm, PG_mlocked } from '../../core/uapi/page-flags.ts';
import { entryKind, entryPfn, pteDirty, pteWrite, pteYoung } from '../../core/uapi/pte.ts';
import { AROUND_SCENES } from './index.ts';

/** The scene, run up to and with a step; all of it without one. */
const run = (name: string, upTo = Number.POSITIVE_INFINITY): Simulation => {
  const scene = AROUND_SCENES.find((candidate) => candidate.name === name);
  const sim = createSimulation(parseScenario(structuredClone(scene?.scenario)));
  for (const { step } of sim.scenario.steps.slice(0, upTo + 1)) sim.runStep(step);
  return sim;
};

interface Page {
  /** `device`, `system`, or the kind of an entry that is not present: `swap`, `none` */
  readonly place: string;
  /** Writable, dirty, accessed: `wda`, `-d-`. */
  readonly entry: string;
  readonly flags: number;
  readonly pfn: number;
}

const pages = ({ machine: m }: Simulation, name = 'buf', proc = 'A'): Page[] => {
  const mm = m.mms.values().find((candidate) => candidate.name === proc);
  const area = mm?.areas.find((candidate) => candidate.name === name);
  if (mm === undefined || area === undefined) throw new Error(`process ${proc} has no area ${name}`);
  return Array.from({ length: area.npages }, (_, i) => {
    const row = walkPte(m, mm, area.start + i);
    const e = row < 0 ? 0 : m.entries.get(row);
    const kind = entryKind(e);
    const pfn = entryPfn(e);
    const place = isZoneDevicePage(m, pfn) ? 'device' : 'system';
    const bit = (is: boolean, letter: string): string => (is ? letter : '-');
    return {
      place: kind === 'present' ? place : kind,
      entry: bit(pteWrite(e), 'w') + bit(pteDirty(e), 'd') + bit(pteYoung(e), 'a'),
      flags: kind === 'present' ? m.pages.flags.get(pfn) : 0,
      pfn,
    };
  });
};
const places = (sim: Simulation, area = 'buf'): string[] => pages(sim, area).map(({ place }) => place);

/** Pages of the device that somebody holds. */
const onDevice = ({ machine: { pages: columns, pgmaps } }: Simulation, device = 0): number => {
  const pgmap = pgmaps.values()[device];
  let used = 0;
  for (let pfn = pgmap?.start ?? 0; pfn < (pgmap?.end ?? 0); pfn++) if (columns.refcount.get(pfn) > 0) used++;
  return used;
};
const counter = (sim: Simulation, name: VmstatCounter): number => sim.machine.vmstat.get(vmstatIndex(name));
const results = (sim: Simulation): unknown[] =>
  sim.steps.map(({ result }) => result.errno ?? result.signal ?? result.ret);

describe('advice', () => {
  test('DONTNEED: the page goes back to the driver at once, and reads as zero', () => {
    expect([onDevice(run('around-dontneed', 2)), onDevice(run('around-dontneed', 3))]).toEqual([2, 1]);
    expect(run('around-dontneed').steps[4]?.result.values).toEqual([100, 0, 0, 103]);
  });

  test('FREE: system pages lose the dirty bit, device pages keep it', () => {
    const sim = run('around-free', 3);
    expect(pages(sim).map(({ place, entry }) => `${place} ${entry[1]}`)).toEqual([
      'device d',
      'device d',
      'system -',
      'system -',
    ]);
  });

  test('COLD: only system pages grow old', () => {
    const young = (upTo: number) =>
      pages(run('around-cold', upTo)).map(({ place, entry }) => `${place} ${entry[2]}`);
    expect(young(2)).toEqual(['device a', 'device a', 'system a', 'system a']);
    expect(young(3)).toEqual(['device a', 'device a', 'system -', 'system -']);
  });

  test('PAGEOUT: system pages are swapped and come back; nothing on the device moves', () => {
    expect(places(run('around-pageout', 3)).join(' ')).toBe(
      'device device device device swap swap swap swap',
    );
    const sim = run('around-pageout');
    expect([counter(sim, 'pswpout'), counter(sim, 'pswpin')]).toEqual([4, 4]);
  });

  test('DONTFORK: the child has nothing there, and the entries stay writable', () => {
    const sim = run('around-dontfork');
    expect(results(sim)).toEqual([0, 2, 0, 0, 0, 'SIGSEGV', 0, 0, 2]);
    expect(pages(run('around-dontfork', 4)).map(({ entry }) => entry[0])).toEqual(['w', 'w']);
    expect(pages(run('around-dontfork', 7)).map(({ entry }) => entry[0])).toEqual(['-', '-']);
  });
});

describe('areas', () => {
  // machine-and-drivers.md §2.4; scene 19 of its catalogue
  test('mlock: only system pages are marked, one that comes home, too', () => {
    const locked = (upTo: number) =>
      pages(run('around-mlock', upTo)).map(({ place, flags }) =>
        (flags & PG_mlocked) === 0 ? place : `${place} mlocked`,
      );
    expect(locked(3)).toEqual(['device', 'device', 'system mlocked', 'system mlocked']);
    expect(locked(4)).toEqual(['system mlocked', 'device', 'system mlocked', 'system mlocked']);
    expect(locked(5)).toEqual(['system', 'device', 'system', 'system']);
  });

  test('mremap: the same frames at another address, and the device has dropped its table', () => {
    const sim = run('around-mremap');
    expect(pages(sim, 'moved').map(({ pfn }) => pfn)).toEqual(
      pages(run('around-mremap', 3)).map(({ pfn }) => pfn),
    );
    expect(sim.steps[5]?.result.values).toEqual([100, 101, 102, 103]);
    const mirrored = (upTo: number): number => {
      const { dmirrors, journal } = run('around-mremap', upTo).machine;
      return journal.mapById(dmirrors.values()[0]?.pt ?? -1).size;
    };
    expect([mirrored(3), mirrored(4)]).toEqual([4, 0]);
  });

  test('mprotect: a write is refused, and works again in place', () => {
    const sim = run('around-mprotect');
    expect(results(sim).slice(3)).toEqual([0, 'SIGSEGV', 0, 4, 0]);
    expect(sim.steps[7]?.result.perms).toEqual(['coherent-local:w', 'coherent-local:w', 'w', 'w']);
  });

  test('munmap: the pinned page outlives its mapping', () => {
    expect([3, 4, 5].map((step) => onDevice(run('around-munmap', step)))).toEqual([4, 3, 2]);
    expect(run('around-munmap').machine.mms.get(1).areas).toHaveLength(1);
  });

  test('exit: what is held stays until it is put', () => {
    expect([4, 5, 6].map((step) => onDevice(run('around-exit', step)))).toEqual([3, 1, 0]);
  });
});

describe('huge pages', () => {
  test('split: one page moves, the rest stay small', () => {
    const before = run('around-huge-split', 2);
    expect(counter(before, 'thp_fault_alloc')).toBe(1);
    const sim = run('around-huge-split', 3);
    expect(counter(sim, 'thp_split_page')).toBe(1);
    expect(places(sim).filter((place) => place === 'device')).toHaveLength(1);
  });

  test('collapse: refused with a device page in the range, done without', () => {
    const sim = run('around-collapse');
    expect(results(sim).slice(5)).toEqual(['EINVAL', 0, 0]);
    expect([5, 7].map((step) => counter(run('around-collapse', step), 'thp_collapse_alloc'))).toEqual([0, 1]);
  });
});

describe('huge pages that are shared, of the pool, or half used', () => {
  test('collapse of shared memory: one huge page in the cache, which the device splits and does not get', () => {
    const sim = run('around-collapse-shared');
    expect(results(sim).slice(3)).toEqual([0, 4, 'ENOENT', 4]);
    expect(sim.steps[4]?.result.values).toEqual([100, 101, 102, 0]);
    expect(sim.steps[6]?.result.values).toEqual([100, 101, 102, 0]);
    expect(counter(run('around-collapse-shared', 4), 'thp_file_mapped')).toBe(2);
    expect(counter(sim, 'thp_split_page')).toBe(1);
    expect(onDevice(sim)).toBe(0);
  });

  test('a page of the pool: moved, refused while held, refused to the device; the surplus goes', () => {
    const sim = run('around-hugetlb-move');
    expect(results(sim)).toEqual([0, 1, 0, 0, 1, 1, 0, 'EINVAL', 0]);
    expect(sim.steps[3]?.result.nodes).toEqual(['1']);
    expect(counter(sim, 'pgmigrate_success')).toBe(512);
    expect(counter(sim, 'pgmigrate_fail')).toBe(512);
    const surplus = (upTo: number): number =>
      run('around-hugetlb-move', upTo).machine.scalars.get(HUGETLB_SURPLUS);
    expect([0, 1, 2, 8].map(surplus)).toEqual([0, 1, 1, 0]);
  });

  test('deferred split: nobody is killed, and what was still mapped is there', () => {
    const waiting = run('around-deferred-split', 7);
    expect(waiting.machine.deferredSplit.size).toBe(2);
    const sim = run('around-deferred-split');
    expect(sim.machine.deferredSplit.size).toBe(0);
    expect([counter(sim, 'thp_split_page'), counter(sim, 'oom_kill')]).toEqual([2, 0]);
    expect(sim.steps[10]?.result.values).toEqual(Array.from({ length: 12 }, (_, i) => 100 + i));
    expect(onDevice(sim)).toBe(4);
  });
});

describe('in the background', () => {
  test('NUMA balancing and policies pass device pages over', () => {
    const sim = run('around-numa');
    expect(sim.steps[4]?.result.ret).toBe(2);
    expect(sim.steps[7]?.result.nodes).toEqual(['1', '1', 'ENOENT', 'ENOENT']);
    expect(onDevice(sim, 3)).toBe(2);
  });

  test('KSM merges the system pages only', () => {
    const sim = run('around-ksm');
    expect(sim.steps[7]?.result.ret).toBe(1);
    expect(pages(sim).map(({ place, flags }) => ((flags & PG_ksm) === 0 ? place : 'merged'))).toEqual([
      'device',
      'device',
      'merged',
      'merged',
    ]);
  });

  test('reclaim swaps cold pages and no device page', () => {
    const sim = run('around-reclaim');
    expect(counter(sim, 'pswpout')).toBeGreaterThan(100);
    expect(onDevice(sim)).toBe(8);
    expect(sim.steps[8]?.result.values).toEqual([100, 101, 102, 103]);
  });

  test('OOM kills the largest process, device pages counted, and they go back', () => {
    const sim = run('around-oom');
    const { log } = sim.machine.journal;
    const lines: string[] = [];
    for (let i = 0; i < log.length; i++)
      if (log.kindAt(i) === EventKind.LOG) lines.push(`${KERNEL_MESSAGES[log.idAt(i)]} ${log.oldAt(i)}`);
    expect(lines).toEqual([`oom.killed ${64 + 18 * 512}`]);
    expect(sim.machine.mms.values().map(({ name, alive }) => [name, alive])).toEqual([
      ['A', true],
      ['B', false],
    ]);
    expect(onDevice(sim)).toBe(0);
  });
});

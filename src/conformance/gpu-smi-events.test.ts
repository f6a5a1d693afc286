// What the driver reports to profilers, with its triggers, and the counters of each GPU (machine-and-drivers.md §3.5,
// "SMI events start/end; per-GPU counters page_in/page_out/faults"; kfd_smi_events.c).

import { describe, expect, test } from 'vitest';
import type { Step, StepRecord } from '../core/index.ts';
import { KFD_FAULTS, KFD_PAGE_IN, KFD_PAGE_OUT, kfdCounterRow } from '../core/machine/scalars.ts';
import { DECISIONS, EventKind } from '../core/uapi/events.ts';
import { MIGRATE_TRIGGERS, QUEUE_EVICTION_TRIGGERS, UNMAP_TRIGGERS } from '../core/uapi/smi-events.ts';
import { type CheckedRun, gpuScenario, runChecked, stepOf } from './checked-run.ts';
import { access, attr, gpuWrite, map, prefetch } from './svm-fixture.ts';
import { fill, last, other, take } from './ttm-fixture.ts';

/** Events of a step as words: name, then pages, GPU or trigger. */
const reported = ({ sim }: CheckedRun, record: StepRecord): string[] => {
  const { log } = sim.machine.journal;
  const said: string[] = [];
  for (let i = record.begin; i < record.end; i++) {
    const id = log.kindAt(i) === EventKind.DECISION ? (DECISIONS[log.idAt(i)] ?? '') : '';
    const { row, old, now } = log.at(i);
    switch (id) {
      case 'smi.migrate-start':
      case 'smi.migrate-end':
        said.push(`${id.slice(4)} ${old} ${MIGRATE_TRIGGERS[now]}`);
        break;
      case 'smi.page-fault-start':
        said.push(`fault-start ${old} ${now === 1 ? 'W' : 'R'}`);
        break;
      case 'smi.page-fault-end':
        said.push(`fault-end ${old} ${now === 1 ? 'M' : 'U'}`);
        break;
      case 'smi.queue-eviction':
        said.push(`queue-eviction ${row} ${QUEUE_EVICTION_TRIGGERS[old]}`);
        break;
      case 'smi.queue-restore':
        said.push(`queue-restore ${row}`);
        break;
      case 'smi.queue-restore-again':
        said.push(`queue-restore ${row} R`);
        break;
      case 'smi.unmap-from-gpu':
        said.push(`unmap ${old} ${UNMAP_TRIGGERS[now]}`);
        break;
      default:
        break;
    }
  }
  return said;
};
const one = (steps: Step[], extra: Parameters<typeof gpuScenario>[1] = {}): string[] => {
  const run = runChecked(gpuScenario(steps, { devices: 1, ...extra }));
  expect(run.violations).toEqual([]);
  return reported(run, last(run));
};

describe('triggers (§3.5)', { timeout: 60_000 }, () => {
  test('PREFETCH: there and back, each VMA of a range by itself', () => {
    expect(one([...map(4), prefetch(0)])).toEqual(['migrate-start 4 PREFETCH', 'migrate-end 4 PREFETCH']);
    const cut: Step = { op: 'mprotect', proc: 'A', vma: 'buf', page: 0, count: 1, prot: 'r' };
    expect(one([...map(4), attr([access(0)]), cut, prefetch(0)])).toEqual([
      'migrate-start 1 PREFETCH',
      'migrate-end 1 PREFETCH',
      'migrate-start 3 PREFETCH',
      'migrate-end 3 PREFETCH',
    ]);
  });

  test('nothing collected: a beginning and no end', () => {
    const pin: Step = { op: 'gup', proc: 'A', vma: 'buf', call: 'pin_user_pages', flags: [], as: 'h' };
    expect(one([...map(2), pin, prefetch(0)])).toEqual(['migrate-start 2 PREFETCH']);
  });

  test('PAGEFAULT_GPU: within the fault, which says whether it was a read and whether it moved something', () => {
    expect(one([...map(4), gpuWrite(0)])).toEqual([
      'fault-start 1 W',
      'migrate-start 4 PAGEFAULT_GPU',
      'migrate-end 4 PAGEFAULT_GPU',
      'fault-end 1 M',
    ]);
    const reads: Step = { op: 'gpu_read', proc: 'A', vma: 'buf', device: 0 };
    const stays = attr([{ type: 'PREFERRED_LOC', loc: 'system' }]);
    expect(one([...map(1), stays, reads])).toEqual(['fault-start 1 R', 'fault-end 1 U']);
  });

  test('PAGEFAULT_CPU: a touch of private memory', () => {
    const touch: Step = { op: 'read', proc: 'A', vma: 'buf', page: 1, count: 1 };
    expect(one([...map(4), prefetch(0), touch], { kind: 'private' })).toEqual([
      'migrate-start 4 PAGEFAULT_CPU',
      'unmap 1 MMU_NOTIFY_MIGRATE',
      'migrate-end 4 PAGEFAULT_CPU',
    ]);
  });

  test('TTM_EVICTION: another process needs the VRAM', () => {
    expect(one([other, ...fill(1), take(4096)])).toEqual([
      'migrate-start 512 TTM_EVICTION',
      'unmap 1 MMU_NOTIFY_MIGRATE',
      'migrate-end 512 TTM_EVICTION',
    ]);
  });
});

describe('queues and entries', { timeout: 60_000 }, () => {
  const off: Step = { op: 'set_xnack', proc: 'A', enabled: false };
  const protect: Step = { op: 'mprotect', proc: 'A', vma: 'buf', prot: 'r' };

  test('SVM: stopped and restored on each GPU of the process', () => {
    expect(one([...map(2), off, attr([access(0)]), protect], { devices: 2 })).toEqual([
      'queue-eviction 1 SVM',
      'queue-eviction 2 SVM',
      'queue-restore 1',
      'queue-restore 2',
    ]);
  });

  test('USERPTR: a change of memory that is a buffer object', () => {
    const mine: Step = {
      op: 'bo_alloc',
      proc: 'A',
      device: 0,
      bo: 'b',
      pages: 2,
      kind: 'userptr',
      vma: 'buf',
      page: 0,
    };
    expect(one([...map(2), mine, protect])).toEqual(['queue-eviction 1 USERPTR', 'queue-restore 1']);
  });

  test('TTM: compute objects that leave VRAM', () => {
    const said = one([other, take(3072, 'kfd', 'B'), take(2048, 'gem', 'A')]);
    expect(said).toEqual(['queue-eviction 1 TTM', 'queue-restore 1']);
  });

  test('a restore that cannot end says so each time: the pages may not be read any more', () => {
    const closed: Step = { op: 'mprotect', proc: 'A', vma: 'buf', prot: '' };
    const said = one([...map(2), off, attr([access(0)]), closed]);
    expect(said[0]).toBe('queue-eviction 1 SVM');
    expect(new Set(said.slice(1))).toEqual(new Set(['queue-restore 1 R']));
  });

  test.each<[string, Step, string]>([
    ['MMU_NOTIFY: mprotect', protect, 'unmap 1 MMU_NOTIFY'],
    ['MMU_NOTIFY_MIGRATE: a prefetch', prefetch(0), 'unmap 1 MMU_NOTIFY_MIGRATE'],
    ['UNMAP_FROM_CPU: munmap', { op: 'munmap', proc: 'A', vma: 'buf' }, 'unmap 1 UNMAP_FROM_CPU'],
    [
      'UNMAP_FROM_CPU: mremap away',
      { op: 'mremap', proc: 'A', vma: 'buf', to: 'moved' },
      'unmap 1 UNMAP_FROM_CPU',
    ],
  ])('with XNACK on, %s', (_, step, expected) => {
    const mapped = [...map(2), attr([{ type: 'PREFERRED_LOC', loc: 'system' }]), gpuWrite(0)];
    expect(one([...mapped, step])).toContain(expected);
  });
});

test('counters: page_in, page_out and faults of each GPU', () => {
  const run = runChecked(gpuScenario([...map(4), gpuWrite(1), prefetch('system'), prefetch(0)]));
  const { scalars } = run.sim.machine;
  const of = (gpu: number): number[] =>
    [KFD_PAGE_IN, KFD_PAGE_OUT, KFD_FAULTS].map((counter) => scalars.get(kfdCounterRow(1, gpu, counter)));
  expect([of(1), of(2)]).toEqual([
    [4, 0, 0],
    [4, 4, 1],
  ]);
  expect(reported(run, stepOf(run, 3)).filter((each) => each.startsWith('migrate'))).toEqual([
    'migrate-start 4 PREFETCH',
    'migrate-end 4 PREFETCH',
  ]);
});

test('counters: "cpages", so a page that was not collected is in none of them', () => {
  const pin: Step = {
    op: 'gup',
    proc: 'A',
    vma: 'buf',
    page: 1,
    count: 1,
    call: 'pin_user_pages',
    flags: [],
    as: 'h',
  };
  const of = (steps: Step[]): number[] => {
    const { machine: m } = runChecked(gpuScenario(steps, { devices: 1 })).sim;
    return [KFD_PAGE_IN, KFD_PAGE_OUT].map((counter) => m.scalars.get(kfdCounterRow(1, 1, counter)));
  };
  expect(of([...map(4), pin, prefetch(0)])).toEqual([3, 0]);
  expect(of([...map(4), prefetch(0), pin, prefetch('system')])).toEqual([4, 3]);
});

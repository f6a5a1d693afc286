// Who takes references of memory, row by row (machine-and-drivers.md §6.1 to §6.3), as each calls and with the flags that it
// passes in 6.1, on a page in VRAM; and the columns of the result matrix that no other test has (§6.5).

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario, type Step } from '../core/index.ts';
import { isZoneDevicePage, pageblockMigratetype, pageZone } from '../core/kernel/mm/page-ref.ts';
import { MIGRATE_CMA } from '../core/uapi/config.ts';
import type { FollFlagName } from '../core/uapi/gup-flags.ts';
import type { GUP_CALLS } from '../core/uapi/scenario.ts';
import { NO_PFN } from '../core/uapi/units.ts';
import {
  decisionsOf,
  framesOf,
  gpuScenario,
  messagesOf,
  resultTexts,
  runChecked,
  stepOf,
} from './checked-run.ts';
import { map, places, prefetch } from './svm-fixture.ts';
import { last, other, take } from './ttm-fixture.ts';

const BIAS = 1024;
type Call = (typeof GUP_CALLS)[number];
type Row = readonly [user: string, call: Call, flags: readonly FollFlagName[]];
const gup = (call: Call, flags: readonly FollFlagName[]): Step => ({
  op: 'gup',
  proc: 'A',
  vma: 'buf',
  call,
  flags: [...flags],
  as: 'held',
});
/** Where the page is afterwards, what its references grew by, its zone. */
const outcome = (call: Call, flags: readonly FollFlagName[]): [string, number, string | undefined] => {
  const run = runChecked(gpuScenario([...map(1), prefetch(0), gup(call, flags)], { devices: 1 }));
  const { machine: m } = run.sim;
  const [page = NO_PFN] = framesOf(run);
  expect([resultTexts(run.records).at(-1), run.violations]).toEqual(['1', []]);
  return [places(run), m.pages.refcount.get(page) - 1, pageZone(m, page)?.name];
};

describe('long-term (§6.1): "a D page is migrated to system RAM first"', { timeout: 60_000 }, () => {
  const LONG: readonly Row[] = [
    ['RDMA ibv_reg_mr: ib_umem_get', 'pin_user_pages_fast', ['FOLL_WRITE', 'FOLL_LONGTERM']],
    [
      'a memory region that may not be written: ib_umem_get',
      'pin_user_pages_fast',
      ['FOLL_WRITE', 'FOLL_FORCE', 'FOLL_LONGTERM'],
    ],
    ['soft-iWARP: siw_umem_get', 'pin_user_pages', ['FOLL_WRITE', 'FOLL_LONGTERM']],
    ['hfi1: hfi1_acquire_user_pages', 'pin_user_pages_fast', ['FOLL_LONGTERM', 'FOLL_WRITE']],
    ['qib: qib_get_user_pages', 'pin_user_pages', ['FOLL_LONGTERM', 'FOLL_WRITE', 'FOLL_FORCE']],
    ['usnic: usnic_uiom_get_pages', 'pin_user_pages', ['FOLL_WRITE', 'FOLL_LONGTERM']],
    ['mthca doorbells: mthca_map_user_db', 'pin_user_pages_fast', ['FOLL_WRITE', 'FOLL_LONGTERM']],
    ['io_uring fixed buffers: io_pin_pages', 'pin_user_pages', ['FOLL_WRITE', 'FOLL_LONGTERM']],
    ['VFIO: vaddr_get_pfns', 'pin_user_pages_remote', ['FOLL_WRITE', 'FOLL_LONGTERM']],
    ['vhost-vdpa IOTLB map', 'pin_user_pages', ['FOLL_LONGTERM', 'FOLL_WRITE']],
    ['VDUSE umem', 'pin_user_pages', ['FOLL_LONGTERM', 'FOLL_WRITE']],
    ['AF_XDP umem: xdp_umem_pin_pages', 'pin_user_pages', ['FOLL_WRITE', 'FOLL_LONGTERM']],
    ['RDS memory region: rds_pin_pages', 'pin_user_pages_fast', ['FOLL_LONGTERM', 'FOLL_WRITE']],
    ['V4L2: get_vaddr_frames', 'pin_user_pages_fast', ['FOLL_FORCE', 'FOLL_WRITE', 'FOLL_LONGTERM']],
    [
      'old videobuf-dma-sg, reading from the device',
      'pin_user_pages',
      ['FOLL_FORCE', 'FOLL_WRITE', 'FOLL_LONGTERM'],
    ],
    ['old videobuf-dma-sg, writing to it', 'pin_user_pages', ['FOLL_FORCE', 'FOLL_LONGTERM']],
    ['etnaviv userptr, exynos g2d', 'pin_user_pages_fast', ['FOLL_WRITE', 'FOLL_FORCE', 'FOLL_LONGTERM']],
    ['vmwgfx statistics', 'pin_user_pages_fast', ['FOLL_LONGTERM']],
    ['habanalabs host memory', 'pin_user_pages_fast', ['FOLL_FORCE', 'FOLL_WRITE', 'FOLL_LONGTERM']],
    ['SEV: sev_mem_enc_register_region', 'pin_user_pages_fast', ['FOLL_LONGTERM']],
    ['ACRN hypervisor', 'pin_user_pages_fast', ['FOLL_WRITE', 'FOLL_LONGTERM']],
    ['gup_test PIN_LONGTERM_BENCHMARK', 'pin_user_pages', ['FOLL_LONGTERM', 'FOLL_WRITE']],
  ];
  test.each(LONG)('%s', (_, call, flags) => {
    expect(outcome(call, flags)).toEqual(['0', BIAS, 'Normal']);
  });

  test('"long-term GUP loops: pin all, check, migrate, retry" (§6)', () => {
    const pin = gup('pin_user_pages', ['FOLL_WRITE', 'FOLL_LONGTERM']);
    const run = runChecked(gpuScenario([...map(3), prefetch(0, { page: 1, count: 1 }), pin], { devices: 1 }));
    const loop = decisionsOf(run, last(run), 'longterm.');
    expect(loop.filter((id) => id === 'longterm.pin-becomes-reference')).toHaveLength(1);
    expect(loop.indexOf('longterm.second-pass')).toBeGreaterThan(
      loop.indexOf('longterm.pin-becomes-reference'),
    );
    expect(loop.at(-1)).toBe('longterm.all-pinnable');
    expect([places(run), run.violations]).toEqual(['000', []]);
  });
});

describe('FOLL_PIN without LONGTERM (§6.2): "pinned in place (+1024)"', { timeout: 60_000 }, () => {
  const SHORT: readonly Row[] = [
    ['process_vm_readv: process_vm_rw_single_vec', 'pin_user_pages_remote', []],
    ['process_vm_writev: process_vm_rw_single_vec', 'pin_user_pages_remote', ['FOLL_WRITE']],
    ['vhost dirty log bit', 'pin_user_pages_fast', ['FOLL_WRITE']],
    ['VFIO iova_bitmap', 'pin_user_pages_fast', ['FOLL_WRITE']],
    ['i915 userptr, tee shm, fpga dfl, SEV launch commands', 'pin_user_pages_fast', ['FOLL_WRITE']],
  ];
  test.each(SHORT)('%s', (_, call, flags) => {
    expect(outcome(call, flags).slice(0, 2)).toEqual(['1', BIAS]);
  });

  test('"Some of the last row are in fact long-lived …: they are the reason" of a residue even with the rule (§4.5)', () => {
    const userptr = gup('pin_user_pages_fast', ['FOLL_WRITE']);
    const run = runChecked(
      gpuScenario([other, ...map(4), prefetch(0), { ...userptr, page: 1, count: 1 } as Step, take(4096)], {
        devices: 1,
      }),
    );
    // the driver of 6.1 does not count it: the object's VRAM is given away with the pinned page
    expect([resultTexts(run.records).at(-1), places(run)]).toEqual(['0', '0100']);
    expect(messagesOf(run, last(run))).toEqual(['svm.not-last-reference']);
    expect(decisionsOf(run, last(run), 'ttm.aliased')).toHaveLength(1);
  });
});

describe('FOLL_GET only (§6.3): "+1, in place"', { timeout: 60_000 }, () => {
  const GET: readonly Row[] = [
    ['O_DIRECT and others: __iov_iter_get_pages_alloc', 'get_user_pages_fast', ['FOLL_WRITE']],
    ['futex: get_futex_key', 'get_user_pages_fast', ['FOLL_WRITE']],
    [
      'ptrace, /proc/pid/mem, uprobes: __access_remote_vm',
      'get_user_pages_remote',
      ['FOLL_FORCE', 'FOLL_WRITE'],
    ],
    ['KVM: hva_to_pfn_slow', 'get_user_pages_unlocked', ['FOLL_HWPOISON', 'FOLL_WRITE']],
  ];
  test.each(GET)('%s', (_, call, flags) => {
    expect(outcome(call, flags).slice(0, 2)).toEqual(['1', 1]);
  });
});

test.each<['get_user_pages' | 'pin_user_pages', FollFlagName[], number, boolean]>([
  ['get_user_pages', ['FOLL_WRITE'], 1, true],
  ['pin_user_pages', ['FOLL_WRITE'], BIAS, true],
  ['pin_user_pages', ['FOLL_WRITE', 'FOLL_LONGTERM'], BIAS, false],
])('§6.5: S in CMA: %s %j: +%i; "migrate to Normal, then +1024" for long', (call, flags, added, stays) => {
  const sim = createSimulation(
    parseScenario({
      boot: 'cma',
      devices: [],
      steps: [...map(1), gup(call, flags)].map((step) => ({ step })),
    }),
  );
  sim.runAll();
  const run = { sim, records: sim.steps, violations: [] };
  const [page = NO_PFN] = framesOf(run);
  const { machine: m } = sim;
  const batch = m.pages.refcount.get(page) - 1 - added;
  expect(pageblockMigratetype(m, page) === MIGRATE_CMA).toBe(stays);
  // a page that waits in a batch of the LRU has a reference of that
  expect([0, 1]).toContain(batch);
  expect(isZoneDevicePage(m, page)).toBe(false);
  sim.seek(stepOf(run, -1).begin);
  expect(pageblockMigratetype(m, framesOf(run)[0] ?? NO_PFN)).toBe(MIGRATE_CMA);
});

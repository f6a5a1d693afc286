// Who takes references of pages in VRAM, with which calls, and what becomes of the pages (machine-and-drivers.md §6).

import { describe, expect, test } from 'vitest';
import type { Step } from '../core/index.ts';
import { isZoneDevicePage, pageZone } from '../core/kernel/mm/page-ref.ts';
import type { FollFlagName } from '../core/uapi/gup-flags.ts';
import { PINNERS, type Pinner } from '../core/uapi/pinners.ts';
import { PINNER_SCENES } from '../scenarios/pinners.ts';
import { type CheckedRun, decisionsOf, framesOf, gpuScenario, runChecked, stepOf } from './checked-run.ts';

const BIAS = 1024;
const A = { proc: 'A', vma: 'buf' } as const;
const written = (pages: number): Step[] => [
  { op: 'mmap', ...A, pages, prot: 'rw', kind: 'anon-private' },
  { op: 'write', ...A, value: 100 },
];
const to = (loc: number | 'system'): Step => ({
  op: 'svm_attr',
  ...A,
  attrs: [{ type: 'PREFETCH_LOC', loc }],
});
const inVram = (pages: number): Step[] => [...written(pages), to(0)];
/** `D` device, `S` system. */
const places = (run: CheckedRun): string =>
  framesOf(run)
    .map((pfn) => (isZoneDevicePage(run.sim.machine, pfn) ? 'D' : 'S'))
    .join('');

const sceneNamed = (wanted: string): unknown => {
  const scene = PINNER_SCENES.find(({ name }) => name === wanted);
  if (scene === undefined) throw new Error('no such scene');
  return structuredClone(scene.scenario);
};

describe('who pins, and how (§6.1 to §6.3)', { timeout: 60_000 }, () => {
  /** As the source calls them in 6.1: file, function, call, flags; the place of a page afterwards, what its count grows by. */
  const TABLE: readonly [Pinner, string, string, FollFlagName[], 'D' | 'S', number][] = [
    [
      PINNERS.rdma,
      'drivers/infiniband/core/umem.c: ib_umem_get',
      'pin_user_pages_fast',
      ['FOLL_WRITE', 'FOLL_LONGTERM'],
      'S',
      BIAS,
    ],
    [
      PINNERS.ioUring,
      'io_uring/rsrc.c: io_pin_pages',
      'pin_user_pages',
      ['FOLL_WRITE', 'FOLL_LONGTERM'],
      'S',
      BIAS,
    ],
    [
      PINNERS.vfio,
      'drivers/vfio/vfio_iommu_type1.c: vaddr_get_pfns',
      'pin_user_pages_remote',
      ['FOLL_WRITE', 'FOLL_LONGTERM'],
      'S',
      BIAS,
    ],
    [
      PINNERS.v4l2,
      'drivers/media/common/videobuf2/frame_vector.c: get_vaddr_frames',
      'pin_user_pages_fast',
      ['FOLL_FORCE', 'FOLL_WRITE', 'FOLL_LONGTERM'],
      'S',
      BIAS,
    ],
    [
      PINNERS.processVm,
      'mm/process_vm_access.c: process_vm_rw_single_vec',
      'pin_user_pages_remote',
      [],
      'D',
      BIAS,
    ],
    [
      PINNERS.oDirect,
      'lib/iov_iter.c: __iov_iter_get_pages_alloc',
      'get_user_pages_fast',
      ['FOLL_WRITE'],
      'D',
      1,
    ],
  ];
  const take = ({ call, flags }: Pinner): Step => ({ op: 'gup', ...A, call, flags: [...flags], as: 'held' });

  test('each subsystem of the scenes is in the tables', () => {
    expect(TABLE.map(([pinner]) => pinner).toSorted(byName)).toEqual(Object.values(PINNERS).toSorted(byName));
  });

  test.each(TABLE.map((row) => [row[0].name, ...row] as const))(
    '%s',
    (_name, pinner, source, call, flags, place, refs) => {
      const done = runChecked(gpuScenario([...inVram(2), take(pinner)]));
      expect([`${pinner.file}: ${pinner.fn}`, pinner.call, pinner.flags]).toEqual([source, call, flags]);
      expect(places(done)).toBe(place.repeat(2));
      const { machine: m } = done.sim;
      // one for the mapping
      expect(framesOf(done).map((pfn) => m.pages.refcount.get(pfn))).toEqual([1 + refs, 1 + refs]);
      if (place === 'S')
        expect(framesOf(done).map((pfn) => pageZone(m, pfn)?.name)).toEqual(['Normal', 'Normal']);
      expect(done.violations).toEqual([]);
    },
  );
});

test('scene 33: O_DIRECT, process_vm_readv, io_uring and ibv_reg_mr on the same four pages: "stay, stay (+1024 briefly), move, move (or already moved)"', () => {
  // scenario-catalogue.md §33
  const run = runChecked(sceneNamed('pins-together'));
  const { machine: m } = run.sim;
  const after = (index: number): [string, number[]] => {
    run.sim.seek(stepOf(run, index).end);
    return [places(run), framesOf(run).map((pfn) => m.pages.refcount.get(pfn) - 1)];
  };
  const each = (n: number): number[] => [n, n, n, n];
  expect([3, 4, 5, 6].map(after)).toEqual([
    ['DDDD', each(1)],
    ['DDDD', each(0)],
    ['DDDD', each(BIAS)],
    ['DDDD', each(0)],
  ]);
  expect([7, 8].map(after)).toEqual([
    ['SSSS', each(BIAS)],
    ['SSSS', each(2 * BIAS)],
  ]);
  expect(run.violations).toEqual([]);
});

describe('the result matrix (§6.5; §2.4, row GUP; scene 33)', { timeout: 60_000 }, () => {
  type Request = 'GET' | 'PIN' | 'PIN long';
  const gup = (request: Request, write = true): Step => ({
    op: 'gup',
    ...A,
    call: request === 'GET' ? 'get_user_pages_fast' : 'pin_user_pages_fast',
    flags: [
      ...(write ? (['FOLL_WRITE'] as const) : []),
      ...(request === 'PIN long' ? (['FOLL_LONGTERM'] as const) : []),
    ],
    as: 'held',
  });
  const MOVABLE = written(1);
  // memory that the driver brings home is never movable
  const NORMAL = [...inVram(1), to('system')];
  /** Before, the request, kind of memory; then: the zone afterwards, whether it is another frame, what is added. */
  test.each<[string, Step[], Request, 'coherent' | 'private', string, boolean, number]>([
    ['S in Normal', NORMAL, 'GET', 'coherent', 'Normal', false, 1],
    ['S in Normal', NORMAL, 'PIN', 'coherent', 'Normal', false, BIAS],
    ['S in Normal', NORMAL, 'PIN long', 'coherent', 'Normal', false, BIAS],
    ['S in Movable', MOVABLE, 'GET', 'coherent', 'Movable', false, 1],
    ['S in Movable', MOVABLE, 'PIN', 'coherent', 'Movable', false, BIAS],
    ['S in Movable', MOVABLE, 'PIN long', 'coherent', 'Normal', true, BIAS],
    ['D', inVram(1), 'GET', 'coherent', 'D', false, 1],
    ['D', inVram(1), 'PIN', 'coherent', 'D', false, BIAS],
    ['D', inVram(1), 'PIN long', 'coherent', 'Normal', true, BIAS],
    ['P', inVram(1), 'GET', 'private', 'Normal', true, 1],
    ['P', inVram(1), 'PIN', 'private', 'Normal', true, BIAS],
    ['P', inVram(1), 'PIN long', 'private', 'Normal', true, BIAS],
  ])('%s, %#: %s', (_name, before, request, kind, zone, isOther, added) => {
    const run = runChecked(gpuScenario([...before, gup(request)], { kind }));
    const { machine: m } = run.sim;
    const [after] = framesOf(run);
    if (after === undefined) throw new Error('no page');
    expect(isZoneDevicePage(m, after) ? 'D' : pageZone(m, after)?.name).toBe(zone);
    expect(m.pages.refcount.get(after)).toBe(1 + added);
    expect(run.violations).toEqual([]);
    // "needs no second move"
    const moves = decisionsOf(run, stepOf(run, -1), 'longterm.second-pass').length;
    expect(moves).toBe(isOther && kind === 'coherent' ? 1 : 0);
    run.sim.seek(stepOf(run, -1).begin);
    expect(framesOf(run)[0] !== after).toBe(isOther);
  });

  test('zero page: GET "+1 on the zero page (read only)"; a pin, long or not, "no count change"', () => {
    const untouched = written(1).slice(0, 1);
    const counts = (['GET', 'PIN', 'PIN long'] as const).map((request) => {
      const run = runChecked(gpuScenario([...untouched, { op: 'read', ...A }, gup(request, false)]));
      const { machine: m } = run.sim;
      const count = (): number => m.pages.refcount.get(framesOf(run)[0] ?? -1);
      const after = count();
      run.sim.seek(stepOf(run, -1).begin);
      expect(run.violations).toEqual([]);
      return after - count();
    });
    expect(counts).toEqual([1, 0, 0]);
    // "Read-only pin of a never-touched anonymous page": the zero page, uncounted; "a write pin allocates a real page"
    const run = runChecked(gpuScenario([...untouched, gup('PIN long', false)]));
    const { machine: m } = run.sim;
    expect([framesOf(run), m.pages.refcount.get(m.zeroPfn)]).toEqual([[m.zeroPfn], 1]);
    run.sim.runStep({ ...gup('PIN long'), as: 'more' } as Step);
    expect(m.pages.refcount.get(framesOf(run)[0] ?? -1)).toBe(1 + BIAS);
  });

  test('none: "mapped as VRAM"; the GPU’s own entries hold nothing', () => {
    const run = runChecked(gpuScenario([...inVram(2), { op: 'gpu_read', ...A, device: 0 }]));
    expect([places(run), framesOf(run).map((pfn) => run.sim.machine.pages.refcount.get(pfn))]).toEqual([
      'DD',
      [1, 1],
    ]);
    const { machine: m } = run.sim;
    const mapped = (): number =>
      m.dmirrors.values().reduce((sum, { pt }) => sum + m.journal.mapById(pt).size, 0);
    expect(mapped()).toBe(2);
    // §2.4, MADV_FREE: "skipped; … still notifies, so device tables lose the range"
    run.sim.runStep({ op: 'madvise', ...A, advice: 'FREE' });
    expect([places(run), mapped()]).toEqual(['DD', 0]);
  });
});

describe('no reference at all: RDMA on demand paging (§6.1, §6.4)', () => {
  test('"a D page stays in place and the notifier follows later moves": the scene of a mirror beside the owner', () => {
    const run = runChecked(sceneNamed('mirrors-odp'));
    const { machine: m } = run.sim;
    const at = (step: number): [string, number[], number | undefined] => {
      run.sim.seek(stepOf(run, step).end);
      const mirror = m.dmirrors.values().find(({ device }) => device === 2);
      const refs = framesOf(run).map((pfn) => m.pages.refcount.get(pfn));
      return [places(run), refs, mirror === undefined ? undefined : m.journal.mapById(mirror.pt).size];
    };
    // the card has looked the pages up: they stay in VRAM, and nobody holds them
    expect(at(3)).toEqual(['DDDD', [1, 1, 1, 1], 4]);
    // their owner brings them home: the notifier empties the card's table
    expect(at(4)).toEqual(['SSSS', [1, 1, 1, 1], 0]);
    expect(at(5)).toEqual(['SSSS', [1, 1, 1, 1], 4]);
    expect(stepOf(run, 5).result.values).toEqual([100, 101, 102, 103]);
    expect(run.violations).toEqual([]);
  });
});

const byName = (a: Pinner, b: Pinner): number => a.name.localeCompare(b.name);

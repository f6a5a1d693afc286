import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { leafOffset } from '../../core/kernel/mm/page-table.ts';
import { EventKind } from '../../core/uapi/events.ts';
import { entryKind, entryPfn } from '../../core/uapi/pte.ts';
import { KERNEL_FUNCTIONS } from '../../core/uapi/source-refs.ts';
import { SCENES } from '../../scenarios/index.ts';
import { say } from '../../words/index.ts';
import {
  BREAK_FIELDS,
  type Breakpoint,
  COMPARISONS,
  ENTRY_STATES,
  type FieldCondition,
  PAGE_FLAGS,
  type Place,
  type PteCondition,
} from '../protocol-debug.ts';
import { Run } from '../run.ts';
import { hitOf, hitsOf, searchOf } from './break-fixture.ts';
import { valueNow } from './break-tests.ts';

const runOf = (scenario: unknown, bigStepPages?: number): Run => {
  const sim = createSimulation(
    parseScenario(structuredClone(scenario)),
    bigStepPages === undefined ? {} : { bigStepPages },
  );
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  return run;
};
const scene = (name: string, bigStepPages?: number): Run =>
  runOf(SCENES.find((one) => one.name === name)?.scenario, bigStepPages);

const recording = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../public/recordings/${name}.json`, import.meta.url), 'utf8'));

const run = scene('longterm-pin');
const { log } = run.sim.machine.journal;
const BUF1: Place = { process: 'A', area: 'buf', page: 1 };

/** Entry of buf+1 of the first process, by the walk of the kernel. */
const entryOfBuf1 = (at: Run): number => {
  const { machine: m } = at.sim;
  const [mm] = m.mms.values();
  const area = mm?.areas.find(({ name }) => name === 'buf');
  if (mm === undefined || area === undefined) return 0;
  const { row } = leafOffset(m, mm, area.start + 1);
  return row < 0 ? 0 : m.entries.get(row);
};

describe('in the log', () => {
  test('a reference count that falls to 0, and the same stops backwards', () => {
    const freed: Breakpoint = { kind: 'field', field: '_refcount', is: ['=', 0] };
    const forward = hitsOf(run, freed, 1);
    expect(forward.length).toBeGreaterThan(0);
    for (const position of forward) {
      expect(log.kindAt(position - 1)).toBe(EventKind.REF);
      expect(log.nowAt(position - 1)).toBe(0);
    }
    expect(hitsOf(run, freed, -1)).toEqual(forward.toReversed());
  });

  test('a function: as often as it is entered, four pages come home one by one', () => {
    expect(hitsOf(run, { kind: 'function', fn: 'migrate_device_coherent_page' }, 1)).toHaveLength(4);
    expect(hitsOf(run, { kind: 'function', fn: 'no_such_function' }, 1)).toEqual([]);
  });

  test('a frame: only what is written to it', () => {
    const freed = hitsOf(run, { kind: 'field', field: '_refcount', is: ['=', 0] }, 1)[0] ?? 1;
    const pfn = log.rowAt(freed - 1);
    const hits = hitsOf(run, { kind: 'page', of: { pfn } }, 1);
    expect(hits).toContain(freed);
    for (const position of hits) expect(log.rowAt(position - 1)).toBe(pfn);
  });

  test('an entry: the very write that makes it a migration entry, in the call that does so', () => {
    const stops = hitsOf(run, { kind: 'pte', of: BUF1, is: ['=', 'migration'] }, 1);
    // to the device, home for the pin, and to the device again after it
    expect(stops.map((position) => run.stepAt(position).index)).toEqual([2, 3, 6]);
    const callers: (string | undefined)[] = [];
    for (const position of stops) {
      run.seek(position);
      expect(entryKind(entryOfBuf1(run))).toBe('migration');
      run.seek(position - 1);
      expect(entryKind(entryOfBuf1(run))).not.toBe('migration');
      const event = log.at(position - 1);
      expect(event.kind).toBe(EventKind.COLUMN);
      callers.push(KERNEL_FUNCTIONS[log.idAt(event.parent)]?.name);
    }
    expect(callers).toEqual(['migrate_vma_collect_pmd', 'try_to_migrate_one', 'migrate_vma_collect_pmd']);
  });

  test('the page of a place follows it to the frame that it moves to', () => {
    const pinned: FieldCondition = { kind: 'field', field: '_refcount', of: BUF1, is: ['>', 1024] };
    const stops = hitsOf(run, pinned, 1).filter((position) => run.stepAt(position).index === 3);
    const frames = stops.map((position) => {
      run.seek(position);
      return entryPfn(entryOfBuf1(run));
    });
    // the first pass pins the page on the device, the second one the page at home
    expect(frames).toHaveLength(2);
    expect(new Set(frames).size).toBe(2);
    expect(frames.map((pfn) => run.sim.machine.rangeOf(pfn)?.kind)).toEqual(['soft-reserved', 'ram']);
  });

  test('a flag: where the kernel locks a page, and where fork shares one that was exclusive', () => {
    const locks = hitsOf(run, { kind: 'field', field: 'flags', of: BUF1, is: ['=', 'locked'] }, 1);
    expect(locks.length).toBeGreaterThan(2);
    const lockedAt = (position: number): boolean => {
      run.seek(position);
      const entry = entryOfBuf1(run);
      return entry !== 0 && (run.sim.machine.pages.flags.get(entryPfn(entry)) & 1) === 1;
    };
    for (const position of locks)
      expect([lockedAt(position - 1), lockedAt(position)], `at ${position}`).toEqual([false, true]);
    const forked = scene('fork-and-pin');
    const shares: Breakpoint = {
      kind: 'field',
      field: 'flags',
      of: { process: 'A', area: 'buf', page: 0 },
      is: ['!=', 'anon_exclusive'],
    };
    const [first] = hitsOf(forked, shares, 1).filter((position) => forked.stepAt(position).index === 4);
    const event = forked.sim.machine.journal.log.at((first ?? 1) - 1);
    expect(KERNEL_FUNCTIONS[forked.sim.machine.journal.log.idAt(event.parent)]?.name).toMatch(/^copy_/);
    // of any page
    const offList = hitsOf(run, { kind: 'field', field: 'flags', is: ['!=', 'lru'] }, 1);
    expect(offList.length).toBeGreaterThan(0);
    for (const position of offList) expect(log.nowAt(position - 1) & 16).toBe(0);
  });

  test('a process without a name is the first that has the area', () => {
    const named: Breakpoint = { kind: 'pte', of: BUF1 };
    expect(hitsOf(run, { kind: 'pte', of: { area: 'buf', page: 1 } }, 1)).toEqual(hitsOf(run, named, 1));
    expect(hitsOf(run, { kind: 'pte', of: { process: 'Z', area: 'buf', page: 1 } }, 1)).toEqual([]);
  });

  test('of several conditions the first to hold stops', () => {
    const entry: Breakpoint = { kind: 'pte', of: BUF1, is: ['=', 'migration'] };
    const never: Breakpoint = { kind: 'field', field: '_refcount', is: ['>', 1e9] };
    const { hit } = searchOf(run, [never, entry], run.sim.bootEnd, 1);
    expect(hit).toEqual({ position: hitsOf(run, entry, 1)[0], breakpoint: 1 });
  });
});

// --- by brute force -------------------------------------------------------------------------------------------

const RUNS: readonly Run[] = [
  run,
  ...['fork-pinned-system', 'coherent-thp'].flatMap((name) =>
    SCENES.some((one) => one.name === name) ? [scene(name)] : [],
  ),
];

const placeArb = fc.record({ area: fc.constant('buf'), page: fc.nat({ max: 3 }) });
const conditionArb: fc.Arbitrary<FieldCondition | PteCondition> = fc.oneof(
  fc.record({
    kind: fc.constant('field' as const),
    field: fc.constantFrom(...BREAK_FIELDS),
    of: placeArb,
    is: fc.option(fc.tuple(fc.constantFrom(...COMPARISONS), fc.constantFrom(0, 1, 2, 3, 1024)), {
      nil: undefined,
    }),
  }),
  fc.record({
    kind: fc.constant('field' as const),
    field: fc.constant('flags' as const),
    of: placeArb,
    is: fc.tuple(fc.constantFrom('=' as const, '!=' as const), fc.constantFrom(...PAGE_FLAGS)),
  }),
  fc.record({
    kind: fc.constant('pte' as const),
    of: placeArb,
    is: fc.option(fc.tuple(fc.constantFrom('=' as const, '!=' as const), fc.constantFrom(...ENTRY_STATES)), {
      nil: undefined,
    }),
  }),
) as fc.Arbitrary<FieldCondition | PteCondition>;

const values = new Map<string, readonly (number | undefined)[]>();
/** What a condition looks at, at every position from the end of boot on. */
const valuesOf = (
  index: number,
  condition: FieldCondition | PteCondition,
): readonly (number | undefined)[] => {
  const key = JSON.stringify([
    index,
    condition.kind,
    condition.kind === 'field' && condition.field,
    condition.kind === 'field' && typeof condition.is?.[1],
    condition.of,
  ]);
  const known = values.get(key);
  if (known !== undefined) return known;
  const { sim } = RUNS[index] ?? run;
  const found: (number | undefined)[] = [];
  for (let position = sim.bootEnd; position <= sim.length; position++) {
    sim.seek(position);
    found.push(valueNow(sim.machine, condition));
  }
  values.set(key, found);
  return found;
};

/** By the numbers of enum pageflags. */
const BITS = 'locked referenced uptodate dirty lru active workingset waiters error slab swapcache'.split(' ');
const LATER_BITS: Readonly<Record<string, number>> = {
  reserved: 12,
  private: 13,
  writeback: 15,
  head: 16,
  anon_exclusive: 17,
  reclaim: 18,
  swapbacked: 19,
  unevictable: 20,
  mlocked: 21,
  hwpoison: 22,
};

const holds = ({ kind, is }: FieldCondition | PteCondition, value: number | undefined): boolean => {
  if (value === undefined || is === undefined) return false;
  const [how, wanted] = is;
  if (typeof wanted === 'number') {
    const table = { '=': value === wanted, '!=': value !== wanted, '<': value < wanted } as const;
    if (how === '<=' || how === '>') return value <= wanted === (how === '<=');
    return how === '>=' ? value >= wanted : table[how];
  }
  if (kind === 'field') {
    const bit = LATER_BITS[wanted] ?? BITS.indexOf(wanted);
    return (Math.floor(value / 2 ** bit) % 2 === 1) === (how === '=');
  }
  const bit = { writable: value & 2, dirty: value & 64, accessed: value & 32 } as const;
  const present = (value & 0x101) !== 0;
  if (wanted === 'dirty' || wanted === 'accessed') return (present && bit[wanted] !== 0) === (how === '=');
  if (wanted === 'writable') {
    const special = (value >> 1) & 31;
    const may = present
      ? bit.writable !== 0
      : value !== 0 && (special === 25 || special === 26 || special === 28);
    return may === (how === '=');
  }
  return (entryKind(value) === wanted) === (how === '=');
};

test('a run stops at the first event behind which a condition holds that did not before it, and back at the last', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: RUNS.length - 1 }),
      conditionArb,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (index, condition, part) => {
        const at = RUNS[index] ?? run;
        const { bootEnd, length } = at.sim;
        const seen = valuesOf(index, condition);
        const stops = seen.flatMap((value, i) => {
          if (i === 0) return [];
          const before = seen[i - 1];
          const isStop =
            condition.is === undefined
              ? value !== before
              : holds(condition, value) && !holds(condition, before);
          return isStop ? [bootEnd + i] : [];
        });
        const from = bootEnd + Math.floor(part * (length - bootEnd));
        expect(hitOf(at, condition, from, 1)?.position).toBe(stops.find((position) => position > from));
        expect(hitOf(at, condition, from, -1)?.position).toBe(stops.findLast((position) => position < from));
      },
    ),
    { numRuns: 150 },
  );
}, 240_000);

test('any page: the first write by which some page of all begins to fulfil it', () => {
  fc.assert(
    fc.property(fc.constantFrom(...COMPARISONS), fc.integer({ min: 0, max: 4 }), (how, wanted) => {
      const condition: FieldCondition = { kind: 'field', field: '_refcount', is: [how, wanted] };
      const stops: number[] = [];
      for (let i = run.sim.bootEnd; i < run.sim.length; i++) {
        if (log.kindAt(i) !== EventKind.REF) continue;
        if (holds(condition, log.nowAt(i)) && !holds(condition, log.oldAt(i))) stops.push(i + 1);
      }
      expect(hitsOf(run, condition, 1)).toEqual(stops);
    }),
    { numRuns: 30 },
  );
});

/** Entries that decide about addresses, by row, at a position. */
const leavesAt = (at: Run, vpns: ReadonlySet<number>, position: number): Map<number, number> => {
  at.seek(position);
  const { machine: m } = at.sim;
  const found = new Map<number, number>();
  for (const mm of m.mms.values())
    for (const vpn of vpns) {
      const { row } = leafOffset(m, mm, vpn);
      if (row >= 0) found.set(row, m.entries.get(row));
    }
  return found;
};

test.each(['longterm-pin', 'fork-and-pin'])(
  'any entry, of every kind, and tables are none: %s',
  (name) => {
    const one = scene(name);
    const { bootEnd, length, machine: m } = one.sim;
    const vpns = new Set<number>();
    for (let i = bootEnd; i <= length; i++) {
      one.seek(i);
      for (const mm of m.mms.values())
        for (const { start, npages } of mm.areas) for (let n = 0; n < npages; n++) vpns.add(start + n);
    }
    const states = ['none', 'present', 'writable', 'migration'] as const;
    const conditions = states.flatMap((state): PteCondition[] => [
      { kind: 'pte', is: ['=', state] },
      { kind: 'pte', is: ['!=', state] },
    ]);
    const must = conditions.map((): number[] => []);
    let before = leavesAt(one, vpns, bootEnd);
    for (let i = bootEnd; i < length; i++) {
      const after = leavesAt(one, vpns, i + 1);
      const rows = [...after].filter(([row, entry]) => entry !== (before.get(row) ?? 0));
      conditions.forEach((condition, at) => {
        const isHit = rows.some(
          ([row, entry]) => holds(condition, entry) && !holds(condition, before.get(row) ?? 0),
        );
        if (isHit) must[at]?.push(i + 1);
      });
      before = after;
    }
    conditions.forEach((condition, at) => {
      const stops = hitsOf(one, condition, 1);
      expect(stops, JSON.stringify(condition)).toEqual(must[at]);
      expect(hitsOf(one, condition, -1)).toEqual(stops.toReversed());
    });
  },
  120_000,
);

describe('pins, as GUP counts them', () => {
  const pinned: FieldCondition = { kind: 'field', field: 'pins', is: ['>', 0] };

  test('of small pages by their references, in VRAM and then at home', () => {
    const stops = hitsOf(run, pinned, 1);
    expect(stops.length).toBeGreaterThan(0);
    for (const stop of stops) {
      const row = log.rowAt(stop - 1);
      run.seek(stop - 1);
      const before = run.sim.machine.pages.refcount.get(row);
      run.seek(stop);
      const after = run.sim.machine.pages.refcount.get(row);
      expect([Math.floor(before / 1024), Math.floor(after / 1024)]).toEqual([0, 1]);
    }
    const ofBuf1 = hitsOf(run, { kind: 'field', field: 'pins', of: BUF1, is: ['>', 0] }, 1);
    expect(ofBuf1.length).toBeGreaterThan(1);
    expect(stops).toEqual(expect.arrayContaining(ofBuf1.slice(0, 1)));
  });

  test('of a huge page by its own count, however many references it has', () => {
    const huge = runOf(recording('thp-longterm-pin'));
    const { machine: m } = huge.sim;
    const stops = hitsOf(huge, pinned, 1);
    const ofLarge = stops.filter((stop) => m.journal.log.idAt(stop - 1) === m.pages.compoundPincount.id);
    expect(ofLarge.length).toBeGreaterThan(0);
    for (const stop of ofLarge) {
      const head = m.journal.log.rowAt(stop - 1);
      huge.seek(stop);
      expect(m.pages.compoundPincount.get(head)).toBeGreaterThan(0);
      expect(valueNow(m, { ...pinned, of: { pfn: head + 1 } })).toBe(m.pages.compoundPincount.get(head));
    }
    // references alone pin no huge page: 1024 plain ones are not even a maybe
    const more: number[] = [];
    for (let i = huge.sim.bootEnd; i < huge.sim.length; i++)
      if (m.journal.log.kindAt(i) === EventKind.REF && m.journal.log.nowAt(i) >= 512) more.push(i + 1);
    for (const stop of stops.filter((each) => more.includes(each))) {
      huge.seek(stop);
      expect(m.pages.order.get(m.journal.log.rowAt(stop - 1))).toBe(0);
    }
  });
});

// --- big steps ------------------------------------------------------------------------------------------------

describe('in big steps', () => {
  const AREA = { proc: 'A', vma: 'buf' } as const;
  const scenario = {
    machine: 'lab-node',
    devices: [{ id: 0, kind: 'coherent' }],
    steps: [
      { step: { op: 'mmap', ...AREA, pages: 200, prot: 'rw', kind: 'anon-private' } },
      { step: { op: 'write', ...AREA, value: 1 } },
      { step: { op: 'migrate_to_dev', ...AREA, device: 0 } },
      {
        step: { op: 'gup', ...AREA, call: 'pin_user_pages', flags: ['FOLL_WRITE', 'FOLL_LONGTERM'], as: 'h' },
      },
      { step: { op: 'unpin', proc: 'A', handle: 'h' } },
    ],
  };
  const big = runOf(scenario, 64);
  const small = runOf(scenario);
  const place: Place = { area: 'buf', page: 77 };

  /** Steps in which a run stops, in order. */
  const stepsOf = (at: Run, condition: Breakpoint): number[] => [
    ...new Set(hitsOf(at, condition, 1).map((position) => at.stepAt(position).index)),
  ];

  test('a place stops in the same steps as where all is detailed, and says by which event', () => {
    expect(big.sim.steps.filter(({ isBig }) => isBig).length).toBeGreaterThan(2);
    const conditions: readonly Breakpoint[] = [
      { kind: 'pte', of: place, is: ['=', 'migration'] },
      { kind: 'pte', of: place, is: ['=', 'none'] },
      { kind: 'pte', of: place },
      { kind: 'field', field: '_refcount', of: place, is: ['>', 1024] },
      { kind: 'page', of: place },
    ];
    for (const condition of conditions) {
      const steps = stepsOf(small, condition);
      expect(stepsOf(big, condition), JSON.stringify(condition)).toEqual(steps);
    }
    const migrates: Breakpoint = { kind: 'pte', of: place, is: ['=', 'migration'] };
    const hit = hitOf(big, migrates, big.sim.bootEnd, 1);
    expect(hit?.position).toBe(big.sim.steps[2]?.end);
    expect(hit?.inside?.step).toBe(2);
    expect(say(hit?.inside?.text ?? { id: '', params: {} })).toContain('migration 0x');
    expect(hitsOf(big, migrates, -1)).toEqual(hitsOf(big, migrates, 1).toReversed());
  }, 240_000);

  test('any page is looked for by running a big step again that is not too big', () => {
    const pinned: FieldCondition = { kind: 'field', field: '_refcount', is: ['>', 1024] };
    const { hit, unseen } = searchOf(big, [pinned], big.sim.bootEnd, 1);
    expect(unseen).toEqual([]);
    expect(hit?.position).toBe(big.sim.steps[3]?.end);
    expect(hit?.inside?.step).toBe(3);
  });

  test('a function that was counted stops behind the part in which it was', () => {
    const hit = hitOf(big, { kind: 'function', fn: 'migrate_device_coherent_page' }, big.sim.bootEnd, 1);
    expect(hit?.inside?.step).toBe(3);
    expect(say(hit?.inside?.text ?? { id: '', params: {} })).toContain('200');
    expect(hit?.position).toBeLessThanOrEqual(big.sim.steps[3]?.end ?? 0);
  });

  test('a step that is too big to be run again for all of its pages is said to be unseen, and a place in it is seen', () => {
    const huge = runOf({
      machine: 'lab-node',
      devices: [{ id: 0, kind: 'coherent' }],
      steps: [
        { step: { op: 'mmap', ...AREA, pages: 300_000, prot: 'rw', kind: 'anon-private' } },
        { step: { op: 'write', ...AREA, value: 1 } },
      ],
    });
    const many: Breakpoint = { kind: 'field', field: '_refcount', is: ['>', 1] };
    expect(searchOf(huge, [many], huge.sim.bootEnd, 1)).toEqual({ hit: undefined, unseen: [1] });
    const one: Breakpoint = { kind: 'pte', of: { area: 'buf', page: 299_999 }, is: ['=', 'present'] };
    expect(searchOf(huge, [one], huge.sim.bootEnd, 1)).toMatchObject({
      hit: { position: huge.sim.length, inside: { step: 1 } },
      unseen: [],
    });
  }, 240_000);
});

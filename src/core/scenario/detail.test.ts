import { expect, test } from 'vitest';
import { parseScenario, type Simulation, type StepRecord } from '../index.ts';
import { holdersOf } from '../machine/holders.ts';
import { DECISIONS, EventKind } from '../uapi/events.ts';
import { PG_buddy } from '../uapi/page-flags.ts';
import { KERNEL_FUNCTIONS } from '../uapi/source-refs.ts';
import { type PageDetail, pageInDetail, stepInDetail } from './detail.ts';
import { createSimulation } from './simulation.ts';

const AREA = { proc: 'A', vma: 'buf' } as const;
const PAGES = 2600;
const scenario = parseScenario({
  machine: 'lab-node',
  devices: [{ id: 0, kind: 'coherent' }],
  steps: [
    { step: { op: 'mmap', ...AREA, pages: PAGES, prot: 'rw', kind: 'anon-private' } },
    { step: { op: 'write', ...AREA, value: 1 } },
    { step: { op: 'migrate_to_dev', ...AREA, device: 0 } },
    {
      step: { op: 'gup', ...AREA, call: 'pin_user_pages', flags: ['FOLL_WRITE', 'FOLL_LONGTERM'], as: 'h' },
    },
    { step: { op: 'unpin', proc: 'A', handle: 'h' } },
    { step: { op: 'munmap', ...AREA } },
  ],
});

/** All slices of running a step again for a page. */
const detailOf = (sim: Simulation, record: StepRecord, vpn: number): PageDetail => {
  const slices = pageInDetail(sim, record, 1, vpn, () => true);
  for (;;) {
    const slice = slices.next();
    if (slice.done === true) return slice.value;
  }
};

/** All events about a page: calls with its address or one of its frames, decisions, changes of its fields. */
const story = (sim: Simulation, numbers: ReadonlySet<number>): string[] => {
  const { machine } = sim;
  const { log } = machine.journal;
  // places in lists change when neighbours come and go, and of a free page they are all that there is
  const { lruNext, lruPrev, private: order, flags } = machine.pages;
  const own = Object.values(machine.pages).filter((column) => ![lruNext, lruPrev, order].includes(column));
  const fields = new Set(own.map((column) => column.id));
  const lines: string[] = [];
  for (let i = 0; i < log.length; i++) {
    const { kind, id, row, old, now } = log.at(i);
    const about = (...values: number[]): boolean => values.some((value) => numbers.has(value));
    // a range that ends where the page begins is about the page before
    const isBefore = (about(now) && now === old + 1) || (about(old) && old === row + 1);
    if (kind === EventKind.SPAN_BEGIN && about(row, old, now) && !isBefore)
      lines.push(`${KERNEL_FUNCTIONS[id].name} ${row} ${old} ${now}`);
    if (kind === EventKind.DECISION && about(row, old, now) && !isBefore)
      lines.push(`${DECISIONS[id]} ${row} ${old} ${now}`);
    if (kind === EventKind.REF && about(row)) lines.push(`_refcount of ${row}: ${old} ${now}, holder ${id}`);
    const isFree = id === flags.id && ((old ^ now) & ~PG_buddy) === 0;
    if (kind === EventKind.COLUMN && fields.has(id) && about(row) && !isFree)
      lines.push(`${machine.journal.columnById(id).name} of ${row}: ${old} ${now}`);
  }
  return lines;
};

/** A checksum of each section, and the processes, areas and handles themselves. */
const stateOf = ({ machine }: Simulation): string[] => {
  const { journal, mms, vmas, anonVmas, handles, dmirrors } = machine;
  const [cells, ...columns] = journal.allColumns();
  expect(cells?.name).toBe('cells');
  const sums = columns.flatMap((column) =>
    column.sectionNumbers().flatMap((no) => {
      let sum = 0;
      column.section(no)?.forEach((value, i) => (sum = (sum * 31 + value * (i + 1)) % 2 ** 40));
      return sum === 0 ? [] : [`${column.name} ${no}: ${sum}`];
    }),
  );
  const plain = (_key: string, value: unknown): unknown =>
    value instanceof Float64Array ? [...value] : value;
  const objects = [mms, vmas, anonVmas, handles, dmirrors].map((pool) =>
    JSON.stringify(pool.values(), plain),
  );
  return [...sums, ...objects];
};

test.each([1, 2, 3, 4, 5])(
  'any page of big step %i tells the same in detail, run again, as in a step that was detailed at once',
  { timeout: 120_000 },
  (index) => {
    const sim = createSimulation(scenario, { bigStepPages: 512 });
    sim.runAll();
    const record = sim.steps[index];
    if (record === undefined) throw new Error('no such step');
    expect(record.isBig).toBe(true);
    const [area] = sim.machine.mms.get(1).areas;
    const all = stepInDetail(sim, record);
    sim.seek(record.end);
    const end = stateOf(sim);
    expect(stateOf(all)).toEqual(end);
    // the first page of the area, one inside, the last of a page table, the last of all
    for (const page of [0, 77, 511, PAGES - 1]) {
      const vpn = (area?.start ?? 0) + page;
      const { sim: one, numbers } = detailOf(sim, record, vpn);
      expect(stateOf(one)).toEqual(end);
      expect(numbers.size).toBeGreaterThan(1);
      const expected = story(all, numbers);
      expect(expected.length).toBeGreaterThan(1);
      expect(story(one, numbers)).toEqual(expected);
      // and is only a part of what all pages would be
      if (index < 4) expect(one.machine.journal.log.length).toBeLessThan(all.machine.journal.log.length / 2);
      for (const pfn of numbers)
        expect(holdersOf(one.machine.journal, pfn)).toEqual(holdersOf(sim.machine.journal, pfn));
    }
  },
);

import { expect, test } from 'vitest';
import { createSimulation, parseScenario, type Simulation, type Step } from '../index.ts';
import { RestChecker } from './at-rest.ts';
import { EventChecker } from './events.ts';
import { Ledger } from '../machine/holders.ts';
import { Invariants } from './invariants.ts';

const STEPS: readonly Step[] = [
  { op: 'mmap', proc: 'A', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' },
  { op: 'write', proc: 'A', vma: 'buf', value: 100 },
  {
    op: 'gup',
    proc: 'A',
    vma: 'buf',
    page: 0,
    count: 1,
    call: 'pin_user_pages',
    flags: ['FOLL_WRITE'],
    as: 'h',
  },
  { op: 'migrate_to_dev', proc: 'A', vma: 'buf', page: 2, count: 2, device: 0 },
  { op: 'read', proc: 'A', vma: 'buf' },
];

/** A pinned page, one that is only mapped, two on a device. */
const begin = (): { sim: Simulation; invariants: Invariants } => {
  const sim = createSimulation(parseScenario({ devices: [{ id: 0, kind: 'coherent' }], steps: [] }));
  const invariants = new Invariants(sim);
  expect(invariants.afterBoot()).toEqual([]);
  for (const step of STEPS) expect(invariants.afterStep(sim.runStep(step))).toEqual([]);
  return { sim, invariants };
};

/** Frames and entries of the area's four pages. */
const pagesOf = (sim: Simulation): { pfn: number; row: number; entry: number }[] => {
  const { entries } = sim.machine;
  const found: { pfn: number; row: number; entry: number }[] = [];
  const mm = sim.machine.mms.get(1);
  const start = mm.areas[0].start;
  let table = mm.pgd;
  for (let level = 3; level > 0; level--) {
    table = Math.floor(entries.get(table * 512 + (Math.floor(start / 512 ** level) % 512)) / 4096);
  }
  for (let i = 0; i < 4; i++) {
    const row = table * 512 + (start % 512) + i;
    found.push({ row, entry: entries.get(row), pfn: Math.floor(entries.get(row) / 4096) });
  }
  return found;
};

type Damage = (sim: Simulation) => void;

const damages: readonly (readonly [name: string, damage: Damage, invariants: readonly string[]])[] = [
  ['a reference too many', (sim) => sim.machine.journal.setRefcount(pagesOf(sim)[1].pfn, 2, 7), ['I1']],
  ['a mapping too many', (sim) => sim.machine.pages.mapcount.set(pagesOf(sim)[1].pfn, 2), ['I2']],
  ['a lost entry', (sim) => sim.machine.entries.set(pagesOf(sim)[1].row, 0), ['I1', 'I2', 'I17', 'I24']],
  ['other bytes', (sim) => sim.machine.pages.content.set(pagesOf(sim)[1].pfn, 7), ['I17']],
  [
    'a locked page',
    (sim) => sim.machine.pages.flags.set(pagesOf(sim)[1].pfn, 0x20001 | 0x10 | 0x80004),
    ['I6'],
  ],
  ['shared, but writable', (sim) => sim.machine.pages.flags.set(pagesOf(sim)[1].pfn, 0x80014), ['I14']],
  [
    'a pinned page without AnonExclusive',
    (sim) => sim.machine.pages.flags.set(pagesOf(sim)[0].pfn, 0x80014),
    ['I13'],
  ],
  ['a device page on the LRU', (sim) => sim.machine.pages.flags.set(pagesOf(sim)[2].pfn, 0xa1014), ['I7']],
  ['another page offset', (sim) => sim.machine.pages.index.set(pagesOf(sim)[1].pfn, 7), ['reverse map']],
  [
    'an entry without an area',
    (sim) => sim.machine.entries.set(pagesOf(sim)[3].row + 1, pagesOf(sim)[3].entry),
    ['areas'],
  ],
  ['a pin that is not counted', (sim) => sim.machine.countVmEvent('nr_foll_pin_released'), ['I20']],
  ['resident pages', (sim) => sim.machine.addRss(1, 1, 1), ['I24']],
  ['a device page handed out twice', (sim) => sim.machine.scalars.set(131072 + 8 + 1, 5), ['I25']],
  ['a free page that is lost', (sim) => sim.machine.scalars.set(1024 + 128, 1), ['buddy']],
  ['an odd sequence', (sim) => sim.machine.mms.update(1, { writeProtectSeq: 1 }), ['I29']],
  [
    'a stale device entry',
    (sim) => sim.machine.journal.mapById(sim.machine.dmirrors.get(1).pt).set(1, 4),
    ['device page table'],
  ],
];

test.each(damages)('%s is found', (_name, damage, wanted) => {
  const { sim, invariants } = begin();
  const record = sim.runStep({ op: 'snapshot', proc: 'A', vma: 'buf', device: 0 });
  damage(sim);
  sim.machine.journal.commit();
  const found = invariants.afterStep(record).map(({ invariant }) => invariant);
  for (const invariant of wanted) expect(found).toContain(invariant);
});

test('what was not looked at when it happened is found at the end', () => {
  const { sim, invariants } = begin();
  expect(invariants.atEnd()).toEqual([]);
  // as if the log did not say so
  sim.machine.entries.poke(pagesOf(sim)[1].row, 0);
  const record = sim.runStep({ op: 'snapshot', proc: 'A', vma: 'buf', page: 0, count: 1, device: 0 });
  expect(invariants.afterStep(record)).toEqual([]);
  expect(invariants.atEnd().map(({ invariant }) => invariant)).toContain('I2');
});

test('a survey that was not kept up differs from a new one', () => {
  const { sim } = begin();
  const { machine } = sim;
  const rest = new RestChecker(machine, new Ledger(machine.journal));
  expect(rest.check()).toEqual([]);
  sim.runStep({ op: 'write', proc: 'A', vma: 'buf', page: 1, count: 1, value: 7 });
  sim.runStep({ op: 'migrate_to_dev', proc: 'A', vma: 'buf', page: 1, count: 1, device: 0 });
  expect(rest.checkFromScratch().map(({ invariant }) => invariant)).toEqual(['back and forth']);
});

test('every event of a run keeps the invariants', () => {
  const { sim } = begin();
  const end = sim.length;
  sim.seek(sim.bootEnd);
  expect(new EventChecker(sim.machine, new Ledger(sim.machine.journal)).check(end)).toEqual([]);
  expect(sim.machine.journal.position).toBe(end);
});

test('an event that breaks one is named', () => {
  const { sim } = begin();
  const { machine } = sim;
  const at = machine.journal.log.length;
  const [, { pfn, row, entry }] = pagesOf(sim);
  machine.pages.flags.set(pfn, 0x80014);
  machine.entries.set(row, 0);
  machine.entries.set(row, entry);
  machine.journal.commit();
  sim.seek(sim.bootEnd);
  const [first] = new EventChecker(machine, new Ledger(machine.journal)).check(machine.journal.log.length);
  expect(first?.invariant).toBe('I14');
  expect(first?.message).toContain(`event ${at + 2}`);
});

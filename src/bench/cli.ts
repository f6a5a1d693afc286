// npm run -s bench -- [--json FILE]
// Times are printed for orientation; what counts are sizes and ratios measured in one run.

import { createSimulation, parseScenario, type Simulation } from '../core/index.ts';
import { bootMachine } from '../core/scenario/boot.ts';
import { DEFAULT_KERNEL } from '../core/uapi/config.ts';
import { PG_anon_exclusive } from '../core/uapi/page-flags.ts';
import { entryPfn } from '../core/uapi/pte.ts';
import { machinePreset } from '../core/uapi/presets.ts';
import { walkPte } from '../core/kernel/mm/page-table.ts';
import { type Figure, figure, figureTable, MORE, thisMachine, writeResult } from './figures.ts';
import { median, percentile, settledBytes, timed } from './measure.ts';
import { ObjectMachine } from './objects.ts';

const PAGES = 2 ** 14;
const ROUNDS = 3;
const SEEK_EVENTS = 1_000_000;
const SEEKS = 200;

const openLabNode = (): Figure[] => {
  const open = (): unknown => bootMachine(machinePreset('lab-node'), DEFAULT_KERNEL);
  open();
  const before = settledBytes();
  const { value: kept } = timed(open);
  const bytes = settledBytes() - before;
  const times = Array.from({ length: 9 }, () => timed(open).ms);
  if (kept === undefined) throw new Error('the machine did not open');
  return [figure('open_768g_ms', median(times), 'ms'), figure('open_768g_bytes', bytes, 'bytes')];
};

/** Steps that bring `npages` to a coherent device and pin them home. */
const pinHomeScenario = (npages: number): unknown => ({
  machine: 'lab-node',
  devices: [{ id: 0, kind: 'coherent' }],
  steps: [
    { step: { op: 'mmap', proc: 'A', vma: 'buf', pages: npages, prot: 'rw', kind: 'anon-private' } },
    { step: { op: 'write', proc: 'A', vma: 'buf', value: 1 } },
    { step: { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 } },
    {
      step: {
        op: 'gup',
        proc: 'A',
        vma: 'buf',
        call: 'pin_user_pages',
        flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
        as: 'h1',
      },
    },
  ],
});

const runSteps = (sim: Simulation, from: number, to: number): void => {
  for (const { step } of sim.scenario.steps.slice(from, to)) sim.runStep(step);
};

/** Both ended with the same bytes under the same pages, each pinned once, exclusive and mapped once. */
const checkSameEnd = (sim: Simulation, peer: ObjectMachine): void => {
  const m = sim.machine;
  const [mm] = m.mms.values();
  const [area] = mm?.areas ?? [];
  if (mm === undefined || area === undefined) throw new Error('the scenario has no area');
  peer.entries.forEach((entry, i) => {
    const pfn = entryPfn(m.entries.get(walkPte(m, mm, area.start + i)));
    const ours = [
      m.pages.content.get(pfn),
      m.pages.refcount.get(pfn),
      m.pages.mapcount.get(pfn),
      (m.pages.flags.get(pfn) & PG_anon_exclusive) !== 0,
    ];
    const { page } = entry;
    const theirs = [page?.content, page?.refcount, page?.mapcount, page?.anonExclusive];
    if (ours.join() !== theirs.join())
      throw new Error(`page ${i} ends as ${ours.join()}, its peer as ${theirs.join()}`);
  });
};

const migrateAndPinHome = (): Figure[] => {
  const ours: number[] = [];
  const theirs: number[] = [];
  let bytesPerPage = 0;
  let peerBytesPerPage = 0;
  let eventsPerPage = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const sim = createSimulation(parseScenario(pinHomeScenario(PAGES)));
    runSteps(sim, 0, 2);
    const before = settledBytes();
    const eventsBefore = sim.length;
    ours.push(timed(() => runSteps(sim, 2, 4)).ms);
    bytesPerPage = (settledBytes() - before) / PAGES;
    eventsPerPage = (sim.length - eventsBefore) / PAGES;

    const peer = new ObjectMachine(2 ** 24);
    peer.touch(PAGES, 1);
    const peerBefore = settledBytes();
    theirs.push(
      timed(() => {
        peer.migrateToDevice();
        peer.pinHome();
      }).ms,
    );
    peerBytesPerPage = (settledBytes() - peerBefore) / PAGES;
    checkSameEnd(sim, peer);
  }
  const nsPerPage = (median(ours) * 1e6) / PAGES;
  return [
    figure('migrate_pin_home_ns_per_page', nsPerPage, 'ns/page'),
    figure('migrate_pin_home_bytes_per_page', bytesPerPage, 'bytes/page'),
    figure('migrate_pin_home_events_per_page', eventsPerPage, 'events/page'),
    figure('objects_ns_per_page', (median(theirs) * 1e6) / PAGES, 'ns/page'),
    figure('objects_bytes_per_page', peerBytesPerPage, 'bytes/page'),
    figure('migrate_pin_home_vs_objects', median(theirs) / median(ours), 'x', MORE),
  ];
};

/** Integers below `limit`, the same in every run. */
const sequence = (limit: number, count: number): number[] => {
  let state = 1;
  return Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return state % limit;
  });
};

const seekTimes = (): Figure[] => {
  const pages = 4096;
  const sim = createSimulation(parseScenario(pinHomeScenario(pages)), {
    bigStepPages: Number.POSITIVE_INFINITY,
  });
  sim.runAll();
  while (sim.length < SEEK_EVENTS) {
    sim.runStep({ op: 'write', proc: 'A', vma: 'buf', value: sim.length });
    sim.runStep({ op: 'madvise', proc: 'A', vma: 'buf', advice: 'DONTNEED' });
  }
  const times = sequence(SEEK_EVENTS, SEEKS).map((position) => timed(() => sim.seek(position)).ms);
  return [
    figure('seek_1m_p50_ms', percentile(times, 0.5), 'ms'),
    figure('seek_1m_p95_ms', percentile(times, 0.95), 'ms'),
    figure('seek_1m_max_ms', Math.max(...times), 'ms'),
    figure('timeline_bytes_per_event', sim.machine.journal.bytes().historyBytes / sim.length, 'bytes/event'),
  ];
};

const main = (): void => {
  const at = process.argv.indexOf('--json');
  const file = at < 0 ? undefined : process.argv[at + 1];
  if (at >= 0 && file === undefined) throw new Error('--json needs a file');
  const figures = [...openLabNode(), ...migrateAndPinHome(), ...seekTimes()];
  const machine = thisMachine();
  const versions = { node: process.version };
  console.log(`Node ${versions.node}, ${machine.cores} x ${machine.cpu}`);
  console.log(figureTable(figures));
  if (file !== undefined) writeResult(file, { bench: 'node', machine, versions, figures });
  if (figures.some(({ ok }) => !ok)) process.exitCode = 1;
};

main();

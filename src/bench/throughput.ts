// A million pages to a device and pinned home: against plain stores of the same bytes, against one object a page, and
// against immutable updates. Each peer ends with the same pages.

import type { Simulation } from '../core/index.ts';
import { walkPte } from '../core/kernel/mm/page-table.ts';
import { PG_anon_exclusive } from '../core/uapi/page-flags.ts';
import { entryPfn } from '../core/uapi/pte.ts';
import { atLeast, atMost, type Figure, figure, MORE } from './figures.ts';
import { ImmutableMachine } from './immutable.ts';
import { median, settledBytes, timed } from './measure.ts';
import { ObjectMachine } from './objects.ts';
import { pinHome, runSteps } from './scenarios.ts';

const PAGES = 2 ** 20;
/** The engine compiles what runs during the first two; the median is one of the others. */
const ROUNDS = 7;
const IMMER_PAGES = 2 ** 10;
const STATE_WORDS = 2;
const RECORD_WORDS = 4;

/** A page as the peers know it too. */
type PagePicture = readonly [content: number, refcount: number, mapcount: number, exclusive: boolean];

const check = (sim: Simulation, peer: string, pageAt: (i: number) => PagePicture | undefined): void => {
  const m = sim.machine;
  const [mm] = m.mms.values();
  const [area] = mm?.areas ?? [];
  if (mm === undefined || area === undefined) throw new Error('the scenario has no area');
  for (let i = 0; i < area.npages; i++) {
    const pfn = entryPfn(m.entries.get(walkPte(m, mm, area.start + i)));
    const { content, refcount, mapcount, flags } = m.pages;
    const exclusive = (flags.get(pfn) & PG_anon_exclusive) !== 0;
    const theirs = pageAt(i);
    const same =
      theirs?.[0] === content.get(pfn) &&
      theirs[1] === refcount.get(pfn) &&
      theirs[2] === mapcount.get(pfn) &&
      theirs[3] === exclusive;
    if (!same) throw new Error(`page ${i} does not end as that of ${peer}`);
  }
};

const checkPeer = (sim: Simulation, peer: ObjectMachine): void =>
  check(sim, 'the objects', (i) => {
    const page = peer.entries[i]?.page;
    return page && [page.content, page.refcount, page.mapcount, (page.flags & 2) !== 0];
  });

/** Two directions of plain sequential stores: the least that a page's state and record could cost. */
const plainStores = (): number => {
  let sum = 0;
  for (let direction = 0; direction < 2; direction++) {
    const state = new Float64Array(PAGES * STATE_WORDS);
    const records = new Float64Array(PAGES * RECORD_WORDS);
    for (let i = 0; i < PAGES; i++) {
      state[i * 2] = i;
      state[i * 2 + 1] = direction;
      records[i * 4] = i;
      records[i * 4 + 1] = direction;
      records[i * 4 + 2] = i + 1;
      records[i * 4 + 3] = 7;
    }
    sum += (state[direction] ?? 0) + (records.at(-1) ?? 0);
  }
  return sum;
};

interface Round {
  readonly ours: number;
  readonly floor: number;
  readonly wallMs: number;
}

/** A machine on which the pages are written. */
const writtenMachine = (): Simulation => {
  const sim = pinHome(PAGES);
  runSteps(sim, 0, 2);
  return sim;
};

/** The peer in the same state. */
const writtenPeer = (): ObjectMachine => {
  const peer = new ObjectMachine(2 ** 24);
  peer.touch(PAGES, 1);
  return peer;
};

const runPeer = (peer: ObjectMachine): void => {
  peer.migrateToDevice();
  peer.pinHome();
};

/**
 * One of our rounds, with the floor before and behind it. Nothing of a peer has been in memory yet, as in a user's worker, and
 * nothing is collected by force: half a dozen collections in a round, and the engine forgets what it has compiled.
 */
const measureRound = (): Round => {
  const floorBefore = timed(plainStores).cpuMs;
  const sim = writtenMachine();
  const { cpuMs: ours, ms: wallMs } = timed(() => runSteps(sim, 2, 4));
  return { ours, floor: (floorBefore + timed(plainStores).cpuMs) / 2, wallMs };
};

/** The same of the peer. */
const measurePeer = (): number => {
  const peer = writtenPeer();
  return timed(() => runPeer(peer)).cpuMs;
};

/** Bytes that state and history grow by, ours and the peer's. */
const measureBytes = (): { readonly bytes: number; readonly peerBytes: number } => {
  const sim = writtenMachine();
  const before = settledBytes();
  runSteps(sim, 2, 4);
  const bytes = settledBytes() - before;
  const peer = writtenPeer();
  const peerBefore = settledBytes();
  runPeer(peer);
  const peerBytes = settledBytes() - peerBefore;
  checkPeer(sim, peer);
  return { bytes, peerBytes };
};

const immerNsPerPage = (): number => {
  const peer = new ImmutableMachine(IMMER_PAGES, 1);
  const start = JSON.stringify(peer.state);
  const { cpuMs } = timed(() => {
    peer.migrateToDevice();
    peer.pinHome();
  });
  const sim = pinHome(IMMER_PAGES);
  sim.runAll();
  check(sim, 'immer', (i) => {
    const page = peer.state.pages[peer.state.entries[i] ?? -1];
    return page && [page.content, page.refcount, page.mapcount, page.exclusive];
  });
  peer.undoAll();
  if (JSON.stringify(peer.state) !== start) throw new Error('immer does not come back');
  return (cpuMs * 1e6) / IMMER_PAGES;
};

/** Times are those of the processor, so that others on the machine do not count; the wall's are printed beside. */
export const throughput = (): Figure[] => {
  const rounds = Array.from({ length: ROUNDS }, measureRound);
  const peers = Array.from({ length: ROUNDS }, measurePeer);
  const of = (pick: (round: Round) => number): number => median(rounds.map(pick));
  const ours = of((round) => round.ours);
  const objects = median(peers);
  const first = rounds[0]?.ours ?? Number.NaN;
  const nsPerPage = (ours * 1e6) / PAGES;
  const { bytes, peerBytes } = measureBytes();
  const immer = immerNsPerPage();
  return [
    figure('migrate_pin_home_ns_per_page', nsPerPage, 'ns/page'),
    figure('migrate_pin_home_pages_per_s', 1e9 / nsPerPage, 'pages/s', MORE),
    figure(
      'migrate_pin_home_wall_ms',
      of(({ wallMs }) => wallMs),
      'ms',
    ),
    figure('floor_ns_per_page', (of(({ floor }) => floor) * 1e6) / PAGES, 'ns/page'),
    figure(
      'migrate_pin_home_vs_floor',
      of((round) => round.ours / round.floor),
      'x',
      atMost(6),
    ),
    figure('migrate_pin_home_bytes_per_page', bytes / PAGES, 'bytes/page', atMost(256)),
    figure('objects_ns_per_page', (objects * 1e6) / PAGES, 'ns/page'),
    figure('objects_bytes_per_page', peerBytes / PAGES, 'bytes/page'),
    figure('migrate_pin_home_vs_objects', objects / ours, 'x', atLeast(1.5)),
    // the engine compiles the simulation while it runs for the first time
    figure('migrate_pin_home_first_run_vs_objects', objects / first, 'x', MORE),
    figure('heap_vs_objects', bytes / peerBytes, 'x', atMost(0.25)),
    figure('immer_ns_per_page', immer, 'ns/page'),
    figure('migrate_pin_home_vs_immer', immer / nsPerPage, 'x', atLeast(1000)),
  ];
};

import { expect, test } from 'vitest';
import { createSimulation, parseScenario, parseStep } from '../core/index.ts';
import { PAGES_PER_SECTION } from '../core/uapi/units.ts';
import { MapFeed } from './map-feed.ts';
import {
  type MapMode,
  PAGE_MAPPED,
  PAGE_USE_MASK,
  type Picture,
  type Place,
  type SectionCounts,
  stateIndex,
} from './protocol-map.ts';
import { Run } from './run.ts';
import { Pyramid } from './views/pyramid.ts';

const MAPPED = stateIndex('mapped');

const openRun = (): Run => {
  const steps = [
    { step: { op: 'mmap', proc: 'A', vma: 'buf', pages: 8, prot: 'rw', kind: 'anon-private' } },
    { step: { op: 'write', proc: 'A', vma: 'buf', value: 1 } },
  ];
  const devices = [{ id: 0, kind: 'coherent' }];
  const run = new Run('run1', createSimulation(parseScenario({ machine: 'lab-node', devices, steps })));
  run.sim.runAll();
  run.indexNewSteps();
  return run;
};

/** A painter that takes pictures when it is told to. */
const painterOf = (run: Run) => {
  const pictures: Picture[] = [];
  const feed = new MapFeed((runId) => (runId === run.id ? run : undefined));
  feed.connect((picture) => pictures.push(picture));
  let number = 0;
  const show = (place: Place, pageSections: number[] = [], runId = run.id, mode: MapMode = 'state'): void => {
    number += 1;
    feed.receive({ kind: 'show', number, runId, place, pageSections, mode });
  };
  const take = (): void => feed.receive({ kind: 'taken' });
  return { feed, pictures, show, take };
};

const mapped = (picture: Picture | undefined): number => {
  let sum = 0;
  for (const { counts } of picture?.sections ?? [])
    for (let at = MAPPED; at < counts.length; at += counts.length / 64) sum += counts[at] ?? 0;
  return sum;
};

test('the first picture is all that was touched, the next only what is different', () => {
  const run = openRun();
  const { pictures, show, take } = painterOf(run);
  show(run.sim.length);
  expect(pictures[0]).toMatchObject({ fresh: true, runId: 'run1', place: run.sim.length });
  expect(mapped(pictures[0])).toBe(8);
  take();
  show(run.sim.length);
  expect(pictures[1]).toMatchObject({ fresh: false, sections: [] });
  take();
  show(run.sim.bootEnd);
  expect(pictures[2]?.sections.length).toBeGreaterThan(0);
  expect(mapped(pictures[2])).toBe(0);
});

test('a painter that has not taken a picture gets the newest place next, not each of them', () => {
  const run = openRun();
  const { pictures, show, take } = painterOf(run);
  show(run.sim.length);
  for (let position = run.sim.length - 5; position < run.sim.length; position++) show(position);
  expect(pictures).toHaveLength(1);
  take();
  expect(pictures.map(({ place }) => place)).toEqual([run.sim.length, run.sim.length - 1]);
  expect(pictures.map(({ number }) => number)).toEqual([1, 6]);
});

test('single pages come of the sections that are looked at, and again when they change', () => {
  const run = openRun();
  const { pictures, show, take } = painterOf(run);
  show(run.sim.length);
  take();
  const home = pictures[0]?.sections.find(({ counts }) =>
    counts.some((count, at) => at % 11 === MAPPED && count > 0),
  );
  const section = home?.section ?? -1;
  expect(home?.pages).toBeUndefined();
  show(run.sim.length, [section]);
  take();
  const pages = pictures[1]?.sections.find((one) => one.section === section)?.pages;
  expect(pages).toHaveLength(PAGES_PER_SECTION);
  expect(pages?.filter((byte) => (byte & PAGE_USE_MASK) === PAGE_MAPPED)).toHaveLength(8);
  show(run.sim.bootEnd, [section]);
  take();
  const before = pictures[2]?.sections.find((one) => one.section === section)?.pages;
  expect(before?.filter((byte) => (byte & PAGE_USE_MASK) === PAGE_MAPPED)).toHaveLength(0);
});

test('a live place is followed as the run gets further, a position is not', () => {
  const run = openRun();
  const { feed, pictures, show, take } = painterOf(run);
  const write = (): void => void run.sim.runStep({ op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 });
  show(run.sim.length);
  take();
  write();
  feed.advance('run1');
  expect(pictures).toHaveLength(1);
  show('live');
  take();
  run.sim.runStep({ op: 'read', proc: 'A', vma: 'buf' });
  feed.advance('another run');
  expect(pictures).toHaveLength(2);
  feed.advance('run1');
  expect(pictures).toHaveLength(3);
  expect(pictures[2]?.place).toBe('live');
});

test('a run that is not open, and another painter, begin with nothing', () => {
  const run = openRun();
  const { feed, pictures, show, take } = painterOf(run);
  show(run.sim.length);
  take();
  show(0, [], 'run2');
  expect(pictures[1]).toMatchObject({ fresh: true, sections: [] });
  const others: Picture[] = [];
  feed.connect((picture) => others.push(picture));
  show(run.sim.length);
  expect(others[0]).toMatchObject({ fresh: true });
  expect(mapped(others[0])).toBe(8);
});

test('while a big step runs in slices, each gives a picture, and the last is the machine as it stands', () => {
  const run = openRun();
  const npages = 8192;
  for (const step of [
    { op: 'mmap', proc: 'A', vma: 'big', pages: npages, prot: 'rw', kind: 'anon-private' },
    { op: 'write', proc: 'A', vma: 'big', value: 1 },
  ] as const)
    run.sim.runStep(parseStep(step));
  const { feed, pictures, show, take } = painterOf(run);
  show('live');
  take();
  const slices = run.sim.runStepInSlices(
    parseStep({ op: 'migrate_to_dev', proc: 'A', vma: 'big', device: 0 }),
    () => false,
  );
  let told = 0;
  while (slices.next().done !== true) {
    feed.advance('run1');
    take();
    // what the slices have done so far is what the picture shows, not the machine before the step
    if ((pictures.at(-1)?.sections.length ?? 0) > 0) told += 1;
  }
  feed.advance('run1');
  expect(pictures.length).toBeGreaterThan(8);
  expect(told).toBeGreaterThan(8);
  const known = new Map<number, SectionCounts>();
  for (const { sections } of pictures) for (const { section, counts } of sections) known.set(section, counts);
  const fresh = new Pyramid(run.sim.machine);
  fresh.update(false);
  for (const no of fresh.sectionNumbers())
    expect(known.get(no), `section ${no}`).toEqual(fresh.section(no)?.counts);
});

test('a place is shown when it is whole, a live one in parts', () => {
  const run = openRun();
  const { feed, pictures, take } = painterOf(run);
  const never = (): boolean => false;
  const show = (place: Place): void =>
    feed.receive({ kind: 'show', number: 1, runId: 'run1', place, pageSections: [], mode: 'state' }, never);
  show(run.sim.length);
  expect(pictures).toHaveLength(0);
  let parts = 1;
  while (feed.goOn(never)) parts += 1;
  expect(parts).toBeGreaterThan(1);
  expect(pictures).toHaveLength(1);
  expect(mapped(pictures[0])).toBe(8);
  take();
  for (const step of [
    { op: 'mmap', proc: 'A', vma: 'big', pages: 8192, prot: 'rw', kind: 'anon-private' },
    { op: 'write', proc: 'A', vma: 'big', value: 1 },
  ] as const)
    run.sim.runStep(parseStep(step));
  show('live');
  expect(pictures).toHaveLength(2);
  // the rest comes when the painter has taken the first part
  expect(feed.goOn(never)).toBe(false);
  take();
  expect(pictures).toHaveLength(3);
  const known = new Map<number, SectionCounts>();
  for (const { sections } of pictures) for (const { section, counts } of sections) known.set(section, counts);
  const fresh = new Pyramid(run.sim.machine);
  fresh.update(false);
  for (const no of fresh.sectionNumbers())
    expect(known.get(no), `section ${no}`).toEqual(fresh.section(no)?.counts);
});

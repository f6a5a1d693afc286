// What a session answers of a run, and after a step more.

import { describe, expect, test } from 'vitest';
import { say } from '../words/index.ts';
import type { Opened } from './protocol.ts';
import { MAP_STATES, stateIndex } from './protocol-map.ts';
import { Session } from './session.ts';
import { RUN, recording, openRun, failure, HOME, captionIds } from './session-fixture.ts';

describe('the long-term pin of four device-coherent pages', () => {
  const open = openRun(recording(HOME));
  const pin = open.run.steps[3];
  if (pin === undefined) throw new Error('no step 3');

  test('agrees with the recorded kernel, call order included', () => {
    expect(open.run.agreement).toMatchObject({
      kind: 'agrees',
      stepsAgree: 7,
      stepsTotal: 7,
      callOrderAgree: 7,
    });
  });

  test('plays in the order of the kernel', () => {
    expect(captionIds(open, pin.begin, pin.end)).toEqual([
      'step.begin',
      'gup.fast.refused.longterm',
      'gup.slow.taken',
      'longterm.unpinnable-count',
      'longterm.pin-dropped',
      'page.unmapped',
      'migrate.destination',
      'page.flags-moved',
      'copy.page',
      'page.home',
      'longterm.second-pass',
      'gup.slow.taken-again',
      'longterm.all-pinnable',
      'step.end',
    ]);
  });

  test('the driver migrates in its own phases', () => {
    const migration = open.run.steps[2];
    expect(captionIds(open, migration?.begin ?? 0, migration?.end ?? 0)).toEqual([
      'step.begin',
      'driver.collected',
      'driver.unmapped',
      'driver.copied-to-device',
      'driver.moved',
      'driver.finalized',
      'step.end',
    ]);
  });

  test('the pin goes in VRAM and is taken anew in system memory: it never travels', () => {
    const seen: string[] = [];
    for (const position of open.stops(pin.begin, 'beat').filter((at) => at <= pin.end)) {
      const { frames, moves } = open.momentAt(position);
      for (const { pfn, pins, residence } of frames)
        if (pins > 0) seen.push(`${residence} ${pfn.toString(16)}`);
      for (const { src, dst } of moves) {
        const moving = frames.filter(({ pfn }) => pfn === src || pfn === dst);
        expect(moving.map(({ pins }) => pins)).not.toContain(1);
      }
    }
    expect(seen.some((entry) => entry.startsWith('coherent'))).toBe(true);
    expect(seen.at(-1)).toMatch(/^system /);
  });

  test('a moving page is unmapped, then has a destination, then its bytes', () => {
    const phases = open
      .stops(pin.begin, 'beat')
      .filter((at) => at <= pin.end)
      .flatMap((at) => open.momentAt(at).moves.map(({ phase }) => phase));
    expect([...new Set(phases)]).toEqual(['unmapped', 'allocated', 'copied']);
  });

  test('migrate_pages takes the destination first: the page is still mapped then', () => {
    const movable = openRun(recording('movable-longterm-pin'));
    const step = movable.run.steps.findLast(({ step: { op } }) => op === 'gup');
    const first = movable
      .stops(step?.begin ?? 0, 'event')
      .filter((at) => at <= (step?.end ?? 0))
      .map((at) => movable.momentAt(at).moves[0])
      .filter((move) => move !== undefined);
    expect([...new Set(first.map(({ phase }) => phase))]).toEqual([
      'awaited',
      'allocated',
      'copied',
      'mapped',
    ]);
    expect(first.every(({ dst }) => dst >= 0)).toBe(true);
  });

  test('before the pin all pages are on the device, after it all are in system memory', () => {
    expect(open.momentAt(pin.begin).residence).toEqual([
      { place: 'device 0', residence: 'coherent', pages: 4 },
    ]);
    expect(open.momentAt(pin.end).residence).toEqual([{ place: 'system', residence: 'system', pages: 4 }]);
  });

  test('the gist tells the first page phase by phase, and of the others that they are home', () => {
    const told = open
      .stops(pin.begin, 'gist')
      .filter((at) => at <= pin.end)
      .map((at) => open.momentAt(at).caption.id);
    expect(told).toEqual([
      'step.begin',
      'gup.fast.refused.longterm',
      'gup.slow.taken',
      'longterm.unpinnable-count',
      'longterm.pin-dropped',
      'page.unmapped',
      'copy.page',
      ...Array.from({ length: 4 }, () => 'page.home'),
      'gup.slow.taken-again',
      'longterm.all-pinnable',
      'step.end',
    ]);
  });

  test('going back gives exactly what going forward gave', () => {
    const forward = open.stops(open.run.bootEnd, 'beat');
    const there = new Map(forward.map((position) => [position, JSON.stringify(open.momentAt(position))]));
    const back = open.stops(open.run.length, 'beat', -1);
    expect(back).toEqual([...forward.slice(0, -1).toReversed(), open.run.bootEnd]);
    for (const position of back.slice(0, -1))
      expect(JSON.stringify(open.momentAt(position))).toBe(there.get(position));
  });

  test('holders add up to the reference count at every stop', () => {
    for (const position of open.stops(open.run.bootEnd, 'beat')) {
      for (const { pfn, refcount } of open.momentAt(position).frames) {
        const answer = open.ask({ kind: 'inspect', position, target: { kind: 'page', pfn } });
        if (answer.kind !== 'inspected') throw new Error('no inspection');
        const total = answer.inspection.holders.reduce((sum, { amount }) => sum + amount, 0);
        expect(`${position} ${pfn}: ${total}`).toBe(`${position} ${pfn}: ${refcount}`);
      }
    }
  });

  test('grains nest: every step edge and every beat is an event, functions begin between them', () => {
    const { bootEnd, length } = open.run;
    expect(open.stops(bootEnd, 'step')).toEqual(open.run.steps.map(({ end }) => end));
    expect(open.stops(bootEnd, 'event')).toHaveLength(length - bootEnd);
    const functions = open.stops(bootEnd, 'function');
    expect(functions.length).toBeGreaterThan(100);
    expect(functions.every((position, i) => i === 0 || position > (functions[i - 1] ?? 0))).toBe(true);
  });

  test('the call stack at the copy is that of the kernel', () => {
    const copy =
      open.stops(pin.begin, 'beat').find((at) => open.momentAt(at).caption.id === 'copy.page') ?? 0;
    expect(open.momentAt(copy).stack.map(({ fn }) => fn)).toEqual([
      'pin_user_pages_fast',
      'internal_get_user_pages_fast',
      '__gup_longterm_locked',
      'check_and_migrate_movable_pages',
      'migrate_longterm_unpinnable_pages',
      'migrate_device_coherent_page',
    ]);
  });

  test('every event has words', () => {
    for (let position = open.run.bootEnd + 1; position <= open.run.length; position++) {
      const text = open.momentAt(position).event?.text;
      expect(text === undefined ? 'none' : say(text)).toMatch(/^\S.*[.:]$/);
    }
  });

  test('cells of a map count each frame that is in use once', () => {
    const device = open.run.machine.ranges.find(({ id }) => id === 'device 0');
    if (device === undefined) throw new Error('no device 0');
    const sumOf = (position: number, pagesPerCell: number): number => {
      const cells = device.npages / pagesPerCell;
      const tiles = [{ start: device.start, cells, pagesPerCell }];
      const answer = open.ask({ kind: 'tiles', position, tiles, mode: 'state' });
      if (answer.kind !== 'tiles') throw new Error('no tiles');
      const counts = answer.tiles[0]?.counts ?? new Uint32Array();
      return counts
        .filter((_, i) => i % MAP_STATES.length === stateIndex('mapped'))
        .reduce((sum, n) => sum + n, 0);
    };
    for (const pagesPerCell of [1, 64, 4096]) {
      expect(sumOf(pin.begin, pagesPerCell)).toBe(4);
      expect(sumOf(pin.end, pagesPerCell)).toBe(0);
    }
  });

  test('spans of a lane nest', () => {
    const answer = open.ask({ kind: 'spans', from: pin.begin, to: pin.end, limit: 5000 });
    if (answer.kind !== 'spans') throw new Error('no spans');
    expect(answer.spans.find(({ lane }) => lane === 'task')?.label).toBe('pin_user_pages_fast');
    const kernel = answer.spans.filter(({ lane }) => lane === 'kernel');
    for (const [i, span] of kernel.entries()) {
      for (const other of kernel.slice(i + 1)) {
        const apart = other.begin >= span.end || other.end <= span.begin;
        const inside = other.begin >= span.begin && other.end <= span.end;
        expect(apart || inside).toBe(true);
      }
    }
    expect(answer.marks.length).toBeGreaterThan(20);
    expect(answer.marks.every(({ text }) => say(text) !== text.id)).toBe(true);
  });

  test('of many spans the outer ones stay', () => {
    const answer = open.ask({ kind: 'spans', from: pin.begin, to: pin.end, limit: 10 });
    if (answer.kind !== 'spans') throw new Error('no spans');
    expect(answer.spans.filter(({ lane }) => lane !== 'task')).toHaveLength(10);
    expect(answer.spans.some(({ fn }) => fn === '__gup_longterm_locked')).toBe(true);
  });

  test('each of the things that can be selected is described', () => {
    const vpn = open.momentAt(pin.end).processes[0]?.areas[0]?.startVpn ?? 0;
    const titles = [
      { kind: 'pte', process: 'A', vpn: vpn + 2 } as const,
      { kind: 'vma', process: 'A', vpn } as const,
      { kind: 'handle', name: 'h1' } as const,
    ].map((target) => {
      const answer = open.ask({ kind: 'inspect', position: pin.end, target });
      return answer.kind === 'inspected'
        ? `${answer.inspection.title}, ${answer.inspection.history.length > 0}`
        : '';
    });
    expect(titles).toEqual(['PTE of buf+2, true', 'VMA at buf+0, false', 'Handle h1, false']);
  });
});

describe('adding a step', () => {
  test('appends it at the end, wherever the cursor stands', () => {
    const open = openRun(recording(HOME));
    open.momentAt(open.run.bootEnd);
    const answer = open.ask({ kind: 'append', step: { op: 'read', proc: 'A', vma: 'buf' } }) as Opened;
    expect(answer.run.steps).toHaveLength(8);
    expect(answer.run.steps[7]?.result).toMatchObject({ ret: 4 });
    expect(answer.run.agreement.kind).toBe('agrees');
    expect(open.momentAt(answer.run.length).caption.id).toBe('step.end');
  });

  test('steps of a link run behind those of the scenario', () => {
    const session = new Session();
    const added = [{ op: 'read', proc: 'A', vma: 'buf' }];
    const answer = session.handle({ kind: 'open', id: 1, runId: RUN, scenario: recording(HOME), added });
    expect(answer?.kind === 'opened' ? answer.run.steps.length : 0).toBe(8);
  });

  test('an impossible one is refused, and the run is as before', () => {
    const open = openRun(recording(HOME));
    const before = JSON.stringify(open.momentAt(open.run.length));
    const step = { op: 'migrate_to_dev', proc: 'A', vma: 'nowhere', device: 0 };
    const { place, text } = failure(open.ask({ kind: 'append', step }));
    expect(place).toBe('step.vma');
    expect(text).toContain('nowhere');
    expect(JSON.stringify(open.momentAt(open.run.length))).toBe(before);
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DEFAULT_KERNEL, type KernelConfig } from '../core/uapi/config.ts';
import { parsePatches, patchesText } from '../core/uapi/patches.ts';
import { SCENES } from '../scenarios/index.ts';
import { SELFTESTS } from '../scenarios/selftests/index.ts';
import { say } from '../words/index.ts';
import type { FromWorker, Opened, ToWorker } from './protocol.ts';
import type { Moment } from './protocol-moment.ts';
import { MAP_STATES, stateIndex } from './protocol-map.ts';
import { Session } from './session.ts';

const RUN = 'run1';

const recording = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../public/recordings/${name}.json`, import.meta.url), 'utf8'));

type Question = ToWorker extends infer Q
  ? Q extends { id: number; runId: string }
    ? Omit<Q, 'id' | 'runId'>
    : never
  : never;

/** A session with one run, and short questions to it. */
const openRun = (scenario: unknown) => {
  const session = new Session();
  let id = 0;
  const ask = (question: Question): FromWorker => {
    id += 1;
    const answer = session.handle({ ...question, id, runId: RUN } as ToWorker);
    if (answer === undefined) throw new Error('no answer');
    expect({ id: answer.id, runId: answer.runId }).toEqual({ id, runId: RUN });
    return answer;
  };
  const opened = ask({ kind: 'open', scenario });
  if (opened.kind !== 'opened') throw new Error(JSON.stringify(opened));
  const momentAt = (position: number): Moment => {
    const answer = ask({ kind: 'moment', position });
    if (answer.kind !== 'moment') throw new Error(JSON.stringify(answer));
    return answer.moment;
  };
  const stops = (
    from: number,
    grain: 'beat' | 'event' | 'function' | 'step',
    direction: 1 | -1 = 1,
  ): number[] => {
    const found = [];
    for (let at = from; ; ) {
      const answer = ask({ kind: 'navigate', from: at, grain, direction });
      if (answer.kind !== 'navigated') throw new Error(JSON.stringify(answer));
      if (answer.position === at) return found;
      at = answer.position;
      found.push(at);
    }
  };
  return { session, ask, run: opened.run, momentAt, stops };
};

const failure = (answer: FromWorker | undefined): { place: string; text: string } => {
  if (answer?.kind !== 'failed') throw new Error(`did not fail: ${answer?.kind}`);
  return { place: answer.place, text: say(answer.message) };
};

const HOME = 'coherent-longterm-pin-fast';

/** Captions between two positions, each kind once. */
const captionIds = ({ momentAt, stops }: ReturnType<typeof openRun>, from: number, to: number): string[] => [
  ...new Set(
    stops(from, 'beat')
      .filter((position) => position <= to)
      .map((position) => momentAt(position).caption.id),
  ),
];

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

  test('before the pin all pages are on the device, after it all are in system memory', () => {
    expect(open.momentAt(pin.begin).residence).toEqual([
      { place: 'device 0', residence: 'coherent', pages: 4 },
    ]);
    expect(open.momentAt(pin.end).residence).toEqual([{ place: 'system', residence: 'system', pages: 4 }]);
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

describe('bad input', () => {
  const refuse = (scenario: unknown, more: object = {}): { place: string; text: string } =>
    failure(new Session().handle({ kind: 'open', id: 1, runId: RUN, scenario, ...more }));
  const base = { format: 1, devices: [{ id: 0, kind: 'coherent' }] };
  const mmap = { step: { op: 'mmap', proc: 'A', vma: 'buf', pages: 4, prot: 'rw', kind: 'anon-private' } };

  test.each([
    ['nothing', undefined, ''],
    ['a number', 7, ''],
    [
      'an unknown operation',
      { ...base, steps: [mmap, { step: { op: 'explode', proc: 'A' } }] },
      'steps[1].step.op',
    ],
    [
      'a page count beyond all bounds',
      { ...base, steps: [{ step: { ...mmap.step, pages: 1e12 } }] },
      'steps[0].step.pages',
    ],
    [
      'a hostile name',
      { ...base, steps: [{ step: { ...mmap.step, vma: '<img src=x>' } }] },
      'steps[0].step.vma',
    ],
    [
      'a device that is not there',
      { ...base, steps: [mmap, { step: { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 9 } }] },
      'steps[1].step.device',
    ],
    [
      'an area that is not there',
      { ...base, steps: [mmap, { step: { op: 'read', proc: 'A', vma: 'other' } }] },
      'steps[1].step.vma',
    ],
    [
      'a process that is not there',
      { ...base, steps: [{ step: { op: 'exit', proc: 'Z' } }] },
      'steps[0].step.proc',
    ],
  ])('%s is refused with its place', (_name, scenario, place) => {
    const refused = refuse(scenario);
    expect(refused.place).toBe(place);
    expect(refused.text).toMatch(/\.$/);
  });

  test('a broken step of a link is named', () => {
    expect(refuse({ ...base, steps: [mmap] }, { added: [{ op: 'fork' }] }).place).toMatch(/^added\[0\]\./);
  });

  test('an unknown run is named', () => {
    expect(
      failure(new Session().handle({ kind: 'moment', id: 1, runId: 'gone', position: 0 })).text,
    ).toContain('not open');
  });

  test('positions outside of the timeline are its ends', () => {
    const open = openRun({ ...base, steps: [mmap] });
    expect(open.momentAt(-5).position).toBe(open.run.bootEnd);
    expect(open.momentAt(1e9).position).toBe(open.run.length);
    expect(open.momentAt(open.run.bootEnd).caption.id).toBe('boot');
  });
});

describe('machines', () => {
  test('on another machine than the recorded one, nothing was recorded', () => {
    const session = new Session();
    const answer = session.handle({
      kind: 'open',
      id: 1,
      runId: RUN,
      scenario: recording(HOME),
      machine: 'teaching',
    });
    if (answer?.kind !== 'opened') throw new Error('not opened');
    expect(answer.run.agreement.kind).toBe('nothing-recorded');
    expect(answer.run.machine.preset).toBe('teaching');
  });

  test('a machine without the devices of the scenario refuses it', () => {
    const scenario = {
      devices: [0, 1, 2].map((id) => ({ id, kind: 'coherent' })),
      steps: [],
    };
    const refused = failure(
      new Session().handle({ kind: 'open', id: 1, runId: RUN, scenario, machine: 'guest' }),
    );
    expect(refused.place).toBe('devices');
  });

  test('the lab node of 768 GiB opens and is drawn from few cells', () => {
    const open = openRun({ machine: 'lab-node', devices: [{ id: 0, kind: 'coherent' }], steps: [] });
    const { totalPages, ranges } = open.run.machine;
    expect(totalPages).toBeGreaterThan(100e6);
    const last = ranges.at(-1);
    const end = (last?.start ?? 0) + (last?.npages ?? 0);
    const answer = open.ask({
      kind: 'tiles',
      position: open.run.bootEnd,
      tiles: [{ start: 0, cells: Math.ceil(end / 2 ** 18), pagesPerCell: 2 ** 18 }],
      mode: 'state',
    });
    expect(answer.kind).toBe('tiles');
  });
});

describe('kernels', () => {
  const openOn = (scenario: unknown, kernel: Partial<KernelConfig>, more: object = {}) => {
    const answer = new Session().handle({ kind: 'open', id: 1, runId: RUN, scenario, kernel, ...more });
    if (answer?.kind !== 'opened') throw new Error(JSON.stringify(answer));
    return answer.run;
  };
  const patches = (text: string) => ({ patches: parsePatches(text) });

  test.each([
    ['without a patch', patches('1-5,7-14'), 'patches=1-5,7-14'],
    ['without the rename, which changes nothing', patches('2-14'), 'patches=2-14'],
    ['without a switch', { CONFIG_CMA: false }, 'CONFIG_CMA off'],
    ['with another reading of follow_page', { followPage: 'v6.0' as const }, 'follow_page of v6.0'],
    ['in a world that never shipped', { longtermPolicy: 'intent' as const }, 'long-term pins: intent'],
  ])('%s nothing was recorded, and the reason is said', (_name, kernel, words) => {
    const { agreement } = openOn(recording(HOME), kernel);
    expect(agreement).toMatchObject({ kind: 'nothing-recorded', stepsTotal: 0, differences: [] });
    expect(say(agreement.reason ?? { id: '', params: {} })).toContain(words);
  });

  test('the recorded kernel, named, agrees as ever', () => {
    const { agreement, leftOut } = openOn(recording(HOME), { ...DEFAULT_KERNEL });
    expect(agreement).toMatchObject({ kind: 'agrees', stepsAgree: 7 });
    expect(leftOut).toEqual([]);
  });

  test("a scene's own kernel is told apart from what was chosen for it", () => {
    const scene = SCENES.find(({ name }) => name === 'patch-6-without')?.scenario;
    const own = openRun(scene).run;
    expect(own.kernel).toEqual(own.ownKernel);
    expect(patchesText(own.kernel.patches)).toBe('1-5,7-14');
    const chosen = openOn(scene, patches('all'));
    expect(patchesText(chosen.kernel.patches)).toBe('all');
    expect(chosen.ownKernel).toEqual(own.ownKernel);
    expect(chosen.steps.at(-1)?.result).toMatchObject({ ret: 2 });
  });

  test('a step that is impossible on a chosen kernel ends the scenario, and what is left is said', () => {
    const { steps, leftOut, machine } = openOn(recording(HOME), patches('none'));
    expect(steps.map(({ step }) => step['op'])).toEqual(['mmap', 'write']);
    expect(leftOut.map(({ step, reason }) => [step['op'], reason])).toEqual([
      ['migrate_to_dev', 'the machine has no device 0'],
      ['gup', ''],
      ['snapshot', ''],
      ['unpin', ''],
      ['migrate_to_dev', ''],
    ]);
    // memory that no driver has registered has no page frames
    expect(machine.ranges.filter(({ device }) => device >= 0)).toEqual([]);
  });

  test('of added steps each stands for itself', () => {
    const added = [
      { op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 },
      { op: 'read', proc: 'A', vma: 'buf' },
    ];
    const { steps, leftOut } = openOn(recording(HOME), patches('none'), { added });
    expect(steps.at(-1)?.step['op']).toBe('read');
    expect(leftOut.at(-1)?.reason).toBe('the machine has no device 0');
    // without a chosen kernel it is refused, as ever
    const refused = failure(
      new Session().handle({ kind: 'open', id: 1, runId: RUN, scenario: { devices: [], steps: [] }, added }),
    );
    expect(refused.place).toBe('added[0].vma');
  });

  test('a set that could not be built is refused, with what is missing', () => {
    const kernel = { patches: [6] as const };
    const refused = failure(
      new Session().handle({ kind: 'open', id: 1, runId: RUN, scenario: recording(HOME), kernel }),
    );
    expect(refused.place).toBe('kernel.patches');
    expect(refused.text).toMatch(/patch 6 .* without patch 3/);
  });

  test('without CONFIG_DEVICE_PRIVATE there are no private devices, and nothing goes wrong inside', () => {
    const { leftOut } = openOn(recording('private-cpu-read'), { CONFIG_DEVICE_PRIVATE: false });
    expect(leftOut[0]?.reason).toBe('the machine has no device 0');
  });
});

describe('selftests', () => {
  const selftest = async (name: string): Promise<unknown> =>
    await SELFTESTS.find((entry) => entry.name === name)?.scenario();

  test('are judged when they are opened, assertion by assertion', async () => {
    const { run } = openRun(await selftest('hmm.hmm_device_coherent.hmm_gup_test'));
    expect(run.source).toBe('selftest');
    expect(run.selftest).toMatchObject({ ok: true, held: 22, variant: 'coherent' });
    expect(run.selftest?.assertions.every(({ state }) => state === 'holds')).toBe(true);
    expect(run.agreement.kind).toBe('nothing-recorded');
    expect(run.leftOut).toEqual([]);
  });

  test('end where they fail, with the steps that were not reached', async () => {
    const scenario = await selftest('hmm.hmm_device_coherent.hmm_gup_test');
    const kernel = { patches: parsePatches('1-5,7-14') };
    const answer = new Session().handle({ kind: 'open', id: 1, runId: RUN, scenario, kernel });
    if (answer?.kind !== 'opened') throw new Error('not opened');
    const { run } = answer;
    const first = run.selftest?.assertions.find(({ state }) => state === 'differs');
    expect(first).toMatchObject({ step: 8, what: 'perms[2]', expected: '"w"', found: '"coherent-local:w"' });
    expect(run.steps).toHaveLength(9);
    expect(run.leftOut.map(({ step }) => step['op'])).toEqual(['read', 'munmap', 'dev_close']);
  });

  test('an assertion that is none is refused with its place', () => {
    const steps = [{ step: { op: 'exit', proc: 'A' }, expect: { gone: true } }];
    const scenario = { test: 'x', fixture: 'hmm', variant: 'private', devices: [], steps };
    expect(failure(new Session().handle({ kind: 'open', id: 1, runId: RUN, scenario })).place).toMatch(
      /^steps\[0\]\.expect/,
    );
  });
});

test('the comparison of the memory types is computed without a run', () => {
  const answer = new Session().handle({ kind: 'memory-types', id: 3, runId: '' });
  if (answer?.kind !== 'memory-types') throw new Error('no comparison');
  expect(answer.id).toBe(3);
  expect(answer.rows.find(({ property }) => property === 'pin-longterm')?.cells).toEqual([
    'home',
    'home',
    '-EOPNOTSUPP',
    'in place',
    'not mapped',
  ]);
});

test('an appended step runs in slices, and what is asked between them is answered', () => {
  const open = openRun({
    machine: 'teaching',
    devices: [{ id: 0, kind: 'coherent' }],
    steps: [
      { step: { op: 'mmap', proc: 'A', vma: 'buf', pages: 700, prot: 'rw', kind: 'anon-private' } },
      { step: { op: 'write', proc: 'A', vma: 'buf', value: 1 } },
    ],
  });
  const before = JSON.stringify(open.momentAt(open.run.bootEnd));
  const append = (step: unknown, mayGoOn: () => boolean) =>
    open.session.work({ kind: 'append', id: 99, runId: RUN, step }, mayGoOn);
  const slices = append({ op: 'migrate_to_dev', proc: 'A', vma: 'buf', device: 0 }, () => false);
  let count = 0;
  for (;;) {
    const slice = slices.next();
    if (slice.done === true) {
      if (slice.value?.kind !== 'opened') throw new Error(JSON.stringify(slice.value));
      expect(slice.value.run.steps).toHaveLength(3);
      expect(slice.value.run.steps[2]?.failed).toBe(false);
      break;
    }
    count += 1;
    expect(JSON.stringify(open.momentAt(open.run.bootEnd))).toBe(before);
  }
  expect(count).toBeGreaterThan(1);
  const refused = append({ op: 'unpin', proc: 'A', handle: 'nobody' }, () => true).next();
  expect(refused.done === true && failure(refused.value).place).toBe('step.handle');
});

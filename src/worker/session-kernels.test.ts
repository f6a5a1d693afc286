// Machines, kernels and selftests as a session opens them.

import { describe, expect, test } from 'vitest';
import { DEFAULT_KERNEL, type KernelConfig } from '../core/uapi/config.ts';
import { parsePatches, patchesText } from '../core/uapi/patches.ts';
import { SCENES } from '../scenarios/index.ts';
import { SELFTESTS } from '../scenarios/selftests/index.ts';
import { say } from '../words/index.ts';
import { Session } from './session.ts';
import { RUN, recording, openRun, failure, HOME } from './session-fixture.ts';

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

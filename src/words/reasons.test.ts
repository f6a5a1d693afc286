// What a moment of a scene says, and why: the reason, and not a symptom of it.

import { expect, test } from 'vitest';
import type { Step } from '../core/uapi/scenario.ts';
import { SCENES } from '../scenarios/index.ts';
import { openRun } from '../worker/session-fixture.ts';
import { evictionStations, say } from './index.ts';

const scenarioOf = (name: string) => {
  const scenario = SCENES.find((scene) => scene.name === name)?.scenario;
  if (scenario === undefined) throw new Error(name);
  return scenario;
};

const open = (scenario: object, added: readonly Step[] = []) => {
  const { ask, run, momentAt, stops } = openRun(scenario);
  let { steps } = run;
  for (const step of added) {
    const answer = ask({ kind: 'append', step });
    if (answer.kind !== 'opened') throw new Error(JSON.stringify(answer));
    ({ steps } = answer.run);
  }
  const told = (position: number) => {
    const { caption, why } = momentAt(position);
    return { id: caption.id, what: say(caption), why: say(why) };
  };
  const of = (index: number) => {
    const step = steps.at(index);
    if (step === undefined) throw new Error(`no step ${index}`);
    return step;
  };
  return {
    atEnd: (index: number) => told(of(index).end),
    inStep: (index: number) => {
      const { begin, end } = of(index);
      return stops(begin, 'beat')
        .filter((position) => position <= end)
        .map(told);
    },
    stations: (index: number): string[] => {
      const answer = ask({ kind: 'view', position: of(index).end, query: { view: 'gpu' } });
      if (answer.kind !== 'viewed' || answer.result.view !== 'gpu') throw new Error(answer.kind);
      return answer.result.data.eviction.stations.map(({ station, npages, holders }) =>
        evictionStations[station](npages, holders && { ...holders }),
      );
    },
  };
};
const scene = (name: string, added: readonly Step[] = []) => open(scenarioOf(name), added);

test('a failed eviction says nothing of the fence: whether it is signalled depends on the reading', () => {
  const intent = scene('ttm-intent').inStep(5);
  const at = intent.findIndex(({ id }) => id === 'log.svm.eviction-failed');
  expect(intent[at]?.why).not.toMatch(/fence|signal/);
  expect(intent[at + 1]).toMatchObject({ id: 'svm.vram-in-use', what: expect.stringMatching(/unsignalled/) });
  // the kernel counts a plain reference, too, and signals
  const evicts = scenarioOf('ttm-evicts');
  const steps = evicts.steps
    .slice(0, 6)
    .map(({ step }) =>
      step.op === 'gup' ? { step: { ...step, call: 'get_user_pages' as const, flags: [] } } : { step },
    );
  const kernel = open({ ...evicts, steps }).inStep(5);
  expect(kernel.find(({ id }) => id === 'log.svm.eviction-failed')?.why).not.toMatch(/fence|signal/);
  expect(kernel.find(({ id }) => id === 'log.svm.not-last-reference')?.why).toMatch(
    /is signalled all the same/,
  );
});

const A = { proc: 'A', vma: 'buf' } as const;

test('a page that one process maps and somebody else holds is not shared; who holds it is said', () => {
  const held = scene('fork-and-pin', [
    { op: 'write', ...A, value: 7 },
    { op: 'fork', proc: 'A', child: 'C' },
    { op: 'gup', ...A, page: 0, count: 1, call: 'get_user_pages', flags: [], as: 'g' },
    { op: 'exit', proc: 'C' },
    { op: 'write', ...A, page: 0, count: 1, value: 8 },
  ]).inStep(-1);
  const copied = held.find(({ id }) => id === 'fault.wp.copy');
  expect(copied?.what).toMatch(/^Only A maps .*buf\+0, but g holds a reference on it: it cannot be reused\./);
  expect(copied?.why).not.toMatch(/other owners/);
  const shared = scene('fork-and-pin', [
    { op: 'write', ...A, value: 7 },
    { op: 'fork', proc: 'A', child: 'C' },
    { op: 'write', ...A, page: 0, count: 1, value: 8 },
  ]).inStep(-1);
  expect(shared.find(({ id }) => id === 'fault.wp.copy')?.what).toMatch(/buf\+0 is shared\./);
});

test('a page of a device is on no LRU list, whoever asks; another one is only not there now', () => {
  const why = (place: string): string =>
    say({ id: 'why.migrate.isolation-failed', params: { page: 'buf+0', pfn: '0x1', place } });
  const failed = scene('patch-6-without')
    .inStep(-1)
    .filter(({ id }) => id === 'migrate.isolation-failed');
  expect(failed.length).toBeGreaterThan(0);
  for (const told of failed) expect(told.why).toMatch(/^A page of ZONE_DEVICE is never on an LRU list/);
  expect(why('private:1')).toMatch(/never/);
  expect(why('system')).toMatch(/isolated it, or it waits in a batch/);
});

test('a step that failed since pages stayed says which, and who holds them; so does the list of an eviction', () => {
  expect(scene('longterm-pin').atEnd(4).why).toMatch(/^4 pages stayed: h1 pins them\. /);
  expect(scene('busy-page').atEnd(4).why).toMatch(/^One page stayed: other holds a reference on buf\+2\. /);
  const intent = scene('ttm-intent');
  expect(intent.atEnd(5).why).toMatch(/^One page stayed: mr pins A buf\+5\. /);
  expect(intent.stations(5)).toContain('One page could not leave: `mr` pins `A buf+5`.');
  // without a page that stayed nothing is said of one
  expect(scene('vram-full').inStep(4).at(-1)?.why).not.toMatch(/stayed/);
});

test('behind an access stands whether there were faults, and how many', () => {
  const run = scene('fork-and-pin', [
    { op: 'write', ...A, value: 7 },
    { op: 'write', ...A, value: 8 },
  ]);
  expect(run.atEnd(-1).why).toMatch(/^No fault: /);
  expect(scene('longterm-pin').atEnd(1).why).toMatch(/^4 faults came first: the CPU found no entry/);
});

test('what a pinner does to VRAM has its reason; a short reference leaves pages where they are, in VRAM', () => {
  for (const { name, about } of SCENES.filter((each) => each.about.includes('They leave VRAM first')))
    expect([name, about]).toEqual([
      name,
      expect.stringMatching(/since the driver must be able to take VRAM back/),
    ]);
  expect(scene('pins-o-direct').atEnd(3).why).toMatch(/stay where they are, in VRAM, until/);
});

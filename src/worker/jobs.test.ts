import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { SELFTESTS } from '../scenarios/selftests/index.ts';
import { Jobs } from './jobs.ts';
import type { FromWorker, ToWorker } from './protocol.ts';
import type { Moment } from './protocol-moment.ts';
import { Run } from './run.ts';
import { Session } from './session.ts';

const RUN = 'run1';
const AREA = { proc: 'A', vma: 'buf' } as const;
/** More than makes a step a big one. */
const PAGES = 5000;
const SCENARIO = {
  machine: 'lab-node',
  devices: [{ id: 0, kind: 'coherent' }],
  steps: [
    { step: { op: 'mmap', ...AREA, pages: PAGES, prot: 'rw', kind: 'anon-private' } },
    { step: { op: 'write', ...AREA, value: 1 } },
  ],
};
const TO_DEVICE = { op: 'migrate_to_dev', ...AREA, device: 0 };
const STEPS = [
  TO_DEVICE,
  { op: 'gup', ...AREA, call: 'pin_user_pages', flags: ['FOLL_WRITE', 'FOLL_LONGTERM'], as: 'h' },
  { op: 'unpin', proc: 'A', handle: 'h' },
];

/** A worker whose slices end as soon as they may, and are asked for one by one. */
const slowWorker = () => {
  const answers: FromWorker[] = [];
  const due: (() => void)[] = [];
  const session = new Session();
  const jobs = new Jobs(session, {
    post: (answer) => void answers.push(answer),
    later: (work) => void due.push(work),
    atRest: (work) => void due.push(work),
    slice: () => () => false,
  });
  let id = 0;
  const tell = (message: Record<string, unknown>): number => {
    id += 1;
    jobs.receive({ id, runId: RUN, ...message } as unknown as ToWorker);
    return id;
  };
  /** Runs at most so many slices. @returns how many there were */
  const run = (slices = Number.POSITIVE_INFINITY): number => {
    let done = 0;
    for (; done < slices && due.length > 0; done++) due.shift()?.();
    return done;
  };
  const answerTo = (wanted: number): FromWorker | undefined =>
    answers.find((answer) => answer.id === wanted && answer.kind !== 'progress');
  const momentAt = (position: number): Moment => {
    const answer = answerTo(tell({ kind: 'moment', position }));
    if (answer?.kind !== 'moment') throw new Error(JSON.stringify(answer));
    return answer.moment;
  };
  const lengthAfter = (wanted: number): number => {
    const answer = answerTo(wanted);
    if (answer?.kind !== 'opened') throw new Error(JSON.stringify(answer));
    return answer.run.length;
  };
  return { session, answers, tell, run, answerTo, momentAt, lengthAfter };
};

const opened = (scenario: object = SCENARIO) => {
  const worker = slowWorker();
  const id = worker.tell({ kind: 'open', scenario });
  worker.run();
  return { ...worker, length: worker.lengthAfter(id) };
};

test('a long step lets other questions in, tells how far it is, and ends as if nobody had asked', () => {
  const quiet = opened();
  const asked = opened();
  const ends = [quiet, asked].map((worker) => {
    let length = worker.length;
    for (const step of STEPS) {
      const before = worker.momentAt(length);
      const id = worker.tell({ kind: 'append', step });
      let slices = 0;
      while (worker.run(1) > 0) {
        slices++;
        if (worker === asked && worker.answerTo(id) === undefined) {
          // what has been committed, at its end and far from it
          expect(worker.momentAt(length)).toEqual(before);
          expect(worker.momentAt(Number.MAX_SAFE_INTEGER).position).toBe(length);
          worker.momentAt(Math.floor(length / 2));
        }
      }
      if (step.op !== 'unpin') expect(slices).toBeGreaterThan(5);
      length = worker.lengthAfter(id);
    }
    const progress = worker.answers.filter((answer) => answer.kind === 'progress');
    expect(progress.some(({ pages }) => pages > 0)).toBe(true);
    return worker.momentAt(length);
  });
  // pauses end batches, so the positions may differ, the pages may not
  const [one, other] = ends.map(({ processes, devices, handles, frames, vmstat }) => ({
    processes,
    devices,
    handles,
    frames,
    vmstat,
  }));
  expect(other).toEqual(one);
});

test('a long step can be cancelled at every slice, and leaves nothing', { timeout: 120_000 }, () => {
  const worker = opened();
  let { length } = worker;
  for (const step of STEPS) {
    const before = worker.momentAt(length);
    for (let slices = 0; ; slices++) {
      const id = worker.tell({ kind: 'append', step });
      worker.run(slices);
      if (worker.answerTo(id) !== undefined) {
        length = worker.lengthAfter(id);
        worker.run();
        break;
      }
      worker.tell({ kind: 'cancel', request: id });
      expect(worker.answerTo(id)).toMatchObject({ kind: 'failed', message: { id: 'problem.cancelled' } });
      // what was due finds nothing to go on with
      expect(worker.run()).toBe(1);
      expect(worker.momentAt(Number.MAX_SAFE_INTEGER)).toEqual(before);
    }
  }
  expect(worker.momentAt(length).handles).toEqual([]);
});

test('what waits behind a long step comes after it, and can be cancelled too', () => {
  const worker = opened();
  const first = worker.tell({ kind: 'append', step: STEPS[0] });
  const second = worker.tell({ kind: 'append', step: STEPS[1] });
  const third = worker.tell({ kind: 'append', step: { op: 'read', ...AREA } });
  worker.tell({ kind: 'cancel', request: second });
  expect(worker.answerTo(second)).toMatchObject({ kind: 'failed' });
  worker.run();
  expect(worker.lengthAfter(third)).toBeGreaterThan(worker.lengthAfter(first));
});

const PINNED = { op: 'gup', ...AREA, call: 'pin_user_pages_fast', flags: ['FOLL_WRITE'], as: 'h' };

/** Cancels a step in one of its slices, which leaves nothing; then does it. */
const cancelThenDo = (worker: ReturnType<typeof opened>, step: object, first: readonly object[]): void => {
  for (const one of first) {
    const id = worker.tell({ kind: 'append', step: one });
    worker.run();
    worker.length = worker.lengthAfter(id);
  }
  const before = worker.momentAt(worker.length);
  const cancelled = worker.tell({ kind: 'append', step });
  worker.run(5);
  expect(worker.answerTo(cancelled)).toBeUndefined();
  worker.tell({ kind: 'cancel', request: cancelled });
  expect(worker.answerTo(cancelled)).toMatchObject({ message: { id: 'problem.cancelled' } });
  expect(worker.run()).toBe(1);
  expect(worker.momentAt(Number.MAX_SAFE_INTEGER)).toEqual(before);
  const done = worker.tell({ kind: 'append', step });
  expect(worker.run()).toBeGreaterThan(8);
  expect(worker.lengthAfter(done)).toBeGreaterThan(worker.length);
  const progress = worker.answers.filter((answer) => answer.kind === 'progress' && answer.id === done);
  expect(progress.at(-1)).toMatchObject({ step: 2 + first.length, pages: expect.any(Number) as number });
  expect(progress.some((answer) => answer.kind === 'progress' && answer.pages > 0)).toBe(true);
};

test.each([
  [{ op: 'fork', proc: 'A', child: 'B' }, []],
  [{ op: 'madvise', ...AREA, advice: 'DONTNEED' }, []],
  [{ op: 'munmap', ...AREA }, []],
  [{ op: 'exit', proc: 'A' }, []],
  [{ op: 'mremap', ...AREA, to: 'new' }, []],
  [PINNED, []],
  [{ op: 'unpin', proc: 'A', handle: 'h' }, [PINNED]],
  [{ op: 'unpin', proc: 'A', handle: 'h', dirty: true }, [PINNED]],
  [{ op: 'put', proc: 'A', handle: 'h' }, [{ ...PINNED, call: 'get_user_pages' }]],
  [{ op: 'dev_close', proc: 'A', device: 0 }, [TO_DEVICE]],
  [{ op: 'dev_evict', proc: 'A', device: 0 }, [TO_DEVICE]],
  [
    { op: 'concurrent', proc: 'A', seed: 7, steps: [PINNED, { op: 'madvise', ...AREA, advice: 'DONTNEED' }] },
    [],
  ],
  [{ op: 'exit', proc: 'A' }, [TO_DEVICE, PINNED]],
])(
  '%j over many pages has slices too, can be cancelled in one of them, and tells how far it is',
  (step, first) => cancelThenDo(opened(), step, first),
);

const GPUS = { ...SCENARIO, gpu: {}, devices: [0, 1].map((id) => ({ id, kind: 'coherent' })) };
const prefetched = (loc: number | 'system') => ({
  op: 'svm_attr',
  ...AREA,
  attrs: [{ type: 'PREFETCH_LOC', loc }],
});
const LONGTERM = { ...PINNED, flags: ['FOLL_WRITE', 'FOLL_LONGTERM'] };
/** More than is free: the ranges have to go. */
const OBJECT = { op: 'bo_alloc', proc: 'A', device: 0, bo: 'most', pages: 16_774_000, kind: 'gem' };

test.each([
  [prefetched(0), []],
  [{ op: 'gpu_write', ...AREA, device: 0, value: 5 }, []],
  [prefetched(1), [prefetched(0)]],
  [prefetched('system'), [prefetched(0)]],
  [LONGTERM, [prefetched(0)]],
  [{ op: 'exit', proc: 'A' }, [prefetched(0), LONGTERM]],
  [OBJECT, [prefetched(0)]],
])('GPUs: %j over many pages, too', (step, first) => cancelThenDo(opened(GPUS), step, first));

test('all that a big step did about a page comes from running it again, in slices, and can be cancelled', () => {
  const worker = opened();
  const appended = worker.tell({ kind: 'append', step: STEPS[0] });
  worker.run();
  const length = worker.lengthAfter(appended);
  const before = worker.momentAt(length);
  const [area] = before.processes[0]?.areas ?? [];
  const vpn = (area?.startVpn ?? 0) + 700;
  const target = { kind: 'pte', process: 'A', vpn };
  const cancelled = worker.tell({ kind: 'detail', position: length, target });
  worker.run(4);
  worker.tell({ kind: 'cancel', request: cancelled });
  expect(worker.answerTo(cancelled)).toMatchObject({ message: { id: 'problem.cancelled' } });
  worker.run();
  const asked = worker.tell({ kind: 'detail', position: length, target });
  let slices = 0;
  while (worker.run(1) > 0) {
    slices += 1;
    // questions about the run are answered meanwhile
    if (slices === 5) expect(worker.momentAt(length)).toEqual(before);
  }
  expect(slices).toBeGreaterThan(5);
  const answer = worker.answerTo(asked);
  if (answer?.kind !== 'detailed') throw new Error(JSON.stringify(answer));
  expect(answer.step).toBe(2);
  const ids = answer.events.map(({ text }) => text.id);
  expect(ids.length).toBeGreaterThan(40);
  for (const id of ['event.call', 'event.reference-taken', 'device.allocated', 'migrate.moved'])
    expect(ids).toContain(id);
  // the page's frame names it too
  const frame = before.processes[0]?.areas[0]?.rows.find(
    (row) => row.vpn <= vpn && vpn < row.vpn + row.npages,
  );
  const pfn = (frame?.pfn ?? 0) + (frame?.pfnStep ?? 0) * (vpn - (frame?.vpn ?? 0));
  const byFrame = worker.tell({ kind: 'detail', position: length, target: { kind: 'page', pfn } });
  worker.run();
  expect(worker.answerTo(byFrame)).toMatchObject({ kind: 'detailed', events: answer.events });
  const nobodys = worker.tell({ kind: 'detail', position: length, target: { kind: 'page', pfn: 1 } });
  worker.run();
  expect(worker.answerTo(nobodys)).toMatchObject({ message: { id: 'problem.no-detail' } });
});

const recorded: unknown = JSON.parse(
  readFileSync(new URL('../../public/recordings/coherent-longterm-pin-fast.json', import.meta.url), 'utf8'),
);

test('what is judged while it is opened has slices too: others are answered, and it can be cancelled', async () => {
  const selftest: unknown = await SELFTESTS.find(({ name }) => name.endsWith('.mixedmap'))?.scenario();
  const whole = new Session();
  for (const [i, scenario] of [recorded, selftest].entries()) {
    const worker = opened();
    const before = worker.momentAt(worker.length);
    const open = { kind: 'open', runId: `judged${i}`, scenario };
    const cancelled = worker.tell(open);
    worker.run(3);
    expect(worker.answerTo(cancelled)).toBeUndefined();
    expect(worker.momentAt(worker.length)).toEqual(before);
    worker.tell({ kind: 'cancel', request: cancelled });
    expect(worker.answerTo(cancelled)).toMatchObject({ message: { id: 'problem.cancelled' } });
    expect(worker.run()).toBe(1);
    const id = worker.tell(open);
    expect(worker.run()).toBeGreaterThan(5);
    const atOnce = whole.handle({ ...open, id } as unknown as ToWorker);
    expect(worker.answerTo(id)).toEqual(atOnce);
    expect(atOnce).toMatchObject({
      kind: 'opened',
      run: i === 0 ? { agreement: { kind: 'agrees' } } : { selftest: { ok: true } },
    });
  }
});

test('what a big step did about a page waits for steps that somebody adds, can be cancelled, and is kept', () => {
  const worker = opened();
  const { length } = worker;
  const shown = worker.momentAt(length).processes[0]?.areas[0]?.rows[0];
  const target = { kind: 'page', pfn: shown?.pfn ?? -1 };
  const untold = (position: number): readonly number[] => {
    const answer = worker.answerTo(worker.tell({ kind: 'inspect', position, target }));
    if (answer?.kind !== 'inspected') throw new Error(JSON.stringify(answer));
    return answer.inspection.untold;
  };
  const cancelled = worker.tell({ kind: 'retell', position: length, target });
  expect(worker.run(3)).toBe(3);
  worker.tell({ kind: 'cancel', request: cancelled });
  expect(worker.answerTo(cancelled)).toMatchObject({ message: { id: 'problem.cancelled' } });
  expect(untold(length)).toEqual([1]);
  worker.run();
  const asked = worker.tell({ kind: 'retell', position: length, target });
  worker.run(3);
  expect(worker.answerTo(asked)).toBeUndefined();
  const step = worker.tell({ kind: 'append', step: STEPS[0] });
  while (worker.answerTo(step) === undefined) {
    expect(worker.answerTo(asked)).toBeUndefined();
    expect(worker.run(1)).toBe(1);
  }
  worker.run();
  expect(worker.answerTo(asked)).toMatchObject({ kind: 'retold', step: 1, target });
  expect(untold(length)).toEqual([]);
  expect(untold(worker.lengthAfter(step))).toEqual([2]);
});

test('a step of many events is read in slices too; it stands by then, and is shown when all of it was read', () => {
  const append = { kind: 'append', step: { ...TO_DEVICE, count: 700 } };
  const whole = opened();
  const first = whole.tell(append);
  let slices = 0;
  while (whole.answerTo(first) === undefined) slices += whole.run(1);
  const worker = opened();
  const before = worker.momentAt(worker.length);
  const id = worker.tell(append);
  worker.run(slices - 3);
  expect(worker.momentAt(Number.MAX_SAFE_INTEGER)).toEqual(before);
  // too late: it ends with its answer
  worker.tell({ kind: 'cancel', request: id });
  expect(worker.answerTo(id)).toBeUndefined();
  worker.run();
  expect(worker.lengthAfter(id)).toBe(whole.lengthAfter(first));
  expect(worker.lengthAfter(id)).toBeGreaterThan(worker.length + 5 * 8192);
  expect(worker.momentAt(worker.lengthAfter(id))).toEqual(whole.momentAt(whole.lengthAfter(first)));
});

test('what is worked out for later waits for the maps: a run is not put to two places by turns', () => {
  const worker = slowWorker();
  const id = worker.tell({
    kind: 'open',
    scenario: { ...SCENARIO, steps: [...SCENARIO.steps, { step: TO_DEVICE }] },
  });
  while (worker.answerTo(id) === undefined) worker.run(1);
  const { maps } = worker.session;
  let pictures = 0;
  maps.connect(() => {
    pictures += 1;
  });
  const never = (): boolean => false;
  const seek = vi.spyOn(Run.prototype, 'seek');
  maps.receive({ kind: 'show', number: 1, runId: RUN, place: 0, pageSections: [], mode: 'state' }, never);
  let slices = 0;
  while (maps.isBehind) {
    slices += 1;
    worker.run(1);
    maps.goOn(never);
  }
  expect(slices).toBeGreaterThan(1);
  expect(pictures).toBe(1);
  // no other place before the picture is whole, and what waits is done behind it
  expect(new Set(seek.mock.calls.map(([position]) => position)).size).toBe(1);
  worker.run();
  expect(seek.mock.calls.map(([position]) => position)).toContain(worker.lengthAfter(id));
  seek.mockRestore();
});

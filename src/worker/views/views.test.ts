import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { walkPte } from '../../core/kernel/mm/page-table.ts';
import { entryPfn } from '../../core/uapi/pte.ts';
import { SCENES } from '../../scenarios/index.ts';
import { say } from '../../words/index.ts';
import { MAP_STATES, stateIndex } from '../protocol-map.ts';
import { Run } from '../run.ts';
import { inspect } from './inspection.ts';
import { momentAt } from './moment.ts';
import { rowOffsetOf, rowPfn } from './rows.ts';
import { tileOf } from './tiles.ts';

const runOf = (scenario: unknown): Run => {
  const sim = createSimulation(parseScenario(structuredClone(scenario)));
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  return run;
};
const runScene = (name: string): Run => runOf(SCENES.find((scene) => scene.name === name)?.scenario);
const runRecording = (name: string): Run =>
  runOf(
    JSON.parse(readFileSync(new URL(`../../../public/recordings/${name}.json`, import.meta.url), 'utf8')),
  );

describe('a long area', () => {
  const run = runScene('device-full');
  const end = run.sim.steps[2]?.end ?? 0;
  const area = momentAt(run, end).processes[0]?.areas[0];

  test('comes in few rows that cover each page once', () => {
    expect(area?.rows.length).toBeLessThan(20);
    expect(area?.rows.reduce((sum, { npages }) => sum + npages, 0)).toBe(4128);
  });

  test('each page of a row has the frame that its entry has', () => {
    run.seek(end);
    const m = run.sim.machine;
    const [mm] = m.mms.values();
    for (const row of area?.rows ?? []) {
      for (let i = 0; i < row.npages; i++) {
        const pfn = mm === undefined ? -1 : entryPfn(m.entries.get(walkPte(m, mm, row.vpn + i)));
        expect(rowPfn(row, i)).toBe(pfn);
        expect(rowOffsetOf(row, pfn)).toBe(i);
      }
    }
  });

  test('of its pins all pages count, though only some frames are sent', () => {
    const [PAGES, BUF] = [600, { proc: 'A', vma: 'buf' }];
    const gup = {
      op: 'gup',
      ...BUF,
      page: 0,
      call: 'pin_user_pages',
      flags: ['FOLL_WRITE', 'FOLL_LONGTERM'],
    };
    const pinned = runOf({
      machine: 'teaching',
      devices: [],
      steps: [
        { step: { op: 'mmap', ...BUF, pages: PAGES, prot: 'rw', kind: 'anon-private' } },
        { step: { ...gup, count: PAGES, as: 'all' } },
      ],
    });
    const { frames, longtermPinnedPages } = momentAt(pinned, pinned.sim.length);
    expect([frames.length < PAGES, longtermPinnedPages]).toEqual([true, PAGES]);
  });

  test('a frame outside of a row is not in it', () => {
    const row = area?.rows[0];
    if (row === undefined) throw new Error('no row');
    expect(rowOffsetOf(row, rowPfn(row, 0) - row.pfnStep)).toBe(-1);
  });

  test('aggregate cells add up to the single ones', () => {
    const device = run.sim.machine.config.devices[0];
    if (device === undefined) throw new Error('no device');
    run.seek(end);
    const total = (pagesPerCell: number): number[] => {
      const cells = device.pages / pagesPerCell;
      run.pyramid.update(false);
      const { counts } = tileOf(
        run.pyramid,
        run.sim.machine,
        { start: device.start, cells, pagesPerCell },
        undefined,
      );
      return MAP_STATES.map((_, channel) =>
        counts.filter((__, i) => i % MAP_STATES.length === channel).reduce((sum, n) => sum + n, 0),
      );
    };
    expect(total(1)[stateIndex('mapped')]).toBe(4096);
    expect(total(512)).toEqual(total(1));
  });
});

describe('stops of playback', () => {
  test('a step with many alike batches stops at the first ones and the last', () => {
    const run = runRecording('coherent-thp');
    const step = run.sim.steps[4];
    const ids = run.beats.between(step?.begin ?? 0, step?.end ?? 0).map(({ id }) => id);
    expect(ids.filter((id) => id === 'driver.finalized')).toHaveLength(3);
  });

  test('positions rise, and each is a position of the log', () => {
    const { beats } = runRecording('pin-mixed-run').beats;
    expect(beats.every(({ position }, i) => i === 0 || position > (beats[i - 1]?.position ?? 0))).toBe(true);
  });

  test('a move that is refused says why before it is put back', () => {
    const run = runRecording('pin-mixed-busy');
    const step = run.sim.steps[4];
    const ids = run.beats.between(step?.begin ?? 0, step?.end ?? 0).map(({ id }) => id);
    expect(ids.slice(-4)).toEqual([
      'migrate.expected-count',
      'migrate.restored',
      'longterm.failed',
      'step.end',
    ]);
  });

  test('a page that may be pinned is named, since its entry stands again', () => {
    const run = runRecording('pin-same-page-twice');
    const beat = run.beats.beats.find(({ id }) => id === 'migrate.maybe-pinned');
    expect(say(momentAt(run, beat?.position ?? 0).caption)).toMatch(/^buf\+0 .* is probably pinned/);
  });
});

describe('tasks that run at once', () => {
  const run = runScene('wait-for-migration');

  test('a page is named for the process whose task runs', () => {
    const step = run.sim.steps[3];
    const told = run.beats
      .between(step?.begin ?? 0, step?.end ?? 0)
      .map(({ position }) => say(momentAt(run, position).caption));
    expect(told.find((text) => text.startsWith('The fault at'))).toBe('The fault at B buf+0 is served.');
    expect(told.some((text) => text.includes('B read buf'))).toBe(true);
  });

  test('spans of one task and lane nest', () => {
    const spans = run.spans.between(0, run.sim.length, 10_000, run.sim.length);
    for (const [i, span] of spans.entries()) {
      for (const other of spans.slice(i + 1, i + 200)) {
        if (other.lane !== span.lane || other.task !== span.task) continue;
        expect(other.begin >= span.end || other.end <= span.end).toBe(true);
      }
    }
  });
});

const hugeRow = (run: Run, position: number) =>
  momentAt(run, position).processes[0]?.areas[0]?.rows.find(({ level }) => level === 'pmd');

describe('the inspection of a page', () => {
  const run = runRecording('coherent-longterm-pin-fast');
  const pin = run.sim.steps[3];
  const source =
    run.moves.at(run.beats.beats.find(({ id }) => id === 'page.unmapped')?.position ?? 0)[0]?.src ?? -1;

  test('tells what changed since the step began', () => {
    const unmapped = run.beats.beats.find(({ id }) => id === 'page.unmapped')?.position ?? 0;
    const { fields } = inspect(run, unmapped, { kind: 'page', pfn: source });
    expect(fields.find(({ name }) => name === '_mapcount')).toMatchObject({ value: '0', was: '1' });
    expect(fields.find(({ name }) => name === 'is_longterm_pinnable_page')).toEqual({
      name: 'is_longterm_pinnable_page',
      value: 'no',
    });
  });

  test('its history leads from position to position, forward in time', () => {
    const { history } = inspect(run, pin?.end ?? 0, { kind: 'page', pfn: source });
    expect(history.length).toBeGreaterThan(10);
    expect(history.every(({ position }, i) => i === 0 || position > (history[i - 1]?.position ?? 0))).toBe(
      true,
    );
    expect(history.every(({ text }) => say(text) !== text.id)).toBe(true);
  });

  test('a compound page names its folio', () => {
    const thp = runRecording('thp-longterm-pin');
    const end = thp.sim.steps.map((step) => step.end).find((at) => hugeRow(thp, at) !== undefined) ?? 0;
    const pfn = hugeRow(thp, end)?.pfn ?? -1;
    const fields = inspect(thp, end, { kind: 'page', pfn: pfn + 5 }).fields;
    expect(fields.find(({ name }) => name === 'folio')?.value).toBe(
      `512 pages from pfn 0x${pfn.toString(16)}`,
    );
  });
});

test('pageblocks that are given back are not said to be isolated', () => {
  const run = runScene('gup-test-not-pinnable');
  expect(say(momentAt(run, run.sim.steps.at(-1)?.end ?? 0).caption)).toMatch(/may be allocated .* again/);
});

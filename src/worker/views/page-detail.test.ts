import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { walkPte } from '../../core/kernel/mm/page-table.ts';
import { entryPfn } from '../../core/uapi/pte.ts';
import { SCENES } from '../../scenarios/index.ts';
import { Run } from '../run.ts';
import { chaptersOf } from './chapters.ts';
import { entryChanges } from './entry-story.ts';
import { inspect } from './inspection.ts';
import { momentAt } from './moment.ts';
import { pageDetailAt } from './page-detail.ts';

const runRecording = (name: string): Run => {
  const file = new URL(`../../../public/recordings/${name}.json`, import.meta.url);
  const sim = createSimulation(parseScenario(JSON.parse(readFileSync(file, 'utf8'))));
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  return run;
};

const runScene = (name: string): Run => {
  const found = SCENES.find((each) => each.name === name);
  if (found === undefined) throw new Error(name);
  const sim = createSimulation(found.scenario);
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  return run;
};

const endOf = (run: Run, op: string): number => run.sim.steps.find(({ step }) => step.op === op)?.end ?? 0;

/** Frames that the first area of a process maps at a position. */
const framesAt = (run: Run, position: number): number[] => {
  run.seek(position);
  const m = run.sim.machine;
  const mm = m.mms.values()[0];
  const area = mm?.areas[0];
  if (mm === undefined || area === undefined) return [];
  return Array.from({ length: area.npages }, (_, i) =>
    entryPfn(m.entries.get(walkPte(m, mm, area.start + i))),
  );
};

describe('why a page is where it is', () => {
  test('a long-term pin brought it home from coherent memory', () => {
    const run = runRecording('coherent-longterm-pin');
    const end = endOf(run, 'gup');
    const frames = framesAt(run, end);
    const before = framesAt(run, run.sim.steps.find(({ step }) => step.op === 'gup')?.begin ?? 0);
    expect(frames.length).toBeGreaterThan(0);
    frames.forEach((pfn, i) => {
      const { origin } = pageDetailAt(run, end, pfn);
      expect(origin?.cause?.text.id).toBe('pinnable.coherent');
      expect(origin?.source).toBe(before[i]);
      expect(origin?.calls.map(({ fn }) => fn)).toContain('__gup_longterm_locked');
    });
  });

  test('a write made it: where nothing was mapped, and where the zero page was', () => {
    const made = (name: string) => {
      const run = runRecording(name);
      const end = endOf(run, 'write');
      return framesAt(run, end).map((pfn) => pageDetailAt(run, end, pfn).origin);
    };
    expect(made('coherent-longterm-pin').every((o) => o?.cause?.text.id === 'fault.none.write')).toBe(true);
    expect(made('first-touch').some((o) => o?.cause?.text.id === 'fault.zero-page')).toBe(true);
    expect(made('first-touch').every((o) => o?.source !== -1)).toBe(false);
  });
});

describe('dump_page', () => {
  test('an anonymous page on the LRU in ZONE_DMA32, in the words of mm/debug.c', () => {
    const run = runRecording('coherent-longterm-pin');
    const end = run.sim.steps.find(({ step }) => step.op === 'write')?.end ?? 0;
    const [pfn = -1] = framesAt(run, end);
    const { dump, pgmap, mappings } = pageDetailAt(run, end, pfn);
    expect(dump.lines[0]).toMatch(
      /^page:ffffea[\da-f]{10} refcount:\d+ mapcount:1 mapping:0{16} index:0x[\da-f]+ pfn:0x[\da-f]+$/,
    );
    expect(dump.flagsPrefix.startsWith('anon flags: 0x')).toBe(true);
    expect(dump.flags.map(({ name }) => name.printed)).toEqual(
      expect.arrayContaining(['uptodate', 'swapbacked', 'mappedtodisk']),
    );
    expect(dump.flags.find(({ bit }) => bit === 17)?.name.means).toBe('anon_exclusive');
    expect(pgmap).toBeUndefined();
    expect(mappings.map(({ name }) => name)).toEqual(['buf+0']);
  });

  test('the word of flags holds the bits that are printed, and the zone above them', () => {
    const run = runRecording('coherent-longterm-pin');
    const end = endOf(run, 'migrate_to_dev');
    const [pfn = -1] = framesAt(run, end);
    const { dump, pgmap } = pageDetailAt(run, end, pfn);
    const word = BigInt(dump.flagsPrefix.split(' ').at(-1) ?? '0');
    for (const { bit } of dump.flags) expect((word >> BigInt(bit)) & 1n).toBe(1n);
    expect((word >> 51n) & 7n).toBe(4n); // ZONE_DEVICE
    expect(pgmap?.type).toBe('MEMORY_DEVICE_COHERENT');
  });
});

test('after fork the reverse map names both processes', () => {
  const run = runRecording('coherent-cow');
  const end = endOf(run, 'fork');
  const [pfn = -1] = framesAt(run, end);
  expect(pageDetailAt(run, end, pfn).mappings.map(({ process }) => process)).toEqual(['A', 'B']);
});

describe('the life of a virtual page', () => {
  test('each change of the entry leads from what was before to what is there at the end', () => {
    for (const name of ['coherent-longterm-pin', 'coherent-cow', 'private-exclusive', 'coherent-roundtrip']) {
      const run = runRecording(name);
      const { steps } = run.sim;
      const at = steps.findLast(({ step }) => step.op === 'write')?.end ?? 0;
      run.seek(at);
      const m = run.sim.machine;
      const [mm] = m.mms.values();
      const area = mm?.areas[0];
      if (mm === undefined || area === undefined) throw new Error('no area');
      const changes = entryChanges(run, mm.pgd, area.start, at, chaptersOf(run, run.sim.length, ''));
      const { log } = m.journal;
      expect(changes.length).toBeGreaterThan(1);
      let entry = 0;
      for (const { index } of changes) {
        expect(log.oldAt(index)).toBe(entry);
        entry = log.nowAt(index);
        run.seek(index + 1);
        expect(m.entries.get(walkPte(m, mm, area.start))).toBe(entry);
      }
    }
  });

  test('the inspector lists changes that are still to come', () => {
    const run = runRecording('coherent-longterm-pin');
    const at = run.sim.steps.find(({ step }) => step.op === 'write')?.end ?? 0;
    run.seek(at);
    const vpn = run.sim.machine.mms.values()[0]?.areas[0]?.start ?? 0;
    const { history } = inspect(run, at, { kind: 'pte', process: 'A', vpn });
    expect(history.some(({ position }) => position <= at)).toBe(true);
    expect(history.some(({ position }) => position > at)).toBe(true);
  });

  test('private memory that the CPU touched: the page came from the device, not from what stands for its bytes', () => {
    const run = runRecording('private-cpu-read');
    const read = run.sim.steps.find(({ step }) => step.op === 'read');
    const before = framesAt(run, read?.begin ?? 0);
    const after = framesAt(run, read?.end ?? 0);
    const moved = after.flatMap((pfn, i) => (pfn === before[i] ? [] : [i]));
    expect(moved).not.toEqual([]);
    moved.forEach((i) => {
      const { origin } = pageDetailAt(run, read?.end ?? 0, after[i] ?? 0);
      expect(origin?.cause?.text.id).toBe('fault.device-private');
      expect(origin?.source).toBe(before[i]);
    });
  });

  test('where nothing decides, the call says it: a page that comes from swap', () => {
    const run = runScene('around-pageout');
    const end = endOf(run, 'read');
    const ids = framesAt(run, end).map((pfn) => pageDetailAt(run, end, pfn).origin?.cause?.text.id);
    expect(ids).toContain('origin.do_swap_page');
    expect(ids).not.toContain(undefined);
  });
});

describe('why a page is free, or in use since boot', () => {
  test('VRAM that was never lent, and VRAM that came back with the pin', () => {
    const run = runRecording('coherent-longterm-pin');
    const pin = run.sim.steps.find(({ step }) => step.op === 'gup');
    const [left = 0] = framesAt(run, pin?.begin ?? 0);
    const freed = pageDetailAt(run, pin?.end ?? 0, left).standing;
    expect(freed).toMatchObject({
      text: { id: 'standing.vram.freed' },
      isFree: true,
      freed: { step: pin?.index },
    });
    expect(pageDetailAt(run, pin?.end ?? 0, left - 100).standing?.text.id).toBe('standing.vram.never');
    expect(pageDetailAt(run, pin?.begin ?? 0, left).standing).toBeUndefined();
  });

  test('of a big step that left counts nothing is claimed', () => {
    const area = { proc: 'A', vma: 'buf' };
    const steps = [
      { op: 'mmap', ...area, pages: 8192, prot: 'rw', kind: 'anon-private' },
      { op: 'write', ...area, value: 1 },
      { op: 'munmap', ...area },
    ].map((step) => ({ step }));
    const sim = createSimulation(parseScenario({ devices: [], steps }));
    sim.runAll();
    const run = new Run('run', sim);
    run.indexNewSteps();
    const [used = 0] = framesAt(run, sim.steps[1]?.end ?? 0);
    expect(pageDetailAt(run, sim.length, used).standing).toMatchObject({
      text: { id: 'standing.free.untold' },
      isFree: true,
    });
  });

  test('the zero page', () => {
    const run = runScene('pinnable-zero-page');
    const end = run.sim.steps[1]?.end ?? 0;
    const zero = momentAt(run, end).frames.find(({ kind }) => kind === 'zero')?.pfn ?? 0;
    expect(pageDetailAt(run, end, zero).standing).toMatchObject({
      text: { id: 'standing.zero-page' },
      isFree: false,
    });
  });
});

describe('who holds a page', () => {
  test('in the midst of a call its pins have no handle yet, behind it they have its name', () => {
    const run = runRecording('coherent-longterm-pin');
    const { begin = 0, end = 0 } = run.sim.steps.find(({ step }) => step.op === 'gup') ?? {};
    const pins = (position: number) =>
      momentAt(run, position).frames.flatMap(({ pfn }) =>
        inspect(run, position, { kind: 'page', pfn })
          .holders.filter(({ holder }) => holder === 'FOLL_PIN')
          .map(({ detail }) => detail),
      );
    expect(new Set(pins(Math.floor((begin + end) / 2)))).toEqual(new Set(['a call that is running']));
    expect(new Set(pins(end))).toEqual(new Set(['h1']));
  });
});

test('a driver that leaves can be looked at in the midst of it', () => {
  const run = runScene('driver-leaves');
  const leaving = run.sim.steps.find(({ step }) => step.op === 'concurrent');
  const { begin = 0, end = 0 } = leaving ?? {};
  expect(end).toBeGreaterThan(begin);
  const devices = [];
  for (let position = begin; position <= end; position += 7)
    devices.push(momentAt(run, position).devices.length);
  // it is there up to its end
  expect(devices[0]).toBeGreaterThan(0);
  expect(devices).toEqual(devices.toSorted((a, b) => b - a));
});

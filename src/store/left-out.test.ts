import { describe, expect, test } from 'vitest';
import { PANELS } from '../app/frame/panels.ts';
import { LIMITS } from '../app/frame/presets.ts';
import { legendEntries } from '../map/legend-entries.ts';
import { say } from '../words/index.ts';
import { MAP_MODES } from '../worker/protocol-map.ts';
import { initialLayout, PANEL_IDS, SPLITTERS } from './layout.ts';
import { legendIds } from './legend.ts';
import { opened } from './page-fixture.ts';
import { writeLink } from './url-state.ts';
import { HOME_SCENARIO } from './walkthrough.ts';

const open = async (address: string) => {
  const page = await opened(address);
  const { problem } = page.state().problem;
  const messages = problem === undefined ? [] : [problem.message, ...(problem.others ?? [])];
  return { ...page, said: messages.map((message) => say(message)) };
};

describe('what a link names and the run does not have is said, and the rest is shown', () => {
  test.each([
    ['windows=device-0:open,device-7:open@1/2/3', ['device 7'], { choices: { banks: { 'device 0': true } } }],
    ['sel=page:0xffffffff', ['0xffffffff'], { selection: { selected: undefined } }],
    ['sel=pte:Q:0x7f0000001', ['process Q'], { selection: { selected: undefined } }],
    ['sel=handle:h9', ['pin h9'], { selection: { selected: undefined } }],
    [
      'branches=A:pud:0x7f0000000,Q:pmd:0x200',
      ['process Q'],
      { choices: { walkOpen: [{ process: 'A', level: 'pud', vpn: 0x7f0000000 }] } },
    ],
    ['stop=pte:nowhere%2B0', ['nowhere'], { debug: { breakpoints: [] } }],
    ['map=state:foo,pin', ['foo'], { maps: { mode: 'state', only: ['pin'] } }],
    ['map=owner:process-0,process-1,nobody', ['process-1'], { maps: { only: ['process-0', 'nobody'] } }],
    ['walk=5,of:Q', ['process Q'], { choices: { walkLevels: '5', walkProcess: undefined } }],
    ['walk=4,words,of:A', [], { choices: { walkRaw: true, walkProcess: 'A' } }],
    ['sel=handle:h9&windows=device-7:open&what=1', ['what', 'device 7', 'h9'], {}],
  ])('%s', async (part, words, shown) => {
    const { state, said } = await open(`?scenario=${HOME_SCENARIO}&t=3&${part}`);
    expect(state().scenario.run?.name).toBe(HOME_SCENARIO);
    expect(state()).toMatchObject(shown);
    expect(said).toHaveLength(words.length);
    words.forEach((word, i) => expect(said[i]).toContain(word));
  });

  test('what the run has at another moment stays', async () => {
    const { state, said } = await open(`?scenario=${HOME_SCENARIO}&t=0&sel=handle:h1&stop=_refcount=0`);
    expect(said).toEqual([]);
    expect(state().selection.selected).toEqual({ kind: 'handle', name: 'h1' });
    expect(state().debug.breakpoints).toHaveLength(1);
  });

  test('a panel and a side of another version', async () => {
    const layout = {
      ...initialLayout,
      front: { tables: 'seismograph', page: 'tables' },
      places: { gpu: 'none' },
      sizes: { left: 20, attic: 3 },
      open: { attic: false, lower: true },
    } as const;
    const { past: _past, ...bare } = layout;
    const { state, said } = await open(await writeLink({ scenario: HOME_SCENARIO, layout: bare }));
    expect(said).toHaveLength(2);
    expect(said[0]).toContain('seismograph');
    expect(said[1]).toContain('attic');
    const { front, places, sizes, open: sides } = state().layout;
    expect({ front, places, sizes, sides }).toEqual({
      front: { page: 'tables' },
      places: { gpu: 'none' },
      sizes: { left: 20 },
      sides: { lower: true },
    });
  });

  test('of very many the rest is counted', async () => {
    const stops = Array.from({ length: 9 }, (_, i) => `stop=pte@none${i}%2B0`).join('&');
    const { said } = await open(`?scenario=${HOME_SCENARIO}&${stops}`);
    expect(said).toHaveLength(6);
    expect(said[5]).toBe('4 more parts of the link cannot be shown and were left out.');
  });

  test('why nothing could be opened comes first', async () => {
    const { said } = await open('?scenario=no-such-thing&theme=purple');
    expect(said).toHaveLength(2);
    expect(said[0]).toContain('no-such-thing');
    expect(said[1]).toContain('purple');
  });

  test('links know the same panels, sides and entries as the frame and the legend', async () => {
    expect(PANELS.map(({ id }) => id).toSorted()).toEqual([...PANEL_IDS].toSorted());
    expect(Object.keys(LIMITS).toSorted()).toEqual([...SPLITTERS].toSorted());
    const { run, moment } = await opened(`?scenario=fork-and-pin&t=99`).then(({ state }) => ({
      run: state().scenario.run,
      moment: state().trace.moment,
    }));
    if (run === undefined) throw new Error('no run');
    const processes = moment?.processes.map(({ name }) => name) ?? [];
    expect(processes.length).toBeGreaterThan(1);
    for (const mode of MAP_MODES)
      expect(legendIds(mode, run, moment), mode).toEqual(
        legendEntries(mode, processes, run.machine).map(({ id }) => id),
      );
  });
});

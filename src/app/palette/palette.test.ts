import { describe, expect, test } from 'vitest';
import { KEY_BINDINGS } from '../../store/keys.ts';
import { CONTRASTS } from '../../store/compare.ts';
import { MAP_MODES, type MachineInfo, type Moment } from '../../store/views.ts';
import { actionEntries, choiceEntries, matching, type PaletteEntry, termEntries } from './entries.ts';
import { opened } from '../../store/page-fixture.ts';
import { PANELS } from '../frame/panels.ts';
import type { Surface } from './act.ts';
import { actEntries } from './acts.ts';
import { targetsOf } from './targets.ts';
import { typedEntries } from './typed.ts';

const MACHINE = {
  ranges: [
    { start: 0, npages: 0x8000, kind: 'ram', node: 0, device: -1 },
    { start: 0x50000, npages: 0x10000, kind: 'coherent', node: 0, device: 1 },
  ],
} as unknown as MachineInfo;
const area = { name: 'buf', startVpn: 0x7f0000000, npages: 4 };
const MOMENT = {
  processes: [
    { name: 'A', areas: [area] },
    { name: 'B', areas: [area] },
  ],
  handles: [{ name: 'h1', call: 'pin_user_pages', process: 'A' }],
} as unknown as Moment;
const found = (text: string) =>
  targetsOf(text, MACHINE, MOMENT).map(({ title, selection }) => `${title} ${JSON.stringify(selection)}`);

describe('places in memory', () => {
  test('a number is a page frame, a physical address, and an address of each process that maps it', () => {
    expect(found('0x4804')).toEqual([
      'Page frame 0x4804 {"kind":"page","pfn":18436}',
      'Page frame 0x4 {"kind":"page","pfn":4}',
    ]);
    expect(found('0x5fffd000')).toEqual(['Page frame 0x5fffd {"kind":"page","pfn":393213}']);
    expect(found('0x7f00_0000_1abc')).toEqual([
      'Address 0x7f00_0000_1abc {"kind":"pte","process":"A","vpn":34091302913}',
      'Address 0x7f00_0000_1abc {"kind":"pte","process":"B","vpn":34091302913}',
    ]);
    expect(found('0x9000')).toEqual(['Page frame 0x9 {"kind":"page","pfn":9}']);
    expect(found('0xffffffffffffffff')).toEqual([]);
  });

  test('a name is a page of an area, in one process or in all', () => {
    expect(found('buf+2')).toHaveLength(2);
    expect(found('b BUF+2')).toEqual(['buf+2 {"kind":"pte","process":"B","vpn":34091302914}']);
    expect(found('buf+4')).toEqual([]);
  });

  test('without text everything that has a name; a process and a pin by name', () => {
    expect(found('').map((each) => each.split(' {')[0])).toEqual([
      'Process A, buf',
      'Process B, buf',
      'h1: pin_user_pages',
      'System memory, node 0',
      'VRAM, device 1',
    ]);
    expect(found('h1')).toEqual(['h1: pin_user_pages {"kind":"handle","name":"h1"}']);
    expect(found('process b')).toEqual(['Process B, buf {"kind":"vma","process":"B","vpn":34091302912}']);
  });
});

describe('devices and nodes as places', () => {
  test('are found by their number, at their first frame', () => {
    for (const text of ['device 1', 'VRAM, device 1', 'gpu 1'])
      expect(found(text)).toEqual(['VRAM, device 1 {"kind":"page","pfn":327680}']);
    expect(found('node 0')).toEqual(['System memory, node 0 {"kind":"page","pfn":0}']);
    for (const text of ['device 0', 'device', 'memory', 'node 1']) expect(found(text)).toEqual([]);
  });
});

describe('what the palette lists', () => {
  test('every action of the table once, but those that need a key of their own', () => {
    const listed = actionEntries({}).map(({ id }) => id.replace('do ', ''));
    const all = new Set(KEY_BINDINGS.map(({ command }) => command));
    for (const command of ['jump', 'escape', 'palette'] as const) all.delete(command);
    expect(listed.toSorted()).toEqual([...all].toSorted());
  });

  test('what has no key is there too: dialogs, themes, colours, comparisons, each once', () => {
    const ids = choiceEntries().map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const wanted of [
      'dialog kernel',
      ...['light', 'dark', 'system'].map((theme) => `theme ${theme}`),
      ...MAP_MODES.map((mode) => `color ${mode}`),
      ...CONTRASTS.map((contrast) => `compare ${contrast}`),
    ])
      expect(ids).toContain(wanted);
  });

  test('what the controls of panels do is there too, each once, and as the page is', async () => {
    const page = await opened('?scenario=coherent-longterm-pin');
    const { actions, state } = page;
    actions.addBreakpoint({ kind: 'log' });
    await actions.toEnd();
    actions.select({ kind: 'page', pfn: 1 });
    await page.app.idle();
    const list = (): PaletteEntry[] => actEntries(state(), PANELS);
    const ids = list().map(({ id }) => id);
    // found by the name that a scenario's config gives it
    expect(list().filter(({ detail }) => detail?.startsWith('longtermPolicy: '))).toHaveLength(2);
    expect(new Set(ids).size).toBe(ids.length);
    const wanted =
      'file,link,home,next step,deselect,step 0,single keys,worlds,figures,figure hbm,larger left,smaller left,filter glossary,motion reduce,motion full,motion system,' +
      'speed readable,speed 8,extent run,legend coherent,machine lab-node,preset,switch log,remove log,side lower,hide maps';
    for (const id of wanted.split(',')) expect(ids).toContain(`act ${id}`);
    const called: string[] = [];
    const surface: Surface = {
      actions,
      bringUp: (panel) => void called.push(panel),
      focus: (target) => void called.push(typeof target === 'string' ? target : 'element'),
      press: () => void called.push('press'),
      chooseFile: (take) => take('{'),
    };
    const act = (title: string): void => {
      const { deed } = list().find((entry) => entry.title === title) ?? {};
      if (deed?.kind !== 'act') throw new Error(title);
      deed.act(surface);
    };
    act('Motion: reduced');
    expect(state().settings.motion).toBe('reduce');
    act('Write the next step');
    act('Timeline: this step');
    expect(called).toEqual(['steps', 'next-step']);
    expect(state().choices.extent).toBe('step');
    await page.app.idle();
    act('Copy a link to this moment');
    await page.app.idle();
    expect(page.copied).toEqual([page.address()]);
    expect(state().share.copied).toBe('copied');
    act('Open a file');
    expect(state().problem.problem?.message.id).toBe('problem.not-json');
    act('Switch off: log');
    expect(state().debug.breakpoints).toMatchObject([{ on: false }]);
    act('Deselect');
    expect(state().selection.selected).toBeUndefined();
  });

  test('what is chosen inside panels and in the dialog of the kernel can be chosen here', async () => {
    const page = await opened('?scenario=fork-and-pin');
    const { actions, state } = page;
    await actions.seekStep(5, 'end');
    await page.app.idle();
    const called: string[] = [];
    const surface: Surface = {
      actions,
      bringUp: (panel) => void called.push(panel),
      focus: (target) => void called.push(typeof target === 'string' ? target : 'element'),
      press: () => void called.push('press'),
      chooseFile: (take) => take('{'),
    };
    const list = (): PaletteEntry[] => actEntries(state(), PANELS);
    const ids = list().map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const act = (title: string | RegExp): void => {
      const { deed } = list().find((entry) => entry.title.match(title) !== null) ?? {};
      if (deed?.kind !== 'act') throw new Error(String(title));
      deed.act(surface);
    };
    act(/^Tree: five levels/);
    act('Tree: entries as 64-bit words');
    act('Tree: of process B');
    act('Explain the signs: table of A buf');
    act('Fork: A, B');
    act('Buttons step by: event');
    act('Firmware and zones: find a place');
    act('Open the map: VRAM, device 0');
    expect(state().choices).toMatchObject({
      walkLevels: '5',
      walkRaw: true,
      walkProcess: 'B',
      signsOf: 'A buf',
      forkChild: 'B',
      grain: 'event',
      banks: { 'device 0': true },
    });
    expect(called).toEqual(['page-walk', 'page-walk', 'page-walk', 'tables', 'fork', 'zones', 'zones-find']);
    act(/^Kernel: without patch 6, /);
    await page.app.idle();
    expect(state().scenario.run?.kernel.patches).not.toContain(6);
    act(/^Kernel: with patch 6, /);
    await page.app.idle();
    expect(state().scenario.run?.kernel.patches).toContain(6);
    // and the next visit finds how tables are shown, not of whom
    const again = await opened('?scenario=fork-and-pin', page.saved.text);
    expect(again.state().choices).toMatchObject({
      walkLevels: '5',
      walkRaw: true,
      grain: 'event',
      signsOf: '',
    });
  });

  test('a pin that the run drops later leads to the step that does it, and no step is added', async () => {
    const page = await opened('?scenario=coherent-longterm-pin-fast&t=3.999');
    const { actions, state } = page;
    const drop = async (): Promise<string> => {
      const entry = actEntries(state(), PANELS).find(({ id }) => id === 'act drop h1');
      if (entry?.deed.kind !== 'act') throw new Error('no such act');
      const nothing = (): void => undefined;
      const surface = { bringUp: nothing, focus: nothing, press: nothing, chooseFile: nothing };
      entry.deed.act({ actions, ...surface });
      await page.app.idle();
      return entry.title;
    };
    const steps = state().scenario.run?.steps.length;
    expect(await drop()).toContain('step 5');
    expect(state().problem.problem).toBeUndefined();
    expect(state().scenario.run?.steps).toHaveLength(steps ?? 0);
    expect(state().trace.moment?.step).toBe(5);
    expect(state().trace.moment?.handles).toEqual([]);
  });

  test('a condition, a step or a figure that is typed can be put in as it is', async () => {
    const { state } = await opened('?scenario=coherent-longterm-pin');
    const { state: nothing } = await opened('');
    const titles = (text: string, now = state()) => typedEntries(text, now).map(({ title }) => title);
    expect(titles('fn:migrate_pages')).toEqual(['Stop when: fn:migrate_pages']);
    expect(titles('read buf')).toEqual(['Run: read buf']);
    expect(titles('unpin h1')).toEqual(['Run: unpin h1']);
    expect(titles('mmap more 4')).toEqual(['Run: mmap more 4']);
    for (const text of ['read as text', 'put away', 'unpin h7', 'write nowhere 1'])
      expect(titles(text)).toEqual([]);
    expect(titles('fault.minor 900')).toEqual([expect.stringMatching(/^Costs: .* is 900 ns$/)]);
    expect(titles('fault.minor -1')).toEqual([]);
    expect(titles('theme')).toEqual([]);
    expect(titles('read buf', nothing())).toEqual([]);
  });

  test('all words must be there; a beginning comes first; groups keep their order', () => {
    const entry = (group: string, title: string, detail = ''): PaletteEntry => ({
      id: title,
      group,
      title,
      detail,
      keys: [],
      deed: { kind: 'command', command: 'help' },
    });
    const all = [
      entry('b', 'a long pin'),
      entry('b', 'Pin for long'),
      entry('a', 'x', 'long pin'),
      entry('a', 'pin'),
    ];
    expect(matching(all, ' pin  LONG', 9).map(({ title }) => title)).toEqual([
      'Pin for long',
      'a long pin',
      'x',
    ]);
    expect(matching(all, '', 1).map(({ title }) => title)).toEqual(['a long pin', 'x']);
  });
});

test('a word of the glossary is found by its name before those that only speak of it', () => {
  const terms = termEntries([
    { id: 'pcp', term: 'per-CPU list', text: 'Free pages that wait outside of every pageblock.' },
    { id: 'pageblock', term: 'pageblock', text: 'Pages that are kept for one purpose.' },
  ]);
  expect(matching(terms, 'pageblock', 5).map(({ deed }) => deed)).toEqual([
    { kind: 'page', page: 'glossary', section: 'term-pageblock' },
    { kind: 'page', page: 'glossary', section: 'term-pcp' },
  ]);
});

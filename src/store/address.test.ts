import { describe, expect, test } from 'vitest';
import { HOME_SCENARIO } from './walkthrough.ts';
import { opened } from './page-fixture.ts';

describe('the address', () => {
  test('reloading keeps scenario, place, selection and theme', async () => {
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO);
    await page.actions.seekStep(3, 'begin');
    await page.actions.stepBy('beat', 1);
    page.actions.setTheme('dark');
    page.actions.select({ kind: 'pte', process: 'A', vpn: 0x7f0000002 });
    await page.app.idle();
    expect(page.address()).toMatch(
      /^\?scenario=coherent-longterm-pin-fast&theme=dark&t=3\.1&sel=pte:A:0x7f0000002#v1\./,
    );

    const again = await opened(page.address());
    expect(again.state().playback.position).toBe(page.state().playback.position);
    expect(again.state().scenario.run?.name).toBe(HOME_SCENARIO);
    expect(again.state().selection.selected).toEqual(page.state().selection.selected);
    expect(again.state().settings.theme).toBe('dark');
    expect(again.state().playback.playing).toBe(false);
    expect(again.state().walkthrough.introduction).toBe(false);
  });

  test('a copied link names what is shown, though the address bar does not yet', async () => {
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO);
    await page.app.idle();
    const before = page.address();
    await page.actions.seekStep(2, 'end');
    await page.actions.copyLink();
    expect(page.address()).toBe(before);
    await page.app.idle();
    expect(page.copied).toEqual([page.address()]);
    expect(page.address()).not.toBe(before);
  });

  test('whoever opens a link sees the same, whatever they chose at an earlier visit', async () => {
    const shown = ({ state }: Awaited<ReturnType<typeof opened>>) => {
      const { choices, viewport, maps, layout } = state();
      const { askedFor: _asked, signsOf: _signs, forkChild: _child, ...kept } = choices;
      return { ...kept, looks: viewport.looks, maps, layout: { ...layout, past: [] } };
    };
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO);
    page.actions.choose({ asText: true, grain: 'function', banks: { 'device 1': true } });
    const walkOpen = [
      { process: 'A', level: 'pgd', vpn: 0 } as const,
      { process: 'A', level: 'pmd', vpn: 0x7f0000000 } as const,
    ];
    page.actions.choose({ walkOpen, walkProcess: 'A' });
    page.actions.look('node 0', { x: 100.123456, y: 20, k: 7.123456789 });
    await page.app.idle();
    const other = await opened(page.address());
    const looks = { 'node 0': { x: 100.123, y: 20, k: 7.12346 } };
    expect(shown(other)).toEqual({ ...shown(page), looks });
    expect(other.state().choices.walkOpen).toEqual(walkOpen);
    // its own link says the same again
    await other.actions.copyLink();
    expect(other.copied).toEqual([page.address()]);

    const chosen = page.saved.text;
    page.actions.choose({ asText: false, grain: 'beat', banks: {}, walkOpen: [] });
    page.actions.look('node 0', undefined);
    await page.app.idle();
    const usual = await opened(page.address(), chosen);
    expect(shown(usual)).toEqual(shown(page));
    // what the reader had is theirs again at the next visit, unless they changed it meanwhile
    usual.actions.setSpeed(4);
    usual.actions.setSingleKeys(false);
    usual.actions.colorBy('owner');
    const next = await opened('', usual.saved.text);
    expect(next.state().choices).toMatchObject({ asText: true, grain: 'function' });
    expect(next.state().maps.mode).toBe('owner');
    // typed by hand, a link leaves the rest as the reader has it
    const typed = await opened(`?scenario=${HOME_SCENARIO}`, chosen);
    expect(typed.state().choices).toMatchObject({ asText: true, grain: 'function' });
  });

  test('before a step is a place of its own', async () => {
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO, { beforeStep: 3 });
    await page.app.idle();
    const again = await opened(page.address());
    expect(again.state().playback.position).toBe(page.state().playback.position);
  });

  test('a new scenario is a new entry of the history, and Back returns to the old one', async () => {
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO);
    await page.app.idle();
    await page.actions.seekStep(2, 'end');
    await page.app.idle();
    await page.actions.openByName('first-touch');
    await page.app.idle();
    expect(page.history).toHaveLength(3);
    page.back();
    await page.app.idle();
    expect(page.state().scenario.run?.name).toBe(HOME_SCENARIO);
    expect(page.state().playback.position).toBe(page.state().scenario.run?.steps[2]?.end);
    page.back();
    await page.app.idle();
    expect(page.state().walkthrough.introduction).toBe(true);
    page.back(2);
    await page.app.idle();
    expect(page.state().scenario.run?.name).toBe('first-touch');
    expect(page.state().walkthrough.introduction).toBe(false);
  });

  test('a document is an entry of the history; below it the run stays as it is', async () => {
    const page = await opened();
    await page.actions.openByName(HOME_SCENARIO, { beforeStep: 3 });
    await page.app.idle();
    const before = page.state();
    page.actions.openPage('model');
    await page.app.idle();
    expect(page.address()).toMatch(/^\?page=model&scenario=coherent-longterm-pin-fast&t=3#v1\./);
    page.actions.openPage('model', 'gup');
    await page.app.idle();
    expect(page.address()).toContain('page=model/gup&');
    expect(page.history).toHaveLength(3);
    page.back();
    await page.app.idle();
    expect(page.state().page.page).toBe('');
    expect(page.state().scenario).toBe(before.scenario);
    expect(page.state().playback.position).toBe(before.playback.position);
    page.back(1);
    await page.app.idle();
    expect(page.state().page).toEqual({ page: 'model', section: 'gup' });
    page.actions.closePage();
    await page.app.idle();
    expect(page.address()).not.toContain('page=');
    expect(page.asked('open')).toBe(1);
  });

  test('a document can be opened by its address alone, or with a run below it', async () => {
    const alone = await opened('?page=model');
    expect(alone.state().page.page).toBe('model');
    expect(alone.state().walkthrough.introduction).toBe(true);
    alone.actions.closePage();
    await alone.app.idle();
    expect(alone.address()).toBe('');
    const over = await opened(`?page=model&scenario=${HOME_SCENARIO}`);
    expect(over.state().page.page).toBe('model');
    expect(over.state().scenario.run?.name).toBe(HOME_SCENARIO);
    await over.actions.openByName('first-touch');
    expect(over.state().page.page).toBe('');
  });

  test("a scenario of one's own travels in the link, with the steps that were added", async () => {
    const page = await opened();
    const step = { op: 'mmap', proc: 'A', vma: 'mine', pages: 3, prot: 'rw', kind: 'anon-private' };
    expect(
      await page.actions.openScenario({
        devices: [{ id: 0, kind: 'coherent' }],
        title: 'Mine',
        steps: [{ step }],
      }),
    ).toBe(true);
    expect(await page.actions.addStep({ op: 'write', proc: 'A', vma: 'mine', value: 5 })).toBe(true);
    await page.app.idle();
    const again = await opened(page.address());
    expect(again.state().scenario.run?.steps.map((info) => info.step['op'])).toEqual(['mmap', 'write']);
    expect(again.state().scenario.run?.title).toBe('Mine');
    expect(again.state().playback.position).toBe(page.state().playback.position);
  });

  test('what can not be read is said, and the rest is opened', async () => {
    const page = await opened(`?scenario=${HOME_SCENARIO}&t=yesterday`);
    expect(page.state().scenario.run?.name).toBe(HOME_SCENARIO);
    expect(page.state().problem.problem).toMatchObject({ about: 'link', place: 't' });
  });

  test.each([['#v1.!!!'], ['#v1.AAAA'], ['#v9.AAAA'], ['?scenario=<script>'], ['?scenario=no-such-thing']])(
    'the hostile or broken link %s gives a message and leaves the page alive',
    async (link) => {
      const page = await opened(link);
      expect(page.state().problem.problem).toBeDefined();
      expect(page.state().walkthrough.introduction).toBe(true);
      expect(await page.actions.openByName('first-touch')).toBe(true);
      expect(page.state().problem.problem).toBeUndefined();
    },
  );
});

describe('a page in a frame of another one', () => {
  const EMBEDDED = `?scenario=${HOME_SCENARIO}&embed=1&controls=min&motion=reduce&theme=dark&layout=debug&t=3`;

  test('has what the address asks, and writes nothing that its reader would find again', async () => {
    const before = JSON.stringify({ theme: 'light', choices: { grain: 'step' } });
    const page = await opened(EMBEDDED, before);
    expect(page.state().embed).toMatchObject({ embedded: true, controls: 'min', calm: true });
    expect(page.state().settings.theme).toBe('dark');
    expect(page.state().choices.grain).toBe('beat');
    page.actions.colorBy('owner');
    page.actions.setSpeed(4);
    page.actions.choose({ asText: true });
    page.actions.resize('stage', 0.3);
    expect(page.saved.text).toBe(before);
    // Back of the page around it leaves that page
    await page.actions.openByName('first-touch');
    await page.app.idle();
    expect(page.history).toHaveLength(1);
    expect(page.address()).toMatch(/^\?scenario=first-touch&embed=1&controls=min&motion=reduce&theme=dark/);
  });

  test('opens the very moment in full', async () => {
    const page = await opened(EMBEDDED);
    expect(page.state().embed.full).toMatch(
      /^\?scenario=coherent-longterm-pin-fast&theme=dark&layout=debug&t=3#v1/,
    );
    await page.actions.seekStep(2, 'end');
    await page.actions.openInFull();
    expect(page.windows).toEqual([page.state().embed.full]);
    const full = await opened(page.windows[0]);
    expect(full.state().embed).toMatchObject({ embedded: false, controls: 'all', calm: false });
    expect(full.state().playback.position).toBe(page.state().playback.position);
  });

  test('nothing travels where the address asks for reduced motion, until the reader says otherwise', async () => {
    const page = await opened(`?scenario=${HOME_SCENARIO}&motion=reduce&t=3`);
    await page.actions.stepBy('beat', 1);
    await page.app.idle();
    expect(page.address()).toContain('motion=reduce');
    page.actions.setMotion('full');
    await page.app.idle();
    expect(page.address()).not.toContain('motion');
    const other = await opened('?embed=yes&controls=none&motion=fast');
    expect(other.state().embed).toMatchObject({ embedded: false, controls: 'all', calm: false });
    expect(other.state().problem.problem?.message.id).toBe('link.embed');
  });

  test('a theme that came with a link does not replace the reader’s own', async () => {
    const page = await opened(`?scenario=${HOME_SCENARIO}&theme=dark`, JSON.stringify({ theme: 'light' }));
    page.actions.setSingleKeys(false);
    expect(JSON.parse(page.saved.text ?? '')).toMatchObject({ theme: 'light', singleKeys: false });
    page.actions.setTheme('system');
    expect(JSON.parse(page.saved.text ?? '')).toMatchObject({ theme: 'system' });
  });
});

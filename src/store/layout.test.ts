import { describe, expect, test } from 'vitest';
import type { Client } from '../worker/client.ts';
import { createApp } from './index.ts';
import { bareLayout, layoutFromLink, layoutInLink } from './layout.ts';
import { readLink, writeLink } from './url-state.ts';

/** A page that nothing answers; `saved` is its storage. */
const openPage = (saved: { text: string | null }) => {
  const client: Client = { post: () => {}, connectPainter: () => {}, onAnswer: () => {}, onCrash: () => {} };
  const { store, actions } = createApp({
    client,
    clock: { nowMs: () => 0, frame: () => () => {} },
    address: {
      search: () => '',
      hash: () => '',
      replace: () => {},
      push: () => {},
      copy: () => Promise.resolve(),
      open: () => {},
      whole: (link) => link,
      onPop: () => {},
    },
    fetchJson: () => Promise.resolve([]),
    readSetting: () => saved.text,
    writeSetting: (text) => {
      saved.text = text;
    },
    systemPrefersReducedMotion: () => false,
  });
  return { actions, layout: () => store.getState().layout, settings: () => store.getState().settings };
};

describe('the arrangement of the panels', () => {
  test('is found again at the next visit, beside the settings', () => {
    const saved = { text: null };
    const { actions } = openPage(saved);
    actions.setPreset('debug');
    actions.resize('left', 22);
    actions.bringToFront('lower', 'kernel-log');
    actions.movePanel('call-tree', 'tables');
    actions.setTheme('dark');
    const again = openPage(saved);
    expect(bareLayout(again.layout())).toEqual({
      preset: 'debug',
      sizes: { left: 22 },
      open: {},
      front: { lower: 'kernel-log' },
      places: { 'call-tree': 'tables' },
    });
    expect(again.settings().theme).toBe('dark');
  });

  test.each([
    'no json',
    '{"layout": 3}',
    '{"layout": {"preset": "chaos"}}',
    '{"layout": {"preset": "teach", "sizes": {"left": -1}}}',
    `{"layout": {"preset": "teach", "places": {"x": "${'y'.repeat(50)}"}}}`,
  ])('what cannot be read counts as not there: %s', (text) => {
    expect(openPage({ text }).layout().preset).toBe('explore');
  });

  test('every change can be undone; a drag is one change', () => {
    const { actions, layout } = openPage({ text: null });
    actions.setPreset('teach');
    for (const size of [19, 20, 21]) actions.resize('left', size);
    actions.resize('right', 30);
    actions.resetLayout();
    expect(layout().sizes).toEqual({});
    actions.undoLayout();
    expect(layout().sizes).toEqual({ left: 21, right: 30 });
    actions.undoLayout();
    expect(layout().sizes).toEqual({ left: 21 });
    actions.undoLayout();
    expect(layout().sizes).toEqual({});
    expect(layout().preset).toBe('teach');
    actions.undoLayout();
    expect(layout().preset).toBe('explore');
    actions.undoLayout();
    expect(layout().past).toEqual([]);
  });

  test('large type for a room goes back to what was there before', () => {
    const { actions, layout } = openPage({ text: null });
    actions.setPreset('debug');
    actions.resize('left', 22);
    actions.togglePresent();
    expect(layout().preset).toBe('present');
    actions.togglePresent();
    expect(layout()).toMatchObject({ preset: 'debug', sizes: { left: 22 } });
  });

  test('showing a panel opens what hides it', () => {
    const { actions, layout } = openPage({ text: null });
    actions.openSide('right', false);
    actions.showPanel('inspect', 'inspector');
    expect(layout().open['right']).toBe(true);
    expect(layout().front).toMatchObject({ inspect: 'inspector', page: 'right' });
  });

  test('travels in a link: nothing for the usual one, a word for a preset, all of it if it was changed', async () => {
    const { actions, layout } = openPage({ text: null });
    expect(layoutInLink(layout())).toBeUndefined();
    actions.setPreset('teach');
    expect(layoutInLink(layout())).toBe('teach');
    actions.resize('stage', 0.6);
    const inLink = layoutInLink(layout());
    const link = await writeLink({ scenario: 'x', ...(inLink === undefined ? {} : { layout: inLink }) });
    const [search = '', hash = ''] = link.split('#');
    expect(search).toBe('?scenario=x&layout=teach');
    expect((await readLink(search, `#${hash}`)).link.layout).toEqual(inLink);
    expect((await readLink('?layout=debug', `#${hash}`)).link.layout).toBe('debug');
    expect(layoutFromLink('debug')).toMatchObject({ preset: 'debug', past: [] });
    expect((await readLink('?layout=chaos', '')).problems).toMatchObject([
      { message: { id: 'link.layout' } },
    ]);
  });
});

import { expect, test } from 'vitest';
import { opened } from '../../store/page-fixture.ts';
import { HOME_SCENARIO } from '../../store/walkthrough.ts';
import { embedSnippet, scenarioFile } from './forms.ts';

test('the dialog writes the moment at which it was opened, in full and for a frame', async () => {
  const page = await opened(`?scenario=${HOME_SCENARIO}&t=3.1&motion=reduce`);
  const { actions, state } = page;
  actions.play();
  await actions.writeShare({ controls: 'min', calm: true, theme: 'dark' });
  const { written } = state().share;
  expect(state().playback.playing).toBe(false);
  expect(written?.short).toBe(written?.link.replace(/#.*/, ''));
  expect(written?.parameters.map(([name]) => name)).toEqual(['scenario', 't']);
  expect(written?.embed).toMatch(/\?scenario=.*&embed=1&controls=min&motion=reduce&theme=dark&t=3/);
  const framed = await opened(written?.embed);
  expect(framed.state().playback.position).toBe(state().playback.position);
  await actions.copyText('embed', 'a snippet');
  expect(page.copied).toEqual(['a snippet']);
  expect(state().share).toMatchObject({ copied: 'copied', what: 'embed' });
}, 20_000);

test('a step of one’s own has no readable form', async () => {
  const { actions, state } = await opened('?scenario=svm-prefetch');
  const choices = { controls: 'all', calm: false, theme: 'system' } as const;
  await actions.addStep({ op: 'read', proc: 'A', vma: 'buf' });
  await actions.writeShare(choices);
  expect(state().scenario.added).toHaveLength(1);
  expect(state().share.written?.short).toBeUndefined();
  actions.forgetShare();
  expect(state().share.written).toBeUndefined();
}, 20_000);

test('what goes into the snippet cannot leave its attribute', () => {
  const snippet = embedSnippet('./?a=1&b="2"', 'A <b>page</b>', '100%x540');
  expect(snippet).toBe(
    '<iframe src="./?a=1&amp;b=&quot;2&quot;" title="Migrascope: A &lt;b&gt;page&lt;/b&gt;" width="100%" height="540" loading="lazy" style="border: 0"></iframe>',
  );
});

test('a scenario of one’s own is saved with the steps that were added', () => {
  const scenario = { format: 1, steps: [{ step: { op: 'a' } }] };
  const text = scenarioFile(scenario, [{ op: 'b' }]);
  expect(JSON.parse(text ?? '')).toEqual({
    format: 1,
    steps: [{ step: { op: 'a' } }, { step: { op: 'b' } }],
  });
  expect(scenarioFile({ format: 1 }, [])).toBeUndefined();
  expect(scenarioFile(7, [])).toBeUndefined();
});

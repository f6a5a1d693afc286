import { expect, test } from 'vitest';
import { type Breakpoint, breakpointText, parseBreakpoint, runToHereText } from './debug.ts';
import { readCondition } from './condition.ts';
import { opened } from './page-fixture.ts';

const BREAKPOINTS: readonly Breakpoint[] = [
  { kind: 'function', fn: 'migrate_device_coherent_page' },
  { kind: 'page', pfn: 0x100404 },
  { kind: 'field', field: '_refcount', becomes: 0 },
  { kind: 'field', field: '_mapcount', becomes: -1, pfn: 0x100404 },
  { kind: 'field', field: 'flags', pfn: 0x100404 },
  { kind: 'log' },
];

test('every breakpoint is read back from its text', () => {
  for (const breakpoint of BREAKPOINTS) {
    expect(parseBreakpoint(breakpointText(breakpoint))).toEqual(breakpoint);
  }
});

test('what is no condition is refused', () => {
  for (const text of ['', 'fn:', 'fn:a b', 'page:x', '_refcount=many', 'colour=1', '_refcount=0@']) {
    expect(parseBreakpoint(text), text).toBeUndefined();
  }
});

test('a condition can be a sentence, as somebody would say it', () => {
  const coherent = { kind: 'function', fn: 'migrate_device_coherent_page' };
  const freed = { kind: 'field', field: '_refcount', becomes: 0 };
  const read: readonly (readonly [text: string, condition: object | undefined])[] = [
    ['stop in migrate_device_coherent_page', coherent],
    ['migrate_device_coherent_page()', coherent],
    ['stop when any page’s refcount falls to 0', freed],
    ['Stop when: _refcount of any page becomes 0', freed],
    ['refcount = 0', freed],
    ['refcount reaches zero', freed],
    ["pfn 0x4804's mapcount changes", { kind: 'field', field: '_mapcount', pfn: 0x4804 }],
    ['flags of page 0x4804', { kind: 'field', field: 'flags', pfn: 0x4804 }],
    ['stop when page 0x4804 changes', { kind: 'page', pfn: 0x4804 }],
    ['the kernel writes to its log', { kind: 'log' }],
    ['break on fn:wp_page_copy', { kind: 'function', fn: 'wp_page_copy' }],
    ['no_such_function', undefined],
    ['theme', undefined],
    ['colour is 1', undefined],
    ['', undefined],
  ];
  for (const [text, condition] of read) expect(readCondition(text), text).toEqual(condition);
});

test('run to here goes on to a call ahead, to its next time from behind it, and stops at a breakpoint on the way', async () => {
  const page = await opened('?scenario=coherent-longterm-pin');
  const { actions, state } = page;
  const { run } = state().scenario;
  await actions.seek(run?.bootEnd ?? 0);
  const entered = async (): Promise<string | undefined> => {
    await page.app.idle();
    return state().trace.moment?.stack.at(-1)?.fn;
  };
  // from behind: the next time that it is entered, and the one after that
  const here = { kind: 'function', name: 'migrate_device_coherent_page', begin: 0 } as const;
  await actions.runToHere(here);
  expect(await entered()).toBe(here.name);
  const first = state().playback.position;
  await actions.runToHere();
  expect(await entered()).toBe(here.name);
  expect(state().playback.position).toBeGreaterThan(first);
  // ahead: that very call
  await actions.seek(run?.bootEnd ?? 0);
  await actions.runToHere({ ...here, begin: first });
  expect(state().playback.position).toBe(first);
  expect(runToHereText(state())).toBe(`Run to the next ${here.name}`);
  // a breakpoint before it
  actions.addBreakpoint({ kind: 'function', fn: 'check_and_migrate_movable_pages' });
  await actions.seek(run?.bootEnd ?? 0);
  expect(runToHereText(state())).toBe(`Run to here: ${here.name}`);
  await actions.runToHere();
  expect(await entered()).toBe('check_and_migrate_movable_pages');
  expect(state().debug.lastHit).toBe(0);
  actions.switchBreakpoint(0, false);
  // a step of the scenario; and what does not come again is said
  await actions.runToHere({ kind: 'step', name: 'unpin', begin: 0 });
  const unpin = run?.steps.find(({ step }) => step['op'] === 'unpin');
  expect(state().playback.position).toBe(unpin?.begin);
  await actions.toEnd();
  await actions.runToHere(here);
  expect(state().problem.problem?.message).toEqual({
    id: 'problem.no-later-call',
    params: { name: here.name },
  });
});

import { expect, test } from 'vitest';
import { type Breakpoint, breakpointText, parseBreakpoint, runToHereText } from './debug.ts';
import { opened } from './page-fixture.ts';

const BREAKPOINTS: readonly Breakpoint[] = [
  { kind: 'function', fn: 'migrate_device_coherent_page' },
  { kind: 'page', of: { pfn: 0x100404 } },
  { kind: 'page', of: { process: 'A', area: 'buf', page: 1 } },
  { kind: 'page', of: { process: 'A', vpn: 0x7f0000001 } },
  { kind: 'field', field: '_refcount', is: ['=', 0] },
  { kind: 'field', field: '_refcount', is: ['>', 1024], of: { area: 'buf', page: 1 } },
  { kind: 'field', field: '_mapcount', is: ['<=', -1], of: { pfn: 0x100404 } },
  { kind: 'field', field: 'flags', of: { pfn: 0x100404 } },
  { kind: 'field', field: 'content', is: ['!=', 7] },
  { kind: 'pte', of: { area: 'buf', page: 12 } },
  { kind: 'pte', of: { vpn: 0x7f0000001 }, is: ['!=', 'present'] },
  { kind: 'pte', is: ['=', 'device-private'] },
  { kind: 'pte', is: ['!=', 'writable'] },
  { kind: 'pte' },
  { kind: 'field', field: 'pins', of: { area: 'buf', page: 1 }, is: ['>', 0] },
  { kind: 'log' },
];

test('every breakpoint is read back from its text', () => {
  for (const breakpoint of BREAKPOINTS) {
    expect(parseBreakpoint(breakpointText(breakpoint))).toEqual(breakpoint);
  }
});

test('what older links have is still read', () => {
  expect(parseBreakpoint('_refcount=0@0x100404')).toEqual({
    kind: 'field',
    field: '_refcount',
    is: ['=', 0],
    of: { pfn: 0x100404 },
  });
  expect(parseBreakpoint('page:0x100404')).toEqual({ kind: 'page', of: { pfn: 0x100404 } });
});

test('what is no condition is refused', () => {
  const none = ['', 'fn:', 'fn:a b', 'page:x', '_refcount=many', 'colour=1', '_refcount=0@'];
  for (const text of [...none, 'pte=1@buf+1', 'pte>present@buf+1', 'pte@0x', '_refcount=>1']) {
    expect(parseBreakpoint(text), text).toBeUndefined();
  }
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

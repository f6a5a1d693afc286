import { expect, test } from 'vitest';
import { type Breakpoint, breakpointText, parseBreakpoint } from './debug.ts';

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

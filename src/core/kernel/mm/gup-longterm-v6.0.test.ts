// The check of long-term pins as Linux 6.0 had it, and what it does in another way than 6.1.
// mm/gup.c: check_and_migrate_movable_pages

import { describe, expect, test } from 'vitest';
import { bigStepDifferences } from '../../../conformance/big-steps.ts';
import { parseScenario } from '../../index.ts';
import { type Brief, briefly } from '../../scenario/brief.ts';

const MMAP = { op: 'mmap', pages: 4, prot: 'rw', kind: 'anon-private' };
const WRITE = { op: 'write', value: 1 };
const gup = (flags: readonly string[], page: number, count: number, as: string): Record<string, unknown> => ({
  op: 'gup',
  call: 'pin_user_pages',
  flags: ['FOLL_WRITE', ...flags],
  page,
  count,
  as,
});
const longterm = (page: number, count: number): Record<string, unknown> =>
  gup(['FOLL_LONGTERM'], page, count, 'long');

/** What the last step did under each of the two kernels. */
const both = (steps: readonly Record<string, unknown>[], boot: 'default' | 'movable' = 'default'): Brief[] =>
  (['v6.1', 'v6.0'] as const).map((longtermCheck) => {
    const last = briefly(steps, ['coherent'], boot, { longtermCheck }).at(-1);
    if (last === undefined) throw new Error('no step');
    return last;
  });

describe('the check of long-term pins in 6.0', () => {
  test('brings device pages home, with the same counts, through one loop instead of two functions', () => {
    const [now, before] = both([MMAP, WRITE, { op: 'migrate_to_dev', device: 0 }, longterm(0, 4)]);
    expect(before.result).toEqual(now.result);
    expect(before.result.ret).toBe(4);
    expect(before.pages).toEqual(now.pages);
    expect(before.frames).toEqual(now.frames);
    expect(before.vmstat).toEqual(now.vmstat);
    expect(now.calls).toContain('collect_longterm_unpinnable_pages migrate_longterm_unpinnable_pages');
    expect(before.calls).not.toContain('unpinnable');
    expect(before.calls).toContain('check_and_migrate_movable_pages');
  });

  test('moves a device page before it looks at the next, which 6.1 has isolated by then', () => {
    const steps = [MMAP, WRITE, { op: 'migrate_to_dev', device: 0, page: 0, count: 2 }, longterm(0, 4)];
    const [now, before] = both(steps, 'movable');
    const order = ({ calls }: Brief): boolean =>
      calls.indexOf('migrate_device_coherent_page') < calls.indexOf('folio_isolate_lru');
    expect([now, before].map(order)).toEqual([false, true]);
    expect(before.frames).toEqual(now.frames);
  });

  test('lets the outcome of other pages overwrite the error of a device page that cannot move', () => {
    const steps = [
      MMAP,
      WRITE,
      { op: 'migrate_to_dev', device: 0, page: 2, count: 1 },
      // a reference more than a migration expects
      gup([], 2, 1, 'short'),
      longterm(0, 4),
    ];
    const [now, before] = both(steps, 'movable');
    expect([now, before].map(({ result }) => result.errno)).toEqual(['EBUSY', 'EBUSY']);
    // 6.1 gives up at once and puts the isolated pages back; 6.0 moves them, tries again, and only then gives up
    expect(now.vmstat).not.toHaveProperty('pgmigrate_success');
    expect(before.vmstat).toMatchObject({ pgmigrate_success: 2 });
    const passes = ({ calls }: Brief): number => calls.split('check_and_migrate_movable_pages').length - 1;
    expect([now, before].map(passes)).toEqual([1, 2]);
  });

  test('leaves what may stay, and moves nothing without CONFIG_MIGRATION', () => {
    const [now, before] = both([MMAP, WRITE, longterm(0, 4)]);
    expect(before.frames).toEqual(now.frames);
    expect(before.vmstat).toEqual({ nr_foll_pin_acquired: 4 });
    const steps = [MMAP, WRITE, { op: 'migrate_to_dev', device: 0 }, longterm(0, 4)];
    const config = { longtermCheck: 'v6.0', CONFIG_MIGRATION: false } as const;
    const [onDevice, pinned] = briefly(steps, ['coherent'], 'default', config).slice(-2);
    expect(pinned.vmstat).toEqual({ nr_foll_pin_acquired: 4 });
    expect(Object.keys(pinned.frames)).toEqual(Object.keys(onDevice.frames));
  });

  test('does so with many pages at a time as page after page', { timeout: 60_000 }, () => {
    const area = { proc: 'A', vma: 'buf' } as const;
    const steps = [
      { op: 'mmap', ...area, pages: 1500, prot: 'rw', kind: 'anon-private' },
      { op: 'write', ...area, value: 1 },
      { op: 'migrate_to_dev', ...area, page: 400, count: 700, device: 0 },
      { ...longterm(0, 1500), ...area },
      { op: 'unpin', proc: 'A', handle: 'long' },
    ];
    const scenario = parseScenario({
      machine: 'lab-node',
      devices: [{ id: 0, kind: 'coherent' }],
      config: { longtermCheck: 'v6.0' },
      steps: steps.map((step) => ({ step })),
    });
    expect(bigStepDifferences(scenario, 512)).toEqual([]);
  });
});

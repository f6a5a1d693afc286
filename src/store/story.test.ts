import { expect, test } from 'vitest';
import { openPage } from './page-fixture.ts';

const AREA = { proc: 'A', vma: 'buf' } as const;
const scenario = {
  machine: 'lab-node',
  devices: [{ id: 0, kind: 'coherent' }],
  steps: [
    { step: { op: 'mmap', ...AREA, pages: 4200, prot: 'rw', kind: 'anon-private' } },
    { step: { op: 'write', ...AREA, value: 1 } },
    { step: { op: 'migrate_to_dev', ...AREA, device: 0 } },
  ],
};

test('big steps are run again for what is selected, one after the other, once', {
  timeout: 60_000,
}, async () => {
  const { app, asked } = openPage('?scenario=longterm-pin');
  await app.start();
  await app.idle();
  const state = app.store.getState;
  expect(await app.actions.openScenario(scenario)).toBe(true);
  await app.actions.toEnd();
  const untold: number[] = [];
  app.store.subscribe(({ queries: { inspected } }, before) => {
    if (inspected !== undefined && inspected !== before.queries.inspected)
      untold.push(inspected.inspection.untold.length);
  });
  const row = state().trace.moment?.processes[0]?.areas[0]?.rows[0];
  app.actions.wantView({ view: 'page-detail', pfn: row?.pfn ?? -1 });
  app.actions.select({ kind: 'page', pfn: row?.pfn ?? -1 });
  await app.idle();
  expect(untold).toEqual([2, 1, 0]);
  expect(state().story).toEqual({ telling: undefined, stopped: undefined });
  const { queries } = state();
  expect(queries.views['page-detail']?.data).toMatchObject({ isOriginUntold: false, origin: { step: 2 } });
  expect(queries.inspected?.inspection.history.length).toBeGreaterThan(4);
  // what is known stays known
  const before = asked('retell');
  app.actions.select(undefined);
  app.actions.select({ kind: 'page', pfn: row?.pfn ?? -1 });
  await app.idle();
  expect(asked('retell')).toBe(before);
});

import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { EventKind } from '../../core/uapi/events.ts';
import { SCENES } from '../../scenarios/index.ts';
import type { CallRow } from '../protocol-views.ts';
import { Run } from '../run.ts';
import { hitOf } from './break-fixture.ts';
import { callTreeAt } from './call-tree.ts';
import { innermost } from './spans.ts';

const runScene = (name: string): Run => {
  const sim = createSimulation(
    parseScenario(structuredClone(SCENES.find((scene) => scene.name === name)?.scenario)),
  );
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  return run;
};
const run = runScene('longterm-pin');
const { log } = run.sim.machine.journal;
const pin = run.sim.steps[3];
if (pin === undefined) throw new Error('no step');
const calls = (rows: readonly CallRow[]) => rows.flatMap((row) => (row.kind === 'call' ? [row] : []));

describe('the call tree', () => {
  test('at the end of a step, shows its outermost call folded, with the result', () => {
    const rows = calls(callTreeAt(run, pin.end, []).rows);
    expect(rows.map(({ fn, depth, state, isOpen }) => ({ fn, depth, state, isOpen }))).toEqual([
      { fn: 'pin_user_pages_fast', depth: 0, state: 'past', isOpen: false },
      // the step empties the batches before the page tables are looked at
      { fn: 'lru_add_drain_all', depth: 0, state: 'past', isOpen: false },
    ]);
    expect(rows[0]?.result).toBe('4');
  });

  test('unfolds what is asked for, and always what runs', () => {
    const [outer] = calls(callTreeAt(run, pin.end, []).rows);
    const opened = calls(callTreeAt(run, pin.end, [outer?.begin ?? -1]).rows);
    expect(opened.map(({ fn }) => fn)).toContain('internal_get_user_pages_fast');
    const hit = hitOf(run, { kind: 'function', fn: 'migrate_device_coherent_page' }, pin.begin, 1);
    const running = calls(callTreeAt(run, hit?.position ?? 0, []).rows).filter(
      (row) => row.state === 'running',
    );
    expect(running.map(({ fn }) => fn)).toEqual([
      'pin_user_pages_fast',
      'internal_get_user_pages_fast',
      '__gup_longterm_locked',
      'check_and_migrate_movable_pages',
      'migrate_longterm_unpinnable_pages',
      'migrate_device_coherent_page',
    ]);
  });
});

describe('moving through calls', () => {
  const depthAt = (position: number): number => {
    let depth = 0;
    for (let at = innermost(log, position); at >= 0; at = log.parentAt(at)) depth++;
    return depth;
  };

  test('over never goes deeper, and out always goes up', () => {
    for (let position = pin.begin + 2; position < pin.end; position += 7) {
      const over = run.stop(position, 'over', 1);
      expect(over).toBeGreaterThan(position);
      if (over < pin.end) expect(depthAt(over)).toBeLessThanOrEqual(Math.max(depthAt(position), 1));
      const before = run.stop(position, 'over', -1);
      expect(before).toBeLessThan(position);
      if (innermost(log, position) >= 0) {
        const out = run.stop(position, 'out', 1);
        expect(depthAt(out)).toBe(depthAt(position) - 1);
      }
    }
  });

  test('over from a call stops at the next one of the same caller', () => {
    const first = run.stop(pin.begin, 'function', 1);
    expect(log.kindAt(first - 1)).toBe(EventKind.SPAN_BEGIN);
    const next = run.stop(first, 'over', 1);
    expect(depthAt(next)).toBe(1);
    expect(log.idAt(next - 1)).not.toBe(log.idAt(first - 1));
  });
});

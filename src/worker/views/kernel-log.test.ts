import { expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { KERNEL_MESSAGES, kernelMessageKind } from '../../core/kernel/sched/bug.ts';
import { warnSite } from '../../core/kernel/sched/warn-sites.ts';
import { SCENES } from '../../scenarios/index.ts';
import type { KernelLogLine } from '../protocol.ts';
import { Run } from '../run.ts';
import { kernelLogOf } from './kernel-log.ts';

const linesOf = (name: string): KernelLogLine[] => {
  const found = SCENES.find((scene) => scene.name === name);
  const sim = createSimulation(parseScenario(structuredClone(found?.scenario)));
  sim.runAll();
  const run = new Run('run', sim);
  run.indexNewSteps();
  return kernelLogOf(run);
};

test('every warning has its line in the source, and nothing else has', () => {
  for (const message of KERNEL_MESSAGES) {
    const site = warnSite(message, 'pin_user_pages', 0, 0);
    expect({ message, warns: site !== undefined }).toEqual({
      message,
      warns: kernelMessageKind(message) === 'WARN',
    });
  }
});

test('the same check has a line in each call that pins, and where the memory is coherent', () => {
  const lines = (message: 'gup.warn.get-in-pin' | 'gup.warn.no-pages'): (number | undefined)[] =>
    ['pin_user_pages_fast', 'pin_user_pages_remote', 'pin_user_pages', 'pin_user_pages_unlocked'].map(
      (fn) => warnSite(message, fn, 0, 0)?.line,
    );
  expect(lines('gup.warn.get-in-pin')).toEqual([3191, 3272, 3309, 3333]);
  expect(lines('gup.warn.no-pages')).toEqual([3194, 3275, 3312, 3336]);
  expect(warnSite('memremap.no-owner', 'memremap_pages', 1, Number.NaN)?.line).toBe(319);
  expect(warnSite('memremap.no-owner', 'memremap_pages', 2, Number.NaN)?.line).toBe(329);
  expect(warnSite('conflicting-mapping', 'pagemap_range', 512, 1024)?.line).toBe(183);
  expect(warnSite('conflicting-mapping', 'pagemap_range', 1023, 1024)?.line).toBe(190);
});

test('a warning is headed as dmesg heads it, with its text before it', () => {
  const [warning, printed] = linesOf('gup-test-not-pinnable');
  expect(warning?.dmesg).toEqual([
    '------------[ cut here ]------------',
    'pages[0] is NOT pinnable but pinned',
    expect.stringMatching(/^WARNING: CPU: \d PID: \? at mm\/gup_test\.c:56 verify_dma_pinned\+0x\?\/0x\?$/),
    expect.stringMatching(/^CPU: \d PID: \? Comm: A$/),
  ]);
  expect(printed).toMatchObject({ kind: 'printk', dmesg: [], again: false });
});

test('what the kernel warns of once is known when it comes again', () => {
  const lines = linesOf('gup-flags');
  expect(lines).toHaveLength(7);
  const heads = lines.map(({ dmesg }) => dmesg.find((line) => line.startsWith('WARNING')));
  lines.forEach(({ again }, i) => expect(again).toBe(heads.indexOf(heads[i]) < i));
  expect(new Set(heads).size).toBeGreaterThan(3);
});

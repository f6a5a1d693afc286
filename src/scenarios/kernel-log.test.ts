import { expect, test } from 'vitest';
import { DEFAULT_KERNEL } from '../core/uapi/config.ts';
import { Session } from '../worker/session.ts';
import { SCENES } from './index.ts';

/** The kernel log of a scene as the page gets it: `2 WARN pin_user_pages gup.warn.pin-by-caller`. */
const kernelLog = (name: string) => {
  const scenario = SCENES.find((scene) => scene.name === name)?.scenario;
  const answer = new Session().handle({
    kind: 'open',
    id: 1,
    runId: 'r',
    scenario: structuredClone(scenario),
  });
  if (answer?.kind !== 'opened') throw new Error(JSON.stringify(answer));
  expect(answer.run.kernel).toEqual(DEFAULT_KERNEL);
  return {
    results: answer.run.steps.map(({ result }) => result['errno'] ?? result['ret']),
    lines: answer.run.kernelLog.map(
      ({ step, kind, fn, text }) =>
        `${step} ${kind} ${fn} ${text.id.slice('log.'.length)} ${text.params['a']}`,
    ),
    run: answer.run,
  };
};

test('gup-test-not-pinnable: the first page, whose block was isolated after its pin', () => {
  expect(kernelLog('gup-test-not-pinnable').lines).toEqual([
    '2 WARN __gup_test_ioctl gup_test.not-pinnable 0',
    '2 printk __gup_test_ioctl gup_test.failure 0',
  ]);
});

test('gup-test-commands: what is printed, and what is warned of', () => {
  expect(kernelLog('gup-test-commands').lines).toEqual([
    '4 printk __gup_test_ioctl gup_test.zeroing 1',
    '4 printk __gup_test_ioctl gup_test.dump-page 0',
    '7 WARN __gup_test_ioctl gup_test.not-dma-pinned 0',
    '7 printk __gup_test_ioctl gup_test.failure 0',
  ]);
});

// mm/gup.c: is_valid_gup_flags and the entry points of 6.1; reference gup-and-faults, illegal flags
test('gup-flags: each illegal call warns once and fails, the legal one does neither', () => {
  const { lines, results } = kernelLog('gup-flags');
  expect(lines.map((line) => line.split(' ').slice(0, 4).join(' '))).toEqual([
    '2 WARN get_user_pages gup.warn.pin-by-caller',
    '3 WARN get_user_pages gup.warn.longterm-by-caller',
    '4 WARN pin_user_pages gup.warn.get-in-pin',
    '5 WARN pin_user_pages gup.warn.no-pages',
    '6 WARN pin_user_pages_remote gup.warn.longterm-with-locked',
    '7 WARN get_user_pages_unlocked gup.warn.longterm-unlocked',
    '8 WARN internal_get_user_pages_fast gup.warn.fast-flags',
  ]);
  expect(results.slice(2)).toEqual([...Array<string>(7).fill('EINVAL'), 2, 0]);
});

test('a line stands right behind the event that prints it, in its step', () => {
  const { run } = kernelLog('gup-flags');
  for (const { step, position } of run.kernelLog) {
    expect(position).toBeGreaterThan(run.steps[step]?.begin ?? Number.NaN);
    expect(position).toBeLessThanOrEqual(run.steps[step]?.end ?? Number.NaN);
  }
});

// Marks above the timeline: where playback stops, what failed, what the kernel warns of.

import type { Mark, Position } from '../protocol.ts';
import type { Run } from '../run.ts';
import { beatMessage } from './captions.ts';
import type { Namer } from './messages.ts';

const MAX_MARKS = 2000;

const FAILURES: ReadonlySet<string> = new Set([
  'fault.segv',
  'fault.sigbus',
  'gup.vma-refused',
  'gup.no-vma',
  'gup.slow.gave-up',
  'longterm.failed',
  'migrate.restored',
  'migrate.no-destination',
  'device.exhausted',
  'hugetlb.exhausted',
  'svm.vram-exhausted',
  'svm.pages-left',
  'gpu.fatal-fault',
  'gpu.wrote-shared',
  'ttm.no-space',
  'ttm.timed-out',
  'ttm.aliased',
  'kfd.refused-vram',
  'kfd.refused-system',
  'svm.refused-gpu',
  'svm.refused-hole',
  'svm.refused-device-area',
  'svm.refused-limit',
  'svm.refused-in-use',
  'svm.refused-question',
  'svm.fence-under-mutex',
  'svm.page-left-behind',
  'svm.page-in-use',
  'svm.bo-freed',
  'svm.own-fault-skipped',
]);

const stepEnded = (id: string, args: readonly number[]): number => (id === 'step.end' ? (args[0] ?? -1) : -1);

/** The beats between two positions, the first of them where there are very many. */
export const timelineMarks = (run: Run, namer: Namer, from: Position, to: Position): Mark[] =>
  run.beats
    .between(from, to)
    .slice(0, MAX_MARKS)
    .map((beat) => {
      const failed =
        FAILURES.has(beat.id) || run.sim.steps[stepEnded(beat.id, beat.args)]?.result.errno !== undefined;
      const kind = beat.id === 'kernel-log' ? 'warning' : failed ? 'failure' : 'beat';
      return { position: beat.position, kind, text: beatMessage(namer, run.sim.steps, beat) };
    });

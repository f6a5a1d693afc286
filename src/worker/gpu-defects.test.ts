// A fault of Linux itself that a step runs into is told in plain words, with the function and with what to do instead.

import { expect, test } from 'vitest';
import { DEFECT_SCENES } from '../scenarios/defects.ts';
import { say, standingSentence, standingTask } from '../words/index.ts';
import { Session } from './session.ts';
import { openRun } from './session-fixture.ts';

const A = { proc: 'A', vma: 'buf' } as const;
const to = (loc: number | 'system') => ({ op: 'svm_attr', ...A, attrs: [{ type: 'PREFETCH_LOC', loc }] });
const STEPS = [
  { op: 'mmap', ...A, pages: 4, prot: 'rw', kind: 'anon-private' },
  { op: 'write', ...A, value: 1 },
  to(0),
  { op: 'fork', proc: 'A', child: 'B' },
  { op: 'write', ...A, value: 2 },
  to('system'),
];
const scenarioOf = (steps: readonly unknown[]) => ({
  machine: 'teaching',
  gpu: {},
  devices: [{ id: 0, kind: 'coherent' }],
  steps: steps.map((step) => ({ step })),
});

test('the words name the defect; the place is the step; what was there before stays', () => {
  const session = new Session();
  const open = (steps: readonly unknown[]) =>
    session.handle({ kind: 'open', id: 1, runId: 'r', scenario: scenarioOf(steps) });
  const failed = open([...STEPS, to(0)]);
  if (failed?.kind !== 'failed') throw new Error(failed?.kind);
  expect(failed.place).toBe('steps[6].step.op');
  const text = say(failed.message);
  expect(text).toContain('Linux 6.1 itself goes wrong at the step svm_attr');
  expect(text).toContain('svm_migrate_get_vram_page');
  expect(text).toContain('let the other process exit');
  expect(open(STEPS)?.kind).toBe('opened');
});

/** Each task at the end: who, where it stands, and how. */
const standing = (name: string): string[] => {
  const scene = DEFECT_SCENES.find((one) => one.name === name);
  const { run, momentAt } = openRun(scene?.scenario);
  expect(momentAt(run.length - 1).standing).toBeUndefined();
  return (momentAt(run.length).standing ?? []).map(
    (task) => `${standingTask(task)}: ${task.how} in ${task.stack.map(({ fn }) => fn).join(' > ')}`,
  );
};

// kfd_svm.c: svm_range_validate_svm_bo waits with the range's migrate_mutex, which svm_range_evict_svm_bo_worker takes;
// kfd_migrate.c: svm_migrate_to_ram returns 0 for a range whose actual_loc is 0, and the access faults again
test('at the end of a step that never ends every task says where it stands', () => {
  expect(standing('defect-deadlock')).toEqual([
    'Thread 2, of process A: sleep in svm_range_set_attr > svm_range_trigger_migration > svm_migrate_to_vram > svm_migrate_ram_to_vram > svm_range_vram_node_new > svm_range_validate_svm_bo',
    'Thread 3, of the kernel: sleep in svm_range_evict_svm_bo_worker',
  ]);
  const circle = standing('defect-livelock');
  expect(circle).toHaveLength(2);
  for (const task of circle)
    expect(task).toMatch(/of process A: circle in handle_mm_fault > do_swap_page > svm_migrate_to_ram$/);
  expect(standing('defect-page-twice')).toEqual([
    'Thread 1, of process A: stop in svm_range_set_attr > svm_range_trigger_migration > svm_migrate_to_vram > svm_migrate_ram_to_vram > svm_migrate_vma_to_vram > svm_migrate_copy_to_vram',
  ]);
  expect(standing('defect-bo-freed')).toEqual([
    'Thread 1, of process A: stop in svm_range_set_attr > svm_range_trigger_migration > svm_migrate_to_vram > svm_migrate_ram_to_vram > svm_range_vram_node_new > svm_range_validate_svm_bo',
  ]);
  expect(standing('defect-bo-null')).toEqual([
    'Thread 1, of process A: stop in svm_range_set_attr > svm_range_validate_and_map',
  ]);
  // mm/hmm.c: hmm_range_fault: "while (ret == -EBUSY)"; kfd_migrate.c: svm_migrate_to_ram: "skipping ram migration"
  expect(standing('defect-two-hives')).toEqual([
    'Thread 1, of process A: circle in svm_range_set_attr > svm_range_validate_and_map > amdgpu_hmm_range_get_pages > hmm_range_fault > hmm_vma_walk_pmd > hmm_vma_handle_pte > hmm_vma_fault > handle_mm_fault > do_swap_page > svm_migrate_to_ram',
  ]);
  const stopped = { task: 1, process: 'A', how: 'stop' } as const;
  expect(standingSentence({ ...stopped, what: 'svm.bo-null' })).toContain('null pointer');
  expect(standingSentence({ ...stopped, what: 'svm.bo-freed' })).toContain('read what was freed');
  expect(standingSentence({ ...stopped, what: 'svm.page-in-use' })).toContain(
    'counts that are no longer true',
  );
  const task = { task: 3, process: '', how: 'sleep', what: 'mutex migrate_mutex of range 2' } as const;
  expect(standingSentence(task)).toBe(
    'sleeps in the last of these calls, for mutex migrate_mutex of range 2. Nobody will wake it: the call never returns.',
  );
});

// What the tests of scenario-catalogue.md are written with: steps of process A over its memory, and the test driver's devices.

import type { Step } from '../core/index.ts';
import type { Pfn } from '../core/uapi/units.ts';
import { type CheckedRun, runChecked } from './checked-run.ts';

export const A = { proc: 'A', vma: 'buf' } as const;
export const toDevice = (extra: object = {}): Step =>
  ({ op: 'migrate_to_dev', ...A, device: 0, ...extra }) as Step;
export const toSystem = (extra: object = {}): Step =>
  ({ op: 'migrate_to_sys', ...A, device: 0, ...extra }) as Step;
export const read = (extra: object = {}): Step => ({ op: 'read', ...A, ...extra }) as Step;
export const write = (value: number, extra: object = {}): Step =>
  ({ op: 'write', ...A, value, ...extra }) as Step;
type Gup = Extract<Step, { op: 'gup' }>;
export const gup = (as: string, call: Gup['call'], flags: Gup['flags'], extra: object = {}): Step => ({
  op: 'gup',
  ...A,
  call,
  flags,
  as,
  ...extra,
});
/** With the test driver's coherent devices; on the guest of the recordings where no other machine is named. */
export const withDevice = (steps: readonly Step[], extra: object = {}): CheckedRun =>
  runChecked({ devices: [{ id: 0, kind: 'coherent' }], ...extra, steps: steps.map((step) => ({ step })) });
export const refs = ({ sim: { machine: m } }: CheckedRun, pfns: readonly Pfn[]): number[] =>
  pfns.map((pfn) => m.pages.refcount.get(pfn));

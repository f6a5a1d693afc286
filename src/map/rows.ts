// Which banks a run is about.

import type { StepInfo } from '../store/views.ts';
import type { Bank } from './layout.ts';

/** All memory in one, system memory, and the devices that some step names; the others are drawn small. */
export const isBusyBank = (bank: Bank, steps: readonly StepInfo[]): boolean =>
  bank.kind === 'whole' ||
  (bank.device < 0 ? bank.node === 0 : steps.some(({ step }) => step.device === bank.device));

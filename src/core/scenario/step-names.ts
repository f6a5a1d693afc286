// What a step names: processes and pages of their areas.

import type { Area, Mm, PinHandle } from '../machine/entities.ts';
import type { Machine } from '../machine/machine.ts';
import { GIB_PAGES, type Vpn } from '../uapi/units.ts';
import { StepError } from './step-result.ts';

/** @throws StepError when there is none */
export const processNamed = (m: Machine, name: string): Mm => {
  const mm = m.mms.values().find((candidate) => candidate.name === name && candidate.alive);
  if (mm === undefined) throw new StepError('proc', `there is no living process ${name}`);
  return mm;
};

/** Pages of an area that a step names. */
export interface Range {
  readonly mm: Mm;
  readonly area: Area;
  readonly start: Vpn;
  readonly npages: number;
  /** Index of the first page in its area. */
  readonly first: number;
}

/** @throws StepError when the area has no such pages */
export const rangeOf = (
  m: Machine,
  step: { proc: string; vma: string; page?: number | undefined; count?: number | undefined },
): Range => {
  const mm = processNamed(m, step.proc);
  const area = mm.areas.find((candidate) => candidate.name === step.vma);
  if (area === undefined) throw new StepError('vma', `process ${step.proc} has no area ${step.vma}`);
  const first = step.page ?? 0;
  const npages = step.count ?? area.npages - first;
  if (npages < 1)
    throw new StepError(
      'page',
      `area ${area.name} has ${area.npages} pages, page ${first} is behind its end`,
    );
  // areas stand on 1 GiB boundaries: a range may reach into the hole behind its area, not into the next area
  const room = Math.ceil(area.npages / GIB_PAGES) * GIB_PAGES;
  if (first + npages > room) {
    throw new StepError(
      'count',
      `pages ${first} to ${first + npages - 1} reach beyond area ${area.name} of ${area.npages} pages`,
    );
  }
  return { mm, area, start: area.start + first, npages, first };
};

/** @throws StepError when nothing is held under the name */
export const handleNamed = (m: Machine, name: string): PinHandle => {
  const handle = m.handles.values().find((candidate) => candidate.name === name);
  if (handle === undefined) throw new StepError('handle', `no references are held under the name ${name}`);
  return handle;
};

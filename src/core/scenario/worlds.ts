// One program in several worlds, side by side: where its memory is, and whether long-term pins move it. All figures that
// answer what migration on a pin costs, and what staying would have cost.

import { type CostReport, pinQuestion, type PinQuestion } from '../timeline/costs.ts';
import type { CostModel } from '../uapi/cost-model.ts';
import { runCosts } from './run-costs.ts';
import type { Simulation } from './simulation.ts';

/** The kernel with memory of each kind, and the two readings of a world that never was: longtermPolicy. */
export const WORLDS = ['coherent', 'private', 'system', 'intent', 'as-coded'] as const;
export type World = (typeof WORLDS)[number];
/** Worlds in which a long-term pin leaves its page in VRAM. */
export type StayingWorld = Extract<World, 'intent' | 'as-coded'>;

/** Figures of a world; `Ns` are simulated nanoseconds. */
export const WORLD_FIGURES = [
  'serialNs',
  'overlappedNs',
  'pinMovedPages',
  'pinMovingNs',
  'pinHeldPages',
  'failedEvictions',
  'waitingNs',
  'cpuFaultNs',
  'migrationNs',
  'gpuAccessNs',
  'cpuAccessNs',
  'stoppedQueuesNs',
  'linkBytes',
  'ddrBytes',
] as const;
export type WorldFigure = (typeof WORLD_FIGURES)[number];

const figureOf = (report: CostReport, figure: WorldFigure): number => {
  const { nsByKind, pin } = report;
  switch (figure) {
    case 'serialNs':
      return report.serialNs;
    case 'overlappedNs':
      return report.overlappedNs;
    case 'pinMovedPages':
      return pin.pagesMoved;
    case 'pinMovingNs':
      return pin.movingNs;
    case 'pinHeldPages':
      return pin.pagesLeft;
    case 'failedEvictions':
      return pin.failedEvictions;
    case 'waitingNs':
      return nsByKind['waiting for VRAM'];
    case 'cpuFaultNs':
      return nsByKind.faults;
    case 'migrationNs':
      return nsByKind.migration + nsByKind['copies by DMA'] + nsByKind['copies by CPU'];
    case 'gpuAccessNs':
      return nsByKind['access by GPU'] + nsByKind['faults of the GPU'];
    case 'cpuAccessNs':
      return nsByKind['access by CPU'];
    case 'stoppedQueuesNs':
      return nsByKind['stopped queues'];
    case 'linkBytes':
      return Object.entries(report.bytesByLink).reduce(
        (sum, [link, bytes]) => (link === 'hbm' || link === 'ddr.numa' ? sum : sum + bytes),
        0,
      );
    case 'ddrBytes':
      return report.ddrBytes;
  }
};

export interface WorldsReport {
  readonly reports: Readonly<Partial<Record<World, CostReport>>>;
  /** A row for each figure, a value for each world that was run. */
  readonly rows: readonly {
    readonly figure: WorldFigure;
    readonly values: Readonly<Partial<Record<World, number>>>;
  }[];
  /** The kernel with coherent memory against the worlds in which pins stay. */
  readonly questions: Readonly<Partial<Record<StayingWorld, PinQuestion>>>;
}

/**
 * All figures of one program's runs.
 *
 * @param runs - those that could be run; the program is the same but for what makes the world
 */
export const worldsReport = (
  runs: Readonly<Partial<Record<World, Simulation>>>,
  model: CostModel,
): WorldsReport => {
  const reports: Partial<Record<World, CostReport>> = {};
  for (const world of WORLDS) {
    const sim = runs[world];
    if (sim !== undefined) reports[world] = runCosts(sim, model);
  }
  const rows = WORLD_FIGURES.map((figure) => {
    const values: Partial<Record<World, number>> = {};
    for (const world of WORLDS) {
      const report = reports[world];
      if (report !== undefined) values[world] = figureOf(report, figure);
    }
    return { figure, values };
  });
  const { coherent } = reports;
  const questions: Partial<Record<StayingWorld, PinQuestion>> = {};
  for (const world of ['intent', 'as-coded'] as const) {
    const staying = reports[world];
    if (coherent !== undefined && staying !== undefined) questions[world] = pinQuestion(coherent, staying);
  }
  return { reports, rows, questions };
};

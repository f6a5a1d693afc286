// The workload over all eight GPUs of a Frontier node at its real size: how fast pages are moved, and what is kept of it.
// 63 GiB a GPU: the driver keeps 8 MiB back, so that the 64th range of 1 GiB would evict the first one.

import { createSimulation, parseScenario, type Simulation } from '../core/index.ts';
import { runCosts } from '../core/scenario/run-costs.ts';
import { worldsReport } from '../core/scenario/worlds.ts';
import { DEFAULT_COSTS } from '../core/uapi/cost-model.ts';
import { GIB_PAGES } from '../core/uapi/units.ts';
import { workloadScenario } from '../scenarios/frontier.ts';
import { type Figure, figure, MORE } from './figures.ts';
import { timed } from './measure.ts';

const GPUS = 8;
const PAGES_PER_GPU = 63 * GIB_PAGES;

/** Runs all steps. Returns the most memory that the process had between two of them. */
const runWatched = (sim: Simulation): number => {
  let most = 0;
  for (const { step } of sim.scenario.steps) {
    sim.runStep(step);
    most = Math.max(most, process.memoryUsage().rss);
  }
  return most;
};

/** The answer to the question of the series for a small run of the same program: simulated, so the same each time. */
const answers = (): Figure[] => {
  const run = (longtermPolicy: 'on' | 'intent'): Simulation => {
    const { scenario } = workloadScenario(
      {
        gpus: GPUS,
        pagesPerGpu: 4096,
        iterations: 2,
        checkpointEvery: 1,
        checkpointPages: 256,
        keepsPins: true,
        memory: 'coherent',
        longtermPolicy,
      },
      { name: 'bench', title: 'bench', about: '' },
    );
    const sim = createSimulation(parseScenario(structuredClone(scenario)));
    sim.runAll();
    return sim;
  };
  const { questions } = worldsReport({ coherent: run('on'), intent: run('intent') }, DEFAULT_COSTS);
  const { intent } = questions;
  if (intent === undefined) throw new Error('no world to compare with');
  return [
    figure('frontier_pin_moving_simulated_ms', intent.movingNs / 1e6, 'ms'),
    figure('frontier_pin_far_access_simulated_ms', intent.farAccessNs / 1e6, 'ms'),
    figure('frontier_pin_held_pages', intent.pagesHeld, 'pages'),
  ];
};

export const frontierWorkload = (): Figure[] => {
  const { scenario } = workloadScenario(
    {
      gpus: GPUS,
      pagesPerGpu: PAGES_PER_GPU,
      iterations: 2,
      checkpointEvery: 1,
      checkpointPages: GIB_PAGES,
      memory: 'coherent',
    },
    { name: 'bench', title: 'bench', about: '' },
  );
  const before = process.memoryUsage().rss;
  const sim = createSimulation(parseScenario(structuredClone(scenario)));
  const { ms, cpuMs, value: most } = timed(() => runWatched(sim));
  const { pin } = runCosts(sim, DEFAULT_COSTS);
  const pages = GPUS * PAGES_PER_GPU;
  const moved = pages + pin.pagesMoved;
  const { stateBytes, historyBytes } = sim.machine.journal.bytes();
  return [
    figure('frontier_pages', pages, 'pages', MORE),
    figure('frontier_pages_moved', moved, 'pages', MORE),
    figure('frontier_pages_moved_per_s', (moved / ms) * 1000, 'pages/s', MORE),
    figure('frontier_ms', ms, 'ms'),
    figure('frontier_cpu_ns_per_page', (cpuMs * 1e6) / pages, 'ns/page'),
    figure('frontier_state_bytes_per_page', stateBytes / pages, 'bytes/page'),
    figure('frontier_history_bytes_per_page', historyBytes / pages, 'bytes/page'),
    figure('frontier_memory_bytes', most - before, 'bytes'),
    ...answers(),
  ];
};

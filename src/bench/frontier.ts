// The workload over all eight GPUs of a Frontier node: how fast pages are moved, and what is kept of it.

import { createSimulation, parseScenario } from '../core/index.ts';
import { runCosts } from '../core/scenario/run-costs.ts';
import { DEFAULT_COSTS } from '../core/uapi/cost-model.ts';
import { workloadScenario } from '../scenarios/frontier.ts';
import { type Figure, figure, MORE } from './figures.ts';
import { settledBytes, timed } from './measure.ts';

const PAGES_PER_GPU = 4096;
const GPUS = 8;

export const frontierWorkload = (): Figure[] => {
  const { scenario } = workloadScenario(
    {
      gpus: GPUS,
      pagesPerGpu: PAGES_PER_GPU,
      iterations: 2,
      checkpointEvery: 1,
      checkpointPages: 256,
      memory: 'coherent',
    },
    { name: 'bench', title: 'bench', about: '' },
  );
  const before = settledBytes();
  const sim = createSimulation(parseScenario(structuredClone(scenario)));
  const { ms } = timed(() => sim.runAll());
  const bytes = settledBytes() - before;
  const { pin } = runCosts(sim, DEFAULT_COSTS);
  const toVram = GPUS * PAGES_PER_GPU;
  const moved = toVram + pin.pagesMoved;
  return [
    figure('frontier_pages_moved_per_s', (moved / ms) * 1000, 'pages/s', MORE),
    figure('frontier_ms', ms, 'ms'),
    figure('frontier_bytes_per_page', bytes / toVram, 'bytes/page'),
  ];
};

// The workload over all eight GPUs of a Frontier node in the app: whether the page stays free while it runs.

import { deflateRawSync } from 'node:zlib';
import { workloadScenario } from '../scenarios/frontier.ts';
import { atMost, type Figure, figure, MORE } from './figures.ts';
import { longestMsOf, median } from './measure.ts';
import type { Busy } from './in-page.ts';

const TITLE = 'Frontier workload';
const GPUS = 8;
/** 4 GiB each. */
const PAGES_PER_GPU = 2 ** 20;

const address = (): string => {
  const { scenario } = workloadScenario(
    {
      gpus: GPUS,
      pagesPerGpu: PAGES_PER_GPU,
      iterations: 2,
      checkpointEvery: 1,
      checkpointPages: 2 ** 16,
      memory: 'coherent',
    },
    { name: 'frontier', title: TITLE, about: '' },
  );
  return `#v1.${deflateRawSync(JSON.stringify({ own: scenario })).toString('base64url')}`;
};

/** Whoever drives the browser. */
export interface Watched<Seen> {
  /** Opens the app and waits until it stands idle. */
  readonly open: () => Promise<void>;
  /** Watches the main thread from now on. */
  readonly watch: () => Promise<void>;
  /** Goes to an address, and waits until a text is there and nothing is pending. */
  readonly goTo: (hash: string, text: string) => Promise<void>;
  readonly stop: () => Promise<Seen>;
}

/** Opens the workload in an app that stands idle, and watches the page until nothing is pending. */
export const frontierInPage = async <Seen>(page: Watched<Seen>): Promise<Seen> => {
  await page.open();
  await page.watch();
  await page.goTo(address(), TITLE);
  return await page.stop();
};

/**
 * As of steps: the round in which the longest task was shortest counts, so that what others do on the machine does not.
 *
 * @param taskCpuMs - of each round that was traced, what its longest task computed
 */
export const frontierFigures = (rounds: readonly Busy[], taskCpuMs: readonly number[]): Figure[] => {
  const longest = rounds.map(longestMsOf).toSorted((a, b) => a - b);
  return [
    figure('frontier_page_pages', GPUS * PAGES_PER_GPU, 'pages', MORE),
    figure('frontier_page_ms', median(rounds.map(({ watchedMs }) => watchedMs)), 'ms'),
    figure('frontier_page_longest_task_ms', longest[0] ?? Number.NaN, 'ms', atMost(50)),
    figure('frontier_page_longest_task_worst_round_ms', longest.at(-1) ?? Number.NaN, 'ms'),
    figure('frontier_page_longest_task_cpu_ms', median(taskCpuMs), 'ms'),
  ];
};

// npm run -s bench:browser -- [--json FILE] [--pages N]
// Builds the app, opens it in a browser without a GPU at 1440x900, and measures what somebody at the screen would feel.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { type Browser, chromium, type Page } from 'playwright';
import type { PaintedPicture } from '../map/painter-messages.ts';
import { ensureBrowser, findBrowser } from '../tools/browser.mjs';
import { root } from '../tools/install.mjs';
import {
  atLeast,
  atMost,
  type Figure,
  figure,
  type Measured,
  MORE,
  type Series,
  thisMachine,
} from './figures.ts';
import { frontierFigures, frontierInPage } from './frontier-page.ts';
import { type Busy, svgMap, watchLatency, watchPictures, watchTasks, zoomMap } from './in-page.ts';
import { longestMsOf, median, percentile } from './measure.ts';
import { jsonFile, reportResult } from './report.ts';
import { serve, type Served } from './serve.ts';
import { longestTaskCpuMs, TASK_CATEGORIES, TRACE_START_MS } from './task-cpu.ts';

declare global {
  interface Window {
    simIdle?: () => Promise<void>;
    simPictures?: (keep: boolean) => Promise<readonly PaintedPicture[]>;
  }
}

/** Pages that migrate while the maps are watched: 4 GiB. */
const PAGES = 2 ** 20;

const LOADS = 5;
/** Of the steps under which the page is watched. */
const ROUNDS = 3;
const SVG_CELLS = 10_000;
const FRAMES = 90;
const INPUTS = 40;
/** From one input to the next. */
const REST_MS = 50;
/** The browser reports no input that took less. */
const UNREPORTED_MS = 16;
const VIEWPORT = { width: 1440, height: 900 };
const COMMITTED = 'public/bench/browser.json';

const openPage = async (browser: Browser, url: string): Promise<Page> => {
  const page = await browser.newPage({ viewport: VIEWPORT, deviceScaleFactor: 1 });
  // the compiler of the benchmark gives functions their names by a helper that the page does not have
  await page.addInitScript('globalThis.__name = (named) => named');
  await page.goto(url);
  return page;
};

/** Waits for the page's own word that nothing is pending, and says when that was. */
const idle = async (page: Page): Promise<number> => {
  await page.waitForFunction(() => 'simIdle' in window);
  return await page.evaluate(async () => {
    await window.simIdle?.();
    return performance.now();
  });
};

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const firstPaint = async (page: Page): Promise<number> =>
  await page.evaluate(
    () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN,
  );

const starts = async (browser: Browser, served: Served): Promise<Figure[]> => {
  const paint: number[] = [];
  const interactive: number[] = [];
  const withScenario: number[] = [];
  let firstBytes = 0;
  let scenarioBytes = 0;
  for (let load = 0; load < LOADS; load++) {
    served.scriptBytes();
    const page = await openPage(browser, served.url);
    interactive.push(await idle(page));
    paint.push(await firstPaint(page));
    await page.waitForLoadState('networkidle');
    firstBytes = served.scriptBytes();
    await page.close();
    const linked = await openPage(browser, `${served.url}?scenario=lab-node`);
    withScenario.push(await idle(linked));
    await linked.waitForLoadState('networkidle');
    scenarioBytes = served.scriptBytes();
    await linked.close();
  }
  return [
    figure('first_paint_ms', median(paint), 'ms'),
    figure('time_to_interactive_ms', median(interactive), 'ms'),
    figure('scenario_link_ready_ms', median(withScenario), 'ms'),
    figure('first_load_js_gzip_bytes', firstBytes, 'bytes', atMost(256_000)),
    figure('scenario_link_js_gzip_bytes', scenarioBytes, 'bytes'),
  ];
};

/** The address of a scenario of its own: pages that were written, and stay where they are. */
const linkTo = (pages: number): string => {
  const own = {
    title: 'Benchmark',
    machine: 'lab-node',
    devices: [{ id: 0, kind: 'coherent' }],
    steps: [
      { step: { op: 'mmap', proc: 'A', vma: 'buf', pages, prot: 'rw', kind: 'anon-private' } },
      { step: { op: 'write', proc: 'A', vma: 'buf', value: 1 } },
    ],
  };
  return `#v1.${deflateRawSync(JSON.stringify({ own })).toString('base64url')}`;
};

/** Runs a step from the field where one types it. @returns when the Enter key was pressed, and when all stood again */
const runStep = async (
  page: Page,
  command: string,
): Promise<{ readonly fromMs: number; readonly toMs: number }> => {
  const field = page.getByLabel('Next step');
  await field.fill(command);
  const nowMs = async (): Promise<number> =>
    await page.evaluate(() => performance.timeOrigin + performance.now());
  const fromMs = await nowMs();
  await field.press('Enter');
  await idle(page);
  return { fromMs, toMs: await nowMs() };
};

/** Pictures that differ from the one before. */
const distinctOf = (pictures: readonly PaintedPicture[]): readonly PaintedPicture[] =>
  pictures.filter(({ hash }, i) => i === 0 || hash !== pictures[i - 1]?.hash);

const intervalsOf = (pictures: readonly PaintedPicture[]): number[] =>
  pictures.slice(1).map(({ atMs }, i) => atMs - (pictures[i]?.atMs ?? atMs));

const STEPS = ['migrate_to_dev buf 0', 'pin_user_pages buf FOLL_WRITE FOLL_LONGTERM as h1'] as const;

const atAllMemory = async (browser: Browser, served: Served, pages: number): Promise<Page> => {
  const page = await openPage(browser, `${served.url}${linkTo(pages)}`);
  await idle(page);
  await page.getByRole('button', { name: 'All memory in one map' }).click();
  await idle(page);
  return page;
};

const watchPage = async (page: Page): Promise<void> => await page.evaluate(watchTasks);

const stopWatching = async (page: Page): Promise<Busy> => {
  const busy = await page.evaluate(() => window.benchWatch?.stop());
  if (busy === undefined) throw new Error('the page was not watched');
  return busy;
};

const traceTasks = async (browser: Browser, page: Page): Promise<void> => {
  await browser.startTracing(page, { categories: TASK_CATEGORIES });
  await page.waitForTimeout(TRACE_START_MS + 100);
};

const tracedCpuMs = async (browser: Browser): Promise<number> =>
  longestTaskCpuMs((await browser.stopTracing()).toString());

/**
 * What the page is busy with while pages go to the device and are pinned home, and nothing else is watched: who looks at
 * pixels keeps the page busy too. The round in which the longest task was shortest counts, so that what others do on the
 * machine does not.
 */
const busyWhileMigrating = async (browser: Browser, served: Served, pages: number): Promise<Figure[]> => {
  const rounds: Busy[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const page = await atAllMemory(browser, served, pages);
    await watchPage(page);
    for (const command of STEPS) await runStep(page, command);
    rounds.push(await stopWatching(page));
    await page.close();
  }
  const longest = rounds.map(longestMsOf).toSorted((a, b) => a - b);
  return [
    figure('migrating_ms', median(rounds.map(({ watchedMs }) => watchedMs)), 'ms'),
    figure('main_longest_task_ms', longest[0] ?? Number.NaN, 'ms', atMost(50)),
    figure('main_longest_task_worst_round_ms', longest.at(-1) ?? Number.NaN, 'ms'),
  ];
};

/** How long the page's main thread computed for its longest task, waiting for a processor not counted. */
const computingWhileMigrating = async (
  browser: Browser,
  served: Served,
  pages: number,
): Promise<Figure[]> => {
  const page = await atAllMemory(browser, served, pages);
  await traceTasks(browser, page);
  for (const command of STEPS) await runStep(page, command);
  const cpuMs = await tracedCpuMs(browser);
  await page.close();
  return [figure('main_longest_task_cpu_ms', cpuMs, 'ms')];
};

/** What is painted while pages go to the device and are pinned home, and somebody looks at all memory of the node. */
const migrating = async (browser: Browser, served: Served, pages: number): Promise<Figure[]> => {
  const page = await atAllMemory(browser, served, pages);
  await page.evaluate(watchPictures, 400);
  await page.evaluate(async () => await window.simPictures?.(true));
  const steps = [];
  for (const command of STEPS) steps.push(await runStep(page, command));
  const pictures = (await page.evaluate(async () => await window.simPictures?.(false))) ?? [];
  const seen = await page.evaluate(() => window.benchSeen?.stop());
  await page.close();
  if (seen === undefined) throw new Error('the page was not watched');

  const known = new Set(pictures.map(({ hash }) => hash));
  const strangers = seen.hashes.filter((hash) => !known.has(hash)).length;
  // between the two steps nothing moves, and nothing is to be seen
  const intervals = steps.flatMap(({ fromMs, toMs }) =>
    intervalsOf(distinctOf(pictures.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs))),
  );
  const spanMs = intervals.reduce((sum, ms) => sum + ms, 0);
  // the same without any mercy: from the Enter key until all stands, and a picture that was there before is none
  const wholeMs = steps.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  const different = steps.reduce(
    (sum, { fromMs, toMs }) =>
      sum +
      new Set(pictures.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs).map(({ hash }) => hash)).size,
    0,
  );
  return [
    figure('migrating_pages', pages, 'pages', MORE),
    figure(
      'map_frame_p95_ms',
      percentile(
        pictures.map(({ paintMs }) => paintMs),
        0.95,
      ),
      'ms',
      atMost(33),
    ),
    figure('map_pictures_per_s', intervals.length / (spanMs / 1000), '/s', atLeast(25)),
    figure('map_pictures_per_s_of_steps', different / (wholeMs / 1000), '/s', MORE),
    figure('map_picture_interval_p95_ms', percentile(intervals, 0.95), 'ms'),
    figure('map_pictures_seen_by_page', new Set(seen.hashes).size, 'pictures', MORE),
    figure('map_pictures_seen_but_not_reported', strangers, 'pictures'),
  ];
};

/** Somebody zooms from all memory down to single pages and back, a turn of the wheel a frame. */
const zooming = async (browser: Browser, served: Served): Promise<Figure[]> => {
  const page = await openPage(browser, `${served.url}?scenario=lab-node&t=4`);
  await idle(page);
  await page.getByRole('button', { name: 'All memory in one map' }).click();
  await idle(page);
  await page.evaluate(async () => await window.simPictures?.(true));
  const frames = await page.evaluate(zoomMap, FRAMES);
  const pictures = (await page.evaluate(async () => await window.simPictures?.(false))) ?? [];
  await page.close();
  const paints = pictures.map(({ paintMs }) => paintMs);
  return [
    figure('map_zoom_frame_p95_ms', percentile(frames, 0.95), 'ms'),
    figure('map_zoom_paint_p95_ms', percentile(paints, 0.95), 'ms'),
  ];
};

/** The peer approach, in the same browser: one SVG node a cell. */
const withSvg = async (browser: Browser, served: Served): Promise<Measured> => {
  const page = await openPage(browser, served.url);
  await idle(page);
  const few = [];
  for (const cells of [1000, 3000])
    few.push({ cells, ...(await page.evaluate(svgMap, { cells, changing: cells / 100, frames: FRAMES })) });
  await watchPage(page);
  const times = await page.evaluate(svgMap, {
    cells: SVG_CELLS,
    changing: SVG_CELLS / 100,
    frames: FRAMES,
  });
  const { longestTaskMs } = await stopWatching(page);
  await page.close();
  const all = [...few, { cells: SVG_CELLS, ...times }];
  const pointsOf = (of: (one: (typeof all)[number]) => readonly number[]): Series['points'] =>
    all.map((one) => [one.cells, percentile(of(one), 0.95)]);
  const series = [
    { name: 'svg_zoom_frame_ms', x: 'cells', y: 'ms', points: pointsOf(({ zoomMs }) => zoomMs) },
    { name: 'svg_change_frame_ms', x: 'cells', y: 'ms', points: pointsOf(({ changeMs }) => changeMs) },
  ];
  const figures = [
    figure('svg_10k_create_ms', times.createMs, 'ms'),
    figure('svg_10k_frame_p95_ms', percentile(times.changeMs, 0.95), 'ms'),
    figure('svg_10k_pictures_per_s', 1000 / mean(times.changeMs), '/s', MORE),
    figure('svg_10k_zoom_frame_p95_ms', percentile(times.zoomMs, 0.95), 'ms'),
    figure('svg_10k_longest_task_ms', longestTaskMs, 'ms'),
  ];
  return { figures, series };
};

/** Keys and the pointer while a scene of the lab node plays. */
const latency = async (browser: Browser, served: Served): Promise<Figure[]> => {
  const page = await openPage(browser, `${served.url}?scenario=lab-node`);
  await idle(page);
  await page.evaluate(watchLatency);
  const map = page.getByRole('application').first();
  const pause = page.getByRole('button', { name: 'Pause', exact: true });
  const now = async (): Promise<number> => await page.evaluate(() => performance.now());
  const inputs: { readonly begin: number; readonly end: number }[] = [];
  for (let input = 0; input < INPUTS; input++) {
    // a click on a page pauses, and a scene ends
    if (!(await pause.isVisible())) {
      await page.keyboard.press('Home');
      await page.getByRole('button', { name: /^Play/ }).click();
      await pause.waitFor();
      await page.waitForTimeout(REST_MS);
    }
    const begin = await now();
    if (input % 4 === 0) await map.click({ position: { x: 40 + input * 3, y: 40 + input } });
    else await page.keyboard.press(['+', '-', 'KeyD'][input % 3] ?? '+');
    await page.waitForTimeout(REST_MS);
    inputs.push({ begin, end: await now() });
  }
  await page.waitForTimeout(REST_MS * 4);
  const found = (await page.evaluate(() => window.benchLatencies)) ?? [];
  await page.close();
  const all = inputs.map(({ begin, end }) => {
    const own = found.filter(({ startTime }) => startTime >= begin && startTime < end);
    return Math.max(UNREPORTED_MS, ...own.map(({ duration }) => duration));
  });
  return [figure('input_latency_p95_ms', percentile(all, 0.95), 'ms', atMost(100))];
};

/** The workload of a Frontier node runs while nobody touches anything. */
const frontierOnce = async <Seen>(
  browser: Browser,
  served: Served,
  watcher: {
    readonly watch: (page: Page) => Promise<void>;
    readonly stop: (page: Page) => Promise<Seen>;
  },
): Promise<Seen> => {
  const page = await openPage(browser, served.url);
  const seen = await frontierInPage({
    open: async () => {
      await idle(page);
      // whoever drives the browser has a script of its own in the page, which is there before anybody watches
      await page.locator('body').waitFor();
    },
    watch: async () => await watcher.watch(page),
    goTo: async (hash, text) => {
      await page.evaluate((to) => {
        location.hash = to;
      }, hash);
      await page.getByText(text).first().waitFor();
      await idle(page);
    },
    stop: async () => await watcher.stop(page),
  });
  await page.close();
  return seen;
};

const frontier = async (browser: Browser, served: Served): Promise<Figure[]> => {
  const rounds: Busy[] = [];
  const taskCpuMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++)
    rounds.push(await frontierOnce(browser, served, { watch: watchPage, stop: stopWatching }));
  // a trace keeps the page busy, too
  for (let round = 0; round < ROUNDS; round++)
    taskCpuMs.push(
      await frontierOnce(browser, served, {
        watch: async (page) => await traceTasks(browser, page),
        stop: async () => await tracedCpuMs(browser),
      }),
    );
  return frontierFigures(rounds, taskCpuMs);
};

const optionOf = (args: readonly string[], name: string): number | undefined => {
  const at = args.indexOf(name);
  return at < 0 ? undefined : Number(args[at + 1]);
};

const main = async (): Promise<void> => {
  const args = process.argv.slice(2);
  const file = jsonFile(args);
  const pages = optionOf(args, '--pages') ?? PAGES;
  if (!Number.isSafeInteger(pages)) throw new Error('--pages needs a number');
  if (!ensureBrowser()) throw new Error('there is no browser');
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  const build = spawnSync(process.execPath, [vite, 'build', '--logLevel', 'error'], { cwd: root });
  if (build.status !== 0) throw new Error(`the app was not built: ${build.stderr.toString()}`);
  const served = await serve(join(root, 'dist'));
  const executablePath = findBrowser();
  const browser = await chromium.launch({
    args: [
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
    ],
    ...(executablePath === undefined ? {} : { executablePath }),
  });
  try {
    const figures = [
      ...(await starts(browser, served)),
      ...(await busyWhileMigrating(browser, served, pages)),
      ...(await computingWhileMigrating(browser, served, pages)),
      ...(await migrating(browser, served, pages)),
      ...(await zooming(browser, served)),
      ...(await latency(browser, served)),
      ...(await frontier(browser, served)),
    ];
    const svg = await withSvg(browser, served);
    figures.push(...svg.figures);
    const versions = { chromium: browser.version(), node: process.version };
    const { series } = svg;
    reportResult({ bench: 'browser', machine: thisMachine(), versions, figures, series }, COMMITTED, file);
  } finally {
    await browser.close();
    served.close();
  }
};

await main();

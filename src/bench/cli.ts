// npm run -s bench -- [--json FILE] [--only PART,PART]
// Times are printed for orientation; what counts are sizes and ratios measured in one run.

import { bootMachine } from '../core/scenario/boot.ts';
import { DEFAULT_KERNEL } from '../core/uapi/config.ts';
import { machinePreset } from '../core/uapi/presets.ts';
import { blocks } from './blocks.ts';
import { atMost, type Figure, figure, type Measured, thisMachine } from './figures.ts';
import { frontierWorkload } from './frontier.ts';
import { growth } from './growth.ts';
import { leaks } from './leaks.ts';
import { median, settledBytes, timed } from './measure.ts';
import { jsonFile, reportResult } from './report.ts';
import { throughput } from './throughput.ts';
import { timeTravel } from './time-travel.ts';

/** The result that is committed, and that the app shows; the bench runs in the folder of package.json. */
const EARLIER = 'public/bench/node.json';

const openLabNode = (): Figure[] => {
  const open = (): unknown => bootMachine(machinePreset('lab-node'), DEFAULT_KERNEL);
  open();
  const before = settledBytes();
  const { value: kept } = timed(open);
  const bytes = settledBytes() - before;
  const times = Array.from({ length: 9 }, () => timed(open).ms);
  if (kept === undefined) throw new Error('the machine did not open');
  return [
    figure('open_768g_ms', median(times), 'ms', atMost(100)),
    figure('open_768g_bytes', bytes, 'bytes', atMost(16 * 2 ** 20)),
  ];
};

/** In the order in which they run: the first one opens a machine before anything else has left memory behind. */
const PARTS: Readonly<Record<string, () => readonly Figure[] | Measured>> = {
  open: openLabNode,
  throughput,
  blocks,
  'time-travel': timeTravel,
  growth,
  leaks,
  frontier: frontierWorkload,
};

/** The parts behind `--only`; all where it is not given. @throws Error when there is no such part */
const partsOf = (args: readonly string[]): string[] => {
  const at = args.indexOf('--only');
  const names = at < 0 ? Object.keys(PARTS) : (args[at + 1] ?? '').split(',');
  const unknown = names.find((name) => !(name in PARTS));
  if (unknown !== undefined) throw new Error(`no part ${unknown}: ${Object.keys(PARTS).join(', ')}`);
  return names;
};

const measurePart = (name: string): Measured => {
  const found = PARTS[name]?.() ?? [];
  return 'figures' in found ? found : { figures: found, series: [] };
};

const main = (): void => {
  const args = process.argv.slice(2);
  const file = jsonFile(args);
  const measured = partsOf(args).map((name) => {
    const { value, ms } = timed(() => measurePart(name));
    console.error(`${name}: ${(ms / 1000).toFixed(0)} s`);
    return value;
  });
  const figures = measured.flatMap((one) => one.figures);
  const series = measured.flatMap((one) => one.series);
  const versions = { node: process.version };
  reportResult({ bench: 'node', machine: thisMachine(), versions, figures, series }, EARLIER, file);
};

main();

// npm run -s bench -- [--json FILE] [--only PART,PART]
// Times are printed for orientation; what counts are sizes and ratios measured in one run.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bootMachine } from '../core/scenario/boot.ts';
import { DEFAULT_KERNEL } from '../core/uapi/config.ts';
import { machinePreset } from '../core/uapi/presets.ts';
import { blocks } from './blocks.ts';
import {
  atMost,
  compareFigures,
  type Figure,
  figure,
  figureTable,
  readFigures,
  thisMachine,
  writeResult,
} from './figures.ts';
import { frontierWorkload } from './frontier.ts';
import { growth } from './growth.ts';
import { leaks } from './leaks.ts';
import { median, settledBytes, timed } from './measure.ts';
import { throughput } from './throughput.ts';
import { timeTravel } from './time-travel.ts';

/** The result that is committed, and that the app shows. */
const EARLIER = fileURLToPath(new URL('../../public/bench/node.json', import.meta.url));

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

const PARTS: Readonly<Record<string, () => Figure[]>> = {
  open: openLabNode,
  throughput,
  blocks,
  'time-travel': timeTravel,
  growth,
  leaks,
  frontier: frontierWorkload,
};

const valueOf = (option: string): string | undefined => {
  const at = process.argv.indexOf(option);
  if (at < 0) return undefined;
  const value = process.argv[at + 1];
  if (value === undefined) throw new Error(`${option} needs a value`);
  return value;
};

const main = (): void => {
  const file = valueOf('--json');
  const only = valueOf('--only')?.split(',') ?? Object.keys(PARTS);
  const figures = only.flatMap((name) => {
    const part = PARTS[name];
    if (part === undefined) throw new Error(`no part ${name}: ${Object.keys(PARTS).join(', ')}`);
    return part();
  });
  const machine = thisMachine();
  const versions = { node: process.version };
  console.log(`Node ${versions.node}, ${machine.cores} x ${machine.cpu}`);
  console.log(figureTable(figures));
  if (existsSync(EARLIER)) {
    const changes = compareFigures(readFigures(EARLIER), figures);
    console.log(changes.length === 0 ? 'About as fast as the committed result.' : changes.join('\n'));
  }
  if (file !== undefined) writeResult(file, { bench: 'node', machine, versions, figures });
  if (figures.some(({ ok }) => !ok)) process.exitCode = 1;
};

main();

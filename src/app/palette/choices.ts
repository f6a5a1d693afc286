// What is chosen inside single panels and in the dialog of the kernel, for the palette.

import {
  FOLLOW_PAGE_READINGS,
  KERNEL_SWITCHES,
  type KernelConfig,
  LONGTERM_CHECKS,
  LONGTERM_POLICIES,
} from '../../core/uapi/config.ts';
import { PATCHES } from '../../core/uapi/patches.ts';
import { bankTitle } from '../../map/describe.ts';
import { layOutBanks } from '../../map/layout.ts';
import { regionsOf } from '../../map/regions.ts';
import { completed, kconfigObjections, toggled, without } from '../../panels/TopBar/kernel.ts';
import type { AppState } from '../../store/app.ts';
import type { Grain } from '../../store/views.ts';
import { followPageReadings, longtermChecks, longtermPolicies, withoutPatch } from '../../words/index.ts';
import { act } from './act.ts';
import type { PaletteEntry } from './entries.ts';

const kernelAct = (id: string, title: string, kernel: KernelConfig, detail = ''): PaletteEntry =>
  act('Kernel', `kernel ${id}`, `Kernel: ${title}`, ({ actions }) => void actions.setKernel(kernel), detail);

/** Kernels that differ from the present one in one thing, and that could be built. */
const kernelActs = ({ scenario: { run } }: AppState): PaletteEntry[] => {
  if (run === undefined) return [];
  const { kernel, ownKernel } = run;
  const { patches } = kernel;
  return [
    kernelAct('own', 'as the scenario asks', ownKernel),
    kernelAct('all', 'the whole series', {
      ...kernel,
      patches: completed(PATCHES.map(({ number }) => number)),
    }),
    kernelAct('none', 'without the series', { ...kernel, patches: [] }),
    ...PATCHES.map(({ number, subject }) =>
      patches.includes(number)
        ? kernelAct(
            `patch ${number}`,
            `without patch ${number}, “${subject}”`,
            { ...kernel, patches: without(patches, number) },
            withoutPatch[number],
          )
        : kernelAct(`patch ${number}`, `with patch ${number}, “${subject}”`, {
            ...kernel,
            patches: completed(toggled(patches, number)),
          }),
    ),
    ...KERNEL_SWITCHES.map((name) => {
      const changed = { ...kernel, [name]: !kernel[name] };
      return kernelAct(
        name,
        `${name} ${kernel[name] ? 'off' : 'on'}`,
        changed,
        kconfigObjections(changed)[0],
      );
    }),
    ...FOLLOW_PAGE_READINGS.filter((reading) => reading !== kernel.followPage).map((followPage) =>
      kernelAct(`follow_page ${followPage}`, `follow_page: ${followPageReadings[followPage].label}`, {
        ...kernel,
        followPage,
      }),
    ),
    ...LONGTERM_CHECKS.filter((check) => check !== kernel.longtermCheck).map((longtermCheck) =>
      kernelAct(
        `check ${longtermCheck}`,
        `check of long-term pins: ${longtermChecks[longtermCheck].label}`,
        { ...kernel, longtermCheck },
        longtermChecks[longtermCheck].text,
      ),
    ),
    ...LONGTERM_POLICIES.filter((policy) => policy !== kernel.longtermPolicy).map((longtermPolicy) =>
      kernelAct(
        `policy ${longtermPolicy}`,
        `long-term pins of coherent pages: ${longtermPolicies[longtermPolicy].label}`,
        { ...kernel, longtermPolicy },
        // as a scenario's config and an address name it
        `longtermPolicy: ${longtermPolicy}. ${longtermPolicies[longtermPolicy].text}`,
      ),
    ),
  ];
};

const GRAINS: Readonly<Record<Grain, string>> = {
  beat: 'moment',
  event: 'event',
  function: 'function',
  step: 'step',
};
const GRAIN_IDS: readonly Grain[] = ['beat', 'event', 'function', 'step'];

const grainActs = (): PaletteEntry[] =>
  GRAIN_IDS.map((grain) =>
    act('Choices', `grain ${grain}`, `Buttons step by: ${GRAINS[grain]}`, ({ actions }) =>
      actions.choose({ grain }),
    ),
  );

/** Page tables: how the tree stands, of which process, and what its signs mean. */
const tableActs = ({ choices, trace: { moment } }: AppState): PaletteEntry[] => {
  const { walkLevels, walkRaw, signsOf } = choices;
  const processes = moment?.processes.filter(({ alive }) => alive) ?? [];
  const tables = processes.flatMap(({ name, areas }) => areas.map((area) => `${name} ${area.name}`));
  return [
    act(
      'Page tables',
      'levels',
      walkLevels === '4' ? 'Tree: five levels (LA57)' : 'Tree: four levels',
      ({ actions, bringUp }) => {
        bringUp('page-walk');
        actions.choose({ walkLevels: walkLevels === '4' ? '5' : '4' });
      },
    ),
    act(
      'Page tables',
      'raw',
      walkRaw ? 'Tree: entries by their signs' : 'Tree: entries as 64-bit words',
      ({ actions, bringUp }) => {
        bringUp('page-walk');
        actions.choose({ walkRaw: !walkRaw });
      },
    ),
    ...(processes.length < 2
      ? []
      : processes.map(({ name }) =>
          act('Page tables', `tree of ${name}`, `Tree: of process ${name}`, ({ actions, bringUp }) => {
            bringUp('page-walk');
            actions.select(undefined);
            actions.choose({ walkProcess: name });
          }),
        )),
    ...['tree', ...tables].map((table) =>
      act(
        'Page tables',
        `signs ${table}`,
        `${signsOf === table ? 'Close the signs' : 'Explain the signs'}: ${table === 'tree' ? 'tree' : `table of ${table}`}`,
        ({ actions, bringUp }) => {
          bringUp(table === 'tree' ? 'page-walk' : 'tables');
          actions.choose({ signsOf: signsOf === table ? '' : table });
        },
      ),
    ),
  ];
};

/** Children that live; Fork shows each beside its parent. */
const forkActs = ({ scenario: { run }, trace: { moment } }: AppState): PaletteEntry[] => {
  const living = new Set(moment?.processes.filter(({ alive }) => alive).map(({ name }) => name));
  return (run?.steps ?? []).flatMap(({ index, step: { op, proc, child } }) =>
    op === 'fork' && typeof child === 'string' && living.has(child)
      ? [
          act('Page tables', `fork ${index}`, `Fork: ${String(proc)}, ${child}`, ({ actions, bringUp }) => {
            bringUp('fork');
            actions.choose({ forkChild: child });
          }),
        ]
      : [],
  );
};

/** Windows of the maps, and the ranges of the firmware's map. */
const memoryActs = ({ choices: { banks }, scenario: { run } }: AppState): PaletteEntry[] => {
  if (run === undefined) return [];
  return [
    ...layOutBanks(run.machine).flatMap((bank) =>
      [true, false].map((open) =>
        act(
          'Memory',
          `bank ${bank.id} ${open}`,
          `${open ? 'Open' : 'Close'} the map: ${bankTitle(bank)}`,
          ({ actions }) => actions.choose({ banks: { ...banks, [bank.id]: open } }),
        ),
      ),
    ),
    ...regionsOf(run.machine).flatMap(({ range: { start, kind }, text }) =>
      kind === 'mmio'
        ? []
        : [
            act('Memory', `range ${start}`, `To the beginning of: ${text}`, ({ actions, bringUp }) => {
              bringUp('maps');
              actions.select({ kind: 'page', pfn: start });
            }),
          ],
    ),
    act('Memory', 'find', 'Firmware and zones: find a place', ({ bringUp, focus }) => {
      bringUp('zones');
      focus('zones-find');
    }),
  ];
};

const logActs = ({ scenario: { run }, playback: { position } }: AppState): PaletteEntry[] => {
  const next = run?.kernelLog.find((line) => line.position > position);
  if (next === undefined) return [];
  return [
    act('Actions', 'next log line', 'To the next line of the kernel log', ({ actions, bringUp }) => {
      bringUp('kernel-log');
      void actions.seek(next.position);
    }),
  ];
};

/** In the preset for teaching the reason waits until somebody asks. */
const whyActs = ({ layout: { preset }, trace: { moment } }: AppState): PaletteEntry[] =>
  preset === 'teach' && moment !== undefined
    ? [act('Actions', 'why', 'Show why', ({ actions }) => actions.choose({ askedFor: moment.caption }))]
    : [];

export const choiceActs = (state: AppState): PaletteEntry[] => [
  ...whyActs(state),
  ...logActs(state),
  ...grainActs(),
  ...tableActs(state),
  ...forkActs(state),
  ...memoryActs(state),
  ...kernelActs(state),
];

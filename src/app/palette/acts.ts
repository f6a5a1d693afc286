// What the controls of single panels and dialogs do, for the palette: everything that has neither a key nor a dialog.

import { DEFAULT_COSTS, withOverrides } from '../../core/uapi/cost-model.ts';
import { stepThatDrops } from '../../core/uapi/handles.ts';
import { legendEntries } from '../../map/legend-entries.ts';
import { PAGES } from '../../pages/list.ts';
import { fieldIdOf, type FigureRow, figureRows } from '../../panels/Costs/figure-rows.ts';
import { MACHINES } from '../../panels/TopBar/machines.ts';
import type { AppState } from '../../store/app.ts';
import { breakpointText } from '../../store/debug.ts';
import { otherGpu } from '../../store/compare.ts';
import { AREAS } from '../../store/layout.ts';
import { SPEEDS } from '../../store/playback.ts';
import type { Motion } from '../../store/settings.ts';
import { formatCount } from '../../ui/format.ts';
import { stepText } from '../../words/step.ts';
import { areaOf } from '../frame/arrange.ts';
import { AREA_WORDS, SIDES } from '../frame/areas.ts';
import type { PanelEntry } from '../frame/panels.ts';
import { LIMITS, splitterOf } from '../frame/presets.ts';
import { act } from './act.ts';
import { choiceActs } from './choices.ts';
import type { PaletteEntry } from './entries.ts';

const MOTIONS: Readonly<Record<Motion, string>> = {
  reduce: 'Motion: reduced',
  full: 'Motion: full',
  system: 'Motion: as the system has it',
};
const MOTION_IDS: readonly Motion[] = ['reduce', 'full', 'system'];

/** Settings of the page. */
const settingActs = ({ settings }: AppState): PaletteEntry[] => [
  ...MOTION_IDS.map((motion) =>
    act('Choices', `motion ${motion}`, MOTIONS[motion], ({ actions }) => actions.setMotion(motion)),
  ),
  act(
    'Choices',
    'single keys',
    settings.singleKeys ? 'Keys that are a single letter: off' : 'Keys that are a single letter: on',
    ({ actions }) => actions.setSingleKeys(!settings.singleKeys),
  ),
  ...(Object.keys(settings.ownKeys).length === 0
    ? []
    : [act('Choices', 'keys', 'All keys as they were', ({ actions }) => actions.resetKeys())]),
];

/** What one does with a run as a whole. */
const runActs = ({ scenario, walkthrough, selection, page }: AppState): PaletteEntry[] => [
  act('Actions', 'file', 'Open a file', ({ actions, chooseFile }) =>
    chooseFile((text) => void actions.openText(text)),
  ),
  act('Actions', 'home', 'Watch a page come home', ({ actions }) => void actions.watchAPageComeHome()),
  ...(scenario.run === undefined
    ? []
    : [
        act('Actions', 'link', 'Copy a link to this moment', ({ actions }) => void actions.copyLink()),
        act('Actions', 'share', 'Share: link, embedding and what the address says', ({ actions }) =>
          actions.openPanel('share'),
        ),
        act('Actions', 'next step', 'Write the next step', ({ bringUp, focus }) => {
          bringUp('steps');
          focus('next-step');
        }),
      ]),
  ...(scenario.working === undefined
    ? []
    : [act('Actions', 'cancel', 'Cancel the step that is running', ({ actions }) => actions.cancelWork())]),
  ...(walkthrough.introduction && scenario.run !== undefined
    ? [act('Actions', 'back', 'Back to the run', ({ actions }) => actions.closeIntroduction())]
    : []),
  ...(walkthrough.homecoming === undefined
    ? []
    : [act('Actions', 'summary', 'Close the summary', ({ actions }) => actions.closeHomecoming())]),
  ...(page.page === ''
    ? []
    : [act('Actions', 'close page', 'Close the page', ({ actions }) => actions.closePage())]),
  ...(selection.selected === undefined
    ? []
    : [act('Actions', 'deselect', 'Deselect', ({ actions }) => actions.select(undefined))]),
];

/** Questions about the selected page or entry that the worker answers by running steps again. */
const inspectorActs = ({ selection: { selected }, story, scenario, playback }: AppState): PaletteEntry[] => {
  if (selected?.kind !== 'page' && selected?.kind !== 'pte') return [];
  const step = scenario.run?.steps.findLast(({ begin }) => begin < playback.position);
  return [
    ...(step?.isBig === true
      ? [
          act('Actions', 'detail', `Every event of this page in step ${step.index}`, (surface) => {
            surface.bringUp('inspector');
            void surface.actions.askStepDetail(selected);
          }),
        ]
      : []),
    ...(story.telling === undefined
      ? []
      : [act('Actions', 'stop story', 'Stop running steps again', ({ actions }) => actions.stopStory())]),
    ...(story.stopped === undefined
      ? []
      : [act('Actions', 'tell story', 'Tell what big steps did', ({ actions }) => actions.tellStory())]),
  ];
};

/** A handle that the run drops later cannot be dropped twice: then the act is to go there. */
const dropActs = ({
  trace: { moment },
  scenario: { run },
  playback: { position },
}: AppState): PaletteEntry[] =>
  (moment?.handles ?? []).map(({ name, pin, process }) => {
    const later = stepThatDrops(run?.steps ?? [], position, name);
    if (later !== undefined)
      return act(
        'Steps',
        `drop ${name}`,
        `Drop ${name}: go to step ${later.index}, which does it`,
        ({ actions }) => void actions.seekStep(later.index, 'end'),
        stepText(later.step).command,
      );
    const step = { op: pin ? 'unpin' : 'put', proc: process, handle: name };
    return act(
      'Steps',
      `drop ${name}`,
      `Drop ${name}`,
      ({ actions }) => void actions.addStep(step),
      `adds the step ${step.op} ${name}`,
    );
  });

const stepActs = ({ scenario }: AppState): PaletteEntry[] =>
  (scenario.run?.steps ?? []).map(({ index, step }) =>
    act(
      'Steps',
      `step ${index}`,
      `To the end of step ${index}`,
      ({ actions }) => void actions.seekStep(index, 'end'),
      stepText(step).command,
    ),
  );

const timeActs = (): PaletteEntry[] => [
  ...SPEEDS.map((speed) =>
    act(
      'Choices',
      `speed ${speed}`,
      speed === 'readable' ? 'Speed: reading pace' : `Speed: ${speed}×`,
      ({ actions }) => actions.setSpeed(speed),
    ),
  ),
  act('Choices', 'extent run', 'Timeline: the whole run', ({ actions }) => actions.choose({ extent: 'run' })),
  act('Choices', 'extent step', 'Timeline: this step', ({ actions }) => actions.choose({ extent: 'step' })),
];

const mapActs = ({
  maps: { mode, only },
  scenario: { run },
  trace: { moment },
}: AppState): PaletteEntry[] => [
  ...legendEntries(mode, moment?.processes.map(({ name }) => name) ?? [], run?.machine).map(({ id, label }) =>
    act(
      'Choices',
      `legend ${id}`,
      only.includes(id) ? `Legend: ${label} like all else` : `Legend: let ${label} stand out`,
      ({ actions }) => actions.toggleEntry(id),
    ),
  ),
  ...(only.length === 0
    ? []
    : [act('Choices', 'legend all', 'Legend: show all', ({ actions }) => actions.showAllEntries())]),
];

const machineActs = (): PaletteEntry[] => [
  act('Choices', 'machine own', 'Machine: as the scenario asks', ({ actions }) => {
    void actions.setMachine(undefined);
  }),
  ...MACHINES.map(({ preset, label }) =>
    act('Choices', `machine ${preset}`, `Machine: ${label}`, ({ actions }) => {
      void actions.setMachine(preset);
    }),
  ),
];

/** The other device preset; the panel has the switch, or says that there is no GPU. */
const presetActs = ({ scenario: { given, run } }: AppState): PaletteEntry[] => {
  const to = otherGpu(given);
  if (run === undefined) return [];
  const there = to === 'mi250x-gcd' ? 'amdgpu preset' : 'generic GPU';
  return [
    act(
      'Actions',
      'preset',
      `Run this scenario on the ${there}`,
      ({ bringUp, press }) => {
        bringUp('gpu');
        if (to !== undefined) press('gpu-preset');
      },
      to === undefined ? 'cannot: it has no GPU, only devices of the test driver' : '',
    ),
  ];
};

const breakActs = ({ debug: { breakpoints } }: AppState): PaletteEntry[] =>
  breakpoints.flatMap(({ breakpoint, on }, index) => {
    const text = breakpointText(breakpoint);
    return [
      act('Breakpoints', `switch ${text}`, `${on ? 'Switch off' : 'Switch on'}: ${text}`, ({ actions }) =>
        actions.switchBreakpoint(index, !on),
      ),
      act('Breakpoints', `remove ${text}`, `Remove: ${text}`, ({ actions }) =>
        actions.removeBreakpoint(index),
      ),
    ];
  });

/** Figures of the cost model as they are now. */
export const figuresOf = ({ costs }: AppState): FigureRow[] =>
  figureRows(withOverrides(DEFAULT_COSTS, costs.overrides));

const costActs = (): PaletteEntry[] => [
  act('Actions', 'worlds', 'Costs: run the workload in all worlds', ({ actions, bringUp }) => {
    bringUp('costs');
    void actions.runWorlds();
  }),
  act('Actions', 'figures', 'Costs: all figures as they were', ({ actions }) => actions.resetFigures()),
];

const figureActs = (state: AppState): PaletteEntry[] =>
  figuresOf(state).map((row) =>
    act(
      'Figures of Costs',
      `figure ${row.key}`,
      `Costs: change “${row.name}”`,
      ({ bringUp, focus }) => {
        bringUp('costs');
        focus(fieldIdOf(row));
      },
      `now ${Number.isInteger(row.value) ? formatCount(row.value) : row.value} ${row.unit}`.trim(),
    ),
  );

/** Sides larger, smaller, and as the preset has them: what one does with their splitters. */
const sizeActs = ({ layout }: AppState): PaletteEntry[] =>
  SIDES.flatMap(({ id, label }) => {
    const { min, max } = LIMITS[id];
    const { size, open } = splitterOf(layout, id);
    if (size === undefined || !open) return [];
    const step = (max - min) / SIZE_STEPS;
    const to = (wanted: number): number => Math.min(max, Math.max(min, Math.round(wanted * 100) / 100));
    const resized = (how: string, title: string, wanted: number | undefined): PaletteEntry =>
      act('Places of panels', `${how} ${id}`, `${label}: ${title}`, ({ actions }) =>
        actions.resize(id, wanted),
      );
    return [
      resized('larger', 'larger', to(size + step)),
      resized('smaller', 'smaller', to(size - step)),
      ...(layout.sizes[id] === undefined ? [] : [resized('usual', 'as large as usual', undefined)]),
    ];
  });

const pageActs = (): PaletteEntry[] =>
  PAGES.flatMap(({ id, title, filter }) =>
    filter === undefined
      ? []
      : [
          act('Pages to read', `filter ${id}`, `${title}: filter`, ({ actions, focus }) => {
            actions.openPage(id, '');
            focus(filter);
          }),
        ],
  );

const layoutActs = ({ layout }: AppState, panels: readonly PanelEntry[]): PaletteEntry[] => [
  ...SIDES.filter(({ id }) => LIMITS[id].close).map(({ id, label }) => {
    const { open } = splitterOf(layout, id);
    return act('Places of panels', `side ${id}`, `${label}: ${open ? 'put away' : 'show'}`, ({ actions }) =>
      actions.openSide(id, !open),
    );
  }),
  ...panels.flatMap((panel) => {
    const now = areaOf(panel, layout);
    const moves = AREAS.filter((area) => area !== now).map((area) =>
      act(
        'Places of panels',
        `move ${panel.id} ${area}`,
        `${panel.title}: to ${AREA_WORDS[area]}`,
        (surface) => surface.actions.movePanel(panel.id, area),
      ),
    );
    const away = act('Places of panels', `hide ${panel.id}`, `${panel.title}: put away`, ({ actions }) =>
      actions.movePanel(panel.id, 'none'),
    );
    return now === undefined ? moves : [away, ...moves];
  }),
];

/** Steps from one end of a splitter's way to the other. */
const SIZE_STEPS = 12;

/** All that can be done in the page as it is. */
export const actEntries = (state: AppState, panels: readonly PanelEntry[]): PaletteEntry[] => [
  ...runActs(state),
  ...inspectorActs(state),
  ...costActs(),
  ...pageActs(),
  ...dropActs(state),
  ...stepActs(state),
  ...settingActs(state),
  ...timeActs(),
  ...mapActs(state),
  ...machineActs(),
  ...presetActs(state),
  ...breakActs(state),
  ...choiceActs(state),
  ...layoutActs(state, panels),
  ...sizeActs(state),
  ...figureActs(state),
];

// What a text that is typed into the palette is by itself. Fetched when there is a run: without one it is nothing.

import { parseFigure } from '../../panels/Costs/figure-rows.ts';
import { parseCommand } from '../../panels/Steps/command.ts';
import type { AppState } from '../../store/app.ts';
import { namesOf, readCondition } from '../../store/condition.ts';
import { breakpointText } from '../../store/debug.ts';
import { act } from './act.ts';
import { figuresOf } from './acts.ts';
import type { PaletteEntry } from './entries.ts';

/** `read DRAM bandwidth 120` */
const WITH_NUMBER = /^(.*\S)\s*[\s=:]\s*([\d.,]+)\s*[a-z/]*$/i;

/** A figure of the cost model and what it should be. */
const typedFigures = (text: string, state: AppState): PaletteEntry[] => {
  const [, name = '', number = ''] = WITH_NUMBER.exec(text.trim()) ?? [];
  if (name === '') return [];
  const words = name.toLowerCase().split(/\s+/);
  return figuresOf(state).flatMap((row) => {
    const value = parseFigure(number, row);
    const called = `${row.name} ${row.key}`.toLowerCase();
    if (value === undefined || !words.every((word) => called.includes(word))) return [];
    return [
      act(
        'Figures of Costs',
        `set ${row.key}`,
        `Costs: ${row.name} is ${number} ${row.unit}`.trim(),
        ({ actions, bringUp }) => {
          bringUp('costs');
          actions.setFigure(row.id, value);
        },
        `instead of ${row.value} ${row.unit}`.trim(),
      ),
    ];
  });
};

type Fields = Readonly<Record<string, unknown>>;

const tasksOf = (step: Fields): readonly Fields[] =>
  Array.isArray(step.steps)
    ? step.steps.map((each: unknown): Fields => (typeof each === 'object' ? { ...each } : {}))
    : [step];

/** Whether a step speaks of areas and handles that the run has: `read as text` is no step, unless there is an area `as`. */
const isOfRun = (step: Fields, steps: readonly { readonly step: Fields }[]): boolean => {
  const { areas } = namesOf(steps);
  const handles = new Set(steps.flatMap(({ step: own }) => tasksOf(own).map(({ as }) => as)));
  return tasksOf(step).every(
    ({ op, vma, handle }) =>
      (vma === undefined || op === 'mmap' || (typeof vma === 'string' && areas.has(vma))) &&
      (handle === undefined || handles.has(handle)),
  );
};

/** What a text is by itself: a step that can run, a condition to stop at, a figure of the cost model. */
export const typedEntries = (text: string, state: AppState): PaletteEntry[] => {
  const { run } = state.scenario;
  if (run === undefined || text.trim() === '') return [];
  const breakpoint = readCondition(text, namesOf(run.steps));
  const command = parseCommand(text);
  return [
    ...(breakpoint === undefined
      ? []
      : [
          act('Breakpoints', 'add', `Stop when: ${breakpointText(breakpoint)}`, ({ actions, bringUp }) => {
            actions.addBreakpoint(breakpoint);
            bringUp('call-tree');
          }),
        ]),
    ...(command.kind === 'step' && isOfRun(command.step, run.steps)
      ? [
          act(
            'Steps',
            'run',
            `Run: ${text.trim()}`,
            ({ actions }) => void actions.addStep(command.step),
            'adds this step at the end of the run',
          ),
        ]
      : []),
    ...typedFigures(text, state),
  ];
};

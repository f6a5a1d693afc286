// Every action and its keys, once: the handler, the help sheet, the palette, tooltips and tests read this table. Keys of
// the browser are never taken, but Ctrl-K, which every palette has.

export type Command =
  | 'togglePlay'
  | 'eventBack'
  | 'eventForward'
  | 'momentBack'
  | 'momentForward'
  | 'functionBack'
  | 'functionForward'
  | 'stepBack'
  | 'stepForward'
  | 'pageBack'
  | 'pageForward'
  | 'runToHere'
  | 'runToBreakpoint'
  | 'runBackToBreakpoint'
  | 'addBreakpoint'
  | 'over'
  | 'overBack'
  | 'out'
  | 'toStart'
  | 'toEnd'
  | 'jump'
  | 'slower'
  | 'faster'
  | 'zoomIn'
  | 'zoomOut'
  | 'panLeft'
  | 'panRight'
  | 'panUp'
  | 'panDown'
  | 'follow'
  | 'fit'
  | 'whole'
  | 'text'
  | 'scenarios'
  | 'palette'
  | 'goTo'
  | 'layout'
  | 'present'
  | 'undoLayout'
  | 'resetLayout'
  | 'introduction'
  | 'tour'
  | 'help'
  | 'escape';

export interface KeyBinding {
  readonly command: Command;
  /** In the notation of tinykeys: `event.key` or `event.code`. */
  readonly keys: readonly string[];
  /** As the help sheet writes them. */
  readonly shown: readonly string[];
  readonly does: string;
  /** A letter, digit or sign alone: off when single keys are switched off (WCAG 2.1.4). */
  readonly single: boolean;
}

const bind = (
  command: Command,
  keys: readonly string[],
  shown: readonly string[],
  does: string,
  single = false,
): KeyBinding => ({ command, keys, shown, does, single });

export interface KeyGroup {
  readonly title: string;
  readonly bindings: readonly KeyBinding[];
}

export const KEY_GROUPS: readonly KeyGroup[] = [
  {
    title: 'Time',
    bindings: [
      bind('togglePlay', ['Space'], ['Space'], 'Play or pause'),
      bind('togglePlay', ['k'], ['K'], 'Play or pause', true),
      bind('eventForward', ['ArrowRight'], ['→'], 'One event forward'),
      bind('eventBack', ['ArrowLeft'], ['←'], 'One event back'),
      bind('momentForward', ['l'], ['L'], 'Next explained moment', true),
      bind('momentBack', ['j'], ['J'], 'Previous explained moment', true),
      bind('functionForward', ['Shift+ArrowRight'], ['Shift', '→'], 'One kernel function forward'),
      bind('functionBack', ['Shift+ArrowLeft'], ['Shift', '←'], 'One kernel function back'),
      bind('stepForward', [']'], [']'], 'One scenario step forward'),
      bind('stepBack', ['['], ['['], 'One scenario step back'),
      bind(
        'pageForward',
        ['PageDown'],
        ['Page Down'],
        'The same; in large type one sentence of the story forward',
      ),
      bind('pageBack', ['PageUp'], ['Page Up'], 'The same; in large type one sentence of the story back'),
      bind('toStart', ['Home'], ['Home'], 'To the start'),
      bind('toEnd', ['End'], ['End'], 'To the end'),
      bind(
        'jump',
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
        ['0', '…', '9'],
        'To a tenth of the run',
        true,
      ),
      bind('over', [], [], 'Over: past what this call calls'),
      bind('overBack', [], [], 'Back to the call before'),
      bind('out', [], [], 'Out: to the end of this call'),
      bind('runToHere', ['c'], ['C'], 'Run to the call that you last pointed at, or to its next time', true),
      bind('addBreakpoint', ['b'], ['B'], 'Add a breakpoint: stop when …', true),
      bind('runToBreakpoint', [], [], 'Run on to a breakpoint'),
      bind('runBackToBreakpoint', [], [], 'Run back to a breakpoint'),
      bind('slower', ['Shift+<', '<'], ['<'], 'Slower', true),
      bind('faster', ['Shift+>', '>'], ['>'], 'Faster', true),
    ],
  },
  {
    title: 'Maps',
    bindings: [
      bind('zoomIn', ['+', 'Shift++', '='], ['+'], 'Zoom in', true),
      bind('zoomOut', ['-'], ['−'], 'Zoom out', true),
      bind('panUp', ['KeyW'], ['W'], 'Pan up', true),
      bind('panLeft', ['KeyA'], ['A'], 'Pan left', true),
      bind('panDown', ['KeyS'], ['S'], 'Pan down', true),
      bind('panRight', ['KeyD'], ['D'], 'Pan right', true),
      bind('fit', ['f f'], ['F', 'F'], 'Show all memory', true),
      bind('whole', ['n'], ['N'], 'All memory of the machine in one map, or each bank in its own', true),
      bind('follow', ['f'], ['F'], 'Follow what happens', true),
    ],
  },
  {
    title: 'Panels',
    bindings: [
      bind('layout', ['v'], ['V'], 'Panels and layout', true),
      bind('present', ['p'], ['P'], 'Large type for a room, and back', true),
      bind('undoLayout', [], [], 'Undo the last change of the layout'),
      bind('resetLayout', [], [], 'Put all panels back'),
    ],
  },
  {
    title: 'Elsewhere',
    bindings: [
      bind('palette', ['$mod+k'], ['Ctrl', 'K'], 'Find and do anything'),
      bind(
        'goTo',
        ['/', 'g'],
        ['/', 'G'],
        'Go to a page frame, an address, a process, a pin or a device',
        true,
      ),
      bind('text', ['t'], ['T'], 'Maps and timeline as text, or as pictures', true),
      bind('scenarios', ['o'], ['O'], 'Open a scenario', true),
      bind('introduction', [], [], 'Show the introduction'),
      bind('tour', [], [], 'Tour: show me around'),
      bind('help', ['Shift+?', '?'], ['?'], 'These keys', true),
      bind('escape', ['Escape'], ['Esc'], 'One level up: close, or deselect'),
    ],
  },
];

export const KEY_BINDINGS: readonly KeyBinding[] = KEY_GROUPS.flatMap(({ bindings }) => bindings);

/** Keys that a person chose, by action: they take the place of its single keys. */
export type OwnKeys = Readonly<Record<string, string>>;

/** A letter, digit or sign; with a modifier it is no single key. */
const SINGLE = /^(?:Shift\+)?.$/u;

/** A key as it is written on a keyboard: `Shift+ArrowRight` is Shift and →. */
export const shownKey = (key: string): string[] =>
  key
    .split(/(?<=.)\+/)
    .map((part) => (/^[a-z]$/.test(part) ? part.toUpperCase() : part))
    .map((part) =>
      part
        .replace(/^Key(?=.$)/, '')
        .replace('Control', 'Ctrl')
        .replace('Arrow', 'Arrow '),
    );

/** Whether a person may choose another key: not for the ten digits, and not for what only has keys that all know. */
export const canRemap = ({ command, single }: KeyBinding): boolean => single && command !== 'jump';

const withOwn = (binding: KeyBinding, own: OwnKeys): KeyBinding => {
  const key = own[binding.command];
  if (key === undefined || !canRemap(binding)) return binding;
  return { ...binding, keys: [key], shown: shownKey(key), single: SINGLE.test(key) };
};

/** The table as a person has it. */
export const keyGroups = (own: OwnKeys): readonly KeyGroup[] =>
  KEY_GROUPS.map(({ title, bindings }) => ({
    title,
    bindings: bindings.map((binding) => withOwn(binding, own)),
  }));

/** The other action that a key already belongs to. */
export const ownerOf = (key: string, command: Command, own: OwnKeys): KeyBinding | undefined =>
  keyGroups(own)
    .flatMap(({ bindings }) => bindings)
    .find((binding) => binding.command !== command && binding.keys.includes(key));

/** Keys of an action for a tooltip; '' where it has none that act now. */
export const keyText = (command: Command, own: OwnKeys, singleKeys: boolean): string => {
  const found = keyGroups(own)
    .flatMap(({ bindings }) => bindings)
    .find((binding) => binding.command === command && binding.shown.length > 0);
  return found === undefined || (found.single && !singleKeys) ? '' : found.shown.join(' ');
};

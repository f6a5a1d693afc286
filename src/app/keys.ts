// Every key, once: the handler, the help sheet and the tests read this table. Browser keys are never taken.

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
      bind('stepForward', [']', 'PageDown'], [']', 'Page Down'], 'One scenario step forward'),
      bind('stepBack', ['[', 'PageUp'], ['[', 'Page Up'], 'One scenario step back'),
      bind('toStart', ['Home'], ['Home'], 'To the start'),
      bind('toEnd', ['End'], ['End'], 'To the end'),
      bind(
        'jump',
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
        ['0', '…', '9'],
        'To a tenth of the run',
        true,
      ),
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
    title: 'Elsewhere',
    bindings: [
      bind('text', ['t'], ['T'], 'Maps and timeline as text, or as pictures', true),
      bind('scenarios', ['o'], ['O'], 'Open a scenario', true),
      bind('help', ['Shift+?', '?'], ['?'], 'These keys', true),
      bind('escape', ['Escape'], ['Esc'], 'One level up: close, or deselect'),
    ],
  },
];

export const KEY_BINDINGS: readonly KeyBinding[] = KEY_GROUPS.flatMap(({ bindings }) => bindings);

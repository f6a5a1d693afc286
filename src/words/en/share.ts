// What the dialog says that hands a moment on, and what each readable part of an address means.

export const shareWords = {
  title: 'Share this moment',
  promise:
    'Nothing was uploaded. A link holds the steps, the settings and the place in time; whoever opens it runs them again in their own browser.',
  link: 'Link',
  short: 'Short link, without the part that only programs read',
  embed: 'Embed in a page',
  embedAbout:
    'The stage and the playback, in a frame. It does not start by itself, and it saves nothing. “Open in full” leads from it to the whole app.',
  refused: 'The browser does not allow it here: select the text and copy it with Ctrl C.',
  long: 'Longer than 8,000 characters: mail and chat programs may cut it. Save the scenario as a file and send that.',
  save: 'Save the scenario as a file',
  parameters: 'What this link says',
  others: 'What else an address can say',
  packed:
    'The part behind `#` holds all of it once more, and what has no readable form: a scenario of your own, added steps, and panels that you moved. What you type before `#` wins over it.',
} as const;

export interface ParameterWords {
  readonly about: string;
  /** As it can be typed. */
  readonly example: string;
}

/** By the name of the parameter. With backticks. */
export const parameterWords: Readonly<Record<string, ParameterWords>> = {
  scenario: {
    about: 'The scenario that is opened, by its name in the list.',
    example: 'scenario=coherent-longterm-pin-fast',
  },
  t: {
    about:
      'The place in time: the step, and behind the dot how many of its events have happened. Without a dot: before its first. A step behind the last one is the end of the run.',
    example: 't=3.47',
  },
  sel: {
    about: 'What is selected: a page frame, a page-table entry of a process, or a pin by its name.',
    example: 'sel=page:0x5fffd',
  },
  machine: { about: 'The machine, if it is not the scenario’s own.', example: 'machine=lab-node' },
  patches: { about: 'Which of the series’ 14 patches the kernel has.', example: 'patches=1-5,7-14' },
  config: { about: 'Switches of the kernel’s configuration.', example: 'config=MIGRATION:n,CMA:n' },
  follow_page: {
    about:
      'How callers of `follow_page` turn a device page away: as Linux 6.1 or 6.0 does, or by the flag `FOLL_LRU`, which was proposed and not merged.',
    example: 'follow_page=v6.0',
  },
  longterm_check: {
    about: 'How a long-term pin looks for pages that may not stay: as in Linux 6.1 or as in 6.0.',
    example: 'longterm_check=v6.0',
  },
  longterm_policy: {
    about:
      'What a long-term pin does with a coherent page. `on` is the kernel; `intent` and `as-coded` leave the page where it is, and never shipped.',
    example: 'longterm_policy=intent',
  },
  compare: { about: 'With what the run is compared.', example: 'compare=without-series' },
  stop: { about: 'A condition to stop at. May come several times.', example: 'stop=fn:try_grab_page' },
  layout: { about: 'The arrangement of the panels.', example: 'layout=teach' },
  map: {
    about: 'What the colours of the maps mean; `whole` puts all memory in one map.',
    example: 'map=owner',
  },
  windows: {
    about: 'Which maps are open or closed, and behind `@` which part of memory a map shows.',
    example: 'windows=device-1:open',
  },
  walk: {
    about:
      'How the page-table tree is read: with 4 or 5 levels, with entries as 64-bit words, and of which process.',
    example: 'walk=5,words,of:A',
  },
  branches: {
    about:
      'Tables of the page-table tree that are unfolded beside the way: process, level, first page of the entry.',
    example: 'branches=A:pmd:0x7f0000000',
  },
  as: { about: 'Maps and timeline as text or as pictures.', example: 'as=text' },
  grain: {
    about: 'How far one press of Forward goes: beat, event, function or step.',
    example: 'grain=event',
  },
  extent: { about: 'Whether the timeline shows the whole run or the current step.', example: 'extent=step' },
  page: { about: 'A page to read, and behind the stroke its section.', example: 'page=glossary' },
  theme: { about: 'Light or dark, whatever the reader’s system has.', example: 'theme=dark' },
  motion: { about: 'Nothing travels, whatever the reader’s system has.', example: 'motion=reduce' },
  embed: { about: 'The stage and the playback only, for a frame in another page.', example: 'embed=1' },
  controls: { about: 'Fewer buttons, in a frame.', example: 'controls=min' },
  lang: { about: 'The language. There is English so far.', example: 'lang=en' },
};

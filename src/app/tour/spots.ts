// What the tour points at, in the order of cause, effect and reason.

export interface Spot {
  /** Shown only where this is on the screen. */
  readonly selector: string;
  readonly title: string;
  readonly text: string;
}

export const SPOTS: readonly Spot[] = [
  {
    selector: '[data-panel="steps"]',
    title: 'The cause',
    text: 'What processes do, line by line. Choose a line to go to its end. Below the list you can type a step of your own, such as: read buf.',
  },
  {
    selector: '[data-panel="tables"]',
    title: 'Who points where',
    text: 'The page tables of each process and each device. Choose a row: the same page is marked everywhere.',
  },
  {
    selector: '[data-panel="maps"]',
    title: 'Where the pages are',
    text: 'System memory and the VRAM of each device, one cell a page. Colour and letter say what kind of memory it is, so C+3 is page 3 of its area, in coherent memory. A nail is a pin; a line around free pages is a block of the allocator, with its order.',
  },
  {
    selector: '[data-panel="why"]',
    title: 'Why it happens',
    text: 'The reason for what happens now, and the kernel function that does it. Dotted words are explained when you point at them or focus them.',
  },
  {
    selector: '.pane-tabs',
    title: 'One thing at a time',
    text: 'Here is the rest: the page tables, the steps that are the cause, the reason why, and further panels.',
  },
  {
    selector: '.transport',
    title: 'Time goes both ways',
    text: 'Play, or step forward and back by a moment, an event, a function or a step. Ctrl K, or the lens above, finds everything else.',
  },
];

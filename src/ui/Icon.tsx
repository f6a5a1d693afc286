// Icons of one weight on a 16 px grid. Always decoration: the control around them has the name.

const PATHS = {
  play: 'M5 3.2v9.6a.6.6 0 0 0 .92.5l7.3-4.8a.6.6 0 0 0 0-1L5.92 2.7A.6.6 0 0 0 5 3.2z',
  pause: 'M4 3h2.8v10H4zM9.2 3H12v10H9.2z',
  forward: 'M4.5 3.5v9l6-4.5zM11 3.5h1.6v9H11z',
  back: 'M11.5 3.5v9l-6-4.5zM5 3.5H3.4v9H5z',
  next: 'M6 3.8 10.6 8 6 12.2',
  previous: 'M10 3.8 5.4 8l4.6 4.2',
  toEnd: 'M3 3.5v9L8 8zM8 3.5v9L13 8zM13 3.5h1.4v9H13z',
  toStart: 'M13 3.5v9L8 8zM8 3.5v9L3 8zM3 3.5H1.6v9H3z',
  plus: 'M8 3.2v9.6M3.2 8h9.6',
  minus: 'M3.2 8h9.6',
  fit: 'M2.8 6V2.8H6M10 2.8h3.2V6M13.2 10v3.2H10M6 13.2H2.8V10',
  target: 'M8 1.8v3M8 11.2v3M1.8 8h3M11.2 8h3M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z',
  close: 'm4 4 8 8m0-8-8 8',
  check: 'm3 8.5 3.4 3.4L13 4.8',
  differs: 'M3.5 6h9M3.5 10h9M10.5 3l-5 10',
  unknown:
    'M8 2.2a5.8 5.8 0 0 1 4.1 1.7M13.8 8a5.8 5.8 0 0 1-1.7 4.1M8 13.8a5.8 5.8 0 0 1-4.1-1.7M2.2 8a5.8 5.8 0 0 1 1.7-4.1M5.6 8h4.8',
  help: 'M5.6 6a2.4 2.4 0 1 1 3.6 2.1c-.8.5-1.2.9-1.2 1.8M8 12.4v.1',
  down: 'm4 6.2 4 4 4-4',
  out: 'M3 12.5h10M8 9.5v-7M5 5.5l3-3 3 3',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1.4v1.4M8 13.2v1.4M1.4 8h1.4M13.2 8h1.4M3.3 3.3l1 1M11.7 11.7l1 1M12.7 3.3l-1 1M4.3 11.7l-1 1',
  moon: 'M13 9.6A5.6 5.6 0 0 1 6.4 3a5.6 5.6 0 1 0 6.6 6.6z',
  system: 'M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12',
  text: 'M3 4h10M3 8h10M3 12h6',
  picture: 'M2.8 3.2h4v4h-4zM9.2 3.2h4v4h-4zM2.8 8.8h4v4h-4zM9.2 8.8h4v4h-4z',
  search: 'M7 2.8a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4zm3.2 7.4 3.2 3.2',
  warning: 'M8 2.4 14 13H2zM8 6.4v3M8 11.2v.1',
  file: 'M8 10.5v-8m0 0L5 5.4m3-2.9 3 2.9M3 10.5v2.7h10v-2.7',
  book: 'M8 4.2C6.6 3 4.6 2.8 2.4 2.8v9.4c2.2 0 4.2.2 5.6 1.4 1.4-1.2 3.4-1.4 5.6-1.4V2.8C11.4 2.8 9.4 3 8 4.2zm0 0v9.4',
  link: 'M6.5 9.5a2.6 2.6 0 0 0 3.9.3l2-2A2.7 2.7 0 0 0 8.6 4l-.9.9M9.5 6.5a2.6 2.6 0 0 0-3.9-.3l-2 2A2.7 2.7 0 0 0 7.4 12l.9-.9',
  patches: 'M8 2.2 14 5.4 8 8.6 2 5.4zM2.6 8.4 8 11.3l5.4-2.9M2.6 11 8 13.9l5.4-2.9',
  steps: 'M6 4h7M6 8h7M6 12h7M2.8 4h.4M2.8 8h.4M2.8 12h.4',
  stack: 'M2.5 3.2h6M4.5 6.4h6M6.5 9.6h6M8.5 12.8h5',
  table: 'M2.5 3h11v10h-11zM2.5 6.3h11M2.5 9.7h11M6.2 3v10',
  why: 'M8 2.2a4.2 4.2 0 0 0-2.4 7.6V12h4.8V9.8A4.2 4.2 0 0 0 8 2.2zM6.2 13.8h3.6',
  inspect: 'M3 2.6h7.4L13 5.2v8.2H3zM5.4 6.4h4.2M5.4 8.8h5.2M5.4 11.2h3.4',
  tree: 'M3 3.2h3.4v2.4H3zM9.4 7h3.6v2.4H9.4zM9.4 11h3.6v2.4H9.4zM4.7 5.6v6.6h4.7M4.7 8.2h4.7',
  log: 'M2.8 3h10.4v10H2.8zM5 6l1.8 1.8L5 9.6M8.4 9.9h2.6',
  flow: 'M2.5 4.5h7.8M8 2.2l2.6 2.3L8 6.8M13.5 11.5H5.7M8 9.2l-2.6 2.3L8 13.8',
  compare: 'M2.6 3h4.2v10H2.6zM9.2 3h4.2v10H9.2z',
  fork: 'M4.5 2.6v10.8M4.5 8.2c4 0 7-1 7-4.6M4.5 2.6h.1M11.5 3.4v-.6',
  layout: 'M2.4 3h11.2v10H2.4zM6 3v10M6 9.6h7.6',
  eye: 'M1.8 8C3.4 5 5.5 3.6 8 3.6S12.6 5 14.2 8c-1.6 3-3.7 4.4-6.2 4.4S3.4 11 1.8 8zM8 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4z',
  undo: 'M3.2 6.4h6.2a3.4 3.4 0 0 1 0 6.8H6M3.2 6.4 6 3.6M3.2 6.4 6 9.2',
  arrow: 'M3 8h9.5M9 4.5 12.5 8 9 11.5',
} as const;
export type IconName = keyof typeof PATHS;

const SOLID: ReadonlySet<IconName> = new Set(['play', 'pause', 'forward', 'back', 'toEnd', 'toStart']);

export const Icon = ({ name }: { readonly name: IconName }) => (
  <svg
    className={SOLID.has(name) ? 'icon icon-solid' : 'icon'}
    viewBox="0 0 16 16"
    aria-hidden="true"
    focusable="false"
  >
    <path d={PATHS[name]} />
  </svg>
);

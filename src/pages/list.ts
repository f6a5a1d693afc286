// The documents inside the app, in the order of the menu: one file and one entry here for each. Each is a chunk of its
// own, fetched when it is opened.

import type { ComponentType } from 'react';

export interface PageEntry {
  /** In the address: `?page=model`. */
  readonly id: string;
  readonly title: string;
  /** What one finds there, in a sentence. */
  readonly about: string;
  /** Of the field that filters it, if it has one. */
  readonly filter?: string;
  /** A module whose default export shows it, as a `Document`. */
  readonly load: () => Promise<{ readonly default: ComponentType }>;
}

export const PAGES: readonly PageEntry[] = [
  {
    id: 'model',
    title: 'What is modelled',
    about: 'Mechanism by mechanism: exact, simplified or left out, and what checks it.',
    filter: 'model-filter',
    load: () => import('./model/ModelPage.tsx'),
  },
  {
    id: 'types',
    title: 'The five types of device memory',
    about: 'Side by side: what the CPU, migration, references and drivers may do with each, with the errors.',
    load: () => import('./types/TypesPage.tsx'),
  },
  {
    id: 'glossary',
    title: 'Glossary',
    about: 'Every word on the screen in a sentence or two, with the place in the kernel source.',
    filter: 'glossary-filter',
    load: () => import('./glossary/GlossaryPage.tsx'),
  },
  {
    id: 'figures',
    title: 'Figures',
    about: 'How fast and how large it is, what was promised, and what other approaches cost.',
    load: () => import('./figures/FiguresPage.tsx'),
  },
];

export const pageOf = (id: string): PageEntry | undefined => PAGES.find((page) => page.id === id);

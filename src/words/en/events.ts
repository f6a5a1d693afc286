// What a single event of the log says.

import {
  cap,
  code,
  count,
  figure,
  grouped,
  num,
  page,
  pageAndPfn,
  pages,
  type Params,
  type Sentences,
  txt,
} from './phrases.ts';

const LEVELS: Readonly<Record<number, string>> = { 0: 'PTE', 1: 'PMD', 2: 'PUD', 3: 'PGD' };

const fromTo = (p: Params): string => `${figure(p, 'old')} → ${figure(p, 'now')}`;

export const events: Sentences = {
  'event.step': (p) => `Step ${num(p, 'step')} begins.`,
  'event.call': (p) => `${code(p, 'fn')} is entered${txt(p, 'args') === '' ? '' : `: ${txt(p, 'args')}`}.`,
  'event.return': (p) => `${code(p, 'fn')} returns.`,
  'event.return-value': (p) => `${code(p, 'fn')} returns ${code(p, 'result')}.`,
  'event.entry': (p) =>
    `The PTE${txt(p, 'page') === '' ? '' : ` of ${page(p)}`} changes: ${txt(p, 'old')} → ${txt(p, 'now')}.`,
  'event.table': (p) =>
    `The ${LEVELS[num(p, 'level')] ?? 'table'} entry${txt(p, 'page') === '' ? '' : ` above ${page(p)}`} changes: ${fromTo(p)}.`,
  'event.flags': (p) => `Flags of ${pageAndPfn(p)}: ${code(p, 'change')}.`,
  'event.column': (p) => `${code(p, 'column')} of ${pageAndPfn(p)}: ${fromTo(p)}.`,
  'event.content': (p) => `The contents of ${pageAndPfn(p)}: ${fromTo(p)}.`,
  'event.content-lost': (p) => `What ${pageAndPfn(p)} held is gone: it is free.`,
  'event.vmstat': (p) => `Counter ${code(p, 'counter')}: ${fromTo(p)}.`,
  'event.internal': (p) => `Bookkeeping, ${txt(p, 'column')} ${txt(p, 'row')}: ${fromTo(p)}.`,
  'event.map': (p) => `${cap(txt(p, 'map'))}, ${txt(p, 'key')}: ${fromTo(p)}.`,
  'event.cell': 'An area, a process or a handle is written.',
  'event.reference-taken': (p) =>
    `A reference on ${pageAndPfn(p)} for ${txt(p, 'holder')}: \`_refcount\` ${fromTo(p)}.`,
  'event.reference-dropped': (p) =>
    `${cap(txt(p, 'holder'))} gives up ${num(p, 'by') === 1 ? 'its reference' : grouped(num(p, 'by'))} on ${pageAndPfn(p)}: \`_refcount\` ${fromTo(p)}.`,
  'event.holder': (p) => `A reference on ${pageAndPfn(p)} passes from ${txt(p, 'from')} to ${txt(p, 'to')}.`,
  'event.pages': (p) =>
    `${pages(p, 'npages')} from ${txt(p, 'vpn')} on: ${txt(p, 'outcome')}, from frame ${txt(p, 'from')} to ${txt(p, 'to')} and on.`,
  'event.pages-moved': (p) =>
    `${pages(p, 'npages')}: ${txt(p, 'outcome')}, from frame ${txt(p, 'from')} to ${txt(p, 'to')} and on.`,
  'event.calls': (p) => `${code(p, 'fn')} was called ${count(num(p, 'times'), 'time')} for these pages.`,
  'event.decisions': (p) =>
    `${code(p, 'decision')} was decided ${count(num(p, 'times'), 'time')} for these pages.`,
  'event.task': (p) => `Task ${num(p, 'task')} runs on CPU ${num(p, 'cpu')}.`,
};

import { expect, test } from 'vitest';
import { bigStepDifferences } from '../../../conformance/big-steps.ts';
import { parseScenario } from '../../index.ts';

const AREA = { proc: 'A', vma: 'buf' } as const;
const PAGES = 1500;

/** An area with a hole, pages on a device, and one that is pinned already. */
const MIXED = [
  { op: 'mmap', ...AREA, pages: PAGES, prot: 'rw', kind: 'anon-private' },
  { op: 'write', ...AREA, page: 0, count: 800, value: 1 },
  { op: 'write', ...AREA, page: 850, count: PAGES - 850, value: 851 },
  { op: 'migrate_to_dev', ...AREA, page: 500, count: 550, device: 0 },
  { op: 'gup', ...AREA, page: 300, count: 2, call: 'pin_user_pages', flags: ['FOLL_WRITE'], as: 'first' },
];
const gup = (call: string, flags: readonly string[], part: object = {}) => ({
  op: 'gup',
  ...AREA,
  ...part,
  call,
  flags,
  as: 'many',
});
const PUT = { op: 'put', proc: 'A', handle: 'many' };
const UNPIN = { op: 'unpin', proc: 'A', handle: 'many' };

// mm/gup.c: gup_pte_range, follow_page_pte, unpin_user_pages_dirty_lock; mm/swap.c: folio_mark_accessed
test.each([
  ['fast pins', [gup('pin_user_pages_fast', ['FOLL_WRITE']), { ...UNPIN, dirty: true }]],
  ['fast pins for reading', [gup('pin_user_pages_fast', []), UNPIN]],
  ['fast pins for long', [gup('pin_user_pages_fast', ['FOLL_WRITE', 'FOLL_LONGTERM']), UNPIN]],
  ['fast references', [gup('get_user_pages_fast', []), PUT]],
  ['only what is there', [gup('get_user_pages_fast_only', []), PUT]],
  ['references', [gup('get_user_pages', ['FOLL_WRITE']), PUT, gup('get_user_pages', []), PUT]],
  [
    'references after pins that marked the pages',
    [
      gup('pin_user_pages_fast', ['FOLL_WRITE']),
      { ...UNPIN, dirty: true },
      gup('get_user_pages', ['FOLL_WRITE']),
      PUT,
      gup('pin_user_pages_fast', ['FOLL_WRITE']),
      UNPIN,
      gup('pin_user_pages_unlocked', []),
      { ...UNPIN, dirty: true },
    ],
  ],
])('%s of many pages leave the same as page after page', { timeout: 60_000 }, (_name, steps) => {
  for (const kind of ['coherent', 'private']) {
    const scenario = parseScenario({
      machine: 'lab-node',
      devices: [{ id: 0, kind }],
      steps: [...MIXED, ...steps].map((step) => ({ step })),
    });
    expect(bigStepDifferences(scenario, 512), kind).toEqual([]);
  }
});

// mm/swap.c: folio_activate; mm/migrate.c: folio_migrate_flags takes PG_active along
test('pages that were touched twice are active, and move, are pinned and go as such', {
  timeout: 120_000,
}, () => {
  const touched = [
    ...MIXED.filter((step) => step.op !== 'gup'),
    gup('pin_user_pages_fast', ['FOLL_WRITE'], { page: 50, count: 1400 }),
    UNPIN,
    gup('get_user_pages', [], { page: 100, count: 1200 }),
    PUT,
  ];
  const rest = [
    { op: 'migrate_to_dev', ...AREA, device: 0 },
    gup('pin_user_pages', ['FOLL_WRITE', 'FOLL_LONGTERM'], { page: 400, count: 900 }),
    UNPIN,
    { op: 'munmap', ...AREA, page: 500, count: 700 },
    { op: 'dev_close', proc: 'A', device: 0 },
    { op: 'exit', proc: 'A' },
  ];
  for (const kind of ['coherent', 'private']) {
    const scenario = parseScenario({
      machine: 'lab-node',
      devices: [{ id: 0, kind }],
      steps: [...touched, ...rest].map((step) => ({ step })),
    });
    expect(bigStepDifferences(scenario, 512), kind).toEqual([]);
  }
});

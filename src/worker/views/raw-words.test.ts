import { describe, expect, test } from 'vitest';
import { createSimulation, parseScenario } from '../../core/index.ts';
import { mappedFrame } from '../../core/kernel/mm/page-table.ts';
import { PG_buddy, PG_lru, PG_table } from '../../core/uapi/page-flags.ts';
import { Run } from '../run.ts';
import { dumpPage } from './dump-page.ts';
import { rawWords } from './raw-words.ts';

const AREA = { proc: 'A', vma: 'buf' } as const;
const mmap = { op: 'mmap', ...AREA, pages: 4, prot: 'rw', kind: 'anon-private' };

const runOf = (steps: readonly object[], pages = 4, more: object = {}): Run => {
  const sim = createSimulation(
    parseScenario({
      devices: [{ id: 0, kind: 'coherent' }],
      ...more,
      steps: [{ ...mmap, pages }, ...steps].map((step) => ({ step })),
    }),
  );
  sim.runAll();
  return new Run('run', sim);
};
const frameOf = ({ sim: { machine: m } }: Run, page = 0): number => {
  const mm = m.mms.get(1);
  return mappedFrame(m, mm, (mm.areas[0]?.start ?? 0) + page);
};
const write = { op: 'write', ...AREA, value: 7 };

describe('the raw words of a struct page', () => {
  test('of an anonymous page: flags as in their line, index, mapcount less one, references', () => {
    const run = runOf([write]);
    const m = run.sim.machine;
    const pfn = frameOf(run);
    const words = rawWords(m, pfn);
    expect(words).toHaveLength(8);
    expect(BigInt(`0x${words[0]?.text}`)).toBe(BigInt(dumpPage(m, pfn).flagsPrefix.split(' ').at(-1) ?? 0));
    expect(words[3]?.text).toBe('··anon_vma 1 | 1');
    expect(Number.parseInt(words[4]?.text ?? '', 16)).toBe(m.pages.index.get(pfn));
    const refcount = m.pages.refcount.get(pfn).toString(16).padStart(8, '0');
    expect(words[6]).toMatchObject({ field: '_mapcount', text: `${refcount}00000000` });
    expect(words[7]).toMatchObject({ field: 'memcg_data', text: '????????????????' });
  });

  test('of pages on the LRU list: each link leads to the lru of the page beside it', () => {
    const run = runOf([write]);
    const m = run.sim.machine;
    const pfns = [0, 1, 2, 3].map((page) => frameOf(run, page));
    for (const pfn of pfns) {
      expect(m.pages.flags.get(pfn) & PG_lru).not.toBe(0);
      const [, next, prev] = rawWords(m, pfn);
      for (const [word, back] of [
        [next, 2],
        [prev, 1],
      ] as const) {
        if (word?.says === 'list head') continue;
        const beside = Number((BigInt(`0x${word?.text}`) - 0xffffea0000000008n) / 64n);
        expect(word?.says).toBe(`pfn 0x${beside.toString(16)}`);
        expect(rawWords(m, beside)[back]?.says).toBe(`pfn 0x${pfn.toString(16)}`);
      }
    }
  });

  test('of a device page: its pgmap and the driver’s word instead of a list', () => {
    const run = runOf([write, { op: 'migrate_to_dev', ...AREA, device: 0 }]);
    const words = rawWords(run.sim.machine, frameOf(run));
    expect(words.map(({ field }) => field)).toEqual([
      'flags',
      'pgmap',
      'zone_device_data',
      'mapping',
      'index',
      'private',
      '_mapcount',
      'memcg_data',
    ]);
    expect(words[2]?.says).toBe('dmirror 1');
  });

  test('of a huge page: the first tail has what the folio counts, each tail leads to the head', () => {
    const run = runOf([{ op: 'madvise', ...AREA, advice: 'HUGEPAGE' }, write], 512, { machine: 'lab-node' });
    const m = run.sim.machine;
    const head = frameOf(run);
    expect(m.pages.tailOffset.get(head + 1)).toBe(1);
    const first = rawWords(m, head + 1);
    // dtor 3, order 9, mapped once as a whole
    expect(first[2]?.text).toBe('0000000000000903');
    expect(first[3]?.text).toBe('0000020000000000');
    for (const tail of [1, 2, 3, 511]) {
      const words = rawWords(m, head + tail);
      expect(BigInt(`0x${words[1]?.text}`) & 1n).toBe(1n);
      expect(words[1]?.says).toBe(`pfn 0x${head.toString(16)}`);
      expect(words[6]?.text.slice(0, 8)).toBe('00000000');
    }
    expect(rawWords(m, head + 3)[3]?.text).toBe('dead000000000400');
    expect(dumpPage(m, head + 1).raw.map(({ prefix }) => prefix)).toEqual(['raw', 'head']);
    expect(dumpPage(m, head).raw.map(({ prefix }) => prefix)).toEqual(['raw']);
  });

  test('of free blocks and page tables: their type stands where the mapcount would', () => {
    const run = runOf([write]);
    const m = run.sim.machine;
    const rows = m.pages.flags;
    let buddy = -1;
    for (let pfn = 0; pfn < 0x40000 && buddy < 0; pfn++) if ((rows.get(pfn) & PG_buddy) !== 0) buddy = pfn;
    const free = rawWords(m, buddy);
    expect(free[6]?.text).toBe('00000000ffffff7f');
    expect(free[5]?.says).toBe(`order ${m.pages.private.get(buddy)}`);
    const { pgd } = m.mms.get(1);
    expect(rows.get(pgd) & PG_table).not.toBe(0);
    expect(rawWords(m, pgd)[6]?.text).toMatch(/^0000000[1-9]fffffdff$/);
  });
});

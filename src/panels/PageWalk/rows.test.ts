import { expect, test } from 'vitest';
import type { PageWalkView, WalkLevel } from '../../store/views.ts';
import { addressParts, differWithLa57, fifthTable } from './rows.ts';

const level = (name: WalkLevel['level'], table: number, index: number): WalkLevel => ({
  level: name,
  table,
  index,
  entries: [],
  used: 0,
});

const walk: PageWalkView = {
  target: { process: 'A', vpn: 0x7f1234567, name: 'buf+0' },
  processes: ['A'],
  levels: [level('pgd', 0x1a2b, 254), level('pud', 0x1a2c, 72), level('pmd', -1, 418), level('pte', -1, 359)],
  branches: [],
  mirrors: [],
};

test('the entry of the fifth table leads to what four levels call PGD, with the bits of _PAGE_TABLE', () => {
  const fifth = fifthTable(walk);
  expect(fifth).toMatchObject({ table: -1, index: 0, used: 1 });
  expect(fifth?.entries).toMatchObject([
    {
      index: 0,
      kind: 'table',
      pfn: 0x1a2b,
      raw: '0x0000000001a2b067',
      writable: true,
      dirty: true,
      young: true,
    },
  ]);
});

test('no process, no fifth table', () => {
  expect(fifthTable({ ...walk, target: undefined, levels: [] })).toBeUndefined();
});

test('with LA57 an address has 57 bits, with the index that bits 56 to 48 give', () => {
  const parts = addressParts(walk, true);
  expect(parts.map(({ table }) => table)).toEqual(['PGD', 'P4D', 'PUD', 'PMD', 'PTE', 'offset']);
  expect(parts[0]).toMatchObject({ bits: '56…48', value: 0, binary: '000000000' });
  expect(addressParts(walk, false).map(({ table }) => table)).toEqual(['PGD', 'PUD', 'PMD', 'PTE', 'offset']);
  const high = { ...walk, target: { process: 'A', vpn: 5 * 2 ** 36 + 7, name: '' } };
  expect(addressParts(high, true)[0]?.value).toBe(5);
  expect(fifthTable(high)?.index).toBe(5);
});

test('only migration entries that keep A or D have another word with LA57', () => {
  const entry = fifthTable(walk)?.entries[0];
  if (entry === undefined) throw new Error('no entry');
  const withEntry = (kind: 'migration' | 'present', dirty: boolean): WalkLevel[] => [
    { ...level('pte', 1, 0), entries: [{ ...entry, kind, dirty, young: false }] },
  ];
  expect(differWithLa57(withEntry('migration', true))).toBe(true);
  expect(differWithLa57(withEntry('migration', false))).toBe(false);
  expect(differWithLa57(withEntry('present', true))).toBe(false);
});

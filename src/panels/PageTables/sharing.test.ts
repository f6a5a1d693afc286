import { expect, test } from 'vitest';
import type { AreaRows, EntryRow } from './rows.ts';
import { withSharers } from './sharing.ts';

const entry = (vpn: number, pfn: number, npages = 1, pfnStep = 0): EntryRow => ({
  key: String(vpn),
  vpn,
  npages,
  pfnStep,
  page: '',
  entry: '',
  kind: 'present',
  bits: [],
  frame: pfn < 0 ? undefined : { pfn, tone: 'system', toward: undefined, text: '' },
  pageFlags: [],
  value: '',
  devices: [],
  sharers: [],
});
const areaOf = (process: string, ...rows: EntryRow[]): AreaRows => ({
  key: `${process} buf`,
  process,
  name: 'buf',
  startVpn: 0,
  about: '',
  rows,
  columns: [],
  isGone: false,
});
const told = (areas: readonly AreaRows[]): string[] =>
  withSharers(areas).map(({ process, rows }) =>
    [process, ...rows.map(({ sharers }) => sharers.map((s) => `${s.process}+${s.vpn}`).join() || '-')].join(
      ' ',
    ),
  );

test('entries of parent and child for one frame name each other, a copied page names nobody', () => {
  const parent = areaOf('A', entry(10, 0x100), entry(11, 0x200), entry(12, -1));
  const child = areaOf('B', entry(10, 0x100), entry(11, 0x300), entry(12, -1));
  expect(told([parent, child])).toEqual(['A B+10 - -', 'B A+10 - -']);
});

test('a run and a single page inside of it are found, whether frames go up or down', () => {
  const up = areaOf('A', entry(0, 1000, 64, 1));
  const down = areaOf('B', entry(0, 1063, 64, -1));
  const single = areaOf('C', entry(500, 1010));
  expect(told([up, down, single])).toEqual(['A B+63,C+500', 'B A+0,C+500', 'C A+10,B+53']);
});

test('two areas of one process are no two owners', () => {
  expect(told([areaOf('A', entry(1, 5)), areaOf('A', entry(9, 5))])).toEqual(['A -', 'A -']);
});

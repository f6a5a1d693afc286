import { describe, expect, test } from 'vitest';
import type { Moment } from '../worker/protocol-moment.ts';
import { entryOfSelection, vpnOfPage } from './entries-of-page.ts';
import { opened } from './page-fixture.ts';

const momentOf = async (link: string) => {
  const { state } = await opened(link);
  const { moment } = state().trace;
  if (moment === undefined) throw new Error('no moment');
  return { moment, selected: state().selection.selected };
};
const bufOf = (moment: Moment | undefined, process: string) =>
  moment?.processes.find(({ name }) => name === process)?.areas.find(({ name }) => name === 'buf');

describe('a page that is selected', () => {
  test('is found in the page table that has it', async () => {
    const { moment, selected } = await momentOf(
      '?scenario=coherent-longterm-pin-fast&t=3.250&sel=page:0x5fffd',
    );
    const start = bufOf(moment, 'A')?.startVpn ?? 0;
    expect(entryOfSelection(selected, moment, undefined)).toEqual({ process: 'A', vpn: start + 2 });
    expect(entryOfSelection({ kind: 'page', pfn: 1 }, moment, undefined)).toBeUndefined();
    expect(entryOfSelection({ kind: 'handle', name: 'h' }, moment, undefined)).toBeUndefined();
  });

  test('is found on its way: by the frame it leaves and by the one it comes to', async () => {
    const { state, actions } = await opened('?scenario=coherent-longterm-pin-fast&t=3');
    for (let i = 0; i < 60; i++) {
      const { moment } = state().trace;
      const move = moment?.moves.find(({ phase }) => phase === 'copied');
      const row = bufOf(moment, 'A')?.rows.find(
        ({ entry, pfn }) => entry === 'migration' && pfn === move?.src,
      );
      if (moment !== undefined && move !== undefined && row !== undefined) {
        const place = { process: 'A', vpn: row.vpn };
        expect(entryOfSelection({ kind: 'page', pfn: move.src }, moment, undefined)).toEqual(place);
        expect(entryOfSelection({ kind: 'page', pfn: move.dst }, moment, undefined)).toEqual(place);
        return;
      }
      await actions.stepBy('beat', 1);
    }
    throw new Error('nothing moved');
  });

  test('of two processes that share it, the one that is looked at counts', async () => {
    const { moment } = await momentOf('?scenario=coherent-cow&t=4');
    const shared = bufOf(moment, 'A')?.rows[0];
    const pfn = shared?.pfn ?? -1;
    expect(moment.processes.map(({ name }) => name)).toEqual(['A', 'B']);
    expect(entryOfSelection({ kind: 'page', pfn }, moment, undefined)?.process).toBe('A');
    expect(entryOfSelection({ kind: 'page', pfn }, moment, 'B')?.process).toBe('B');
  });
});

test('in a run of entries it is the page, whether frames go up or down', () => {
  const row = (pfnStep: number) => ({ vpn: 100, npages: 64, pfn: 1063, pfnStep, entry: 'present' as const });
  expect(vpnOfPage(row(-1), [], 1000)).toBe(163);
  expect(vpnOfPage(row(1), [], 1070)).toBe(107);
  expect(vpnOfPage(row(1), [], 1062)).toBeUndefined();
  expect(vpnOfPage({ ...row(0), pfn: -1 }, [], -1)).toBeUndefined();
});

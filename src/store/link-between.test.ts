import { describe, expect, test } from 'vitest';
import { linkBetween } from './link-between.ts';
import { opened } from './page-fixture.ts';

const linksOf = async (machine: string, scenario: string) => {
  const { state } = await opened(`?scenario=${scenario}&machine=${machine}`);
  const { run } = state().scenario;
  if (run === undefined) throw new Error('no run');
  return run.machine.links;
};

describe('the link between two memories', () => {
  test('the test driver has none: its devices are RAM', async () => {
    const links = await linksOf('teaching', 'coherent-longterm-pin-fast');
    expect(links).toEqual([]);
    expect(linkBetween(links, -1, 0)).toBe('none');
    expect(linkBetween(links, -1, -1)).toBe('ddr.numa');
  });
});

test('GPUs have one to the CPU, and another to each other, whichever way the bytes go', () => {
  const links = [
    { from: 0, to: -1, link: 'if.cpu_gpu' },
    { from: 1, to: -1, link: 'pcie4x16' },
    { from: 0, to: 1, link: 'if.gcd_pair' },
  ] as const;
  expect(linkBetween(links, -1, 0)).toBe('if.cpu_gpu');
  expect(linkBetween(links, 1, -1)).toBe('pcie4x16');
  expect(linkBetween(links, 1, 0)).toBe('if.gcd_pair');
  expect(linkBetween(links, 0, 0)).toBe('hbm');
});

import { expect, it } from 'vitest';
import { DEFAULT_GPU } from './scenario.ts';
import { machinePreset } from './presets.ts';
import { topologyOf } from './topology.ts';

// machine-and-drivers.md §1.4 (OLCF Frontier User Guide), §1.6
it('knows which GPU of a Frontier node is near which memory, and what lies between two GPUs', () => {
  const { nodes, distances, devices, links } = topologyOf(machinePreset('frontier', undefined, DEFAULT_GPU));
  expect(nodes).toEqual([0, 1, 2, 3]);
  expect(distances[1]).toEqual([12, 10, 12, 12]);
  expect(devices.map(({ node }) => node)).toEqual([3, 3, 1, 1, 0, 0, 2, 2]);
  expect(links.filter(({ to }) => to === 'cpu')).toHaveLength(8);
  expect(links.filter(({ to }) => to !== 'cpu')).toHaveLength(28);
  const pairs = links.filter(({ link }) => link === 'if.gcd_pair').map(({ from, to }) => [from, to]);
  expect(pairs).toEqual([
    [0, 1],
    [2, 3],
    [4, 5],
    [6, 7],
  ]);
  expect(links.every(({ bandwidth }) => bandwidth.source !== '')).toBe(true);
});

it('has no links for devices of the test driver', () => {
  expect(topologyOf(machinePreset('teaching')).links).toEqual([]);
});

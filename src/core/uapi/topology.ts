// How far apart the parts of a node are: NUMA distances, and which link lies between two devices. Data with sources; no
// firmware table of such a node is public (machine-and-drivers.md §1.6, §8).

import type { MachineConfig } from './config.ts';
import { DEFAULT_LINKS, type Figure, type LinkName } from './cost-model.ts';
import { DEVICE_MODEL } from './device-model.ts';

/** Entries of the SLIT, as node_distance() gives them. */
export const NODE_DISTANCES = {
  local: { value: 10, class: 'kernel', source: 'include/linux/topology.h: LOCAL_DISTANCE' },
  remote: { value: 12, class: 'assumed', source: 'assumed; the SLIT of a Frontier node is not public' },
} as const satisfies Readonly<Record<string, Figure>>;

/** Kernel: `include/linux/topology.h: node_distance`. Ours: the same between all nodes. */
export const nodeDistance = (from: number, to: number): number =>
  from === to ? NODE_DISTANCES.local.value : NODE_DISTANCES.remote.value;

export interface TopologyLink {
  /** Device of the configuration; `cpu`: the node's own memory. */
  readonly from: number;
  readonly to: number | 'cpu';
  readonly link: LinkName;
  readonly bandwidth: Figure;
}

export interface Topology {
  /** NUMA nodes, ascending. */
  readonly nodes: readonly number[];
  /** `distances[i][k]`: from node i of `nodes` to node k. */
  readonly distances: readonly (readonly number[])[];
  readonly devices: readonly { readonly id: number; readonly node: number }[];
  /** Each device to the CPU, then each pair of devices. */
  readonly links: readonly TopologyLink[];
}

/** Nodes, devices and links of a machine; of one without GPUs no links. */
export const topologyOf = ({ ranges, devices, gpu }: MachineConfig): Topology => {
  const nodes = [...new Set(ranges.map(({ node }) => node))].sort((a, b) => a - b);
  const links: TopologyLink[] = [];
  const add = (from: number, to: number | 'cpu', link: LinkName): void => {
    links.push({ from, to, link, bandwidth: DEFAULT_LINKS[link] });
  };
  if (gpu !== undefined) {
    const { coherentLink, privateLink, packageLink, peerLink, devicesPerPackage } = DEVICE_MODEL[gpu.model];
    for (const { id, kind } of devices) add(id, 'cpu', kind === 'coherent' ? coherentLink : privateLink);
    const packageOf = (index: number): number => Math.floor(index / devicesPerPackage);
    devices.forEach((one, i) => {
      devices.slice(i + 1).forEach((other, k) => {
        add(one.id, other.id, packageOf(i) === packageOf(i + 1 + k) ? packageLink : peerLink);
      });
    });
  }
  return {
    nodes,
    distances: nodes.map((from) => nodes.map((to) => nodeDistance(from, to))),
    devices: devices.map(({ id, node }) => ({ id, node })),
    links,
  };
};

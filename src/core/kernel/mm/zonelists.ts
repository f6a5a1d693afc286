// mm/page_alloc.c: which zones may serve a request, best first. ZONE_DEVICE is in no list: it has no present pages.

import type { Zone } from '../../machine/entities.ts';
import type { Machine } from '../../machine/machine.ts';
import { ZONE_NAMES } from '../../uapi/config.ts';
import { __GFP_HIGHMEM, __GFP_MOVABLE, __GFP_THISNODE } from '../../uapi/gfp.ts';
import { nodeDistance } from '../../uapi/topology.ts';

/** Position of a zone among the types of zones. Kernel: `include/linux/mmzone.h: zone_idx` */
export const zoneIdx = (zone: Zone): number => ZONE_NAMES.indexOf(zone.name);

/** Highest zone that a request may use; never ZONE_DEVICE. Kernel: `include/linux/gfp.h: gfp_zone` */
export const gfpZone = (gfp: number): number =>
  (gfp & __GFP_HIGHMEM) !== 0 && (gfp & __GFP_MOVABLE) !== 0 ? 3 : 2;

/** Nodes that have memory of the allocator, ascending. Kernel: `include/linux/nodemask.h: N_MEMORY` */
export const memoryNodes = (zones: readonly Zone[]): number[] =>
  [...new Set(zones.map(({ node }) => node))].sort((a, b) => a - b);

/**
 * Order in which each node falls back on the others: by distance, the next higher node before lower ones, and nodes
 * that begin many lists a little later.
 *
 * Kernel: `mm/page_alloc.c: build_zonelists, find_next_best_node`
 */
export const fallbackOrders = (
  nodes: readonly number[],
  distance: (from: number, to: number) => number = nodeDistance,
): ReadonlyMap<number, readonly number[]> => {
  const load = new Map<number, number>(nodes.map((node) => [node, 0]));
  const orders = new Map<number, readonly number[]>();
  for (const local of nodes) {
    const order = [local];
    let previous = local;
    while (order.length < nodes.length) {
      // MAX_NUMNODES is larger than any load: it only decides between equals
      const cost = (node: number): number =>
        (distance(local, node) + (node < local ? 1 : 0)) * 1024 + (load.get(node) ?? 0);
      const next = nodes
        .filter((node) => !order.includes(node))
        .reduce((best, node) => (cost(node) < cost(best) ? node : best));
      // nodes at the same distance take turns at being the first
      if (distance(local, next) !== distance(local, previous)) load.set(next, (load.get(next) ?? 0) + 1);
      order.push(next);
      previous = next;
    }
    orders.set(local, order);
  }
  return orders;
};

interface Zonelists {
  readonly orders: ReadonlyMap<number, readonly number[]>;
  readonly byRequest: Map<number, readonly Zone[]>;
}

const zonelistsOf = new WeakMap<readonly Zone[], Zonelists>();

/**
 * Zones that may serve a request, best first: each node from its highest zone down, the local node first.
 *
 * Kernel: `mm/page_alloc.c: build_zonelists_in_node_order, build_thisnode_zonelists`
 */
export const zonelist = (m: Machine, gfp: number, node: number): readonly Zone[] => {
  let lists = zonelistsOf.get(m.zones);
  if (lists === undefined) {
    lists = { orders: fallbackOrders(memoryNodes(m.zones)), byRequest: new Map() };
    zonelistsOf.set(m.zones, lists);
  }
  const highest = gfpZone(gfp);
  const thisNode = (gfp & __GFP_THISNODE) !== 0;
  const key = node * 8 + highest * 2 + (thisNode ? 1 : 0);
  let list = lists.byRequest.get(key);
  if (list === undefined) {
    const nodes = thisNode ? [node] : (lists.orders.get(node) ?? memoryNodes(m.zones));
    list = nodes.flatMap((id) =>
      m.zones
        .filter((zone) => zone.node === id && zoneIdx(zone) <= highest)
        .sort((a, b) => zoneIdx(b) - zoneIdx(a)),
    );
    lists.byRequest.set(key, list);
  }
  return list;
};

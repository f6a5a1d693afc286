import { describe, expect, test } from 'vitest';
import type { TrafficView } from '../../store/views.ts';
import { chartOf, WIDTH } from './chart.ts';

const view: TrafficView = {
  places: [
    { id: 0, kind: 'system', number: 0 },
    { id: 1, kind: 'system', number: 1 },
    { id: 2, kind: 'coherent', number: 0 },
    { id: 3, kind: 'coherent', number: 1 },
  ],
  flows: [
    { from: 0, to: 1, pages: 4, pagesInStep: 0 },
    { from: 1, to: 0, pages: 2, pagesInStep: 0 },
    { from: 2, to: 3, pages: 1, pagesInStep: 0 },
    { from: 0, to: 2, pages: 1, pagesInStep: 0 },
  ],
  steps: [],
};
const { bands } = chartOf(view, []);

describe('the picture of the traffic', () => {
  test('lies in its frame, with all bands and their numbers', () => {
    for (const { path, labelX } of bands) {
      const xs = [...path.matchAll(/(-?[\d.]+),/g)].map(([, x]) => Number(x));
      expect(xs.length).toBeGreaterThan(1);
      for (const x of [...xs, labelX]) {
        expect(x).toBeGreaterThanOrEqual(0);
        expect(x).toBeLessThanOrEqual(WIDTH);
      }
    }
  });

  test('of many, no number reaches into a box', () => {
    const crowd = [...view.flows, { from: 2, to: 0, pages: 14_680_064, pagesInStep: 0 }];
    const { bands: many, boxes } = chartOf({ ...view, flows: crowd }, []);
    const last = many.at(-1);
    expect(last?.labelAnchor).toBe('end');
    expect(last?.labelX).toBeLessThan(boxes[2]?.x ?? 0);
  });

  test('a way names its link: that of the machine, or who copies where there is none', () => {
    expect(bands.map(({ link }) => link)).toEqual([
      'memory of the nodes',
      'memory of the nodes',
      'CPU copies',
      'CPU copies',
    ]);
    const links = [
      { from: 0, to: -1, link: 'pcie4x16' },
      { from: 0, to: 1, link: 'if.gcd_pair' },
    ] as const;
    expect(
      chartOf(view, links)
        .bands.map(({ link }) => link)
        .slice(2),
    ).toEqual(['xGMI in the package', 'PCIe 4 x16']);
  });

  test('the way there and the way back between two nodes can be told apart', () => {
    const [there, back] = bands;
    expect(there?.path).not.toBe(back?.path);
    expect([there?.labelX, there?.labelY]).not.toEqual([back?.labelX, back?.labelY]);
  });
});

import { describe, expect, test } from 'vitest';
import { type AreaId, AREAS, type Group, initialLayout, type Layout } from '../../store/layout.ts';
import { arrange, type FrameNode, groupsOf, restOnPaper, type Room } from './arrange.ts';

const panel = (id: string, area: AreaId) => ({ id, title: id, area });
const PANELS = [...AREAS.map((area) => panel(area, area)), panel('log', 'lower'), panel('tree', 'lower')];
type Node = FrameNode<(typeof PANELS)[number]>;

/** `(cause/stack)|rest`: `|` side by side, `/` one above the other, `+` in one scroll, `,` behind each other, `*` in front. */
const draw = (node: Node | undefined): string => {
  if (node === undefined) return '';
  switch (node.kind) {
    case 'split':
      return `(${draw(node.first)}${node.axis === 'x' ? '|' : '/'}${draw(node.second)})`;
    case 'flow':
      return `(${node.parts.map(draw).join('+')})`;
    case 'area':
      return node.panels
        .map(({ id }) => (id === node.front && node.panels.length > 1 ? `*${id}` : id))
        .join();
  }
};
const drawn = (
  change: Partial<Layout> = {},
  room: Room = 'wide',
  shown: 'maps' | 'right' | 'lower' = 'maps',
) => draw(arrange(PANELS, { ...initialLayout, ...change }, room, shown));

describe('the arrangement of the panels', () => {
  test('with room: cause, stage with further panels below, reasons', () =>
    expect(drawn()).toBe('((cause/stack)|(((tables|maps)/*lower,log,tree)|(why/inspect)))'));

  test('with less room the reasons lie below the tables', () =>
    expect(drawn({}, 'medium')).toBe('((cause/stack)|(((tables/(why+inspect))|maps)/*lower,log,tree))'));

  test('with less room and everything open two columns have two panels each, above one another', () => {
    expect(drawn({ preset: 'debug' }, 'medium')).toBe(
      '((cause/stack)|((tables/*lower,log,tree)|(maps/(why+inspect))))',
    );
    const closed: Partial<Layout> = { preset: 'debug', open: { lower: false } };
    expect(drawn(closed, 'medium')).toBe(drawn({}, 'medium'));
  });

  test('with little room: the maps and one group; on a phone one group', () => {
    expect(drawn({}, 'narrow')).toBe('(tables|maps)');
    expect(drawn({}, 'narrow', 'right')).toBe('((why+inspect)|maps)');
    expect(drawn({}, 'phone')).toBe('maps');
    expect(drawn({}, 'phone', 'lower')).toBe('*lower,log,tree');
  });

  test('a panel that was moved lies last where it went, and in front if it was brought there', () => {
    expect(drawn({ places: { log: 'tables' } })).toContain('*tables,log|maps');
    expect(drawn({ places: { log: 'tables' }, front: { tables: 'log' } })).toContain('tables,*log|maps');
    expect(drawn({ front: { lower: 'no-such-panel' } })).toContain('*lower,log,tree');
  });

  test('before an audience the tabs of panels that are put away are put away, too', () => {
    expect(drawn({ preset: 'present' })).toBe('((cause/stack)|((tables|maps)|(why/inspect)))');
    expect(drawn({ preset: 'present', open: { lower: true } })).toContain('/*lower,log,tree');
  });

  test('an area without panels takes no room, and its group has no tab', () => {
    const places = { lower: 'none', log: 'none', tree: 'none', why: 'none', inspect: 'none' } as const;
    expect(drawn({ places })).toBe('((cause/stack)|(tables|maps))');
    expect(groupsOf(PANELS, { ...initialLayout, places })).toEqual(['maps', 'tables', 'left']);
    expect(groupsOf(PANELS, initialLayout)).toEqual(['maps', 'tables', 'left', 'right', 'lower']);
  });
});

test('paper has room for what a narrow window does not show, and nothing twice', () => {
  const rest = (room: Room, shown: Group): string[] =>
    restOnPaper(PANELS, initialLayout, room, shown).map((node) =>
      node.kind === 'area' ? node.area : node.kind === 'split' ? node.id : node.kind,
    );
  expect(rest('wide', 'maps')).toEqual([]);
  expect(rest('medium', 'maps')).toEqual([]);
  expect(rest('narrow', 'maps')).toEqual(['left-rows', 'right-rows']);
  expect(rest('narrow', 'right')).toEqual(['left-rows', 'tables']);
  expect(rest('phone', 'maps')).toEqual(['left-rows', 'tables', 'right-rows']);
  expect(rest('phone', 'lower')).toEqual(['left-rows', 'tables', 'maps', 'right-rows']);
});

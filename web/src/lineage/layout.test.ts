import { expect, test } from 'vitest';
import { NODE, layoutOf, pathOf, related } from './layout';
import type { Graph, Node } from './queries';

const node = (id: string, kind: Node['kind']): Node => ({
  id,
  kind,
  text: id,
  step: null,
  path: null,
  facts: {},
});

const graph: Graph = {
  nodes: [
    node('data', 'input'),
    node('s1', 'steps'),
    node('s2', 'steps'),
    node('c1', 'checkpoint'),
    node('c2', 'checkpoint'),
    node('model', 'model'),
    node('score', 'evaluation'),
  ],
  edges: [
    ['data', 's1'],
    ['s1', 's2'],
    ['s1', 'c1'],
    ['s2', 'c2'],
    ['s2', 'model'],
    ['model', 'score'],
  ],
  is_partial: false,
};

test('a kind is a column, and what was made stands as high as what it was made of', () => {
  const layout = layoutOf(graph);
  const at = (id: string) => layout.nodes.find((one) => one.node.id === id);
  expect(layout.columns.map((column) => column.kind)).toEqual([
    'input',
    'steps',
    'checkpoint',
    'model',
    'evaluation',
  ]);
  expect(at('c1')?.y).toBe(at('s1')?.y);
  expect(at('c2')?.y).toBe(at('s2')?.y);
  expect(at('score')?.y).toBe(at('s2')?.y);
  expect(at('score')?.x).toBe(4 * (NODE.width + NODE.gap));
});

test('no two nodes stand in one place', () => {
  const many: Graph = {
    nodes: [node('r1', 'row'), node('r2', 'row'), node('s', 'steps'), node('t', 'steps')],
    edges: [
      ['r2', 's'],
      ['r1', 't'],
    ],
    is_partial: false,
  };
  const places = layoutOf(many).nodes.map((one) => `${one.x} ${one.y}`);
  expect(new Set(places).size).toBe(4);
});

test('an edge whose node is not there is left out', () => {
  expect(layoutOf({ ...graph, edges: [['gone', 's1']] }).edges).toEqual([]);
});

test('edges within a column go down, others to the right, below the boxes of columns between', () => {
  const [input, within, , , over] = layoutOf(graph).edges;
  expect(input && pathOf(input)).toBe('M176 22C204 22 204 22 232 22');
  expect(over && pathOf(over)).toMatch(/ 106H\d+C/);
  expect(within && pathOf(within)).toBe(
    `M${NODE.width + NODE.gap + NODE.width / 2} ${NODE.height}V${NODE.line}`,
  );
});

test('what is related lies before or behind, and not beside', () => {
  expect([...related(graph, 'c1')].sort()).toEqual(['c1', 'data', 's1']);
  expect([...related(graph, 's2')].sort()).toEqual(['c2', 'data', 'model', 's1', 's2', 'score']);
});

test('a circle ends', () => {
  const circle: Graph = { ...graph, edges: [['s1', 's2'], ['s2', 's1']] }; // prettier-ignore
  expect(related(circle, 's1').size).toBe(2);
});

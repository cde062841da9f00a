/** Where nodes stand: a column a kind, from left to right; each as high as what it was made of, where there is room. */
import type { Graph, Node } from './queries';

export const KINDS = ['input', 'row', 'steps', 'checkpoint', 'model', 'evaluation'] as const;
export type Kind = (typeof KINDS)[number];

/** Sizes in px: a node, and the room between columns and lines. */
export const NODE = { width: 176, height: 44, gap: 56, line: 56 } as const;

export interface Placed {
  node: Node;
  x: number;
  y: number;
}

export interface Layout {
  /** Kinds that there are, each a column. */
  columns: { kind: Kind; x: number; count: number }[];
  nodes: Placed[];
  edges: { from: Placed; to: Placed }[];
  width: number;
  height: number;
}

export function layoutOf(graph: Graph): Layout {
  const kinds = KINDS.filter((kind) => graph.nodes.some((node) => node.kind === kind));
  const before = new Map<string, string[]>();
  for (const [from, to] of graph.edges) before.set(to, [...(before.get(to) ?? []), from]);
  const placed = new Map<string, Placed>();
  const columns = kinds.map((kind, column) => {
    const x = column * (NODE.width + NODE.gap);
    const own = graph.nodes.filter((node) => node.kind === kind);
    let free = 0;
    for (const node of own) {
      const origins = (before.get(node.id) ?? []).flatMap((id) => placed.get(id) ?? []);
      const others = origins.filter((one) => one.node.kind !== kind && one.node.kind !== 'input');
      // The highest of its origins: what many rows lead to stands beside the first of them.
      const highest = others.length ? Math.min(...others.map((one) => one.y)) / NODE.line : 0;
      const line = Math.max(free, highest);
      placed.set(node.id, { node, x, y: line * NODE.line });
      free = line + 1;
    }
    return { kind, x, count: own.length };
  });
  const nodes = [...placed.values()];
  const edges = graph.edges.flatMap(([from, to]) => {
    const [first, second] = [placed.get(from), placed.get(to)];
    return first && second ? [{ from: first, to: second }] : [];
  });
  const lowest = Math.max(0, ...nodes.map((one) => one.y));
  return {
    columns,
    nodes,
    edges,
    width: Math.max(0, columns.length * (NODE.width + NODE.gap) - NODE.gap),
    height: nodes.length ? lowest + NODE.height : 0,
  };
}

/** The line of an edge: down within a column, else a curve from the right side of one to the left side of another. */
export function pathOf({ from, to }: Layout['edges'][number]): string {
  if (from.x === to.x) {
    const x = from.x + NODE.width / 2;
    return `M${x} ${from.y + NODE.height}V${to.y}`;
  }
  const [x0, y0] = [from.x + NODE.width, from.y + NODE.height / 2];
  const [x1, y1] = [to.x, to.y + NODE.height / 2];
  const half = NODE.gap / 2;
  if (x1 - x0 <= NODE.gap) return `M${x0} ${y0}C${x0 + half} ${y0} ${x0 + half} ${y1} ${x1} ${y1}`;
  // Over columns between it runs below their boxes, where no other line is.
  const [lane, bend] = [from.y + (NODE.height + NODE.line) / 2, x1 - NODE.gap];
  const down = `M${x0} ${y0}C${x0 + half} ${y0} ${x0 + half} ${lane} ${x0 + NODE.gap} ${lane}`;
  return `${down}H${bend}C${bend + half} ${lane} ${bend + half} ${y1} ${x1} ${y1}`;
}

/** A node with all that it was made of and all that was made of it. */
export function related(graph: Graph, id: string): Set<string> {
  return new Set([...reached(graph.edges, id, 0), ...reached(graph.edges, id, 1)]);
}

function reached(edges: Graph['edges'], id: string, from: 0 | 1): Set<string> {
  const next = new Map<string, string[]>();
  for (const edge of edges) next.set(edge[from], [...(next.get(edge[from]) ?? []), edge[1 - from] as string]);
  const found = new Set([id]);
  const waiting = [id];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    for (const other of next.get(one) ?? []) {
      if (found.has(other)) continue;
      found.add(other);
      waiting.push(other);
    }
  }
  return found;
}

/** The graph: boxes in columns, lines between them. What belongs to the chosen box stands out. */
import { useMemo } from 'react';
import { useStrings } from '~/shared/i18n/i18n';
import { factOf, titleOf } from './described';
import { NODE, layoutOf, pathOf, related } from './layout';
import css from './lineage.module.css';
import type { Graph } from './queries';
import { words } from './strings';

interface Props {
  graph: Graph;
  chosen: string | undefined;
  onChoose: (id: string) => void;
}

const MARGIN = 4;
const HEAD = 32;

export function Drawn({ graph, chosen, onChoose }: Props) {
  const said = useStrings(words);
  const layout = useMemo(() => layoutOf(graph), [graph]);
  const near = useMemo(() => (chosen ? related(graph, chosen) : null), [graph, chosen]);
  const isFar = (id: string) => (near !== null && !near.has(id)) || undefined;
  return (
    <div className={css.scroll} role="group" aria-label={said.graph} tabIndex={0}>
      <div
        className={css.graph}
        style={{ width: layout.width + 2 * MARGIN, height: layout.height + HEAD + 2 * MARGIN }}
      >
        <svg
          className={css.lines}
          width={layout.width + 2 * MARGIN}
          height={layout.height + HEAD + 2 * MARGIN}
          aria-hidden
        >
          <g transform={`translate(${MARGIN} ${HEAD + MARGIN})`}>
            {layout.edges.map((edge, index) => (
              <path
                key={index}
                d={pathOf(edge)}
                data-far={isFar(edge.from.node.id) ?? isFar(edge.to.node.id)}
                data-near={near !== null || undefined}
              />
            ))}
          </g>
        </svg>
        {layout.columns.map((column) => (
          <h3 key={column.kind} className={css.head} style={{ left: column.x + MARGIN, width: NODE.width }}>
            {said[column.kind]} <span>{column.count}</span>
          </h3>
        ))}
        {layout.nodes.map(({ node, x, y }) => (
          <button
            key={node.id}
            type="button"
            className={css.node}
            data-kind={node.kind}
            data-far={isFar(node.id)}
            aria-pressed={node.id === chosen}
            title={titleOf(node, said)}
            style={{ left: x + MARGIN, top: y + HEAD + MARGIN, width: NODE.width, height: NODE.height }}
            onClick={() => onChoose(node.id)}
          >
            <span>{titleOf(node, said)}</span>
            <small>{factOf(node, said)}</small>
          </button>
        ))}
      </div>
    </div>
  );
}

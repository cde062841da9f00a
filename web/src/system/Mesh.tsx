/** The mesh of a run on several ranks: its axes, where each rank stands and what it holds, and how weights are cut. */
import { useState } from 'react';
import { Button } from '~/shared/controls/Button';
import { bytes, whole } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { PlainTable } from '~/shared/table/PlainTable';
import { type MeshPage, piecesOf, useMesh } from './mesh';
import css from './system.module.css';
import { axisWords, words } from './strings';

export function Mesh({ run }: { run: string }) {
  const said = useStrings(words);
  const axes: Readonly<Record<string, string>> = useStrings(axisWords);
  const mesh = useMesh(run).data;
  if (!mesh || !Object.keys(mesh.sizes).length) return null;
  const sizes = Object.entries(mesh.sizes);
  return (
    <section id="mesh">
      <h2>{said.mesh}</h2>
      <p>{said.meshAbout(mesh.ranks.length, sizes.map(([axis, size]) => `${axis} ${size}`).join(' × '))}</p>
      <ul className={css.axes}>
        {sizes.map(([axis, size]) => (
          <li key={axis}>
            <b>
              {axis} {size}
            </b>
            {axes[axis]}
          </li>
        ))}
      </ul>
      <Placed mesh={mesh} />
      <details className={css.weights}>
        <summary>{said.weights(mesh.weights.length)}</summary>
        <Weights mesh={mesh} />
      </details>
    </section>
  );
}

const FIRST = 16;

function Placed({ mesh }: { mesh: MeshPage }) {
  const said = useStrings(words);
  const [most, setMost] = useState(FIRST);
  const axes = Object.keys(mesh.sizes);
  const rest = mesh.ranks.length - most;
  return (
    <>
      <PlainTable label={said.placed} form="fit">
        <thead>
          <tr>
            <th data-number>{said.rank}</th>
            {axes.map((axis) => (
              <th key={axis} data-number>
                {axis}
              </th>
            ))}
            <th data-number>{said.held}</th>
          </tr>
        </thead>
        <tbody>
          {mesh.ranks.slice(0, most).map((one) => (
            <tr key={one.rank}>
              <td data-number>{one.rank}</td>
              {axes.map((axis) => (
                <td key={axis} data-number>
                  {one.place[axis] ?? '–'}
                </td>
              ))}
              <td data-number>{bytes(one.bytes)}</td>
            </tr>
          ))}
        </tbody>
      </PlainTable>
      {rest > 0 && <Button onClick={() => setMost(mesh.ranks.length)}>{said.moreRanks(rest)}</Button>}
    </>
  );
}

function Weights({ mesh }: { mesh: MeshPage }) {
  const said = useStrings(words);
  const cutOf = (cut: Readonly<Record<string, number>>) =>
    Object.entries(cut)
      .map(([axis, dim]) => `${axis} ${[said.rows, said.columns][dim] ?? said.dim(dim)}`)
      .join(', ');
  return (
    <PlainTable label={said.weights(mesh.weights.length)} form="fit">
      <thead>
        <tr>
          <th>{said.weight}</th>
          <th>{said.shape}</th>
          <th>{said.cut}</th>
          <th data-number>{said.pieces}</th>
          <th>{said.onRanks}</th>
        </tr>
      </thead>
      <tbody>
        {mesh.weights.map((one, index) => (
          <tr key={index}>
            <td>
              <code>{one.name}</code>
              {one.count > 1 && ` × ${whole(one.count)}`}
            </td>
            <td>{one.shape.join(' × ') || '–'}</td>
            <td>{cutOf(one.cut) || said.uncut}</td>
            <td data-number>{whole(piecesOf(one.cut, mesh.sizes))}</td>
            <td>{one.ranks.length === mesh.ranks.length ? said.every : one.ranks.join(', ')}</td>
          </tr>
        ))}
      </tbody>
    </PlainTable>
  );
}

/** Memory as a bar of its components, against what the card has; and the components in a table. */
import { bytes, percent } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { PlainTable } from '~/shared/table/PlainTable';
import { colorOf } from './colors';
import css from './plan.module.css';
import { componentWords, nameWords, words } from './strings';

type Parts = Readonly<Record<string, number>>;

/** `limit` is marked on it; `scale` are the bytes of its whole width, where that is more. */
export function Bar({ parts, limit, scale: least }: { parts: Parts; limit?: number; scale?: number }) {
  const said = useStrings(words);
  const names: Parts | Record<string, string> = useStrings(nameWords);
  const total = totalOf(parts);
  const scale = Math.max(total, limit ?? 0, least ?? 0) || 1;
  return (
    <div className={css.bar}>
      <div className={css.stack} role="img" aria-label={said.components}>
        {Object.entries(parts).map(([name, value]) => (
          <span
            key={name}
            style={{ width: `${(100 * value) / scale}%`, background: colorOf(name) }}
            title={`${names[name] ?? name}: ${bytes(value)}`}
          />
        ))}
      </div>
      {limit !== undefined && (
        <div className={css.limit} style={{ left: `calc(${(100 * limit) / scale}% - 2px)` }}>
          <span>{bytes(limit)}</span>
        </div>
      )}
    </div>
  );
}

export function Components({ parts }: { parts: Parts }) {
  const said = useStrings(words);
  const names: Readonly<Record<string, string>> = useStrings(nameWords);
  const meanings: Readonly<Record<string, string>> = useStrings(componentWords);
  const total = totalOf(parts) || 1;
  return (
    <PlainTable label={said.components} form="fit">
      <thead>
        <tr>
          <th>{said.component}</th>
          <th data-number>{said.bytes}</th>
          <th data-number>{said.share}</th>
          <th className={css.meaning}>{said.meaning}</th>
        </tr>
      </thead>
      <tbody>
        {Object.entries(parts).map(([name, value]) => (
          <tr key={name}>
            <td>
              <span className={css.swatch} style={{ background: colorOf(name) }} />
              {names[name] ?? name}
              <small className={css.below}>{meanings[name]}</small>
            </td>
            <td data-number>{bytes(value)}</td>
            <td data-number>{percent(value / total)}</td>
            <td className={css.meaning}>{meanings[name]}</td>
          </tr>
        ))}
      </tbody>
    </PlainTable>
  );
}

function totalOf(parts: Parts): number {
  return Object.values(parts).reduce((total, one) => total + one, 0);
}

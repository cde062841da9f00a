/** Rows of a source from one on, with what would be refused among them. */
import { ApiError } from '~/shared/api/client';
import { Button } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import { Empty, Failure, Loading, Partial } from '~/shared/states/States';
import css from './data.module.css';
import { Histogram } from './Histogram';
import { type Place, useData } from './queries';
import { Roles, Row } from './Row';
import { words } from './strings';

// What is said of a run whose data cannot be read: it has none, or they are gone.
const NOT_KEPT = new Set([400, 404, 409, 422]);

interface Props {
  run: string;
  place: Place;
  onGo: (offset: number) => void;
  onSource: (source: number) => void;
}

export function Rows({ run, place, onGo, onSource }: Props) {
  const said = useStrings(words);
  const found = useData(run, place);
  if (found.isPending)
    return (
      <>
        <p className={css.quiet}>{said.reading}</p>
        <Loading rows={8} />
      </>
    );
  if (found.isError) {
    const isKept = found.error instanceof ApiError && NOT_KEPT.has(found.error.status);
    return isKept ? (
      <Empty title={said.unread}>
        {found.error.message}. {said.unreadHint}
      </Empty>
    ) : (
      <Failure error={found.error} onRetry={() => void found.refetch()} />
    );
  }
  const page = found.data;
  const roles = [...new Set(page.shown.flatMap((row) => row.tokens.map((token) => token.role)))];
  const source = page.sources[page.source] ?? '';
  const { next } = page;
  return (
    <>
      {page.sources.length > 1 && (
        <label className={css.pick}>
          {said.source}
          <select value={page.source} onChange={(event) => onSource(Number(event.target.value))}>
            {page.sources.map((one, index) => (
              <option key={one} value={index}>
                {one.split('/').at(-1)}
              </option>
            ))}
          </select>
        </label>
      )}
      <Histogram page={page} />
      <section>
        <h2>{said.rows}</h2>
        <p>{said.rowsAbout}</p>
        <Roles roles={roles} />
        {page.refused.length > 0 && (
          <Partial>
            {said.wouldRefuse}:{' '}
            {page.refused.map((one) => `${said.row} ${one.row}: ${one.detail || one.reason}`).join('; ')}
          </Partial>
        )}
        {page.shown.map((row) => (
          <Row key={`${row.row} ${row.part}`} run={run} source={source} row={row} roles={roles} />
        ))}
        {!page.shown.length && <p className={css.quiet}>{place.q ? said.none : said.noRows}</p>}
        <div className={css.bar}>
          {place.offset > 0 && <Button onClick={() => onGo(0)}>{said.first}</Button>}
          {next !== null && <Button onClick={() => onGo(next)}>{said.next}</Button>}
        </div>
      </section>
    </>
  );
}

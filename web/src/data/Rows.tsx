/** Rows of a source from one on, with what would be refused among them. */
import { ApiError } from '~/shared/api/client';
import { messageOf } from '~/shared/api/failure';
import { Button } from '~/shared/controls/Button';
import { Pick } from '~/shared/controls/Inline';
import { useStrings } from '~/shared/i18n/i18n';
import { useKeys } from '~/shared/keys/keys';
import { Empty, Failure, Loading, Partial } from '~/shared/states/States';
import css from './data.module.css';
import { Histogram } from './Histogram';
import { type Place, ROWS, useData } from './queries';
import { reasons, wordOf } from './reasons';
import { Roles, Row } from './Row';
import { words } from './strings';

// What is said of a run whose data cannot be read: it has none, or they are gone.
const NOT_KEPT = new Set([400, 404, 409, 422]);

interface Props {
  run: string;
  place: Place;
  onGo: (offset: number) => void;
  onSource: (source: string) => void;
}

export function Rows({ run, place, onGo, onSource }: Props) {
  const said = useStrings(words);
  const why = useStrings(reasons);
  const found = useData(run, place);
  const back = Math.max(0, place.offset - ROWS);
  const onward = found.data?.next ?? null;
  useKeys([
    { keys: '[', does: { en: 'Rows before', zh: '前面的行' }, run: () => onGo(place.q ? 0 : back) },
    {
      keys: ']',
      does: { en: 'Rows after', zh: '后面的行' },
      run: () => onward !== null && onGo(onward),
    },
  ]);
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
        {messageOf(found.error)}. {said.unreadHint}
      </Empty>
    ) : (
      <Failure error={found.error} onRetry={() => void found.refetch()} />
    );
  }
  const page = found.data;
  const roles = [...new Set(page.shown.flatMap((row) => row.tokens.map((token) => token.role)))];
  const source = page.sources[page.source] ?? '';
  return (
    <>
      {page.sources.length > 1 && (
        <Pick
          label={said.source}
          value={page.source}
          options={[...page.sources.keys()]}
          shown={(index) => page.sources[index]?.split('/').at(-1) ?? ''}
          onChange={(index) => onSource(String(index))}
        />
      )}
      <Histogram page={page} />
      <section>
        <h2>{said.rows}</h2>
        <p>{said.rowsAbout}</p>
        <Roles roles={roles} />
        {page.refused.length > 0 && (
          <Partial>
            {said.wouldRefuse}:{' '}
            {page.refused
              .map((one) => `${said.row} ${one.row}: ${one.detail || wordOf(why, one.reason)}`)
              .join('; ')}
          </Partial>
        )}
        {page.shown.map((row) => (
          <Row key={`${row.row} ${row.part}`} run={run} source={source} row={row} roles={roles} />
        ))}
        {!page.shown.length && <p className={css.quiet}>{place.q ? said.none : said.noRows}</p>}
        <div className={css.bar}>
          {place.offset > 0 && <Button onClick={() => onGo(0)}>{said.first}</Button>}
          {place.offset > 0 && !place.q && (
            <Button icon="left" onClick={() => onGo(back)}>
              {said.previous}
            </Button>
          )}
          {onward !== null && (
            <Button icon="right" onClick={() => onGo(onward)}>
              {said.next}
            </Button>
          )}
        </div>
      </section>
    </>
  );
}

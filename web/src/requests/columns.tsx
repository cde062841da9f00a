/** Columns of the table of requests. */
import { duration, figure, money } from '~/shared/format/numbers';
import { Time } from '~/shared/format/Time';
import type { useStrings } from '~/shared/i18n/i18n';
import type { Column } from '~/shared/table/columns';
import type { Row } from './queries';
import css from './requests.module.css';
import type { words } from './strings';

type Said = ReturnType<typeof useStrings<typeof words>>;

/** Columns that the server sorts by; `scores` are names, each of which has one. */
export function columnsOf(said: Said, scores: readonly string[], onOpen: (row: Row) => void): Column<Row>[] {
  const number = (
    id: 'prompt_tokens' | 'cached_tokens' | 'answer_tokens' | 'cost',
    written = figure,
  ): Column<Row> => ({
    id,
    head: said[id],
    width: 84,
    align: 'right',
    sortable: true,
    cell: (row) => (row[id] === null ? '—' : written(row[id])),
  });
  const seconds = (id: 'duration_s' | 'first_token_s'): Column<Row> => ({
    id,
    head: said[id],
    width: 92,
    align: 'right',
    sortable: true,
    cell: (row) => (row[id] === null ? '—' : duration(row[id])),
  });
  return [
    {
      id: 'time',
      head: said.time,
      width: 120,
      sortable: true,
      cell: (row) => (
        <button type="button" className={css.link} onClick={() => onOpen(row)}>
          <Time time={row.time} />
        </button>
      ),
    },
    { id: 'model', head: said.model, width: 160, sortable: true, cell: (row) => row.model ?? row.name },
    { id: 'ended', head: said.ended, width: 96, cell: (row) => endOf(row, said), title: (row) => row.reason },
    seconds('duration_s'),
    seconds('first_token_s'),
    number('prompt_tokens'),
    number('cached_tokens'),
    number('answer_tokens'),
    number('cost', money),
    ...scores.map<Column<Row>>((name) => ({
      id: `score.${name}`,
      head: name,
      width: 92,
      align: 'right',
      sortable: true,
      cell: (row) => (row.scores[name] === undefined ? '—' : figure(row.scores[name])),
    })),
    { id: 'said', head: said.said, width: 96, cell: (row) => wordsOf(row.said, said) },
    { id: 'asked', head: said.asked, width: 420, cell: (row) => row.asked, title: (row) => row.asked ?? '' },
  ];
}

function endOf(row: Row, said: Said) {
  if (row.status === 'error') return <span className={css.wrong}>{said.error}</span>;
  return (row.finish ?? '')
    .split(', ')
    .map((word) => ({ stop: said.stop, length: said.length, cancelled: said.cancelled })[word] ?? word)
    .join(', ');
}

const wordsOf = (text: string, said: Said) =>
  text
    .split(', ')
    .map((word) => ({ good: said.good, bad: said.bad, better: said.better, worse: said.worse })[word] ?? word)
    .join(', ');

/** The body of a report: its blocks one below the other, each with what it shows or why it shows nothing. */
import { lazy, Suspense, useMemo, useState } from 'react';
import { Chart } from '~/shared/chart/Chart';
import { ChartGroup } from '~/shared/chart/Group';
import type { Window } from '~/shared/chart/gestures';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import {
  type Block,
  type ChartBlock,
  type Frozen,
  type Shown,
  type TableBlock,
  frozenCurve,
  labelOf,
} from './frozen';
import css from './report.module.css';
import { words } from './strings';

const Markdown = lazy(() => import('react-markdown'));

export function Body({ frozen }: { frozen: Frozen }) {
  return (
    <div className={css.report}>
      {frozen.report.blocks.map((block, index) => (
        <One
          key={index}
          block={block}
          shown={frozen.shown[index] ?? {}}
          name={`${frozen.report.id} ${index}`}
        />
      ))}
    </div>
  );
}

function One({ block, shown, name }: { block: Block; shown: Shown; name: string }) {
  switch (block.kind) {
    case 'text':
      return (
        <div className={css.text}>
          <Suspense fallback={<p>{block.text}</p>}>
            <Markdown>{block.text}</Markdown>
          </Suspense>
        </div>
      );
    case 'chart':
      return <Curves block={block} shown={shown} name={name} />;
    case 'table':
      return <Entries block={block} shown={shown} />;
    case 'picture':
      return (
        <figure className={css.figure}>
          {shown.source ? (
            <img src={shown.source} alt={block.caption} />
          ) : (
            <Missing texts={[shown.missing]} />
          )}
          {block.caption && <figcaption>{block.caption}</figcaption>}
        </figure>
      );
  }
}

function Curves({ block, shown, name }: { block: ChartBlock; shown: Shown; name: string }) {
  const [window, setWindow] = useState<Window | null>(null);
  const series = useMemo(
    () =>
      (shown.series ?? [])
        .filter((one) => !one.missing)
        .map((one) => ({
          id: `${one.run} ${one.metric}`,
          label: labelOf(one, block),
          curve: frozenCurve(one),
          color: block.runs.indexOf(one.run) * block.metrics.length + block.metrics.indexOf(one.metric),
        })),
    [shown, block],
  );
  return (
    <div>
      <ChartGroup
        name={name}
        window={window}
        onWindow={setWindow}
        smoothing={block.smoothing}
        isLog={block.log_y}
      >
        <Chart title={block.title || block.metrics.join(', ')} series={series} height={260} />
      </ChartGroup>
      <Missing texts={(shown.series ?? []).map((one) => one.missing && `${one.run}: ${one.missing}`)} />
    </div>
  );
}

function Entries({ block, shown }: { block: TableBlock; shown: Shown }) {
  const said = useStrings(words);
  const rows = shown.rows ?? [];
  return (
    <div>
      <div className={css.scroll}>
        <table className={css.table}>
          {block.title && <caption>{block.title}</caption>}
          <thead>
            <tr>
              {!block.columns.includes('run') && <th>{said.run}</th>}
              {block.columns.map((column) => (
                <th key={column}>{column}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows
              .filter((row) => !row.missing)
              .map((row) => (
                <tr key={row.run}>
                  {!block.columns.includes('run') && <td>{row.run}</td>}
                  {(row.values ?? []).map((value, index) => (
                    <td
                      key={block.columns[index]}
                      className={typeof value === 'number' ? css.number : undefined}
                    >
                      {shownValue(value)}
                    </td>
                  ))}
                </tr>
              ))}
          </tbody>
        </table>
      </div>
      <Missing texts={rows.map((row) => row.missing && `${row.run}: ${row.missing}`)} />
    </div>
  );
}

function shownValue(value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number') return figure(value);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function Missing({ texts }: { texts: readonly (string | undefined)[] }) {
  const said = useStrings(words);
  const told = texts.filter(Boolean);
  return told.length ? (
    <p className={css.missing}>
      {said.missing}: {told.join('; ')}
    </p>
  ) : null;
}

/** What the run says of itself: its settings, its last values, its files. */
import { useState } from 'react';
import { fileOf } from '~/shared/api/files';
import { isNumeric, real } from '~/shared/api/numbers';
import { useRun } from '~/shared/api/run';
import { Command, quoted } from '~/shared/command/Command';
import { bytes, figure } from '~/shared/format/numbers';
import { Find } from '~/shared/controls/Inline';
import { useStrings } from '~/shared/i18n/i18n';
import { useRunName } from '~/shared/shell/run';
import css from '../run.module.css';
import { words } from '../strings';
import { type Pair, flat } from './flat';

export function Overview() {
  const said = useStrings(words);
  const run = useRunName();
  const page = useRun(run).data;
  const [find, setFind] = useState('');
  if (!page) return null;
  const about = {
    project: page.project,
    group: page.group,
    tags: page.tags,
    notes: page.notes,
    attempts: page.attempts,
    writers: page.writers,
    ...page.labels,
  };
  const files = page.files.map((file): Pair => [file.path, bytes(file.bytes)]);
  return (
    <>
      <div className={css.bar}>
        <Find label={said.filter} value={find} onChange={setFind} />
      </div>
      <div className={css.columns}>
        <Pairs title={said.config} pairs={flat(page.config)} find={find} />
        <Pairs title={said.summary} pairs={flat(page.summary)} find={find} />
        <Pairs title={said.about} pairs={flat(about)} find={find} />
        <Pairs title={said.files} pairs={files} find={find} linkTo={(path) => fileOf(run, path)} />
      </div>
      <div className={css.foot}>
        <Command line={`whet show ${quoted(run)} --json`} />
      </div>
    </>
  );
}

function Pairs({
  title,
  pairs,
  find,
  linkTo,
}: {
  title: string;
  pairs: Pair[];
  find: string;
  linkTo?: (name: string) => string;
}) {
  const said = useStrings(words);
  const shown = pairs.filter(([name, value]) =>
    `${name} ${String(value)}`.toLowerCase().includes(find.toLowerCase()),
  );
  return (
    <section className={css.block}>
      <h2>
        {title} <small>{shown.length}</small>
      </h2>
      {shown.length ? (
        <dl className={css.pairs}>
          {shown.map(([name, value]) => (
            <div key={name}>
              <dt title={name}>{linkTo ? <a href={linkTo(name)}>{name}</a> : name}</dt>
              <dd title={String(value)}>{isNumeric(value) ? figure(real(value)) : String(value)}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <p className={css.nothing}>{said.nothing}</p>
      )}
    </section>
  );
}

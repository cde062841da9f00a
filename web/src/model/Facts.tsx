/** What the manifest of a version says of it, and its figures. */
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { VersionPage } from '~/shared/api/registry';
import { CopyButton } from '~/shared/controls/Copy';
import { whole } from '~/shared/format/numbers';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { baseName } from '~/shared/registry/base';
import { kinds } from '~/shared/registry/strings';
import css from './model.module.css';
import { Figures } from './Promote';
import { words } from './strings';

const SHORT = 12;
type About = Readonly<Record<string, unknown>>;

const textOf = (value: unknown) => (typeof value === 'string' ? value : '');
const within = (about: About, name: string): About =>
  typeof about[name] === 'object' && about[name] !== null ? (about[name] as About) : {};

export function Facts({ page }: { page: VersionPage }) {
  const said = useStrings(words);
  const kindWords: Readonly<Record<string, string>> = useStrings(kinds);
  const { row, about } = page;
  const [data, code] = [within(about, 'data'), within(about, 'code')];
  const facts: [string, ReactNode][] = [
    [said.kind, kindWords[row.kind] ?? row.kind],
    [
      said.base,
      row.base && (
        <span key="base" title={row.base}>
          {baseName(row.base)}
        </span>
      ),
    ],
    [said.architecture, row.architecture],
    [said.run, row.run && <Run name={row.run} step={row.step} />],
    [said.licence, row.licence],
    [said.made, <Made key="made" time={row.created} by={row.by} />],
    [said.source, row.run ? null : row.source],
    [said.packaged, row.package],
    [said.stage, row.stage && row.stage !== 'None' ? row.stage : null],
    [said.tokenizer, <Digest key="tokenizer" value={textOf(about.tokenizer)} />],
    [said.template, <Digest key="template" value={textOf(about.template)} />],
    [said.data, <Digest key="data" value={textOf(data.digest)} />],
    [
      said.code,
      <Digest
        key="code"
        value={textOf(code.commit)}
        note={code.is_dirty === true ? said.dirty : undefined}
      />,
    ],
    [said.manifest, <Digest key="manifest" value={page.manifest} />],
  ];
  const isTold = (value: ReactNode) =>
    !!value &&
    !(typeof value === 'object' && 'props' in value && (value.props as { value?: unknown }).value === '');
  return (
    <>
      <dl className={css.facts} aria-label={said.facts}>
        {facts
          .filter(([, value]) => isTold(value))
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      <section>
        <h3>{said.figures}</h3>
        <Figures row={row} />
      </section>
    </>
  );
}

function Run({ name, step }: { name: string; step: number | null }) {
  const said = useStrings(words);
  return (
    <>
      <Link to="/runs/$run/{-$tab}" params={{ run: name } as never}>
        {name}
      </Link>
      {step !== null && <small>{said.atStep(whole(step))}</small>}
    </>
  );
}

function Made({ time, by }: { time: number; by: string | null }) {
  return (
    <>
      <Time time={time} />
      {by && <small>{by}</small>}
    </>
  );
}

/** A digest by its first digits; all of it is copied. */
export function Digest({ value, note }: { value: string; note?: string }) {
  return (
    <>
      <code title={value}>{value.slice(0, SHORT)}</code>
      <CopyButton text={value} />
      {note && <small>{note}</small>}
    </>
  );
}

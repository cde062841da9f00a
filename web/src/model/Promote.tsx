/** Promotion: an alias moves to a version whose evaluations hold what is required; a refusal says which figure missed. */
import { type FormEvent, useId, useState } from 'react';
import { ApiError } from '~/shared/api/client';
import { real } from '~/shared/api/numbers';
import { type Promoted, type RegisteredModel, type VersionRow, useChanges } from '~/shared/api/registry';
import { Command, quoted } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { TextField } from '~/shared/controls/Field';
import { tell } from '~/shared/controls/Toasts';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { figuresOf } from '~/shared/registry/figures';
import css from './model.module.css';
import { words } from './strings';

interface Props {
  model: RegisteredModel;
  row: VersionRow;
  onDone: () => void;
}

export function Promote({ model, row, onDone }: Props) {
  const said = useStrings(words);
  const list = useId();
  const { promote } = useChanges(model.name);
  const [alias, setAlias] = useState('prod');
  const [require, setRequire] = useState('');
  const [refusal, setRefusal] = useState<ApiError | null>(null);
  const compared = (done: Promoted) =>
    done.compared.map((one) => {
      const [by, low, high] = [one.difference, one.low, one.high].map((value) => figure(real(value)));
      return said.compared(one.name, by ?? '', low ?? '', high ?? '', one.n);
    });
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      const done = await promote(row.version, alias, require);
      tell([said.promoted(alias, `${row.name}/${row.version}`), ...compared(done)].join(' · '));
      onDone();
    } catch (error) {
      setRefusal(error instanceof ApiError ? error : new ApiError('', String(error), '', '', 0));
    }
  };
  const name = quoted(`${row.name}/${row.version}`);
  const asked = require ? ` --require ${quoted(require)}` : '';
  return (
    <form className={css.form} onSubmit={(event) => void submit(event)}>
      <p className={css.small}>{said.promoteAbout}</p>
      <TextField
        label={said.to}
        list={list}
        required
        autoComplete="off"
        value={alias}
        onChange={(event) => setAlias(event.target.value.replace(/^@/, ''))}
      />
      <datalist id={list}>
        {Object.keys(model.aliases).map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <TextField
        label={said.require}
        about={said.requireAbout}
        autoComplete="off"
        spellCheck={false}
        value={require}
        onChange={(event) => setRequire(event.target.value)}
      />
      <Figures row={row} />
      {refusal && (
        <div className={css.refusal} role="alert">
          <b>{said.refused}</b>
          <p>{refusal.message}</p>
          {refusal.hint && <code>{refusal.hint}</code>}
        </div>
      )}
      <Command line={`whet registry promote ${name} --to ${quoted(alias || 'ALIAS')}${asked}`} />
      <div className={css.buttons}>
        <Button onClick={onDone}>{said.cancel}</Button>
        <Button type="submit" kind="accent">
          {said.promote}
        </Button>
      </div>
    </form>
  );
}

/** The figures of a version, or that there are none. */
export function Figures({ row }: { row: VersionRow }) {
  const said = useStrings(words);
  const figures = figuresOf(row);
  if (!figures.length) return <p className={css.small}>{said.figuresNone}</p>;
  return (
    <dl className={css.figures} aria-label={said.figures}>
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{figure(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

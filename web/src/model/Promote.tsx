/** Promotion: an alias moves to a version whose evaluations hold what is required; a refusal says which figure missed. */
import { useId, useState } from 'react';
import { ApiError } from '~/shared/api/client';
import { messageOf } from '~/shared/api/failure';
import { real } from '~/shared/api/numbers';
import { type Promoted, type RegisteredModel, type VersionRow, useChanges } from '~/shared/api/registry';
import { Command, quoted } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { CheckField, TextField } from '~/shared/controls/Field';
import { tell, tellFailure } from '~/shared/controls/Toasts';
import { Coded } from '~/shared/format/Coded';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { figuresOf } from '~/shared/registry/figures';
import { Form } from '~/shared/controls/Form';
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
  const [isKept, setKept] = useState(false);
  const [isPast, setPast] = useState(false);
  const [refusal, setRefusal] = useState<ApiError | null>(null);
  const policy = model.policies[alias];
  const options = { keep: isKept && !!require.trim(), past_policy: isPast && policy !== undefined };
  const compared = (done: Promoted) =>
    done.compared.map((one) => {
      const [by, low, high] = [one.difference, one.low, one.high].map((value) => figure(real(value)));
      return said.compared(one.name, by ?? '', low ?? '', high ?? '', one.n);
    });
  const submit = async () => {
    try {
      const done = await promote({ version: row.version, to: alias, require, ...options });
      tell([said.promoted(alias, `${row.name}/${row.version}`), ...compared(done)].join(' · '));
      onDone();
    } catch (error) {
      setRefusal(error instanceof ApiError ? error : new ApiError('', String(error), '', '', 0));
    }
  };
  const name = quoted(`${row.name}/${row.version}`);
  const asked = [
    require ? ` --require ${quoted(require)}` : '',
    options.keep ? ' --keep' : '',
    options.past_policy ? ' --past-policy' : '',
  ].join('');
  return (
    <Form onSubmit={() => void submit()}>
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
      {require.trim() && (
        <CheckField
          label={said.keep}
          about={said.keepAbout}
          checked={isKept}
          onChange={(event) => setKept(event.target.checked)}
        />
      )}
      {policy !== undefined && (
        <Policy model={model} alias={alias} policy={policy} isPast={isPast} onPast={setPast} />
      )}
      <Figures row={row} />
      {refusal && (
        <div className={css.refusal} role="alert">
          <b>{said.refused}</b>
          <p>
            <Coded>{messageOf(refusal)}</Coded>
          </p>
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
    </Form>
  );
}

interface PolicyProps {
  model: RegisteredModel;
  alias: string;
  policy: string;
  isPast: boolean;
  onPast: (isPast: boolean) => void;
}

/** What the alias requires of every version; it is left out once, or taken away. */
function Policy({ model, alias, policy, isPast, onPast }: PolicyProps) {
  const said = useStrings(words);
  const { setPolicy } = useChanges(model.name);
  const away = () =>
    setPolicy(alias, null).then(
      () => tell(said.policyGone(alias), () => void setPolicy(alias, policy).catch(tellFailure)),
      tellFailure,
    );
  return (
    <div className={css.policy}>
      <div className={css.between}>
        <p>{said.policy(alias, policy)}</p>
        <Button onClick={() => void away()}>{said.policyAway}</Button>
      </div>
      <CheckField
        label={said.pastPolicy}
        about={said.pastPolicyAbout}
        checked={isPast}
        onChange={(event) => onPast(event.target.checked)}
      />
    </div>
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

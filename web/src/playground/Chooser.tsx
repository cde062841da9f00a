/** A model by a part of its name: what it is, whether it answers, and what starts and ends it. */
import { useDeferredValue, useId, useState } from 'react';
import { may, useSession } from '~/shared/api/session';
import { Button, IconButton } from '~/shared/controls/Button';
import { TextField } from '~/shared/controls/Field';
import { tellFailure } from '~/shared/controls/Toasts';
import { useStrings } from '~/shared/i18n/i18n';
import css from './playground.module.css';
import { type Choice, type Engine, useActs, useChoices } from './queries';
import { words } from './strings';

interface Props {
  label: string;
  value: string;
  onChange: (model: string) => void;
  /** The engine of the model, where it has one. */
  engine?: Engine;
  /** Other servers, which are chosen by their names too. */
  beside: readonly Engine[];
  onRemove?: () => void;
}

export function Chooser({ label, value, onChange, engine, beside, onRemove }: Props) {
  const said = useStrings(words);
  const list = useId();
  const session = useSession().data;
  // What is being typed, until it is a model's name.
  const [typed, setTyped] = useState<string | null>(null);
  const text = typed ?? value;
  const found = useChoices(useDeferredValue(text));
  const acts = useActs();
  const choices = found.data?.models ?? [];
  const isKnown = (name: string) =>
    choices.some((one) => one.model === name) || beside.some((one) => one.model === name);
  const isNone = text !== '' && text !== value && !found.isFetching && !choices.length && !isKnown(text);
  // A role in one project suffices for its runs: whether it does the server says.
  const mayStart =
    may(session, 'editor') || Object.values(session?.roles ?? {}).some((role) => role !== 'viewer');
  // `latest` and an alias are served by the name that means the same for ever.
  const start = () =>
    void acts
      .start(value)
      .then((one) => {
        if (one.model !== value) onChange(one.model);
      })
      .catch(tellFailure);
  return (
    <div className={css.chooser}>
      <TextField
        label={label}
        list={list}
        value={text}
        placeholder={said.part}
        autoComplete="off"
        spellCheck={false}
        error={isNone ? said.noModel : undefined}
        onChange={(event) => {
          const next = event.target.value;
          const isWhole = next === '' || isKnown(next);
          setTyped(isWhole ? null : next);
          if (isWhole) onChange(next);
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || !text) return;
          setTyped(null);
          onChange(text);
        }}
      />
      <datalist id={list}>
        {beside.map((one) => (
          <option key={one.id} value={one.model} label={said.beside} />
        ))}
        {choices.map((one) => (
          <option key={one.model} value={one.model} label={told(one, said)} />
        ))}
      </datalist>
      {value && (
        <div className={css.engine} data-state={engine?.state ?? 'none'}>
          {engine && <span className={css.state}>{engine.is_ours ? said[engine.state] : said.beside}</span>}
          {engine?.is_ours && engine.state === 'ready' && mayStart && (
            <Button onClick={() => void acts.end(engine.id).catch(tellFailure)}>{said.end}</Button>
          )}
          {(!engine || engine.state === 'failed' || engine.state === 'ended') &&
            (mayStart ? (
              <Button kind="accent" onClick={start}>
                {said.start}
              </Button>
            ) : (
              <span className={css.quiet}>{said.needsEditor}</span>
            ))}
        </div>
      )}
      {onRemove && <IconButton icon="close" label={said.removeSecond} onClick={onRemove} />}
      {engine?.state === 'failed' && (
        <p className={css.wrong} role="alert">
          {engine.message}
          {engine.hint && <code>{engine.hint}</code>}
        </p>
      )}
    </div>
  );
}

function told(one: Choice, said: ReturnType<typeof useStrings<typeof words>>): string {
  const { kind: run, checkpoint, export: exported, version } = said;
  const kind = { run, checkpoint, export: exported, version }[one.kind];
  const parts = [one.is_adapter ? said.adapter : kind, ...one.aliases.map((alias) => `@${alias}`)];
  return [...parts, one.kind === 'version' ? one.run : ''].filter(Boolean).join(' · ');
}

/** What every promotion to an alias requires: shown, set and taken away, also of an alias that means nothing yet. */
import { useState } from 'react';
import { type RegisteredModel, useChanges } from '~/shared/api/registry';
import { Button, IconButton } from '~/shared/controls/Button';
import { tell, tellFailure } from '~/shared/controls/Toasts';
import { useStrings } from '~/shared/i18n/i18n';
import css from './model.module.css';
import { PolicyForm } from './PolicyForm';
import { words } from './strings';

export function Policies({ model, mayChange }: { model: RegisteredModel; mayChange: boolean }) {
  const said = useStrings(words);
  const { setPolicy } = useChanges(model.name);
  // Of which alias the form is open; an empty one is to be named.
  const [alias, setAlias] = useState<string | null>(null);
  const policies = Object.entries(model.policies);
  if (!policies.length && !mayChange) return null;
  const away = (name: string, policy: string) =>
    setPolicy(name, null).then(
      () => tell(said.policyGone(name), () => void setPolicy(name, policy).catch(tellFailure)),
      tellFailure,
    );
  return (
    <section aria-label={said.policies}>
      <h2>{said.policies}</h2>
      <p className={css.small}>{policies.length ? said.policiesAbout : said.policiesNone}</p>
      <ul className={css.policies}>
        {policies.map(([name, policy]) => (
          <li key={name}>
            <b>@{name}</b>
            <code>{policy}</code>
            {mayChange && (
              <>
                <Button kind="bare" onClick={() => setAlias(name)}>
                  {said.policyChange}
                </Button>
                <IconButton
                  icon="remove"
                  label={said.policyAwayOf(name)}
                  onClick={() => void away(name, policy)}
                />
              </>
            )}
          </li>
        ))}
      </ul>
      {mayChange && (
        <Button icon="add" onClick={() => setAlias('')}>
          {said.policySet}
        </Button>
      )}
      {alias !== null && <PolicyForm model={model} of={alias} onClose={() => setAlias(null)} />}
    </section>
  );
}

/** Signing in, on a team's server. */
import { type FormEvent, useState } from 'react';
import { messageOf } from '~/shared/api/failure';
import { type Session, useSigning } from '~/shared/api/session';
import { Button } from '~/shared/controls/Button';
import { TextField } from '~/shared/controls/Field';
import { Coded } from '~/shared/format/Coded';
import { useStrings } from '~/shared/i18n/i18n';
import css from './session.module.css';
import { words } from './strings';

export function SignIn({ session }: { session: Session }) {
  const said = useStrings(words);
  const { signIn } = useSigning();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [failure, setFailure] = useState('');
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure('');
    try {
      await signIn(name, password);
    } catch (error) {
      setFailure(messageOf(error));
      setPassword('');
    } finally {
      setBusy(false);
    }
  };
  const here = location.pathname + location.search;
  return (
    <main className={css.page}>
      <form className={css.form} onSubmit={(event) => void submit(event)}>
        <div className={css.head}>
          <img src="/icon.svg" alt="" width={28} height={28} />
          <h1>{said.signIn}</h1>
        </div>
        <TextField
          label={said.name}
          autoComplete="username"
          autoFocus
          required
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <TextField
          label={said.password}
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        {failure && (
          <p className={css.error} role="alert">
            {failure}
          </p>
        )}
        <Button type="submit" kind="accent" disabled={isBusy}>
          {said.signIn}
        </Button>
        {session.has_oidc && (
          <a className={css.other} href={`/api/v1/oidc/start?next=${encodeURIComponent(here)}`}>
            {said.oidc}
          </a>
        )}
        <p className={css.about}>
          <Coded>{said.none}</Coded>
        </p>
      </form>
    </main>
  );
}

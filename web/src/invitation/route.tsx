/** An invitation: whoever it is for chooses a password, and is in. */
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { answer, api } from '~/shared/api/client';
import { messageOf } from '~/shared/api/failure';
import { useSigning } from '~/shared/api/session';
import { Button } from '~/shared/controls/Button';
import { TextField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import css from '~/shared/session/session.module.css';
import { words } from '~/shared/session/strings';
import { Empty, Loading } from '~/shared/states/States';
import { useAddress } from '~/shared/url/search';

const SHORTEST = 10;

export default function Invitation() {
  const said = useStrings(words);
  const [address] = useAddress();
  const word = address.word ?? '';
  const found = useQuery({
    queryKey: ['invitation', word],
    queryFn: () =>
      answer<{ name: string }>(api.GET('/api/v1/invitation', { params: { query: { invitation: word } } })),
  });
  if (found.isPending) return <Loading rows={4} />;
  if (found.isError) return <Empty title={said.noInvitation}>{said.askAgain}</Empty>;
  return <Choose name={found.data.name} word={word} />;
}

function Choose({ name, word }: { name: string; word: string }) {
  const said = useStrings(words);
  const { accept } = useSigning();
  const navigate = useNavigate();
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [failure, setFailure] = useState('');
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (password !== again) return setFailure(said.differs);
    try {
      await accept(word, password);
      await navigate({ to: '/' });
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  return (
    <div className={css.page}>
      <form className={css.form} onSubmit={(event) => void submit(event)}>
        <div className={css.head}>
          <h1>{said.welcome(name)}</h1>
        </div>
        <p className={css.about}>{said.choose}</p>
        <input type="hidden" name="username" autoComplete="username" value={name} readOnly />
        <TextField
          label={said.newPassword}
          about={said.length}
          type="password"
          autoComplete="new-password"
          minLength={SHORTEST}
          required
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
        <TextField
          label={said.again}
          type="password"
          autoComplete="new-password"
          required
          value={again}
          onChange={(event) => setAgain(event.target.value)}
        />
        {failure && (
          <p className={css.error} role="alert">
            {failure}
          </p>
        )}
        <Button type="submit" kind="accent">
          {said.begin}
        </Button>
      </form>
    </div>
  );
}

/** Where one types: a message, or the results of the tools that an answer calls. */
import { type KeyboardEvent, useState } from 'react';
import { Button } from '~/shared/controls/Button';
import { TextField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import type { Message } from './conversation';
import css from './playground.module.css';
import type { Call } from './stream';
import { words } from './strings';

interface Props {
  calls: readonly Call[];
  isBusy: boolean;
  /** Whether models are there that would answer. */
  isReady: boolean;
  onSend: (input: Message[]) => void;
  onStop: () => void;
}

export function Ask({ calls, isBusy, isReady, onSend, onStop }: Props) {
  const said = useStrings(words);
  const [text, setText] = useState('');
  const [results, setResults] = useState<Readonly<Record<string, string>>>({});
  const send = () => {
    if (!text.trim() || isBusy || !isReady) return;
    onSend([{ role: 'user', content: text }]);
    setText('');
  };
  const key = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  const give = () => {
    onSend(
      calls.map(({ id, name }) => ({ role: 'tool', tool_call_id: id, name, content: results[id] ?? '' })),
    );
    setResults({});
  };
  return (
    <div className={css.ask}>
      {calls.length > 0 && (
        <form
          className={css.results}
          onSubmit={(event) => {
            event.preventDefault();
            give();
          }}
        >
          {calls.map((call) => (
            <TextField
              key={call.id}
              label={said.resultOf(call.name)}
              value={results[call.id] ?? ''}
              onChange={(event) => setResults({ ...results, [call.id]: event.target.value })}
            />
          ))}
          <Button type="submit" disabled={isBusy || !isReady}>
            {said.giveResults}
          </Button>
        </form>
      )}
      <textarea
        id="message"
        rows={2}
        value={text}
        placeholder={isReady ? said.message : said.messageLater}
        aria-label={said.message}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={key}
      />
      {isBusy ? (
        <Button icon="stop" onClick={onStop}>
          {said.stop}
        </Button>
      ) : (
        <Button kind="accent" disabled={!isReady || !text.trim()} onClick={send}>
          {said.send}
        </Button>
      )}
    </div>
  );
}

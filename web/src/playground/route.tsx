/** The playground: models that are started from here, one conversation with one or two of them, and votes on answers. */
import { useState } from 'react';
import { Command, CommandLine } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { tellFailure } from '~/shared/controls/Toasts';
import type { Schema } from '~/shared/form/schema';
import { Coded } from '~/shared/format/Coded';
import { useStrings } from '~/shared/i18n/i18n';
import { useKeys } from '~/shared/keys/keys';
import { PageHead } from '~/shared/page/PageHead';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { Ask } from './Ask';
import { chatCommand, learnCommand } from './code';
import { type Message, isOver, messagesOf, toolsOf, voted, waitingCalls } from './conversation';
import { CodeDialog, PromptDialog } from './Dialogs';
import { How } from './How';
import { Models, engineOf } from './Models';
import css from './playground.module.css';
import { type State, useActs, useChoices, usePlayground } from './queries';
import { words } from './strings';
import { TurnView, type Vote } from './TurnView';
import { useTalk } from './useTalk';
import { useView } from './view';

// So many models are offered before anything is typed.
const NEWEST = 6;

export default function Playground() {
  const found = usePlayground();
  if (found.isPending) return <Loading rows={8} />;
  if (found.isError) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  return <Talk state={found.data} />;
}

function Talk({ state }: { state: State }) {
  const said = useStrings(words);
  const [view, change] = useView();
  const [system, setSystem] = useState('');
  const [toolText, setToolText] = useState('');
  const [shown, setShown] = useState<'prompt' | 'code' | null>(null);
  const choices = useChoices('').data;
  const none = choices?.total === 0;
  const acts = useActs();
  // What no longer answers says so at its place, and can be started again there.
  const talk = useTalk(() => void acts.again());
  const tools = read(toolText);
  const chosen = view.models.filter(Boolean);
  const engines = chosen.flatMap((model) => {
    const one = engineOf(state.engines, model);
    return one?.state === 'ready' ? [one] : [];
  });
  const isReady = chosen.length > 0 && engines.length === chosen.length && tools !== null;
  const last = talk.turns.at(-1);
  const isBusy = last !== undefined && !isOver(last);
  const how = { system, settings: view.settings, tools: tools ?? [], isBlind: view.isBlind };
  const send = (input: Message[]) => talk.send(input, engines, how);
  const again = () => last && talk.send(last.input, engines, how, talk.turns.slice(0, -1));
  const vote = async (at: number, word: Vote) => {
    const turn = talk.turns[at];
    if (!turn) return;
    const next = voted(turn, word);
    const answers = turn.answers.filter((answer) => answer.id);
    try {
      await acts.vote(next.vote ?? 'good', answers, turn.isBlind);
      talk.edit(at, () => next);
    } catch (error) {
      tellFailure(error);
    }
  };
  useKeys([
    {
      keys: '/',
      does: { en: 'Write a message', zh: '输入消息' },
      run: () => document.getElementById('message')?.focus(),
    },
    { keys: 'n', does: { en: 'New conversation', zh: '新对话' }, run: talk.clear },
  ]);
  const asked = last?.input.at(-1)?.content ?? '';
  const messages = last ? messagesOf(system, talk.turns.slice(0, -1), last.input) : messagesOf(system, []);
  const first = engines[0];
  return (
    <div className={css.page}>
      <PageHead title={said.title} about={said.about}>
        <Button disabled={!first || !messages.length} onClick={() => setShown('prompt')}>
          {said.rendered}
        </Button>
        <Button disabled={!chosen.length} onClick={() => setShown('code')}>
          {said.code}
        </Button>
      </PageHead>
      <Models engines={state.engines} view={view} change={change}>
        {talk.turns.length > 0 && <Button onClick={talk.clear}>{said.clear}</Button>}
        {last && !isBusy && isReady && <Button onClick={again}>{said.again}</Button>}
      </Models>
      <div className={css.columns}>
        <div className={css.talk}>
          {!chosen.length && (
            <Empty title={none ? said.noModels : said.choose} command={none ? 'whet demo' : undefined}>
              {said.chooseAbout}
            </Empty>
          )}
          {!chosen.length && !none && choices && (
            <p className={css.newest}>
              {said.newest}
              {choices.models.slice(0, NEWEST).map(({ model }) => (
                <button key={model} type="button" onClick={() => change({ model })}>
                  {model}
                </button>
              ))}
            </p>
          )}
          {talk.turns.map((turn, at) => (
            <TurnView
              key={at}
              turn={turn}
              isLast={at === talk.turns.length - 1}
              hasChances={view.hasChances}
              onVote={(word) => void vote(at, word)}
              onGoOn={(place) => talk.edit(at, (one) => ({ ...one, goesOn: place }))}
            />
          ))}
          {chosen.length > 0 && (
            <Ask
              calls={waitingCalls(talk.turns)}
              isBusy={isBusy}
              isReady={isReady}
              onSend={send}
              onStop={talk.stop}
            />
          )}
        </div>
        <How
          form={state.form as Schema}
          settings={view.settings}
          onSettings={(settings) =>
            change({ settings: Object.keys(settings).length ? JSON.stringify(settings) : undefined })
          }
          system={system}
          onSystem={setSystem}
          tools={toolText}
          onTools={setToolText}
          toolsAreWrong={tools === null}
          hasChances={view.hasChances}
          onChances={(isOn) => change({ chances: isOn ? 'yes' : undefined })}
        />
      </div>
      {Object.keys(state.rows).length > 0 && (
        <p className={css.quiet}>
          <Coded>{said.votes(state.rows.preferences ?? 0, state.rows.labels ?? 0, state.folder)}</Coded>
        </p>
      )}
      {!!state.rows.preferences && <CommandLine line={learnCommand(chosen[0] ?? 'MODEL', state.folder)} />}
      <Command line={chatCommand(chosen[0] ?? 'MODEL', system, asked, view.settings)} />
      {shown === 'prompt' && first && (
        <PromptDialog engine={first} messages={messages} tools={tools ?? []} onClose={() => setShown(null)} />
      )}
      {shown === 'code' && chosen[0] && (
        <CodeDialog
          asked={{ model: chosen[0], messages, settings: view.settings, tools: tools ?? [] }}
          onClose={() => setShown(null)}
        />
      )}
    </div>
  );
}

/** Tools of a text; null where it holds none. */
function read(text: string): Record<string, unknown>[] | null {
  try {
    return toolsOf(text);
  } catch {
    return null;
  }
}

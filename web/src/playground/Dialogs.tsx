/** The prompt as the model reads it, and the code that asks the same. */
import { useTyped } from '~/shared/command/Command';
import { CopyButton } from '~/shared/controls/Copy';
import { Dialog } from '~/shared/controls/Dialog';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import { type Asked, clientCode, curlCode, serveCommand } from './code';
import type { Message } from './conversation';
import css from './playground.module.css';
import { type Engine, usePrompt } from './queries';
import { words } from './strings';

// What comes after so many tokens is shown in one piece: a browser bears no element for each of a million.
const APART = 10_000;

interface Shown {
  messages: Message[];
  tools: Record<string, unknown>[];
  onClose: () => void;
}

export function PromptDialog({ engine, messages, tools, onClose }: Shown & { engine: Engine }) {
  const said = useStrings(words);
  const found = usePrompt(engine.id, { messages, settings: {}, tools });
  const about = found.data && said.renderedAbout(found.data.count, found.data.context);
  return (
    <Dialog title={said.rendered} about={about} open wide onClose={onClose}>
      {!messages.length && <p>{said.nothingAsked}</p>}
      {messages.length > 0 && found.isPending && <Loading rows={3} />}
      {found.isError && <Failure error={found.error} />}
      {found.data && (
        <>
          <p className={css.rendered} tabIndex={0}>
            {found.data.texts.slice(0, APART).map((text, place) => (
              <span key={place} title={`${found.data.tokens[place]}`}>
                {text}
              </span>
            ))}
            {found.data.texts.length > APART && <span>{found.data.texts.slice(APART).join('')}</span>}
          </p>
          <CopyButton text={found.data.texts.join('')} />
        </>
      )}
    </Dialog>
  );
}

export function CodeDialog({ asked, onClose }: { asked: Asked; onClose: () => void }) {
  const said = useStrings(words);
  const parts = [
    [said.serve, useTyped(serveCommand(asked.model))],
    [said.client, clientCode(asked)],
    [said.curl, curlCode(asked)],
  ] as const;
  return (
    <Dialog title={said.code} about={said.codeAbout} open wide onClose={onClose}>
      {parts.map(([title, text]) => (
        <section key={title} className={css.code}>
          <h3>{title}</h3>
          <pre tabIndex={0}>{text}</pre>
          <CopyButton text={text} />
        </section>
      ))}
    </Dialog>
  );
}

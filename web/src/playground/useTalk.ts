/** A conversation that goes on: questions are asked, answers come, one may be stopped. */
import { useEffect, useRef, useState } from 'react';
import { hintOf, messageOf } from '~/shared/api/failure';
import {
  type Answer,
  type Message,
  type Turn,
  type Values,
  messagesOf,
  newAnswer,
  newTurn,
  withAnswer,
} from './conversation';
import { type Engine, ask } from './queries';
import { listen } from './stream';

interface How {
  system: string;
  settings: Values;
  tools: Record<string, unknown>[];
  isBlind: boolean;
}

/** `onOver` is called when an answer is over, however it ended. */
export function useTalk(onOver: () => void) {
  const [turns, setTurns] = useState<readonly Turn[]>([]);
  const stopping = useRef<AbortController | null>(null);
  useEffect(() => () => stopping.current?.abort(), []);

  const change = (at: number, place: number, next: (before: Answer) => Answer) =>
    setTurns((before) =>
      before.map((turn, index) => {
        const answer = turn.answers[place];
        return index === at && answer ? withAnswer(turn, place, next(answer)) : turn;
      }),
    );

  /** Ask every engine the same, behind the `before` turns. */
  const send = (input: readonly Message[], engines: readonly Engine[], how: How, before = turns) => {
    stopping.current?.abort();
    const controller = new AbortController();
    stopping.current = controller;
    const answers = engines.map((engine) => newAnswer(engine.id, engine.model));
    setTurns([...before, newTurn(input, answers, how.isBlind, Math.random())]);
    const asked = {
      messages: messagesOf(how.system, before, input),
      settings: how.settings,
      tools: how.tools,
    };
    engines.forEach((engine, place) => {
      const began = performance.now();
      const since = () => performance.now() - began;
      const told = (next: (answer: Answer) => Answer) => change(before.length, place, next);
      ask(engine.id, asked, controller.signal)
        .then((body) =>
          listen(body, (heard) =>
            told((answer) => ({
              ...answer,
              ...heard,
              first: answer.first ?? (heard.tokens.length || heard.text ? since() : undefined),
            })),
          ),
        )
        .catch((error: unknown) => {
          if (controller.signal.aborted) return;
          const hint = hintOf(error);
          told((answer) => ({ ...answer, error: `${messageOf(error)}${hint ? ` — ${hint}` : ''}` }));
        })
        .finally(() => {
          told((answer) => ({ ...answer, isOver: true, took: since() }));
          onOver();
        });
    });
  };

  const stop = () => stopping.current?.abort();
  const clear = () => {
    stop();
    setTurns([]);
  };
  const edit = (at: number, next: (turn: Turn) => Turn) =>
    setTurns((before) => before.map((turn, index) => (index === at ? next(turn) : turn)));
  return { turns, send, stop, clear, edit };
}

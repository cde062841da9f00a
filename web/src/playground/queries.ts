/** The playground's server: models to choose from, those that are served, answers, prompts and votes. */
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { type Answered, answer, api } from '~/shared/api/client';
import type { components } from '~/shared/api/schema';
import type { Message, Said, Values } from './conversation';

type Schemas = components['schemas'];
export type State = Answered<'/api/v1/playground'>;
export type Engine = State['engines'][number];
export type Choice = Schemas['PlaygroundChoice'];
export type Prompt = Schemas['PlaygroundPrompt'];

const STARTING_MS = 700;
// Others start and end models too, and one that nobody asks ends by itself.
const OTHERWISE_MS = 10_000;
const OFFERED = 50;

/** What is served, asked for again and again, more often while something starts. */
export function usePlayground() {
  return useQuery({
    queryKey: ['playground'],
    queryFn: ({ signal }) => answer<State>(api.GET('/api/v1/playground', { signal })),
    refetchInterval: (query) =>
      query.state.data?.engines.some((one) => one.state === 'starting') ? STARTING_MS : OTHERWISE_MS,
  });
}

/** Models whose names hold the words of `q`. */
export function useChoices(q: string) {
  return useQuery({
    queryKey: ['playground', 'models', q],
    queryFn: ({ signal }) =>
      answer<Answered<'/api/v1/playground/models'>>(
        api.GET('/api/v1/playground/models', { params: { query: { q, limit: OFFERED } }, signal }),
      ),
    placeholderData: keepPreviousData,
  });
}

/** Starting and ending models, and voting: what is served is asked for anew. */
export function useActs() {
  const client = useQueryClient();
  const again = () => client.invalidateQueries({ queryKey: ['playground'], exact: true });
  const done = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } finally {
      await again();
    }
  };
  return {
    start: (model: string) =>
      done(answer<Engine>(api.POST('/api/v1/playground/engines', { body: { model } }))),
    end: (id: string) =>
      done(answer(api.DELETE('/api/v1/playground/engines/{id}', { params: { path: { id } } }))),
    vote: (said: Said, answers: readonly { engine: string; id: string }[], isBlind: boolean) => {
      const [first, second = null] = answers.map(({ engine, id }) => ({ engine, id }));
      if (!first) throw new Error('no answer');
      const body = { said, first, second, is_blind: isBlind, comment: '' };
      return done(answer(api.POST('/api/v1/playground/votes', { body })));
    },
    again,
  };
}

interface Asked {
  messages: Message[];
  settings: Values;
  tools: Record<string, unknown>[];
}

const bodyOf = ({ messages, settings, tools }: Asked) =>
  ({ messages, settings, tools }) as unknown as Schemas['PlaygroundChat'];

/** The body of an answer that streams. */
export function ask(engine: string, asked: Asked, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  return answer(
    api.POST('/api/v1/playground/ask/{id}/chat', {
      params: { path: { id: engine } },
      body: bodyOf(asked),
      parseAs: 'stream',
      signal,
    }),
  );
}

/** A conversation as the model's template renders it. */
export function usePrompt(engine: string, asked: Asked) {
  return useQuery({
    queryKey: ['playground', 'prompt', engine, asked],
    queryFn: ({ signal }) =>
      answer<Prompt>(
        api.POST('/api/v1/playground/ask/{id}/prompt', {
          params: { path: { id: engine } },
          body: bodyOf({ ...asked, settings: {} }),
          signal,
        }),
      ),
    enabled: asked.messages.length > 0,
    retry: false,
  });
}

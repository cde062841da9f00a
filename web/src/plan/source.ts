/** Who answers the screen: a server, or tables in the page itself. */
import { useQueries, useQuery } from '@tanstack/react-query';
import { createContext, useContext } from 'react';
import { answer, api } from '~/shared/api/client';
import { type Asked, type How, PASTED } from './asked';
import type { Choices, Forms } from './forms';

export interface Question extends How {
  model: string;
  gpu: string;
  config: Readonly<Record<string, unknown>> | null;
}

export interface Source {
  choices: (signal?: AbortSignal) => Promise<Choices>;
  /** Raises what says why something cannot be planned. */
  forms: (asked: Question, signal?: AbortSignal) => Promise<Forms>;
  /** Whether a config.json may be pasted. */
  canPaste: boolean;
}

const server: Source = {
  choices: (signal) => answer<Choices>(api.GET('/api/v1/plan', { signal })),
  forms: (asked, signal) =>
    answer<Forms>(
      api.POST('/api/v1/plan/forms', { body: { ...asked, config: asked.config ?? undefined }, signal }),
    ),
  canPaste: true,
};

export const PlanSource = createContext<Source>(server);

export function useSource(): Source {
  return useContext(PlanSource);
}

export function useChoices() {
  const source = useSource();
  return useQuery({
    queryKey: ['plan', 'choices'],
    queryFn: ({ signal }) => source.choices(signal),
    staleTime: Infinity,
  });
}

/** The question of what is asked: sliders are not part of it. */
export function questionOf(asked: Asked, pasted: string | null): Question {
  const { mode, gpus, precision, optimizer, state, recompute, weights, cache } = asked;
  const config = asked.model === PASTED && pasted ? (JSON.parse(pasted) as Record<string, unknown>) : null;
  const how = { mode, gpus, precision, optimizer, state, recompute, weights, cache };
  return { model: asked.model, gpu: asked.gpu, config, ...how };
}

/** The forms of several questions, in their order. */
export function useForms(questions: readonly Question[]) {
  const source = useSource();
  return useQueries({
    queries: questions.map((question) => ({
      queryKey: ['plan', 'forms', question],
      queryFn: ({ signal }: { signal: AbortSignal }) => source.forms(question, signal),
      staleTime: Infinity,
      placeholderData: (before: Forms | undefined) => before,
    })),
  });
}

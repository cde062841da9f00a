/** Who answers the screen: a server, or what stands in the page itself; the screen evaluates what they say. */
import { useQuery } from '@tanstack/react-query';
import { createContext, useContext, useMemo } from 'react';
import { ApiError, answer, api } from '~/shared/api/client';
import { type Asked, PASTED } from './asked';
import { type Architecture, withPairs } from './engine/architecture';
import type { Calibration } from './engine/calibration';
import { classOf, type Config, modelOf, parametersOf } from './engine/model';
import type { Subject } from './evaluated';
import type { FitQuestion, Found as Fitted } from './fit';
import type { Choices } from './forms';

export interface Source {
  choices: (signal?: AbortSignal) => Promise<Choices>;
  architecture: (name: string, signal?: AbortSignal) => Promise<Architecture>;
  /** What finished runs say of a class of models on a card; none where nobody can be asked. */
  measured?: (
    asked: { gpu: string; model_type: string; parameters: number },
    signal?: AbortSignal,
  ) => Promise<Calibration | null>;
  /** All ways to train it, with why others are not taken. */
  fit?: (asked: FitQuestion, signal?: AbortSignal) => Promise<Fitted>;
}

const server: Source = {
  choices: (signal) => answer<Choices>(api.GET('/api/v1/plan', { signal })),
  architecture: (name, signal) =>
    answer<Architecture>(
      api.GET('/api/v1/plan/architectures/{name}', { params: { path: { name } }, signal }),
    ),
  measured: async (asked, signal) =>
    (
      await answer<{ measured: Calibration | null }>(
        api.GET('/api/v1/plan/measured', { params: { query: asked }, signal }),
      )
    ).measured,
  fit: (asked, signal) =>
    answer<Fitted>(
      api.POST('/api/v1/plan/fit', { body: { ...asked, config: asked.config ?? undefined }, signal }),
    ),
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

type Found<T> = { data: T; error: null } | { data: null; error: Error | null };

/** What is asked about; nothing yet while its formulas are on their way. */
export function useSubject(choices: Choices, asked: Asked | null): Found<Subject> {
  const source = useSource();
  const named = useMemo(() => asked && attempt(() => namedOf(choices, asked)), [choices, asked]);
  const told = named?.data ?? null;
  const formulas = useQuery({
    queryKey: ['plan', 'architecture', told?.class],
    queryFn: async ({ signal }) => withPairs(await source.architecture(told?.class ?? '', signal)),
    enabled: told !== null,
    staleTime: Infinity,
  });
  const model = useMemo(
    () => (told && formulas.data ? attempt(() => modelOf(told.name, told.config, formulas.data)) : null),
    [told, formulas.data],
  );
  const parameters = model?.data ? parametersOf(model.data).all : 0;
  const measuring = { gpu: asked?.gpu ?? '', model_type: told?.class ?? '', parameters };
  const measured = useQuery({
    queryKey: ['plan', 'measured', measuring],
    queryFn: ({ signal }) => source.measured?.(measuring, signal) ?? null,
    enabled: parameters > 0 && source.measured !== undefined,
  });
  return useMemo(() => {
    const error = named?.error ?? model?.error ?? formulas.error;
    if (error) return { data: null, error };
    if (!model?.data || (source.measured && measured.data === undefined && !measured.error))
      return { data: null, error: null };
    return { data: { model: model.data, measured: measured.data ?? null }, error: null };
  }, [named, model, formulas.error, source, measured.data, measured.error]);
}

function namedOf(choices: Choices, asked: Asked): { name: string; config: Config; class: string } {
  const known = choices.models.find((one) => one.short === asked.model);
  const config = asked.model === PASTED ? (JSON.parse(asked.config) as Config) : known?.config;
  if (!config) throw new ApiError('NOT_HERE', asked.model, '', 'model', 404);
  return { name: known?.name ?? PASTED, config, class: classOf(config, choices.traced) };
}

/** A value, or what says why there is none. */
export function attempt<T>(make: () => T): Found<T> {
  try {
    return { data: make(), error: null };
  } catch (error) {
    if (error instanceof Error) return { data: null, error };
    throw error;
  }
}

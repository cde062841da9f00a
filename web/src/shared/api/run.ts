/** One run: what it says of itself, its curves (whole or a window in full), its marks, and all of them live. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { type Curve, appended, curveOf } from '~/shared/chart/curve';
import { tell, tellFailure } from '~/shared/controls/Toasts';
import { useEvents } from '~/shared/live/events';
import { writeSearch } from '~/shared/url/search';
import { type Answered, answer, api } from './client';
import { real } from './numbers';
import type { RunPage } from './runs';
import type { components } from './schema';

type News = components['schemas']['RunNews'];
export type Mark = Answered<'/api/v1/runs/{run}/marks'>['marks'][number];
export type Over = 'step' | 'tokens' | 'time' | 'flops' | 'cost' | 'energy';
/** First and last step of what is asked for. */
export type Steps = readonly [number, number];

// Buckets of a whole curve, and of a window of it, where so few points come one by one.
const MOST = 1500;
const MOST_IN_WINDOW = 4000;
// A live curve that has grown by so many points is asked for anew, in buckets.
const GROWN = 3 * MOST;
const DIAGNOSES_MS = 30_000;

/** A run and what it says of itself. */
export function useRun(run: string) {
  return useQuery({
    queryKey: ['run', run],
    queryFn: ({ signal }) => runOf(run, signal),
  });
}

const runOf = (run: string, signal: AbortSignal) =>
  answer<RunPage>(api.GET('/api/v1/runs/{run}', { params: { path: { run } }, signal }));

/** Whether the run has a curve of that name, of itself or of its news: one that has just begun has none yet. */
function useHasCurve(run: string, name: string): boolean {
  const has = useQuery({
    queryKey: ['run', run],
    queryFn: ({ signal }) => runOf(run, signal),
    staleTime: Infinity,
    select: (page) => page.metrics.includes(name),
  });
  return has.data ?? false;
}

/**
 * A curve, whole or a window of it at full resolution; `writer` is the run's speaker by default, or who else tells it.
 * It is asked for once the run has it.
 */
export function useCurve(
  run: string,
  name: string,
  window: Steps | null = null,
  x: Over = 'step',
  writer?: string,
) {
  const start = window ? Math.floor(window[0]) : undefined;
  const end = window ? Math.ceil(window[1]) : undefined;
  const enabled = useHasCurve(run, name);
  return useQuery({
    enabled,
    queryKey: ['run', run, 'curve', name, x, writer ?? '', start ?? '', end ?? ''],
    queryFn: async ({ signal }): Promise<Curve> => {
      const query = { names: [name], most: window ? MOST_IN_WINDOW : MOST, start, end, x, writer };
      const call = api.GET('/api/v1/runs/{run}/curves', { params: { path: { run }, query }, signal });
      const found = (await answer<Answered<'/api/v1/runs/{run}/curves'>>(call))[name];
      if (!found) throw new Error(`no curve ${name}`);
      return curveOf(found);
    },
    placeholderData: window ? keepPreviousData : undefined,
    staleTime: 60_000,
  });
}

/** What happened at steps. */
export function useMarks(run: string) {
  return useQuery({
    queryKey: ['run', run, 'marks'],
    queryFn: async ({ signal }) => {
      const call = api.GET('/api/v1/runs/{run}/marks', { params: { path: { run } }, signal });
      return (await answer<Answered<'/api/v1/runs/{run}/marks'>>(call)).marks;
    },
    staleTime: 30_000,
  });
}

export type Diagnoses = Answered<'/api/v1/runs/{run}/diagnoses'>;

/** What went wrong, the gravest first; asked again while the run is live. */
export function useDiagnoses(run: string, isLive: boolean) {
  return useQuery({
    queryKey: ['run', run, 'diagnoses'],
    queryFn: ({ signal }) =>
      answer<Diagnoses>(api.GET('/api/v1/runs/{run}/diagnoses', { params: { path: { run } }, signal })),
    refetchInterval: isLive ? DIAGNOSES_MS : false,
    staleTime: DIAGNOSES_MS,
  });
}

/** Follow a run: points go behind their curves, and what else is new is asked for. */
export function useLiveRun(run: string, page: RunPage | undefined): void {
  const client = useQueryClient();
  const [from, setFrom] = useState<{ run: string; cursor: string } | null>(null);
  const isLive = page?.status === 'running' || page?.status === 'new';
  // Once seen live it is followed on: why it ended is told after its end, and it may go on from there.
  if (page && isLive && from?.run !== run) setFrom({ run, cursor: JSON.stringify(page.cursor) });
  const path =
    from?.run === run
      ? `/api/v1/runs/${encodeURIComponent(run)}/live${writeSearch({ cursor: from.cursor })}`
      : null;
  const again = () => void client.invalidateQueries({ queryKey: ['run', run] });
  useEvents(
    path,
    {
      reload: again,
      news: (data) => {
        const news = data as News;
        for (const part of news.points) {
          const values = part.values.map(real);
          for (const asked of ['', part.writer]) {
            const key = ['run', run, 'curve', part.name, 'step', asked, '', ''];
            const before = client.getQueryData<Curve>(key);
            if (before?.writer !== part.writer) continue;
            const grown = appended(before, part.steps, values);
            client.setQueryData<Curve>(key, grown);
            if (grown.mean.length > GROWN) void client.invalidateQueries({ queryKey: key });
          }
        }
        client.setQueryData<RunPage>(['run', run], (before) => before && withNews(before, news));
        if (news.events.length) void client.invalidateQueries({ queryKey: ['run', run, 'marks'] });
        if (news.status !== 'running') again();
      },
    },
    again,
  );
}

const SPEAKER = 'r0';

function withNews(page: RunPage, news: News): RunPage {
  const own = news.points.filter((part) => part.writer === SPEAKER);
  const last = (name: string) =>
    own
      .filter((part) => part.name === name)
      .at(-1)
      ?.values.at(-1);
  const step = Math.max(page.step ?? -1, ...own.map((part) => part.steps.at(-1) ?? -1));
  const time = Math.max(...own.map((part) => part.times.at(-1) ?? 0));
  const names = own.map((part) => part.name).filter((name) => !page.metrics.includes(name));
  const span = page.spans.at(-1);
  return {
    ...page,
    status: news.status,
    reason: news.reason,
    step: step < 0 ? page.step : step,
    loss: last('loss') ?? page.loss,
    tokens_per_s: last('tokens_per_s') ?? page.tokens_per_s,
    metrics: names.length ? [...page.metrics, ...new Set(names)] : page.metrics,
    spans: span && time > span[1] ? [...page.spans.slice(0, -1), [span[0], time]] : page.spans,
  };
}

/** Ask a training to stop after a checkpoint, or for a checkpoint now. */
export function useControl(run: string) {
  return useMutation({
    mutationFn: async ({ word }: { word: 'stop' | 'checkpoint'; said: string }) =>
      answer<unknown>(api.POST('/api/v1/runs/{run}/controls', { params: { path: { run } }, body: { word } })),
    onSuccess: (_, { said }) => tell(said),
    onError: tellFailure,
  });
}

/** What a rank has printed: lines by number, those that hold something, and the first line of a step. */
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { type Answered, answer, api } from '~/shared/api/client';

export type ConsolePage = Answered<'/api/v1/runs/{run}/console'>;
export type Line = ConsolePage['lines'][number];
export type Stream = Line['stream'];

/** Whose console: a rank's of a run, and whether more is printed. */
export interface Source {
  run: string;
  rank: number;
  isLive: boolean;
}

interface Asked {
  start?: number;
  step?: number;
  limit: number;
  search?: string;
  stream?: Stream;
}

const AGAIN_MS = 2_000;
const MATCHES = 1_000;
// Lines come in stretches of so many, and so many stretches at once.
const STRETCH = 250;
const STRETCHES = 4;
const NONE: readonly Line[] = [];

function asked(source: Source, query: Asked, signal: AbortSignal): Promise<ConsolePage> {
  const params = { path: { run: source.run }, query: { ...query, rank: source.rank } };
  return answer<ConsolePage>(api.GET('/api/v1/runs/{run}/console', { params, signal }));
}

const keyOf = (source: Source, ...more: unknown[]) => ['run', source.run, 'console', source.rank, ...more];

/** How many lines there are, and which ranks have printed any. */
export function useConsole(source: Source) {
  return useQuery({
    queryKey: keyOf(source),
    queryFn: ({ signal }) => asked(source, { limit: 1 }, signal),
    placeholderData: keepPreviousData,
    refetchInterval: source.isLive ? AGAIN_MS : false,
  });
}

/** The lines around line `first`, of `total`; those of the last place until they are there. */
export function useLines(source: Source, first: number, total: number): readonly Line[] {
  const start = Math.max(0, Math.floor(first / STRETCH) - 1) * STRETCH;
  const end = Math.min(total, start + STRETCHES * STRETCH);
  const found = useQuery({
    queryKey: keyOf(source, 'lines', start, end),
    queryFn: ({ signal }) => asked(source, { start, limit: Math.max(1, end - start) }, signal),
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    // The last line may be one that is drawn over.
    refetchInterval: source.isLive && end === total ? AGAIN_MS : false,
  });
  return found.data?.lines ?? NONE;
}

/** The lines that hold a text, of one stream or of both, from the first on; nothing without either. */
export function useMatches(source: Source, search: string, stream: Stream | undefined) {
  return useInfiniteQuery({
    queryKey: keyOf(source, 'matches', search, stream ?? ''),
    enabled: search !== '' || stream !== undefined,
    queryFn: ({ signal, pageParam }) =>
      asked(source, { start: pageParam, limit: MATCHES, search, stream }, signal),
    initialPageParam: 0,
    getNextPageParam: (page) => page.next ?? undefined,
    refetchInterval: source.isLive ? 2 * AGAIN_MS : false,
  });
}

/** The number of the first line that was printed at a step or after it; undefined until it is known. */
export function useLineOf(source: Source, step: number | undefined): number | undefined {
  const found = useQuery({
    queryKey: keyOf(source, 'step', step),
    enabled: step !== undefined,
    queryFn: async ({ signal }) => {
      const page = await asked(source, { step, limit: 1 }, signal);
      return page.lines[0]?.number ?? Math.max(0, page.total - 1);
    },
  });
  return step === undefined ? undefined : found.data;
}

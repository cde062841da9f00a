/** Rows of a run's data as training renders them, and those that did not come through whole. */
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type Answered, answer, api } from '~/shared/api/client';

export type DataPage = Answered<'/api/v1/runs/{run}/data'>;
export type DataRow = DataPage['shown'][number];
export type DataToken = DataRow['tokens'][number];
export type LedgerPage = Answered<'/api/v1/runs/{run}/ledger'>;

export interface Place {
  /** Its number, or its name. */
  source: string;
  offset: number;
  q: string;
}

/** Rows of a page. */
export const ROWS = 50;
const REFUSED = 500;

export function useData(run: string, { source, offset, q }: Place) {
  return useQuery({
    queryKey: ['run', run, 'data', source, offset, q],
    queryFn: ({ signal }) => {
      const query = { source, offset, limit: ROWS, q: q || undefined };
      return answer<DataPage>(
        api.GET('/api/v1/runs/{run}/data', { params: { path: { run }, query }, signal }),
      );
    },
    placeholderData: keepPreviousData,
    retry: false,
  });
}

export function useLedger(run: string, q: string) {
  return useQuery({
    queryKey: ['run', run, 'ledger', q],
    queryFn: ({ signal }) => {
      const query = { limit: REFUSED, q: q || undefined };
      return answer<LedgerPage>(
        api.GET('/api/v1/runs/{run}/ledger', { params: { path: { run }, query }, signal }),
      );
    },
    placeholderData: keepPreviousData,
  });
}

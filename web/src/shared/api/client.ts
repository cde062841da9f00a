/** The client of `/api/v1`, typed by the server's OpenAPI; what goes wrong is an ApiError with the library's words. */
import createClient from 'openapi-fetch';
import { noteServer } from '~/shared/live/events';
import type { paths } from './schema';

/** What a GET of a path answers: `Answered<'/api/v1/runs/{run}/marks'>`. */
export type Answered<P extends keyof paths> = paths[P] extends {
  get: { responses: { 200: { content: { 'application/json': infer A } } } };
}
  ? A
  : never;

export const api = createClient<paths>({ baseUrl: globalThis.location?.origin ?? 'http://localhost' });

/** What the server says instead of an answer: what is wrong, where, and what to type. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
    readonly at: string,
    readonly status: number,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** Nobody answered: the server has stopped, or the network is gone. */
export class Offline extends ApiError {
  constructor() {
    super(
      'OFFLINE',
      'the server does not answer',
      'is `whet ui` still running?',
      globalThis.location.host,
      0,
    );
  }
}

interface Outcome {
  data?: unknown;
  error?: unknown;
  response: Response;
}

/**
 * The body of an answer: `await answer<RunList>(api.GET('/api/v1/runs', { params: { query } }))`.
 * Raises ApiError with what the server said, or Offline.
 */
export async function answer<T>(call: Promise<Outcome>): Promise<T> {
  let outcome: Outcome;
  try {
    outcome = await call;
    noteServer(true);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    noteServer(false);
    throw new Offline();
  }
  if (outcome.response.ok) return outcome.data as T;
  throw errorOf(outcome.error, outcome.response.status);
}

function errorOf(body: unknown, status: number): ApiError {
  const said = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const text = (name: string) => (typeof said[name] === 'string' ? (said[name] as string) : '');
  return new ApiError(
    text('error_code') || 'UNKNOWN',
    text('message') || `HTTP ${status}`,
    text('hint'),
    text('at'),
    status,
  );
}

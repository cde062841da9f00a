/** An answer as it comes: server-sent events of OpenAI's chats, gathered into what is shown of it. */

/** A token with its chance, and the likeliest ones in its place. */
export interface Token {
  text: string;
  logprob: number;
  top: readonly { text: string; logprob: number }[];
}

export interface Call {
  id: string;
  name: string;
  arguments: string;
}

/** What has come of an answer so far. */
export interface Heard {
  id: string;
  text: string;
  tokens: readonly Token[];
  calls: readonly Call[];
  finish: string;
  usage?: { prompt: number; made: number; cached: number };
  error?: string;
}

export const NOTHING: Heard = { id: '', text: '', tokens: [], calls: [], finish: '' };

interface Logprob {
  token: string;
  logprob: number;
  top_logprobs?: Logprob[];
}
interface Part {
  id?: string;
  error?: { message?: string };
  usage?: {
    prompt_tokens: number;
    completion_tokens: number;
    prompt_tokens_details?: { cached_tokens?: number };
  } | null;
  choices?: {
    delta?: {
      content?: string | null;
      tool_calls?: { index: number; id?: string; function?: { name?: string; arguments?: string } }[];
    };
    logprobs?: { content?: Logprob[] | null } | null;
    finish_reason?: string | null;
  }[];
}

/** What is known once one more part has come. */
export function heard(before: Heard, part: Part): Heard {
  if (part.error) return { ...before, error: part.error.message ?? '' };
  const choice = part.choices?.[0];
  const told = choice?.logprobs?.content ?? [];
  const { usage } = part;
  return {
    ...before,
    id: before.id || (part.id ?? ''),
    text: before.text + (choice?.delta?.content ?? ''),
    tokens: told.length ? [...before.tokens, ...told.map(tokenOf)] : before.tokens,
    calls: (choice?.delta?.tool_calls ?? []).reduce(called, before.calls),
    finish: choice?.finish_reason ?? before.finish,
    usage: usage
      ? {
          prompt: usage.prompt_tokens,
          made: usage.completion_tokens,
          cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
        }
      : before.usage,
  };
}

function tokenOf(one: Logprob): Token {
  const top = (one.top_logprobs ?? []).map(({ token, logprob }) => ({ text: token, logprob }));
  return { text: one.token, logprob: one.logprob, top };
}

function called(
  calls: readonly Call[],
  part: { index: number; id?: string; function?: { name?: string; arguments?: string } },
): readonly Call[] {
  const before = calls[part.index] ?? { id: '', name: '', arguments: '' };
  const after = {
    id: part.id ?? before.id,
    name: before.name + (part.function?.name ?? ''),
    arguments: before.arguments + (part.function?.arguments ?? ''),
  };
  return [...calls.slice(0, part.index), after, ...calls.slice(part.index + 1)];
}

/** The whole events in a text, and what is left of it: the beginning of the next one. */
export function eventsOf(text: string): [Part[], string] {
  const pieces = text.split(/\r?\n\r?\n/);
  const rest = pieces.pop() ?? '';
  const data = pieces
    .map((piece) => piece.replace(/^data: ?/, ''))
    .filter((piece) => piece && piece !== '[DONE]' && !piece.startsWith(':'));
  return [data.map((piece) => JSON.parse(piece) as Part), rest];
}

/** Read a body to its end, and tell what has come of the answer after each piece of it. */
export async function listen(body: ReadableStream<Uint8Array>, tell: (heard: Heard) => void): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let now = NOTHING;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const [parts, left] = eventsOf(rest + decoder.decode(value, { stream: true }));
    rest = left;
    if (!parts.length) continue;
    now = parts.reduce(heard, now);
    tell(now);
  }
}

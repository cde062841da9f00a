/** An answer that streams is the same however its bytes are cut. */
import { expect, test } from 'vitest';
import { type Heard, NOTHING, eventsOf, heard, listen } from './stream';

const PARTS = [
  { id: 'chatcmpl-1', choices: [{ delta: { role: 'assistant', content: '' } }] },
  {
    choices: [
      {
        delta: { content: 'grün ' },
        logprobs: {
          content: [{ token: 'grün ', logprob: -0.5, top_logprobs: [{ token: 'rot', logprob: -1 }] }],
        },
      },
    ],
  },
  {
    choices: [
      { delta: { tool_calls: [{ index: 0, id: 'call_1', function: { name: 'price', arguments: '' } }] } },
    ],
  },
  { choices: [{ delta: { tool_calls: [{ index: 0, function: { arguments: '{"a":1}' } }] } }] },
  { choices: [{ delta: {}, finish_reason: 'tool_calls' }] },
  {
    choices: [],
    usage: { prompt_tokens: 9, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 8 } },
  },
];
const TEXT = `${PARTS.map((part) => `data: ${JSON.stringify(part)}\n\n`).join('')}: \n\ndata: [DONE]\n\n`;
const WHOLE: Heard = {
  id: 'chatcmpl-1',
  text: 'grün ',
  tokens: [{ text: 'grün ', logprob: -0.5, top: [{ text: 'rot', logprob: -1 }] }],
  calls: [{ id: 'call_1', name: 'price', arguments: '{"a":1}' }],
  finish: 'tool_calls',
  usage: { prompt: 9, made: 3, cached: 8 },
};

test.each([1, 7, 10_000])('in pieces of %i bytes', async (size) => {
  const bytes = new TextEncoder().encode(TEXT);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
      controller.close();
    },
  });
  let last = NOTHING;
  await listen(body, (now) => {
    last = now;
  });
  expect(last).toEqual(WHOLE);
});

test('an error within a stream is kept with what had come', () => {
  const parts = [...eventsOf(TEXT)[0].slice(0, 2), { error: { message: 'the engine has ended' } }];
  expect(parts.reduce(heard, NOTHING)).toMatchObject({ text: 'grün ', error: 'the engine has ended' });
});

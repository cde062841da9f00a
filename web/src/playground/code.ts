/** The same in code: with the openai client, with curl, and as a command. */
import { quoted } from '~/shared/command/Command';
import type { Message, Values } from './conversation';

export interface Asked {
  model: string;
  messages: readonly Message[];
  settings: Values;
  tools: readonly unknown[];
}

// What the client of OpenAI has no argument for goes in `extra_body`.
const OWN = new Set(['top_k', 'min_p', 'repetition_penalty']);

/** Values as Python writes them. */
export function python(value: unknown, depth = 0): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value !== 'object') return JSON.stringify(value);
  const pad = '    '.repeat(depth + 1);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const lines = Array.isArray(value)
    ? value.map((one) => python(one, depth + 1))
    : Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${python(one, depth + 1)}`);
  const line = `${open}${lines.join(', ')}${close}`;
  if (line.length < 88 && !line.includes('\n')) return line;
  return `${open}\n${lines.map((one) => `${pad}${one},\n`).join('')}${'    '.repeat(depth)}${close}`;
}

export function clientCode({ model, messages, settings, tools }: Asked): string {
  const entries = Object.entries(settings);
  const own = entries.filter(([name]) => OWN.has(name));
  const words = [
    `model=${JSON.stringify(model)}`,
    `messages=${python(messages, 1)}`,
    ...(tools.length ? [`tools=${python(tools, 1)}`] : []),
    ...entries.filter(([name]) => !OWN.has(name)).map(([name, value]) => `${name}=${python(value, 1)}`),
    ...(own.length ? [`extra_body=${python(Object.fromEntries(own), 1)}`] : []),
    'stream=True',
  ];
  return `from openai import OpenAI

# whet serve prints both.
client = OpenAI(base_url="http://127.0.0.1:8080/v1", api_key="whet-...")
stream = client.chat.completions.create(
${words.map((word) => `    ${word},\n`).join('')})
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="", flush=True)
`;
}

export function curlCode({ model, messages, settings, tools }: Asked): string {
  const body = { model, messages, ...(tools.length ? { tools } : {}), ...settings };
  return `curl http://127.0.0.1:8080/v1/chat/completions \\
  -H "Authorization: Bearer $WHET_API_KEY" -H "Content-Type: application/json" \\
  -d ${quoted(JSON.stringify(body, null, 1))}
`;
}

export const serveCommand = (model: string) => `whet serve ${quoted(model)}`;

const OPTIONS: Readonly<Record<string, string>> = {
  max_tokens: '--max-new-tokens',
  temperature: '--temperature',
  top_k: '--top-k',
  top_p: '--top-p',
  min_p: '--min-p',
  repetition_penalty: '--repetition-penalty',
  seed: '--seed',
};

/** One question in the terminal; where none was asked yet a conversation. */
export function chatCommand(model: string, system: string, prompt: string, settings: Values): string {
  const words = ['whet', 'chat', quoted(model)];
  if (system.trim()) words.push('--system', quoted(system));
  if (prompt) words.push('--prompt', quoted(prompt));
  for (const [name, option] of Object.entries(OPTIONS))
    if (settings[name] !== undefined) words.push(option, String(settings[name]));
  for (const stop of (settings.stop as string[] | undefined) ?? []) words.push('--stop', quoted(stop));
  return words.join(' ');
}

/** Training on the votes in `ROOT/.playground`: of the run that was talked to, which a checkpoint stands for. */
export function learnCommand(model: string, folder: string): string {
  const root = folder.slice(0, folder.lastIndexOf('/'));
  const run = model.includes(':') ? 'MODEL' : `${root}/${model.replace(/@.*/, '')}`;
  const where = root === 'runs' ? '' : ` track.folder=${quoted(root)}`;
  return `whet train --model ${quoted(run)} --data ${quoted(`${folder}/preferences.jsonl`)} objective=dpo name=voted${where}`;
}

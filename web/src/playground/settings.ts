/** What the settings of an answer mean, in Chinese: the server's form says it in English. */
import type { Schema } from '~/shared/form/schema';

const MEANT: Readonly<Record<string, string>> = {
  temperature: '0 表示每次取概率最高的 token。',
  max_tokens: '回答的最大长度，以 token 计。',
  top_p: '只从累计概率达到该比例的 token 中抽取。',
  top_k: '只从概率最高的若干个 token 中抽取；0 表示不限。',
  min_p: '概率至少为最高概率的该比例。',
  repetition_penalty: '大于 1 时，已出现的内容更少重复。',
  frequency_penalty: 'token 每出现过一次就扣除该值。',
  presence_penalty: 'token 只要出现过就扣除一次该值。',
  seed: '相同的种子得到相同的回答。',
  stop: '遇到这些文本时结束回答。',
};

export function inChinese(form: Schema): Schema {
  const properties = Object.entries(form.properties ?? {}).map(([name, one]) => [
    name,
    { ...one, description: MEANT[name] ?? one.description },
  ]);
  return { ...form, properties: Object.fromEntries(properties) };
}

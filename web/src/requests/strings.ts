import { whole } from '~/shared/format/numbers';
import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  about: {
    en: 'What the model was asked while it was served: one line a request, the latest first.',
    zh: '模型在服务期间收到的请求：每行一个，最新的在前。',
  },
  label: { en: 'Requests', zh: '请求' },
  total: {
    en: (shown: number, total: number) =>
      shown < total
        ? `${whole(shown)} of ${whole(total)} requests; a filter finds others`
        : total === 1
          ? '1 request'
          : `${whole(total)} requests`,
    zh: (shown: number, total: number) =>
      shown < total
        ? `${whole(total)} 个请求中的 ${whole(shown)} 个；用筛选查找其余请求`
        : `${whole(total)} 个请求`,
  },
  empty: { en: 'No request is recorded here', zh: '没有请求记录' },
  emptyHint: {
    en: 'A served model keeps a trace of each request in the run of a project; text is kept only with --record-text. Programs that speak OTLP send theirs to /v1/traces.',
    zh: '服务中的模型会把每个请求的追踪记录到项目的实验中；只有加上 --record-text 才保存文本。支持 OTLP 的程序可发送到 /v1/traces。',
  },
  reading: {
    en: 'Whoever looks first has all requests read into an index: about 10 s for 100 000. Later looks are immediate.',
    zh: '首次打开时要把全部请求读入索引：10 万个请求约需 10 秒，之后即刻显示。',
  },
  none: { en: 'No request is in what the filter takes.', zh: '没有符合筛选条件的请求。' },
  time: { en: 'Time', zh: '时间' },
  model: { en: 'Model', zh: '模型' },
  ended: { en: 'Ended', zh: '结束' },
  duration_s: { en: 'Took', zh: '耗时' },
  first_token_s: { en: 'First token', zh: '首个 token' },
  prompt_tokens: { en: 'Prompt', zh: '提示词' },
  cached_tokens: { en: 'Known', zh: '已缓存' },
  answer_tokens: { en: 'Answer', zh: '回答' },
  cost: { en: 'Cost', zh: '费用' },
  said: { en: 'Said of it', zh: '反馈' },
  asked: { en: 'Asked', zh: '提问' },
  stop: { en: 'by itself', zh: '自行结束' },
  length: { en: 'cut', zh: '截断' },
  cancelled: { en: 'cancelled', zh: '已取消' },
  error: { en: 'failed', zh: '失败' },
  good: { en: 'good', zh: '好' },
  bad: { en: 'bad', zh: '不好' },
  better: { en: 'better', zh: '更好' },
  worse: { en: 'worse', zh: '较差' },
  back: { en: 'All requests', zh: '全部请求' },
  waterfall: { en: 'Where the time went', zh: '时间去向' },
  wait: { en: 'waited', zh: '排队' },
  prompt: { en: 'prompt read', zh: '读取提示词' },
  answer: { en: 'answered', zh: '生成回答' },
  tokens: { en: (count: string) => `${count} tokens`, zh: (count: string) => `${count} 个 token` },
  known: { en: (count: string) => `${count} known`, zh: (count: string) => `${count} 个已缓存` },
  messages: { en: 'Messages', zh: '消息' },
  noText: {
    en: 'No text was kept of this request: that needs `whet serve --record-text`.',
    zh: '该请求没有保存文本：需要 `whet serve --record-text`。',
  },
  facts: { en: 'What is known of it', zh: '详细信息' },
  drift: { en: 'Drift', zh: '漂移' },
  driftAbout: {
    en: (least: number, sampled: number) =>
      `Stretches of equally many requests, each beside the first: of numbers the Kolmogorov–Smirnov distance, of languages and words the Jensen–Shannon divergence (0 alike, 1 apart; of ${sampled} requests, the first 200 characters of each). Marked is what chance alone brings less than once in 1,000 times. A stretch has ${least} requests at least.`,
    zh: (least: number, sampled: number) =>
      `将请求按时间分成数量相等的时段，各与第一段比较：数值用 Kolmogorov–Smirnov 距离，语言和用词用 Jensen–Shannon 散度（0 相同，1 完全不同；取 ${sampled} 个请求，各前 200 个字符）。随机出现概率低于千分之一的差异会被标出。每段至少 ${least} 个请求。`,
  },
  driftFew: {
    en: (least: number) =>
      `Two stretches of ${least} requests are needed before anything can be said of drift.`,
    zh: (least: number) => `至少需要两个各含 ${least} 个请求的时段才能判断漂移。`,
  },
  since: { en: 'From', zh: '起始' },
  count: { en: 'Requests', zh: '请求数' },
  reference: { en: 'reference', zh: '基准' },
  moved: { en: 'drifted', zh: '有漂移' },
  median: { en: (value: string) => `median ${value}`, zh: (value: string) => `中位数 ${value}` },
  language: { en: 'Language', zh: '语言' },
  words: { en: 'Words', zh: '用词' },
  usual: { en: (value: string) => `by chance ≤ ${value}`, zh: (value: string) => `随机 ≤ ${value}` },
  scores: { en: 'Scores', zh: '评分' },
  noScores: {
    en: 'No request is scored yet. A judge, a reward model or any reward can grade a sample of those whose text was kept:',
    zh: '尚无评分。可用评审模型、奖励模型或任意奖励函数对保存了文本的请求抽样评分：',
  },
  scoresAbout: {
    en: 'Means of stretches of equally many scored requests, a curve for each version of the model; the band holds 95 % of the means of samples drawn anew.',
    zh: '每段包含相同数量的已评分请求的均值，每个模型版本一条曲线；色带为重新抽样均值的 95% 区间。',
  },
  scored: {
    en: (count: string, by: string) => `${count} scored by ${by}`,
    zh: (count: string, by: string) => `由 ${by} 评分 ${count} 个`,
  },
  costs: { en: (value: string) => `cost ${value}`, zh: (value: string) => `费用 ${value}` },
  judgePrompt: {
    en: (name: string) => `How ${name} is asked`,
    zh: (name: string) => `${name} 的评审提示词`,
  },
  exported: { en: 'Export', zh: '导出' },
  chat: { en: 'Conversations', zh: '对话' },
  preferences: { en: 'Preferences', zh: '偏好' },
  labels: { en: 'Labels', zh: '标签' },
  requests: { en: 'All that is known', zh: '全部信息' },
});

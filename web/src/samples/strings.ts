import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  step: { en: 'Step', zh: '步数' },
  rows: { en: 'Rows of the step', zh: '该步的数据行' },
  rowsAbout: {
    en: (n: number, epoch: string) => `${n} rows were learned from, the highest loss first; epoch ${epoch}`,
    zh: (n: number, epoch: string) => `该步学习了 ${n} 行，损失最高者居先；轮次 ${epoch}`,
  },
  source: { en: 'Source', zh: '来源' },
  row: { en: 'Row', zh: '行' },
  rank: { en: 'Rank', zh: 'Rank' },
  tokens: { en: 'Tokens', zh: 'token 数' },
  loss: { en: 'Loss', zh: '损失' },
  text: { en: 'Text', zh: '文本' },
  reading: { en: 'reading its source…', zh: '正在读取其来源…' },
  noText: { en: 'its source cannot be read', zh: '无法读取其来源' },
  single: { en: 'Single tokens', zh: '逐 token' },
  singleAbout: {
    en: 'The darker, the higher the loss. Grey was read and not trained.',
    zh: '颜色越深损失越高；灰色部分只读入，未训练。',
  },
  worst: { en: 'Highest:', zh: '最高：' },
  rowOf: {
    en: (row: number, source: string) => `Row ${row} of ${source}`,
    zh: (row: number, source: string) => `${source} 第 ${row} 行`,
  },
  trainedOf: {
    en: (trained: number, all: number, mean: string) =>
      `${trained} of ${all} tokens trained, mean loss ${mean}`,
    zh: (trained: number, all: number, mean: string) =>
      `${all} 个 token 中训练 ${trained} 个，平均损失 ${mean}`,
  },
  tokensOf: {
    en: (row: string) => `${row}, token by token; arrows read them`,
    zh: (row: string) => `${row}，逐 token；方向键逐个查看`,
  },
  onlyRead: {
    en: (token: string, id: number) => `${token} (${id}): read, not trained`,
    zh: (token: string, id: number) => `${token}（${id}）：只读入，未训练`,
  },
  moreRows: {
    en: (count: number) => `${count} more rows, of lower losses, are not shown.`,
    zh: (count: number) => `另有 ${count} 行损失较低，未显示。`,
  },
  noTokens: { en: 'No tokens of this step were kept one by one.', zh: '该步没有保存逐 token 的损失。' },
  kept: { en: 'Kept at', zh: '已保存的步数' },
  answers: { en: 'Answers over steps', zh: '各步的回答' },
  answersAbout: {
    en: 'What the model said to the prompts of evaluate.prompts.',
    zh: '模型对 evaluate.prompts 中提示词的回答。',
  },
  prompt: { en: 'Prompt', zh: '提示词' },
  empty: { en: 'No rows are recorded of this step', zh: '没有记录该步的数据行' },
  emptyHint: {
    en: 'Rows are recorded unless track.rows is false; scripts record none.',
    zh: '除非 track.rows 为 false，否则会记录数据行；脚本不会记录。',
  },
  trained: {
    en: (token: string, id: number, loss: string, chance: string) =>
      `${token} (${id}): loss ${loss}, probability ${chance}`,
    zh: (token: string, id: number, loss: string, chance: string) =>
      `${token}（${id}）：损失 ${loss}，概率 ${chance}`,
  },
});

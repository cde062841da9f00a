import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  about: {
    en: 'From the data on the left to what was made of it on the right. Choose a box to see what belongs to it.',
    zh: '从左侧的数据到右侧的产物。选择一个方框查看与其相关的内容。',
  },
  aboutStep: {
    en: (step: string) => `Rows that step ${step} learned from, and what was made of it.`,
    zh: (step: string) => `第 ${step} 步所学习的数据行，以及由此产生的内容。`,
  },
  aboutRow: {
    en: (row: number, source: string) =>
      `Steps that learned from row ${row} of ${source}, and what followed.`,
    zh: (row: number, source: string) => `学习过 ${source} 第 ${row} 行的各步，以及其后的产物。`,
  },
  step: { en: 'Step', zh: '步数' },
  whole: { en: 'The whole run', zh: '整个实验' },
  graph: { en: 'Lineage', zh: '血缘' },
  input: { en: 'Data and base', zh: '数据与基座' },
  row: { en: 'Rows', zh: '数据行' },
  steps: { en: 'Steps', zh: '训练步' },
  checkpoint: { en: 'Checkpoints', zh: '检查点' },
  model: { en: 'Models', zh: '模型' },
  evaluation: { en: 'Evaluations', zh: '评测' },
  spanOf: {
    en: (from: string, to: string) => `steps ${from} to ${to}`,
    zh: (from: string, to: string) => `第 ${from} 至 ${to} 步`,
  },
  oneStep: { en: (step: string) => `step ${step}`, zh: (step: string) => `第 ${step} 步` },
  rowOf: {
    en: (source: string, row: number) => `${source} row ${row}`,
    zh: (source: string, row: number) => `${source} 第 ${row} 行`,
  },
  lossOf: { en: (loss: string) => `loss ${loss}`, zh: (loss: string) => `损失 ${loss}` },
  close: { en: 'Nothing chosen', zh: '取消选择' },
  toSamples: { en: 'Rows and tokens of the step', zh: '该步的数据行与 token' },
  toConsole: { en: 'What was printed then', zh: '当时的输出' },
  toStep: { en: 'What went into the step', zh: '该步的来源' },
  toRow: { en: 'All steps that saw this row', zh: '见过该行的所有步' },
  toData: { en: 'The data', zh: '查看数据' },
  toFile: { en: 'The file', zh: '查看文件' },
  partial: {
    en: 'There is more than is drawn: 50 rows of a step and 100 steps of a row are.',
    zh: '未全部画出：每步至多 50 行，每行至多 100 步。',
  },
  empty: { en: 'Nothing was made yet', zh: '尚无产物' },
  emptyHint: {
    en: 'Data, steps, checkpoints, models and evaluations appear here as the run makes them.',
    zh: '数据、训练步、检查点、模型与评测会随实验进行出现在这里。',
  },
  nothing: { en: 'No rows are recorded of it', zh: '没有相应的记录' },
});

/** What facts of nodes are called. */
export const facts = strings({
  path: { en: 'Path', zh: '路径' },
  bytes: { en: 'Size', zh: '大小' },
  digest: { en: 'Digest', zh: '摘要' },
  source: { en: 'Source', zh: '来源' },
  row: { en: 'Row', zh: '行' },
  part: { en: 'Part', zh: '部分' },
  loss: { en: 'Loss', zh: '损失' },
  losses: { en: 'Losses', zh: '损失' },
  rank: { en: 'Rank', zh: 'Rank' },
});

import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  step: { en: 'Step', zh: '步数' },
  find: { en: 'Find in prompts and answers', zh: '在各步的提示词与回答中查找' },
  about: {
    en: (n: number) => `${n} prompts; answers side by side, the highest reward first`,
    zh: (n: number) => `${n} 个提示词；回答并列显示，奖励最高者居先`,
  },
  found: {
    en: (n: number, total: number) =>
      n < total ? `the first ${n} of ${total} prompts that hold it` : `${total} prompts hold it`,
    zh: (n: number, total: number) =>
      n < total ? `包含该内容的 ${total} 个提示词中的前 ${n} 个` : `${total} 个提示词包含该内容`,
  },
  mean: { en: (mean: string) => `mean reward ${mean}`, zh: (mean: string) => `平均奖励 ${mean}` },
  atStep: { en: (step: string) => `step ${step}`, zh: (step: string) => `第 ${step} 步` },
  row: {
    en: (source: string, row: number) => `${source} row ${row}`,
    zh: (source: string, row: number) => `${source} 第 ${row} 行`,
  },
  over: { en: 'This prompt over steps', zh: '该提示词在各步的回答' },
  overAbout: { en: 'One prompt over steps.', zh: '同一提示词在各步的回答。' },
  reward: { en: 'reward', zh: '奖励' },
  ungraded: { en: 'not graded', zh: '未评分' },
  abstained: { en: 'abstained or failed', zh: '弃权或失败' },
  tokens: { en: (n: string) => `${n} tokens`, zh: (n: string) => `${n} 个 token` },
  stop: { en: 'ended by itself', zh: '自行结束' },
  length: { en: 'cut at its length', zh: '达到长度上限' },
  nothing: { en: '(empty answer)', zh: '（空回答）' },
  turns: { en: (n: number) => `${n} turns with tools`, zh: (n: number) => `${n} 轮工具对话` },
  failed: { en: 'failed', zh: '失败' },
  context: { en: 'What came before', zh: '此前的对话' },
  none: { en: 'No prompt or answer holds that.', zh: '没有包含该内容的提示词或回答。' },
  noneAt: { en: 'No rollout was kept at this step. Kept are:', zh: '该步没有保存 rollout。已保存的步数：' },
  empty: { en: 'No rollouts were kept', zh: '没有保存 rollout' },
  emptyHint: {
    en: 'A run that learns from rewards keeps the answers to track.rollout_prompts prompts of each rollout.',
    zh: '从奖励学习的实验会保存每次 rollout 中 track.rollout_prompts 个提示词的回答。',
  },
});

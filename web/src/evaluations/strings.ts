import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  while: { en: 'While it trained', zh: '训练过程中' },
  whileAbout: {
    en: 'Held-out figures at each evaluation, over steps.',
    zh: '每次评测时在留出数据上的指标，按步数排列。',
  },
  after: { en: 'Measured by a task', zh: '按任务评测' },
  afterAbout: {
    en: 'What whet evaluate found, the latest first, with 95 % intervals.',
    zh: '由 whet evaluate 得到的结果，最新的在前，附 95 % 置信区间。',
  },
  model: { en: 'Model', zh: '模型' },
  measured: { en: 'Measured', zh: '评测时间' },
  units: { en: 'Units', zh: '样本数' },
  how: { en: 'How it was measured', zh: '评测方式' },
  file: { en: 'The file', zh: '查看文件' },
  interval: {
    en: (low: string, high: string) => `95 % ${low} to ${high}`,
    zh: (low: string, high: string) => `95 % ${low} 至 ${high}`,
  },
  beside: { en: 'Beside other runs', zh: '与其他实验对比' },
  empty: { en: 'Nothing was measured yet', zh: '尚未评测' },
  emptyHint: {
    en: 'Held-out data are measured while a run trains (data.held_out), and tasks whenever they are asked for.',
    zh: '设置 data.held_out 后会在训练中评测留出数据；任务则可随时运行。',
  },
});

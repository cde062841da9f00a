import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  order: {
    en: (metric: string, lower: boolean) => `Ordered by ${metric}, the ${lower ? 'lowest' : 'highest'} first`,
    zh: (metric: string, lower: boolean) => `按 ${metric} 排序，${lower ? '最低' : '最高'}者居先`,
  },
  frozen: { en: 'Every entry has', zh: '所有条目都具有' },
  entries: { en: 'Entries', zh: '条目' },
  place: { en: '#', zh: '#' },
  run: { en: 'Run', zh: '实验' },
  by: { en: 'By', zh: '提交者' },
  step: { en: 'Step', zh: '步数' },
  duration: { en: 'Took', zh: '用时' },
  hardware: { en: 'Hardware', zh: '硬件' },
  energy: { en: 'Energy', zh: '能耗' },
  cost: { en: 'Cost', zh: '费用' },
  entered: { en: 'Entered', zh: '提交时间' },
  command: { en: 'How it was done', zh: '复现方式' },
  commandNone: { en: 'What was typed was not recorded.', zh: '没有记录所用的命令。' },
  settings: { en: (n: number) => `${n} settings of its own`, zh: (n: number) => `${n} 项自有设置` },
  enter: { en: 'Enter a run', zh: '提交实验' },
  enterAbout: {
    en: 'A run is taken if it has the settings above. What it reached is kept as it is now.',
    zh: '具有上述设置的实验才会被接受；其当前结果将被保存。',
  },
  note: { en: 'Note', zh: '备注' },
  withdraw: { en: 'Withdraw', zh: '撤回' },
  empty: { en: 'No entries yet', zh: '还没有条目' },
  copy: { en: 'Copy', zh: '复制' },
});

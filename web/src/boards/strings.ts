import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  title: { en: 'Boards', zh: '榜单' },
  about: {
    en: 'A task with fixed settings, and the runs that were entered for it.',
    zh: '设定固定的任务，以及为其提交的实验。',
  },
  empty: { en: 'No boards yet', zh: '还没有榜单' },
  emptyAbout: {
    en: 'A board is made of a run: the settings that every entry must have, and what is measured.',
    zh: '榜单由一个实验创建：规定每个参赛实验必须具有的设置，以及衡量指标。',
  },
  entries: { en: (n: number) => `${n} ${n === 1 ? 'entry' : 'entries'}`, zh: (n: number) => `${n} 个条目` },
  best: { en: 'best', zh: '最佳' },
});

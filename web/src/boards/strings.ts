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
  make: { en: 'New board', zh: '新建榜单' },
  makeAbout: {
    en: 'What it asks for never changes: another task is another board.',
    zh: '榜单的要求创建后不再改变；不同的任务应另建榜单。',
  },
  name: { en: 'Title', zh: '标题' },
  task: { en: 'The task, in Markdown', zh: '任务说明（Markdown）' },
  like: { en: 'Settings of the run', zh: '取自实验的设置' },
  settings: { en: 'What every entry has to have', zh: '每个条目必须具有的设置' },
  settingsAbout: { en: 'names of settings, with commas between', zh: '设置名称，以逗号分隔' },
  metric: { en: 'Ordered by', zh: '排序依据' },
  order: { en: 'Best is', zh: '最佳为' },
  lower: { en: 'the lowest', zh: '最低' },
  higher: { en: 'the highest', zh: '最高' },
  best: { en: 'best', zh: '最佳' },
});

import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  about: {
    en: (total: number) => `${total.toLocaleString('en')} lines that Python printed`,
    zh: (total: number) => `Python 输出共 ${total.toLocaleString('zh')} 行`,
  },
  aboutOf: {
    en: (shown: string, total: number) => `${shown} of ${total.toLocaleString('en')} lines`,
    zh: (shown: string, total: number) => `${total.toLocaleString('zh')} 行中的 ${shown} 行`,
  },
  find: { en: 'Find in the console', zh: '在控制台中查找' },
  next: { en: 'Next match', zh: '下一处' },
  previous: { en: 'Previous match', zh: '上一处' },
  only: { en: 'Only these', zh: '仅显示匹配行' },
  searching: { en: 'searching…', zh: '查找中…' },
  rank: { en: 'Rank', zh: 'Rank' },
  stream: { en: 'Stream', zh: '输出流' },
  both: { en: 'both', zh: '全部' },
  step: { en: 'From step', zh: '从步数' },
  end: { en: 'To the end', zh: '跳到末尾' },
  newLines: {
    en: (count: number) => `${count.toLocaleString('en')} new ${count === 1 ? 'line' : 'lines'}`,
    zh: (count: number) => `${count.toLocaleString('zh')} 行新输出`,
  },
  empty: { en: 'Nothing was printed', zh: '没有输出' },
  emptyHint: {
    en: 'What Python prints on any rank stands here, with its time and step, unless track.console is false.',
    zh: '各 rank 上 Python 的输出连同时间与步数显示在这里，除非 track.console 为 false。',
  },
  noRank: {
    en: (rank: number) => `Rank ${rank} has printed nothing.`,
    zh: (rank: number) => `Rank ${rank} 没有输出。`,
  },
  none: { en: 'No line holds that.', zh: '没有包含该内容的行。' },
  lines: { en: 'Console', zh: '控制台' },
  chosen: { en: 'The chosen line', zh: '选中的行' },
  lineAt: {
    en: (line: string, step: string) => `Line ${line}, step ${step}`,
    zh: (line: string, step: string) => `第 ${line} 行，第 ${step} 步`,
  },
  rows: { en: 'Rows of the step', zh: '该步的数据行' },
  curves: { en: 'Curves around it', zh: '附近的曲线' },
  close: { en: 'Close', zh: '关闭' },
});

import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  about: {
    en: (total: number) => `${total.toLocaleString('en')} lines that Python printed`,
    zh: (total: number) => `Python 输出共 ${total.toLocaleString('zh')} 行`,
  },
  find: { en: 'Find in the console', zh: '在控制台中查找' },
  rank: { en: 'Rank', zh: 'Rank' },
  step: { en: 'From step', zh: '从步数' },
  end: { en: 'To the end', zh: '跳到末尾' },
  earlier: { en: 'Earlier lines', zh: '更早的行' },
  later: { en: 'Later lines', zh: '更晚的行' },
  more: { en: 'Search on', zh: '继续查找' },
  empty: { en: 'Nothing was printed', zh: '没有输出' },
  emptyHint: {
    en: 'What Python prints on any rank stands here, with its time and step, unless track.console is false.',
    zh: '各 rank 上 Python 的输出连同时间与步数显示在这里，除非 track.console 为 false。',
  },
  none: { en: 'No line holds that.', zh: '没有包含该内容的行。' },
  lines: { en: 'Console', zh: '控制台' },
});

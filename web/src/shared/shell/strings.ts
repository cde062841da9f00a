import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  skip: { en: 'Skip to content', zh: '跳到内容' },
  rail: { en: 'Pages', zh: '页面' },
  open: { en: 'Show names', zh: '展开名称' },
  shut: { en: 'Hide names', zh: '收起名称' },
  search: { en: 'Search', zh: '搜索' },
  searchLong: { en: 'Find runs, pages and actions', zh: '查找实验、页面与操作' },
  keys: { en: 'Keys', zh: '快捷键' },
  keysOf: { en: 'Keys that this view hears', zh: '当前页面的快捷键' },
  dark: { en: 'Dark theme', zh: '深色主题' },
  light: { en: 'Light theme', zh: '浅色主题' },
  language: { en: '中文', zh: 'English' },
  toLanguage: { en: 'Show this page in Chinese', zh: '切换为英文' },
  live: { en: 'Live', zh: '实时' },
  liveLong: { en: 'The server answers; what is shown is followed', zh: '已连接服务器，内容实时更新' },
  stale: { en: 'Offline', zh: '离线' },
  staleLong: {
    en: 'The server does not answer: what is shown is what it said last',
    zh: '服务器没有响应，显示的是最后收到的内容',
  },
  nowhere: { en: 'There is no page at this address', zh: '这个地址没有页面' },
  toRuns: { en: 'To the runs', zh: '前往实验列表' },
  pages: { en: 'Pages', zh: '页面' },
  runs: { en: 'Runs', zh: '实验' },
  actions: { en: 'Actions', zh: '操作' },
  nothing: { en: 'Nothing is called so', zh: '没有匹配的结果' },
});

import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  title: { en: 'Reports', zh: '报告' },
  about: {
    en: 'Written text between charts and tables of runs, to share as one file.',
    zh: '图文并茂的实验报告，可导出为单个文件分享。',
  },
  add: { en: 'New report', zh: '新建报告' },
  untitled: { en: 'Untitled report', zh: '未命名报告' },
  empty: { en: 'No reports yet', zh: '还没有报告' },
  emptyAbout: {
    en: 'Begin one here, or make one of a file of JSON.',
    zh: '在这里新建，或从 JSON 文件创建。',
  },
  name: { en: 'Title', zh: '标题' },
  author: { en: 'By', zh: '作者' },
  changed: { en: 'Changed', zh: '修改时间' },
  version: { en: 'Version', zh: '版本' },
});

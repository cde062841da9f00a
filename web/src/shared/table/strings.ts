import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  select: { en: (name: string) => `Select ${name}`, zh: (name: string) => `选择 ${name}` },
  selectAll: { en: 'Select all', zh: '全选' },
  wider: { en: (name: string) => `Width of ${name}`, zh: (name: string) => `${name} 的列宽` },
  filter: { en: 'Filter', zh: '筛选' },
  filterHint: { en: 'loss < 2 and tag == "best"', zh: 'loss < 2 and tag == "best"' },
  clear: { en: 'Clear the filter', zh: '清除筛选' },
  offers: { en: 'What can stand here', zh: '可输入的内容' },
  columns: { en: 'Columns', zh: '列' },
  columnsOf: { en: 'Which columns are shown', zh: '选择显示的列' },
  findColumn: { en: 'Find a column', zh: '查找列' },
  up: { en: (name: string) => `Move ${name} up`, zh: (name: string) => `上移 ${name}` },
});

import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  title: { en: 'Models', zh: '模型' },
  about: {
    en: (models: number, total: number) =>
      models === total ? `${total} ${total === 1 ? 'row' : 'rows'}` : `${models} of ${total} rows`,
    zh: (models: number, total: number) => (models === total ? `共 ${total} 行` : `${models} / ${total} 行`),
  },
  name: { en: 'Model', zh: '模型' },
  version: { en: 'Version', zh: '版本' },
  alias: { en: 'Aliases', zh: '别名' },
  kind: { en: 'Kind', zh: '类型' },
  base: { en: 'Base', zh: '基座' },
  architecture: { en: 'Architecture', zh: '结构' },
  licence: { en: 'Licence', zh: '许可证' },
  bytes: { en: 'Size', zh: '大小' },
  run: { en: 'Run', zh: '实验' },
  step: { en: 'Step', zh: '步数' },
  created: { en: 'Made', zh: '创建时间' },
  by: { en: 'By', zh: '创建者' },
  description: { en: 'Description', zh: '说明' },
  add: { en: 'New version', zh: '新版本' },
  addAbout: {
    en: 'The model of a run becomes a version. Its files are linked and nothing is copied.',
    zh: '实验的模型成为一个版本；文件以链接方式保存，不会复制。',
  },
  adding: { en: 'Reading its files …', zh: '正在读取文件……' },
  aliasMaybe: { en: 'Alias, if it is to have one', zh: '别名（可选）' },
  every: { en: 'All versions', zh: '所有版本' },
  empty: { en: 'No models yet', zh: '还没有模型' },
  emptyAbout: {
    en: 'A run leaves a model in its folder. Give it a name here, and it becomes a version that never changes.',
    zh: '实验会在其文件夹中留下模型。在此为它命名，它就成为一个不再改变的版本。',
  },
  none: { en: 'No version fits', zh: '没有符合条件的版本' },
  noneAbout: { en: 'The filter takes none of them.', zh: '筛选条件没有匹配任何版本。' },
  clear: { en: 'Clear the filter', zh: '清除筛选' },
});

import { strings } from '~/shared/i18n/i18n';

/** What a model can be. */
export const kinds = strings({
  full: { en: 'full', zh: '完整' },
  adapter: { en: 'adapter', zh: '适配器' },
  merged: { en: 'merged', zh: '合并' },
  quantized: { en: 'quantized', zh: '量化' },
  exported: { en: 'exported', zh: '导出' },
});
